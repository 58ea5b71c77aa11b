package media_test

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"lightbox/dicom"
	"lightbox/dicom/media"
	"lightbox/dicom/synth"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

// object is an open object in memory.
type object struct{ *bytes.Reader }

func (object) Close() error { return nil }

// fileOf is a file of bytes that are an object.
func fileOf(t testing.TB, b []byte) media.File {
	t.Helper()
	d, err := dicom.Scan(bytes.NewReader(b), int64(len(b)), dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	prefix, err := media.PrefixOf(bytes.NewReader(b), d)
	if err != nil {
		t.Fatal(err)
	}
	return media.File{Header: d, Prefix: prefix, Size: int64(len(b)), Open: func(context.Context) (media.Object, error) {
		return object{bytes.NewReader(b)}, nil
	}}
}

// made is an object of a few attributes.
func made(t testing.TB, elements ...dicom.Element) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, dicom.NewDataset(elements...)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func text(t testing.TB, keyword string, values ...string) dicom.Element {
	t.Helper()
	tag, ok := dicom.TagOf(keyword)
	if !ok {
		t.Fatal(keyword)
	}
	return dicom.NewText(tag, dicom.VROf(tag), values...)
}

const ctImage = "1.2.840.10008.5.1.4.1.1.2"

// identified are the attributes without which an object is not in the directory.
func identified(t testing.TB, class, study, series, uid string) []dicom.Element {
	return []dicom.Element{text(t, "SOPClassUID", class), text(t, "SOPInstanceUID", uid), text(t, "StudyInstanceUID", study), text(t, "SeriesInstanceUID", series)}
}

func mustNew(t testing.TB, files []media.File, o media.Options) *media.Image {
	t.Helper()
	m, err := media.New(files, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// whole reads all of a ZIP.
func whole(t testing.TB, m *media.Image) []byte {
	t.Helper()
	r := m.Reader(t.Context())
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(b)) != m.Size() {
		t.Fatalf("%d bytes, not the %d that were promised", len(b), m.Size())
	}
	return b
}

// unzip reads a ZIP with the standard library, which checks each CRC-32.
func unzip(t testing.TB, b []byte) map[string][]byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if _, twice := files[f.Name]; twice {
			t.Fatalf("%s stands twice", f.Name)
		}
		files[f.Name] = content
	}
	return files
}

var city = sync.OnceValues(func() (synth.City, error) { return synth.Make(1) })

func cityFiles(t testing.TB) []media.File {
	t.Helper()
	city, err := city()
	if err != nil {
		t.Fatal(err)
	}
	var files []media.File
	for _, f := range city.Files {
		files = append(files, fileOf(t, f.Bytes))
	}
	return files
}

const realFiles = "../../../shared/testdata"

// realOnes are the real files that are read as objects.
func realOnes(t testing.TB) []media.File {
	t.Helper()
	if _, err := os.Stat(realFiles); err != nil {
		t.Skip("left out: ../shared/testdata is not here")
	}
	var files []media.File
	err := filepath.WalkDir(filepath.Join(realFiles, "dicom"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if d, err := dicom.Scan(bytes.NewReader(b), int64(len(b)), dicom.Limits{}); err == nil && d.Text(dicom.MustPath("SOPClassUID")) != "" {
			files = append(files, fileOf(t, b))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
