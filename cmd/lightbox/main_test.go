package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
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

// fetch asks a server of a test, with a token unless it is empty, and returns status and body.
func fetch(t *testing.T, url, token string) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body
}
