package ingest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"

	"lightbox/mapping"
	"lightbox/server/ingest"
)

// BenchmarkMap maps a folder of real files to FHIR, against dcmdump over the same files in one process.
func BenchmarkMap(b *testing.B) {
	const dir = "../../../shared/testdata/dicom"
	if _, err := os.Stat(dir); err != nil {
		b.Skip("left out: ../shared/testdata is not here")
	}
	mapper, err := mapping.New(mapping.Config{})
	if err != nil {
		b.Fatal(err)
	}
	files, err := ingest.Paths(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // as the command has it
	var count int
	for b.Loop() {
		c := ingest.NewCollection(mapper, nil)
		if err := c.Add(b.Context(), files); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Resources(); err != nil {
			b.Fatal(err)
		}
		count = c.Summary().Files
	}
	ours := b.Elapsed() / time.Duration(b.N*count)
	b.ReportMetric(float64(ours.Microseconds()), "us/file")
	if theirs := dcmdump(b, dir); theirs > 0 {
		b.ReportMetric(float64(theirs)/float64(ours), "x-dcmdump")
	}
}

// dcmdump returns its time for a file, the best of five runs over all of them that do not crash it; 0 when it is not installed.
func dcmdump(b *testing.B, dir string) time.Duration {
	b.Helper()
	tool, err := exec.LookPath("dcmdump")
	if err != nil {
		b.Log("left out: needs dcmtk")
		return 0
	}
	args := []string{"-q"}
	err = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && filepath.Base(path) != "2026-05-06-Deeply-Nested-Sequence.dcm" {
			args = append(args, path)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	best := time.Hour
	for range 5 {
		started := time.Now()
		_ = exec.Command(tool, args...).Run() // it complains of the malformed ones
		best = min(best, time.Since(started))
	}
	return best / time.Duration(len(args)-1)
}
