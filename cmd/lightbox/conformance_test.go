package main

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write conformance/DICOM.md")

// TestConformanceStatement keeps conformance/DICOM.md what `lightbox conformance` prints.
func TestConformanceStatement(t *testing.T) {
	const page = "../../conformance/DICOM.md"
	got := conformanceStatement()
	if *update {
		if err := os.WriteFile(page, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("run go generate ./cmd/lightbox (-page +tables):\n%s", diff)
	}
}
