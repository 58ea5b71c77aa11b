package main

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readmeBlock returns what the README shows below a command, up to the end of its block.
func readmeBlock(t *testing.T, command string) string {
	t.Helper()
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(b), "\n```\n$ "+command+"\n")
	shown, _, closed := strings.Cut(after, "```\n")
	if !found || !closed {
		t.Fatalf("README.md has no block of %q", command)
	}
	return shown
}

var seconds = regexp.MustCompile(`in \d+\.\d s`)

// What the README shows of the demo is what the demo prints, times and addresses apart.
func TestReadmeDemo(t *testing.T) {
	d := startDemo(t)
	origin := strings.TrimSuffix(d.FHIR, "/fhir")
	printed := strings.NewReplacer(d.dir, "lightbox-demo", origin, "http://127.0.0.1:8080", d.MLLP, "127.0.0.1:2575",
		d.DIMSE.Address, "127.0.0.1:11112").Replace(d.stdout.String())
	want := seconds.ReplaceAllString(readmeBlock(t, "go run ./cmd/lightbox demo"), "in N s")
	if diff := cmp.Diff(want, seconds.ReplaceAllString(printed, "in N s")); diff != "" {
		t.Errorf("README.md and the demo differ (-README +demo):\n%s", diff)
	}
}

// What the README shows of `make test` are the packages that have tests.
func TestReadmeTests(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}", "lightbox/...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for line := range strings.Lines(readmeBlock(t, "make test")) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "ok" {
			shown = append(shown, fields[1])
		}
	}
	tested := strings.Fields(string(bytes.TrimSpace(out)))
	slices.Sort(tested)
	if diff := cmp.Diff(tested, shown); diff != "" {
		t.Errorf("README.md shows other packages (-tested +shown):\n%s", diff)
	}
}
