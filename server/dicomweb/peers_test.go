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
	"lightbox/server/ingest"
	"lightbox/server/orthanctest"
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

// Orthanc sends to the hub by STOW-RS, searches it, and retrieves from it.
func TestOrthanc(t *testing.T) {
	h := start(t, onSQLite, dicomweb.Limits{})
	pacs := orthanctest.Start(t, map[string]any{"DicomWeb": map[string]any{"Servers": map[string]any{
		"hub": map[string]any{"Url": h.url + "/", "HttpHeaders": map[string]string{"Authorization": "Bearer emr"}},
	}}})
	id := pacs.Put(t, image(t, "1.2.3", "1.2.3.1.1", 64))
	pacs.Post(t, "/dicom-web/servers/hub/stow", "application/json", []byte(`{"Resources":["`+id+`"],"Synchronous":true}`))
	h.take(t, ingest.Origin{}, image(t, "1.2.4", "1.2.4.1.1", 64))
	found := pacs.Post(t, "/dicom-web/servers/hub/qido", "application/json", []byte(`{"Uri":"/studies","Arguments":{"PatientID":"P-1"}}`))
	if !bytes.Contains(found, []byte(`1.2.3`)) || !bytes.Contains(found, []byte(`1.2.4`)) {
		t.Errorf("%s", found)
	}
	pacs.Post(t, "/dicom-web/servers/hub/retrieve", "application/json", []byte(`{"Resources":[{"Study":"1.2.4"}],"Synchronous":true}`))
	have := pacs.Post(t, "/tools/find", "application/json", []byte(`{"Level":"Instance","Query":{"SOPInstanceUID":"1.2.4.1.1"}}`))
	var ids []string
	if err := json.Unmarshal(have, &ids); err != nil || len(ids) != 1 {
		t.Errorf("Orthanc did not retrieve the study: %s %v", have, err)
	}
}
