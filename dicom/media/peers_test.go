package media_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lightbox/dicom/media"
)

// peer finds a program for suites that compare with it.
func peer(t testing.TB, program string) string {
	t.Helper()
	if os.Getenv("LIGHTBOX_TEST_PEERS") != "1" {
		t.Skip("left out: needs dcmtk; run make test")
	}
	path, err := exec.LookPath(program)
	if err != nil {
		t.Fatalf("%s is missing: install the package dcmtk", program)
	}
	return path
}

// unpacked writes a ZIP to a folder.
func unpacked(t *testing.T, m *media.Image) string {
	t.Helper()
	dir := t.TempDir()
	for name, b := range unzip(t, whole(t, m)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The usual tool reads the directory without a complaint.
func TestDcmdump(t *testing.T) {
	dcmdump := peer(t, "dcmdump")
	for name, files := range map[string]func(testing.TB) []media.File{"city": cityFiles, "real": realOnes} {
		t.Run(name, func(t *testing.T) {
			m := mustNew(t, files(t), media.Options{Time: noon})
			list, _ := records(t, m)
			cmd := exec.Command(dcmdump, "+L", filepath.Join(unpacked(t, m), "DICOMDIR"))
			var complaints bytes.Buffer
			cmd.Stderr = &complaints
			out, err := cmd.Output()
			if n := bytes.Count(out, []byte(`"Directory Record"`)); err != nil || complaints.Len() > 0 || n != len(list) {
				t.Errorf("%d records of %d: %v\n%s", n, len(list), err, complaints.String())
			}
		})
	}
}

// fileSet lists the instances that pydicom finds by a DICOMDIR, each with its file.
const fileSet = `
import os, sys, warnings
warnings.simplefilter(sys.argv[2])
from pydicom.fileset import FileSet
for i in FileSet(sys.argv[1]):
    assert os.path.isfile(i.path), i.path
    print(i.SOPInstanceUID)
`

func TestPydicom(t *testing.T) {
	peer(t, "dcmdump") // a suite of peers
	python := pydicom(t)
	for name, files := range map[string]func(testing.TB) []media.File{"city": cityFiles, "real": realOnes} {
		t.Run(name, func(t *testing.T) {
			known := slices.DeleteFunc(files(t), func(f media.File) bool {
				return value(f.Header, "SOPClassUID") == "1.2.840.10008.5.1.4.1.1.91.1" // it does not know ANNOTATION yet
			})
			m := mustNew(t, known, media.Options{Time: noon})
			var complaints bytes.Buffer
			cmd := exec.Command(python, "-c", fileSet, filepath.Join(unpacked(t, m), "DICOMDIR"), map[string]string{"city": "error", "real": "ignore"}[name])
			cmd.Stderr = &complaints // real files have values that it warns of
			out, err := cmd.Output()
			if n := len(strings.Fields(string(out))); err != nil || n != len(known)-m.Unlisted() {
				t.Errorf("%d instances of %d: %v\n%s", n, len(known)-m.Unlisted(), err, complaints.String())
			}
		})
	}
}

// pydicom finds a Python that has it.
func pydicom(t *testing.T) string {
	t.Helper()
	for _, python := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(python, "-c", "import pydicom.fileset").Run() == nil {
			return python
		}
	}
	t.Skip("left out: needs python3-pydicom")
	return ""
}
