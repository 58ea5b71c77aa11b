package media_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lightbox/dicom"
	"lightbox/dicom/media"
)

// smallFiles are a few objects of two studies, one without a preamble.
func smallFiles(t testing.TB) []media.File {
	var files []media.File
	for n, study := range []string{"1.2.1", "1.2.1", "1.2.2"} {
		b := made(t, append(identified(t, ctImage, study, study+".1", fmt.Sprintf("%s.1.%d", study, n)), text(t, "ImageComments", strings.Repeat("x", 50*n)))...)
		if n == 1 {
			b = b[dicom.PreambleSize:]
		}
		files = append(files, fileOf(t, b))
	}
	return files
}

// Any ranges, read in any order, are parts of what is read as a whole; some of them before any sum is known.
func TestEveryRange(t *testing.T) {
	files := smallFiles(t)
	all := whole(t, mustNew(t, files, media.Options{Time: noon}))
	rapid.Check(t, func(t *rapid.T) {
		m, err := media.New(files, media.Options{Time: noon})
		if err != nil {
			t.Fatal(err)
		}
		r := m.Reader(context.Background())
		defer r.Close()
		for range rapid.IntRange(1, 20).Draw(t, "ranges") {
			off := rapid.IntRange(0, len(all)).Draw(t, "off")
			n := rapid.IntRange(0, len(all)-off).Draw(t, "length")
			p := make([]byte, n)
			if rapid.Bool().Draw(t, "at") {
				_, err = r.ReadAt(p, int64(off))
			} else if _, err = r.Seek(int64(off), io.SeekStart); err == nil {
				_, err = io.ReadFull(r, p)
			}
			if err != nil || !bytes.Equal(p, all[off:off+n]) {
				t.Fatalf("%d bytes at %d: %v", n, off, err)
			}
		}
	})
}

func TestBackwards(t *testing.T) {
	files := smallFiles(t)
	all := whole(t, mustNew(t, files, media.Options{Time: noon}))
	for _, width := range []int{1, 7, 1000} {
		r := mustNew(t, files, media.Options{Time: noon}).Reader(t.Context())
		for off := len(all) - width; off >= 0; off -= width {
			p := make([]byte, width)
			if n, err := r.ReadAt(p, int64(off)); err != nil || n != width || !bytes.Equal(p, all[off:off+width]) {
				t.Fatalf("%d bytes at %d: %v", width, off, err)
			}
		}
		r.Close()
	}
}

func TestReaderAtTheEdges(t *testing.T) {
	m := mustNew(t, smallFiles(t), media.Options{})
	r := m.Reader(t.Context())
	defer r.Close()
	if n, err := r.ReadAt(make([]byte, 10), m.Size()-4); n != 4 || !errors.Is(err, io.EOF) {
		t.Errorf("over the end: %d, %v", n, err)
	}
	if n, err := r.ReadAt(make([]byte, 10), m.Size()+4); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("behind the end: %d, %v", n, err)
	}
	if _, err := r.ReadAt(make([]byte, 10), -1); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("before the start: %v", err)
	}
	if _, err := r.Seek(-1, io.SeekStart); err == nil {
		t.Error("sought before the start")
	}
	if at, err := r.Seek(-3, io.SeekEnd); err != nil || at != m.Size()-3 {
		t.Errorf("from the end: %d, %v", at, err)
	}
}

// Several readers of one Image get the same.
func TestReadersTogether(t *testing.T) {
	m := mustNew(t, cityFiles(t)[:40], media.Options{Time: noon, Sums: &sums{known: map[string]uint32{}}})
	results := make([][]byte, 4)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() {
			r := m.Reader(context.Background())
			defer r.Close()
			if i%2 == 1 { // from the end
				_, _ = r.ReadAt(make([]byte, 5000), m.Size()-5000)
			}
			results[i], _ = io.ReadAll(r)
		})
	}
	group.Wait()
	for _, b := range results {
		if int64(len(b)) != m.Size() || !bytes.Equal(b, results[0]) {
			t.Fatal("readers differ")
		}
	}
}

// A download that broke off goes on.
func TestServeContent(t *testing.T) {
	files := smallFiles(t)
	for i := range files {
		files[i].Digest = fmt.Sprint(i)
	}
	all := whole(t, mustNew(t, files, media.Options{Time: noon}))
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m := mustNew(t, files, media.Options{Time: noon})
		body := m.Reader(r.Context())
		defer body.Close()
		w.Header().Set("ETag", m.ETag())
		http.ServeContent(w, r, "study.zip", time.Time{}, body)
	}))
	defer s.Close()
	get := func(headers ...string) (*http.Response, []byte) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, b
	}
	first, b := get()
	if first.StatusCode != http.StatusOK || !bytes.Equal(b, all) || first.ContentLength != int64(len(all)) {
		t.Fatalf("%s, %d bytes", first.Status, len(b))
	}
	for _, at := range []int{0, 1, 400, len(all) / 2, len(all) - 30, len(all) - 1} {
		resp, b := get("Range", fmt.Sprintf("bytes=%d-", at), "If-Range", first.Header.Get("ETag"))
		if resp.StatusCode != http.StatusPartialContent || !bytes.Equal(b, all[at:]) {
			t.Errorf("from %d on: %s, %d bytes", at, resp.Status, len(b))
		}
	}
}

