package main

import (
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the conformance statements")

// TestConformanceStatements keeps the pages of conformance what `lightbox conformance` prints.
func TestConformanceStatements(t *testing.T) {
	for of, page := range map[string]string{"dicom": "../../conformance/DICOM.md", "hl7": "../../conformance/HL7.md"} {
		got := statements[of]()
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
			t.Errorf("run go generate ./cmd/lightbox (-%s +tables):\n%s", page, diff)
		}
	}
}
