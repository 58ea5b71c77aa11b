package dicom_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lightbox/dicom"
)

const realFiles = "../../shared/testdata"

// sample is one real file and what its list says of it.
type sample struct {
	path, status string
}

func (s sample) read(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// samples lists the real files.
func samples(t testing.TB) []sample {
	t.Helper()
	list, err := os.ReadFile(filepath.Join(realFiles, "dicom.tsv"))
	if err != nil {
		t.Skip("left out: ../shared/testdata is not here")
	}
	status := map[string]string{}
	for line := range strings.Lines(string(list)) {
		if fields := strings.Split(line, "\t"); len(fields) > 10 {
			status[filepath.Join(realFiles, fields[0])] = fields[10]
		}
	}
	var all []sample
	err = filepath.WalkDir(filepath.Join(realFiles, "dicom"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			all = append(all, sample{path, status[path]})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// named finds a real file by the end of its path.
func named(t testing.TB, suffix string) []byte {
	t.Helper()
	for _, s := range samples(t) {
		if strings.HasSuffix(s.path, suffix) {
			return s.read(t)
		}
	}
	t.Skipf("left out: %s is not in ../shared/testdata", suffix)
	return nil
}

func scan(b []byte) (*dicom.Dataset, error) {
	return dicom.Scan(bytes.NewReader(b), int64(len(b)), dicom.Limits{})
}

func mustScan(t testing.TB, b []byte) *dicom.Dataset {
	t.Helper()
	d, err := scan(b)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// peer finds a program of dcmtk for suites that compare with it.
func peer(t testing.TB, program string) string {
	t.Helper()
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skipf("left out: needs %s; run make test", program)
	}
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is missing: install the package dcmtk", program)
	}
	return path
}
