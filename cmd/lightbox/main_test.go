package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// runAsProgram makes the test binary behave as the command, so that tests can start and kill the real process.
const runAsProgram = "LIGHTBOX_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(runAsProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// command is a process of this program.
func command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), runAsProgram+"=1")
	return cmd
}

// run runs the program in this process.
func run(t *testing.T, args ...string) (exit int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	p := &program{Stdout: &out, Stderr: &errs}
	exit = p.Run(t.Context(), args)
	return exit, out.String(), errs.String()
}

// city writes the synthetic city to a folder.
func city(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "city")
	if exit, _, stderr := run(t, "synth", dir); exit != exitOK {
		t.Fatalf("synth: exit %d\n%s", exit, stderr)
	}
	return dir
}
