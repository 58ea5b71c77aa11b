package conformance_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// layers says which folders a folder may import, beside itself and what lies in it. Folders are prefixes; the longest that fits a
// package counts.
var layers = map[string][]string{
	"fhir":                 {},
	"fhir/store/sqlite":    {"fhir", "fhir/store/storetest"},
	"fhir/store/postgres":  {"fhir", "fhir/store/storetest"},
	"dicom":                {},
	"mapping":              {"fhir", "dicom", "conformance"},
	"auth":                 {"fhir", "dicom"},
	"conformance":          {"fhir", "dicom"},
	"conformance/validate": {"fhir"},
	"server":               {"fhir", "dicom", "mapping", "auth", "conformance"},
	"bench":                {"fhir", "dicom", "auth", "server"},
	"cmd": {"fhir", "fhir/store/sqlite", "fhir/store/postgres", "dicom", "mapping", "auth", "conformance",
		"conformance/validate", "server", "bench"},
}

// concrete are packages that only cmd may name, so that everything else works with any store and builds without google/fhir.
var concrete = []string{"fhir/store/sqlite", "fhir/store/postgres", "conformance/validate"}

// goPackage is what go list says of a package.
type goPackage struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

const module = "lightbox/"

func TestImportDirection(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			if reason := refused(name, imported); reason != "" {
				t.Errorf("%s imports %s: %s", name, imported, reason)
			}
		}
		for _, imported := range append(p.TestImports, p.XTestImports...) {
			if reason := refused(name, imported); reason != "" && !allowedInTests(name, imported) {
				t.Errorf("a test of %s imports %s: %s", name, imported, reason)
			}
		}
	}
}

// refused returns why a package may not import another, and "" when it may.
func refused(name, imported string) string {
	if strings.HasPrefix(imported, "github.com/google/fhir/") && name != "conformance/validate" {
		return "google/fhir takes a minute to compile and belongs to conformance/validate alone"
	}
	target, ours := strings.CutPrefix(imported, module)
	if !ours {
		return ""
	}
	from := layerOf(name)
	if from == "" {
		return "its folder has no row in layers"
	}
	for _, c := range concrete {
		if within(target, c) && !within(name, c) && from != "cmd" {
			return "only cmd names " + c
		}
	}
	for _, allowed := range append([]string{from}, layers[from]...) {
		if within(target, allowed) {
			return ""
		}
	}
	return from + " may not import it"
}

// allowedInTests: tests of the stores' suite, of the server and of what ingests run on real databases; what checks what enters is
// checked with what leaves.
func allowedInTests(name, imported string) bool {
	target := strings.TrimPrefix(imported, module)
	switch {
	case within(target, "fhir/store/postgres/pgtest"): // starts a PostgreSQL, and knows nothing of the project
		return true
	case within(target, "fhir/store/sqlite"), within(target, "fhir/store/postgres"), within(target, "conformance/validate"):
		return within(name, "server") || within(name, "fhir/store") || within(name, "auth")
	case within(target, "dicom/synth"):
		return true
	}
	return within(name, "conformance") && within(target, "conformance")
}

// layerOf returns the longest row of layers that the package lies in.
func layerOf(name string) string {
	longest := ""
	for row := range layers {
		if within(name, row) && len(row) > len(longest) {
			longest = row
		}
	}
	return longest
}

func within(name, folder string) bool { return name == folder || strings.HasPrefix(name, folder+"/") }

func packages(t *testing.T) []goPackage {
	t.Helper()
	watchSources(t)
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", module+"...")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	var list []goPackage
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p goPackage
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	if len(list) < 8 || !slices.ContainsFunc(list, func(p goPackage) bool { return p.ImportPath == module+"fhir" }) {
		t.Fatalf("go list gave %d packages: not the whole house", len(list))
	}
	return list
}

// watchSources looks at each source file, so that go test takes its cached answer only when none has changed: of what go list
// reads it knows nothing.
func watchSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != ".." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case strings.HasSuffix(path, ".go"):
			_, _ = os.Stat(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The rules refuse what they are there to refuse.
func TestImportRules(t *testing.T) {
	tests := []struct {
		from, to string
		ok       bool
	}{
		{"fhir/search", "lightbox/fhir", true},
		{"fhir", "lightbox/dicom", false},
		{"dicom/archive", "lightbox/fhir/store", false},
		{"dicom", "lightbox/mapping", false},
		{"mapping", "lightbox/dicom", true},
		{"mapping", "lightbox/auth", false},
		{"auth", "lightbox/fhir/search", true},
		{"auth", "lightbox/auth/devissuer", true},
		{"auth", "lightbox/server", false},
		{"server/ingest", "lightbox/mapping", true},
		{"server", "lightbox/fhir/store/sqlite", false},
		{"server", "lightbox/conformance/validate", false},
		{"fhir/store/sqlite", "lightbox/fhir/search", true},
		{"fhir/store/sqlite", "lightbox/fhir/store/postgres", false},
		{"conformance", "github.com/google/fhir/go/jsonformat", false},
		{"conformance/validate", "github.com/google/fhir/go/jsonformat", true},
		{"cmd/lightbox", "lightbox/fhir/store/postgres", true},
		{"common", "lightbox/fhir", false},
	}
	for _, test := range tests {
		if reason := refused(test.from, test.to); (reason == "") != test.ok {
			t.Errorf("%s imports %s: %q", test.from, test.to, reason)
		}
	}
}
