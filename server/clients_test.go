package server_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"lightbox/fhir/store"
)

// npmClients are FHIR clients that nobody here wrote, each with a script in testdata/clients that uses it as its users do.
var npmClients = []string{"fhirclient", "fhir-kit-client", "medplum"}

// TestClients lets the clients do whatever they can with a hub that was just settled: interactions, pages, and what they make of
// errors. A script asserts and prints a line a step.
func TestClients(t *testing.T) {
	needClients(t)
	eachStore(t, func(t *testing.T, open func(testing.TB) store.Store) {
		for _, client := range npmClients {
			t.Run(client, func(t *testing.T) {
				t.Parallel()
				h := newHub(t, open(t), nil)
				h.settle(t)
				h.runClient(t, client)
			})
		}
	})
}

// needClients skips the test where the clients are not installed, unless peers were asked for.
func needClients(t *testing.T) {
	t.Helper()
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skip("left out: needs node and the npm packages of server/testdata/clients; run make test")
	}
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatal("node (Debian package nodejs) is missing: run make peers")
	}
	if _, err := os.Stat(filepath.Join("testdata", "clients", "node_modules")); err != nil {
		t.Fatal("the npm packages of server/testdata/clients are missing: run make peers")
	}
}

func (h *hub) runClient(t *testing.T, client string) {
	t.Helper()
	watchScripts(t)
	tokens := must(json.Marshal(h.tokens))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", client+".mjs")
	node.Dir = filepath.Join("testdata", "clients")
	node.Env = append(os.Environ(), "LIGHTBOX_BASE="+h.base, "LIGHTBOX_TOKENS="+string(tokens))
	out, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// watchScripts looks at what node is going to read, so that go test takes its cached answer only when none of it has changed.
func watchScripts(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob("testdata/clients/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		_, _ = os.Stat(file)
	}
}
