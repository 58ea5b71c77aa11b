// Package orthanctest starts an Orthanc for tests: a PACS that nobody here wrote.
package orthanctest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// plugin is its DICOMweb service, as Debian packages it.
const plugin = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so"

// Orthanc is a running one.
type Orthanc struct {
	URL string
	// Stop ends it before the test does.
	Stop func()
}

// Start runs an Orthanc with its DICOMweb service, and more of its configuration, until the test ends. The test is skipped where peers are
// not asked for.
func Start(t *testing.T, more map[string]any) Orthanc {
	t.Helper()
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skip("left out: needs Orthanc; run make test")
	}
	program, err := exec.LookPath("Orthanc")
	if err != nil {
		t.Fatal("Orthanc (Debian packages orthanc, orthanc-dicomweb) is missing: run make peers")
	}
	port, dir := freePort(t), t.TempDir()
	web := map[string]any{"Enable": true, "Root": "/dicom-web/"}
	config := map[string]any{
		"StorageDirectory": filepath.Join(dir, "objects"), "HttpPort": port, "DicomServerEnabled": false, "RemoteAccessAllowed": true, "AuthenticationEnabled": false,
		"DicomAet": "ORTHANC", "Plugins": []string{plugin}, "DicomWeb": web,
	}
	for name, value := range more {
		if own, ok := value.(map[string]any); ok && name == "DicomWeb" {
			maps.Copy(web, own)
			continue
		}
		config[name] = value
	}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "orthanc.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	log := &bytes.Buffer{}
	cmd := exec.CommandContext(ctx, program, file)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		cancel()
		_ = cmd.Wait() // killed
	})
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("Orthanc: %s", log)
		}
	})
	o := Orthanc{fmt.Sprint("http://127.0.0.1:", port), stop}
	for range 300 {
		response, err := http.Get(o.URL + "/system")
		if err == nil {
			_ = response.Body.Close()
			return o
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("Orthanc does not start")
	return o
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Put stores an object and returns Orthanc's id of it.
func (o Orthanc) Put(t *testing.T, object []byte) string {
	t.Helper()
	var answer struct{ ID string }
	if err := json.Unmarshal(o.Post(t, "/instances", "application/dicom", object), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.ID
}

// Post sends a body and returns the answer.
func (o Orthanc) Post(t *testing.T, path, contentType string, body []byte) []byte {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, o.URL+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", contentType)
	return do(t, r)
}

// Delete deletes what is at a path.
func (o Orthanc) Delete(t *testing.T, path string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, o.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	do(t, r)
}

func do(t *testing.T, r *http.Request) []byte {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("Orthanc answers %s %s with %d: %s", r.Method, r.URL.Path, response.StatusCode, answer)
	}
	return answer
}
