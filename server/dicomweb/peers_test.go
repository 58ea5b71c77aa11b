package dicomweb_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"lightbox/server/dicomweb"
)

// TestDicomwebClient lets the client that viewers are built on do with the hub what they do.
func TestDicomwebClient(t *testing.T) {
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skip("left out: needs node and the npm packages of server/testdata/clients; run make test")
	}
	clients := filepath.Join("..", "testdata", "clients")
	if _, err := os.Stat(filepath.Join(clients, "node_modules", "dicomweb-client")); err != nil {
		t.Fatal("the npm packages of server/testdata/clients are missing: run make peers")
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			h := start(t, open, dicomweb.Limits{})
			object := image(t, "1.2.3", "1.2.3.1.1", 64)
			file := filepath.Join(t.TempDir(), "object.dcm")
			if err := os.WriteFile(file, object, 0o600); err != nil {
				t.Fatal(err)
			}
			expected, err := json.Marshal(map[string]any{"study": "1.2.3", "series": "1.2.3.1", "instance": "1.2.3.1.1", "frame": bytes.Clone(object[len(object)-64:])})
			if err != nil {
				t.Fatal(err)
			}
			h.pipeline.Changed = func() { // as the hub does in the background
				if err := h.pipeline.Build(context.WithoutCancel(t.Context()), nil); err != nil {
					t.Error(err)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			node := exec.CommandContext(ctx, "node", "dicomweb-client.mjs")
			node.Dir = clients
			node.Env = append(os.Environ(), "LIGHTBOX_DICOMWEB="+h.url, "LIGHTBOX_TOKEN=emr", "LIGHTBOX_OBJECT="+file, "LIGHTBOX_EXPECTED="+string(expected))
			out, err := node.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			t.Logf("%s", out)
		})
	}
}
