package dicom_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"lightbox/dicom"
)

// scanFile is what one file costs: open, scan, close.
func scanFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	_, err = dicom.Scan(f, info.Size(), dicom.Limits{})
	return err
}

// BenchmarkScanFolder scans the real files; BenchmarkDcmdumpFolder is the usual tool over the same ones, in one process.
func BenchmarkScanFolder(b *testing.B) {
	all := samples(b)
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range all {
			var refused *dicom.Error
			if err := scanFile(s.path); err != nil && !errors.As(err, &refused) {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N*len(all))/b.Elapsed().Seconds(), "files/s")
}

func BenchmarkDcmdumpFolder(b *testing.B) {
	program, err := exec.LookPath("dcmdump")
	if err != nil {
		b.Skip("left out: needs dcmdump, of the package dcmtk")
	}
	args := []string{"-q", "+E", "-M"} // go on after errors, do not load long values
	n := 0
	for _, s := range samples(b) {
		if s.status != "malformed" { // one of those crashes it
			args = append(args, s.path)
			n++
		}
	}
	for b.Loop() {
		if err := exec.Command(program, args...).Run(); err != nil {
			var exit *exec.ExitError
			if !errors.As(err, &exit) {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.N*n)/b.Elapsed().Seconds(), "files/s")
}

func BenchmarkEncodeDecode(b *testing.B) {
	d := mustScan(b, named(b, "RF-RDSR-GE.dcm"))
	encoded := d.Encode()
	b.Run("Encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			d.Encode()
		}
	})
	b.Run("Decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := dicom.Decode(encoded); err != nil {
				b.Fatal(err)
			}
		}
	})
}
