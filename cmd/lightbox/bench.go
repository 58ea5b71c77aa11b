package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"lightbox/auth"
	"lightbox/bench"
	"lightbox/conformance/validate"
	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/server"
)

type benchCommand struct {
	Studies   int      `default:"10000" help:"How many studies the city has; a quarter as many patients, 155 facilities."`
	Seed      uint64   `default:"1" help:"The same seed, size and order always make the same city."`
	Database  string   `placeholder:"URL" help:"sqlite:PATH or postgres://..., empty or with this city in it. Default: a SQLite file in the folder."`
	Dir       string   `placeholder:"DIR" help:"Folder that keeps the data; a later run on the same city loads nothing. Default: a temporary one."`
	Order     string   `enum:"time,random" default:"time" help:"In which studies are loaded: time, as a city works; random, as an archive is moved."`
	Instances int      `default:"0" help:"How many instances a series lists at most."`
	Clients   int      `default:"16" help:"Clients that ask at the same time, where a figure does not name a number of its own."`
	Seconds   float64  `default:"5" help:"For each figure, for the hub and for its limit each."`
	Only      []string `placeholder:"NAME" help:"Figures to take, separated by commas; ${figures}."`
	From      string   `placeholder:"URL" help:"An Orthanc, to measure how fast it is read. Default: that figure is left out."`
	LoadOnly  bool     `help:"Load the city, print the figures of the load, and stop."`
	JSON      string   `name:"json" placeholder:"FILE" help:"Write the figures as JSON too; - for standard output in place of the table."`
}

// Help is shown below the flags.
func (*benchCommand) Help() string {
	return `Makes a synthetic city as the hub would have mapped it, loads it, serves it on loopback, and drives it over HTTP with
many clients, each with a verified token of its own. No real person is in it.

Each figure stands beside its limit, taken in the same run in turns with it: what the database does with plain rows, what
net/http does without the hub. The ratio is what to compare between machines; the times are this machine's. "cpu us" is
processor time for one, of clients and hub and SQLite together: where others use the machine too, it tells more than the
clock. What the server refuses to do is printed as not served.

Give a database that is empty: writes are measured too, and stay in it. Ctrl-C stops and prints what was measured so far.

  lightbox bench
  lightbox bench --studies 1000000 --dir city/ --only read,patient,modality,accession
  lightbox bench --database postgres://hub@db/bench --json figures.json`
}

// Run measures.
func (c *benchCommand) Run(ctx context.Context, p *program) error {
	dir, done, err := c.folder()
	if err != nil {
		return err
	}
	defer done()
	database := c.Database
	if database == "" {
		database = "sqlite:" + filepath.Join(dir, "city.db")
	}
	report, err := bench.Run(ctx, c.config(p, dir, database))
	if len(report.Rows) > 0 {
		if written := c.write(p.Stdout, report); err == nil {
			err = written
		}
	}
	return err
}

// folder returns where the run keeps its files, and what removes them if nobody wants them.
func (c *benchCommand) folder() (dir string, done func(), err error) {
	if c.Dir != "" {
		return c.Dir, func() {}, os.MkdirAll(c.Dir, 0o700)
	}
	dir, err = os.MkdirTemp("", "lightbox-bench-")
	return dir, func() { _ = os.RemoveAll(dir) }, err
}

func (c *benchCommand) config(p *program, dir, database string) bench.Config {
	only := c.Only
	if c.LoadOnly {
		only = []string{"load", "disk"}
	}
	kind, _, _ := strings.Cut(database, ":")
	return bench.Config{
		City:     bench.City{Seed: c.Seed, Studies: c.Studies, Instances: c.Instances},
		Order:    c.Order,
		Clients:  c.Clients,
		Each:     time.Duration(c.Seconds * float64(time.Second)),
		Only:     only,
		Progress: (&loadProgress{w: p.Stderr, terminal: isTerminal(p.Stderr)}).show,
		Database: kind,
		Dir:      dir,
		From:     strings.TrimSuffix(c.From, "/"),
		Parts:    benchParts(dir, database),
	}
}

