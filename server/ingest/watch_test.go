package ingest_test

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"lightbox/server/ingest"
	"lightbox/server/ingest/ingesttest"
)

// What is dropped is taken when it is whole, and told apart: done, twice, refused with a reason. What is still written stays.
func TestWatchedFolder(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			p := ingesttest.New(t, open, t.TempDir())
			w := &ingest.Watcher{Hub: p, Dir: dir, Origin: ingest.Origin{Source: "folder"}, Quiet: 200 * time.Millisecond, Every: 20 * time.Millisecond}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- w.Run(ctx) }()
			write := func(name string, content []byte) {
				t.Helper()
				path := filepath.Join(dir, name)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			object := contentOf(t, image(t, "1.2.80", "1.2.80.1.1", "P"))
			write("ward/one.dcm", object)
			write("message.hl7", []byte(header("ORU^R01", "W1", "20250101100000")+oldPID+"OBR|1||F-80^RIS|X^X ray^L|||||||||||||||||||||F\rOBX|1|TX|||Well.||||||F\r"))
			write("note.txt", []byte("no DICOM"))
			write(".hidden", object)
			write("upload.dcm.part", object)
			stop := make(chan bool)
			go func() { // grows for a while
				for n := 1; n < len(object); n += len(object)/10 + 1 {
					_ = os.WriteFile(filepath.Join(dir, "growing.dcm"), contentOf(t, image(t, "1.2.81", "1.2.81.1.1", "P"))[:n], 0o600)
					time.Sleep(50 * time.Millisecond)
				}
				_ = os.WriteFile(filepath.Join(dir, "growing.dcm"), contentOf(t, image(t, "1.2.81", "1.2.81.1.1", "P")), 0o600)
				close(stop)
			}()
			<-stop
			waitFor(t, filepath.Join(dir, "done", "growing.dcm"))
			write("again.dcm", object)
			waitFor(t, filepath.Join(dir, "duplicate", "again.dcm"))
			cancel()
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			want := ".hidden done/growing.dcm done/message.hl7 done/ward/one.dcm duplicate/again.dcm refused/note.txt refused/note.txt.reason.txt upload.dcm.part"
			var got []string
			err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					name, _ := filepath.Rel(dir, path)
					got = append(got, name)
				}
				return err
			})
			if err != nil || strings.Join(got, " ") != want {
				t.Errorf("%v %v", got, err)
			}
			if reason, err := os.ReadFile(filepath.Join(dir, "refused", "note.txt.reason.txt")); err != nil || !strings.HasPrefix(string(reason), "note.txt: not-dicom: ") {
				t.Errorf("%q %v", reason, err)
			}
			if err := p.Build(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
			if studies, reports := all(t, p.Store, "ImagingStudy"), all(t, p.Store, "DiagnosticReport"); len(studies) != 2 || len(reports) != 1 {
				t.Errorf("%d studies, %d reports", len(studies), len(reports))
			}
			told := map[string]int{}
			for _, r := range ingesttest.AuditEvents(t, p) {
				e := gjson.ParseBytes(r.Body)
				told[strings.Join([]string{e.Get("type.code").Str, e.Get("outcome").Str, e.Get(`agent.#(requestor==true).who.identifier.value`).Str}, " ")]++
			}
			// Of one study both what came first and what came again, as they were not there at the same time.
			if diff := gocmp.Diff(map[string]int{"110104 0 watched folder": 3, "110104 4 watched folder": 1, "110107 0 watched folder": 1}, told); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func contentOf(t *testing.T, f ingest.File) []byte {
	t.Helper()
	c, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, f.Size)
	if _, err := c.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

func waitFor(t *testing.T, path string) {
	t.Helper()
	for range 500 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal(path, "does not come")
}
