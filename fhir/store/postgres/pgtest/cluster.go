package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const superuser = "lightbox"

// keeper runs the server and waits for the end of its standard input, which the test binary holds open: however that
// process ends (return, panic, SIGKILL), the pipe closes, the server stops, whoever started it last, and its folder goes.
const keeper = `"$1"/pg_ctl -D "$2" -l "$2.log" -o "$3" -W start >/dev/null 2>&1
read -r _
"$1"/pg_ctl -D "$2" -m fast stop >/dev/null 2>&1
rm -rf "$(dirname "$2")"`

// options of the server, as its command line has them.
func options(port string) string {
	return "-p " + port + " -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c shared_buffers=32MB -c fsync=on -c max_connections=100 -c log_min_messages=warning"
}

// server is a running cluster. Its pipe must stay referenced: collecting it would close it and stop the server.
type server struct {
	address   string
	pipe      io.Closer
	who       *syscall.Credential
	bin, data string
}

func startCluster() (*server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	who, err := credential()
	if err != nil {
		return nil, err
	}
	data, err := initialise(bin, who)
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	pipe, err := run(who, bin, data, port)
	if err != nil {
		return nil, err
	}
	s := &server{address: net.JoinHostPort("127.0.0.1", port), pipe: pipe, who: who, bin: bin, data: data}
	return s, waitReady(s.address, data+".log")
}

// control runs pg_ctl.
func (s *server) control(args ...string) error {
	cmd := exec.Command(filepath.Join(s.bin, "pg_ctl"), append([]string{"-D", s.data, "-l", s.data + ".log"}, args...)...)
	cmd.Dir = filepath.Dir(s.data)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.who, Setpgid: true}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("pg_ctl %s: %w", args[0], err)
	}
	return nil
}

// binaries finds the folder with initdb and postgres: on PATH, else where Debian puts them.
func binaries() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			return filepath.Dir(path), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", fmt.Errorf("initdb is neither on PATH nor under /usr/lib/postgresql")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// credential returns whom the server runs as: PostgreSQL refuses root, so root steps down to postgres or nobody. Nil is
// the present user.
func credential() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, fmt.Errorf("running as root, and there is no user postgres or nobody to step down to")
}

func initialise(bin string, who *syscall.Credential) (data string, err error) {
	folder, err := os.MkdirTemp("", "lightbox-postgres-")
	if err != nil {
		return "", err
	}
	if who != nil {
		if err := os.Chown(folder, int(who.Uid), int(who.Gid)); err != nil {
			return "", err
		}
	}
	data = filepath.Join(folder, "data")
	cmd := exec.Command(filepath.Join(bin, "initdb"), "-D", data, "-U", superuser, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	cmd.Dir = folder
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	if out, err := cmd.CombinedOutput(); err != nil {
		os.RemoveAll(folder)
		return "", fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return data, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// run starts the keeper in a process group of its own, so that an interrupt at the terminal reaches it through the pipe
// alone.
func run(who *syscall.Credential, bin, data, port string) (io.Closer, error) {
	cmd := exec.Command("/bin/sh", "-c", keeper, "keeper", bin, data, options(port))
	cmd.Dir = filepath.Dir(data)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who, Setpgid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return pipe, cmd.Start()
}

func waitReady(address, log string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, databaseURL(address, "postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		if text, _ := os.ReadFile(log); ctx.Err() != nil || bytes.Contains(text, []byte("FATAL:  could not")) {
			return fmt.Errorf("%w\n%s", err, text)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
