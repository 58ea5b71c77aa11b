package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Between what a client sends and its acknowledgement the system is asked to make the object's bytes, and then the database, durable. A kill
// cannot show that: what was written survives a process without it.
func TestAcknowledgedAfterFsync(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("left out: needs strace")
	}
	v := newVictim(t, databases["sqlite"](t))
	log := filepath.Join(t.TempDir(), "calls")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	v.ctx = ctx
	program := command(ctx, v.args...)
	traced := exec.CommandContext(ctx, strace, append([]string{"-f", "-s", "300", "-e", "trace=fsync,fdatasync,read,write,openat,renameat,renameat2,rename", "-o", log, program.Path}, v.args...)...)
	traced.Env, traced.SysProcAttr = program.Env, &syscall.SysProcAttr{Setpgid: true}
	if err := traced.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = syscall.Kill(-traced.Process.Pid, syscall.SIGKILL)
		_ = traced.Wait()
	}()
	if !v.answers() {
		b, _ := os.ReadFile(log)
		if len(b) == 0 {
			t.Skip("left out: strace may not trace here")
		}
		t.Fatal("the hub does not start under strace")
	}
	for n, channel := range []string{"stow", "dimse", "mllp"} {
		send := map[string]func() func(sending) (bool, error){"stow": v.stow, "dimse": v.dimse, "mllp": v.mllp}[channel]()
		s := newSending(channel, 1000+n)
		if acked, err := send(s); !acked || err != nil {
			t.Fatal(channel, acked, err)
		}
		time.Sleep(100 * time.Millisecond)
		calls, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if problem := unsynced(string(calls), channel, s); problem != "" {
			t.Errorf("%s: %s", channel, problem)
		}
	}
}

// answers waits until the hub does.
func (v *victim) answers() bool {
	for range 600 {
		response, err := v.client.Get(v.origin + "/readyz")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == 200 {
				return true
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}

var synced = regexp.MustCompile(`(?m)f(?:data)?sync\((\d+)`)

// unsynced tells what is missing between the call that reads what was sent and the call that writes its acknowledgement.
func unsynced(calls, channel string, s sending) string {
	sent := map[string]string{"stow": "POST /dicom-web/studies", "dimse": s.uid, "mllp": s.uid}[channel]
	answer := map[string]string{"stow": "HTTP/1.1 200 OK", "dimse": `"\4\0\0\0`, "mllp": fmt.Sprintf("MSA|AA|%d", s.n)}[channel]
	var read, written int
	lines := strings.Split(calls, "\n")
	for i, line := range lines {
		switch {
		case read == 0 && strings.Contains(line, "read") && strings.Contains(line, sent):
			read = i
		case read > 0 && strings.Contains(line, "write(") && strings.Contains(line, answer):
			written = i
		}
		if written > 0 {
			break
		}
	}
	if read == 0 || written == 0 {
		return fmt.Sprintf("the trace has no request or no answer (lines %d, %d of %d)", read, written, len(lines))
	}
	between := strings.Join(lines[read:written], "\n")
	// The object's own file, its folder or the pack, and the database's log.
	if got := len(synced.FindAllString(between, -1)); got < 2 {
		return fmt.Sprintf("%d calls of fsync between request and answer", got)
	}
	return ""
}
