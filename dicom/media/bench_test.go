package media_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"lightbox/dicom/media"
)

// benchFiles are 64 objects of 4 MiB on disk.
func benchFiles(b *testing.B) []media.File {
	var files []media.File
	for i := range 64 {
		f := sparseFile(b, fmt.Sprintf("1.2.3.%d", i), 4<<20)
		content, err := io.ReadAll(io.NewSectionReader(sparse(f.Size), 0, f.Size))
		if err != nil {
			b.Fatal(err)
		}
		path := filepath.Join(b.TempDir(), "object")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			b.Fatal(err)
		}
		f.Open = func(context.Context) (media.Object, error) {
			file, err := os.Open(path)
			return onDisk{file, f.Size}, err
		}
		files = append(files, f)
	}
	return files
}

type onDisk struct {
	*os.File
	size int64
}

func (o onDisk) Size() int64 { return o.size }

// BenchmarkRead reads a ZIP of 256 MiB; BenchmarkCopy the same objects one after the other.
func BenchmarkRead(b *testing.B) {
	files := benchFiles(b)
	m, err := media.New(files, media.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(m.Size())
	b.ReportAllocs()
	for b.Loop() {
		r := m.Reader(context.Background())
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}

func BenchmarkCopy(b *testing.B) {
	files := benchFiles(b)
	b.SetBytes(int64(len(files)) * files[0].Size)
	b.ReportAllocs()
	for b.Loop() {
		for _, f := range files {
			o, err := f.Open(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, io.NewSectionReader(o, 0, f.Size)); err != nil {
				b.Fatal(err)
			}
			o.Close()
		}
	}
}

// BenchmarkNew lays out 10,000 objects.
func BenchmarkNew(b *testing.B) {
	var files []media.File
	for i := range 10_000 {
		files = append(files, sparseFile(b, fmt.Sprintf("1.2.3.%d", i), 500<<10))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := media.New(files, media.Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