// Before an object stands its size, and of its CRC-32 nothing but that it follows.
func TestLocalHeader(t *testing.T) {
	b := whole(t, mustNew(t, smallFiles(t), media.Options{Time: noon}))
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File[2:] {
		at, err := f.DataOffset()
		if err != nil {
			t.Fatal(err)
		}
		header := b[bytes.LastIndex(b[:at], []byte("PK\x03\x04")):at]
		want := binary.LittleEndian.AppendUint32(make([]byte, 4), uint32(f.UncompressedSize64))
		want = append(want, want[4:]...)
		if header[6] != 8 || f.Flags != 8 || !bytes.Equal(header[14:26], want) {
			t.Errorf("%s: % x", f.Name, header)
		}
	}
}

// sparse is an object of zeros, but for what makes a DICOM file.
type sparse int64

func (s sparse) Size() int64 { return int64(s) }
func (sparse) Close() error  { return nil }

func (s sparse) ReadAt(p []byte, off int64) (int, error) {
	n := int(min(int64(len(p)), max(0, int64(s)-off)))
	clear(p[:n])
	for i, c := range []byte("DICM") {
		if at := dicom.PreambleSize + int64(i) - off; at >= 0 && at < int64(n) {
			p[at] = c
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func sparseFile(t testing.TB, uid string, size int64) media.File {
	return media.File{
		Header: dicom.NewDataset(identified(t, ctImage, "1.2", "1.2.3", uid)...), Digest: uid, Size: size,
		Open: func(context.Context) (media.Object, error) { return sparse(size), nil },
	}
}

// Objects of more than 4 GiB, and places behind 4 GiB, are told in 64 bits; the sums are known, so that nothing of that size is read.
func TestZIP64Sizes(t *testing.T) {
	tests := map[string][]int64{
		"one of 5 GiB": {5 << 30, 300}, "many": {2 << 30, 2 << 30, 2 << 30, 300}, "the largest of 32 bits": {1<<32 - 2, 300}, "the least of 64": {1<<32 - 1, 300},
	}
	for name, sizes := range tests {
		t.Run(name, func(t *testing.T) {
			memory := &sums{known: map[string]uint32{}}
			var files []media.File
			for i, size := range sizes {
				f := sparseFile(t, fmt.Sprintf("1.2.3.%d", i), size)
				if files = append(files, f); size > 300 {
					memory.known[f.Digest] = 0x12345678
				}
			}
			m := mustNew(t, files, media.Options{Time: noon, Sums: memory})
			r := m.Reader(t.Context())
			defer r.Close()
			z, err := zip.NewReader(r, m.Size())
			if err != nil {
				t.Fatal(err)
			}
			for i, size := range sizes {
				f := z.File[i+2]
				at, err := f.DataOffset()
				if err != nil || int64(f.UncompressedSize64) != size || f.CompressedSize64 != f.UncompressedSize64 || f.Method != zip.Store {
					t.Fatalf("%s: %d bytes, %v", f.Name, f.UncompressedSize64, err)
				}
				checkDescriptor(t, r, at+size, size, f.CRC32)
			}
			last, err := z.File[len(z.File)-1].Open()
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, last); n != 300 || err != nil {
				t.Errorf("the last: %d bytes, %v", n, err)
			}
		})
	}
}

// checkDescriptor looks at what stands behind data.
func checkDescriptor(t *testing.T, r io.ReaderAt, at, size int64, sum uint32) {
	t.Helper()
	b := make([]byte, 24)
	if _, err := r.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	got := int64(binary.LittleEndian.Uint32(b[8:]))
	if size >= 1<<32-1 {
		got = int64(binary.LittleEndian.Uint64(b[8:]))
	}
	if string(b[:4]) != "PK\x07\x08" || binary.LittleEndian.Uint32(b[4:]) != sum || got != size {
		t.Errorf("descriptor % x", b)
	}
}

// More than 65,535 files take a ZIP64 end.
func TestZIP64Count(t *testing.T) {
	var files []media.File
	for i := range 70_000 {
		files = append(files, sparseFile(t, fmt.Sprintf("1.2.3.%d", i), 200))
	}
	m := mustNew(t, files, media.Options{Time: noon})
	r := m.Reader(t.Context())
	defer r.Close()
	p := make([]byte, 1000)
	if _, err := r.ReadAt(p, m.Size()-1000); err != nil { // the end first
		t.Fatal(err)
	}
	all, err := io.ReadAll(r)
	if err != nil || !bytes.HasSuffix(all, p) {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(all), int64(len(all)))
	if err != nil || len(z.File) != 70_002 || m.Unlisted() != 0 {
		t.Fatalf("%d files, %d unlisted, %v", len(z.File), m.Unlisted(), err)
	}
	for _, f := range []*zip.File{z.File[0], z.File[2], z.File[70_001]} {
		one, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, one); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
}

func TestTimes(t *testing.T) {
	tests := map[string]struct{ at, want time.Time }{
		"as given":     {noon, noon},
		"another zone": {noon.In(time.FixedZone("", 3*3600)), noon},
		"none":         {time.Time{}, time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)},
		"far ahead":    {time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<31-1, 0)},
	}
	for name, tt := range tests {
		b := whole(t, mustNew(t, smallFiles(t), media.Options{Time: tt.at}))
		z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(z.File, func(f *zip.File) bool { return !f.Modified.Equal(tt.want) }); i >= 0 {
			t.Errorf("%s: %v", name, z.File[i].Modified)
		}
	}
}
