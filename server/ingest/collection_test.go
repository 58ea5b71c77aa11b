package ingest_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/dicom/synth"
	"lightbox/mapping"
	"lightbox/server/ingest"
)

// collect maps paths without a store.
func collect(t *testing.T, paths ...string) (map[string]string, ingest.Summary) {
	t.Helper()
	mapper, err := mapping.New(mapping.Config{})
	if err != nil {
		t.Fatal(err)
	}
	files, err := ingest.Paths(paths...)
	if err != nil {
		t.Fatal(err)
	}
	c := ingest.NewCollection(mapper, nil)
	if err := c.Add(t.Context(), files); err != nil {
		t.Fatal(err)
	}
	resources, err := c.Resources()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range resources {
		got[r.Reference()] = string(r.Body)
	}
	return got, c.Summary()
}

func writeFile(t *testing.T, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func zipOf(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, content := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestZIPMapsAsItsFolder(t *testing.T) {
	city, err := synth.Make(1)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := city.WriteTo(dir); err != nil {
		t.Fatal(err)
	}
	entries := map[string][]byte{"empty/": nil}
	for _, f := range city.Files {
		entries[f.Path] = f.Bytes
	}
	fromFolder, folder := collect(t, dir)
	fromZIP, zipped := collect(t, writeFile(t, zipOf(t, entries)))
	if diff := cmp.Diff(fromFolder, fromZIP); diff != "" {
		t.Errorf("folder and ZIP differ (-folder +zip):\n%s", diff)
	}
	if folder.Files != len(city.Files) || zipped.Files != folder.Files || zipped.Refused != 0 {
		t.Errorf("folder: %+v\nzip: %+v", folder, zipped)
	}
	again, twice := collect(t, dir, dir)
	if twice.Duplicates != len(city.Files) || cmp.Diff(fromFolder, again) != "" {
		t.Errorf("taking the folder twice: %+v", twice)
	}
}

func TestBadArchives(t *testing.T) {
	zeros := func(n int64) []byte { // a bomb: n zero bytes
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, err := z.Create("bomb")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.CopyN(w, zero{}, n); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	whole := zipOf(t, map[string][]byte{"a": []byte("no DICOM"), "../b": []byte("no DICOM")})
	for _, test := range []struct {
		name    string
		content []byte
		refused int
	}{
		{"no DICOM inside, one name that climbs", whole, 2},
		{"cut short", whole[:len(whole)-10], 1},
		{"empty archive", []byte("PK\x05\x06" + string(make([]byte, 18))), 0},
		{"a bomb", zeros(smallest), 1},
		{"magic alone", []byte("PK\x03\x04"), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, s := collect(t, writeFile(t, test.content))
			if len(got) != 0 || s.Refused != test.refused || len(s.Refusals) != test.refused {
				t.Errorf("%d resources, %+v", len(got), s)
			}
		})
	}
}

// smallest is a size that a bomb is refused at.
const smallest = 65 << 20

type zero struct{}

func (zero) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestPathsRefusesWhatIsNotThere(t *testing.T) {
	if _, err := ingest.Paths(t.TempDir(), "no/such/path"); err == nil {
		t.Error("a missing path was taken")
	}
}