// benchParts wires what package bench may not know.
func benchParts(dir, database string) bench.Parts {
	log := newLog(io.Discard, "info") // written and thrown away, so that what it costs counts
	return bench.Parts{
		Open:  func(ctx context.Context) (store.Store, error) { return openStore(ctx, database, log) },
		Limit: func(ctx context.Context) (bench.Limit, error) { return openLimit(ctx, database, dir) },
		Handler: func(ctx context.Context, st store.Store, base, issuer string) (http.Handler, error) {
			h := &hub{store: st}
			handler, err := newServer(ctx, h, serverOptions{base: base, issuers: []string{issuer}, log: log})
			if err == nil {
				go h.audit.Run(ctx)
			}
			return handler, err
		},
		Unguarded: func(st store.Store, base string) (http.Handler, error) {
			scopes, err := auth.ParseScopes("system/*.cruds")
			if err != nil {
				return nil, err
			}
			by := anybody{&auth.Principal{Subject: "anybody", Scopes: scopes}}
			return server.New(server.Config{Registry: fhir.R4(), Store: st, Verifier: by, Validate: validate.New(), Base: base, Version: version, Log: log})
		},
		Intake: func(ctx context.Context, issuer, audience string) (bench.Intake, error) {
			return openIntake(ctx, intakeOptions{dir: dir, database: database, issuer: issuer, audience: audience, log: log})
		},
		Serve: func(ctx context.Context, listen string) *exec.Cmd {
			cmd := self(ctx, "serve", "--listen", listen, "--archive", filepath.Join(dir, "objects"), "--log-level", "info")
			cmd.Env = append(os.Environ(), "LIGHTBOX_DATABASE="+database) // a password is nothing for the list of processes
			return cmd
		},
		Nothing: func(ctx context.Context) *exec.Cmd { return self(ctx, "version") },
	}
}

// anybody lets everyone do everything, in a measurement alone.
type anybody struct{ as *auth.Principal }

// Verify implements auth.Verifier.
func (a anybody) Verify(context.Context, *http.Request) (*auth.Principal, error) { return a.as, nil }

// self is a process of this program.
func self(ctx context.Context, args ...string) *exec.Cmd {
	name, err := os.Executable()
	if err != nil {
		name = os.Args[0]
	}
	return exec.CommandContext(ctx, name, args...)
}

func openLimit(ctx context.Context, database, dir string) (bench.Limit, error) {
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		return openSQLiteLimit(path, filepath.Join(dir, "limit.db"))
	}
	return openPostgresLimit(ctx, database)
}

func (c *benchCommand) write(w io.Writer, report bench.Report) error {
	b, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	if c.JSON == "-" {
		_, err := fmt.Fprintf(w, "%s\n", b)
		return err
	}
	if c.JSON != "" {
		if err := os.WriteFile(c.JSON, append(b, '\n'), 0o600); err != nil {
			return err
		}
	}
	return report.Print(w)
}

// loadProgress tells how a load comes along: in one line of a terminal, else now and then in a line of its own.
type loadProgress struct {
	w        io.Writer
	terminal bool
	last     time.Time
}

// progressEvery keeps the lines of a long load few.
const progressEvery = 10 * time.Second

func (l *loadProgress) show(p bench.Progress) {
	line := fmt.Sprintf("%d of %d studies, %.0f/s now, %.0f/s overall, %s left", p.Studies, p.Of, p.Now, p.Overall, p.Remaining.Round(time.Second))
	switch {
	case l.terminal && p.Studies == p.Of:
		fmt.Fprint(l.w, "\r\x1b[K")
	case l.terminal:
		fmt.Fprint(l.w, "\r\x1b[K"+line)
	case time.Since(l.last) >= progressEvery:
		l.last = time.Now()
		fmt.Fprintln(l.w, line)
	}
}
