package media_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"lightbox/dicom"
	"lightbox/dicom/media"
)

var fileID = regexp.MustCompile(`^DICOM/PT\d{6}/ST\d{6}/SE\d{6}/IM\d{6}$`)

// Every object is in the ZIP, byte for byte but for its preamble, under a name that tells nothing.
func TestZIPHoldsEveryObject(t *testing.T) {
	for name, files := range map[string]func(testing.TB) []media.File{"city": cityFiles, "real": realOnes} {
		t.Run(name, func(t *testing.T) {
			list := files(t)
			got := unzip(t, whole(t, mustNew(t, list, media.Options{Time: noon})))
			want := map[string]int{}
			for _, f := range list {
				want[string(outgoing(t, f))]++
			}
			for name, content := range got {
				switch {
				case name == "DICOMDIR" || name == "README.TXT":
				case !fileID.MatchString(name):
					t.Errorf("name %q", name)
				case want[string(content)] == 0:
					t.Errorf("%s is none of the objects", name)
				default:
					want[string(content)]--
				}
			}
			if len(got) != len(list)+2 {
				t.Errorf("%d files, not %d", len(got), len(list)+2)
			}
		})
	}
}

// outgoing is a file as it should be in the ZIP.
func outgoing(t testing.TB, f media.File) []byte {
	t.Helper()
	o, err := f.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, f.Size)
	if _, err := o.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	b = append(slices.Clone(f.Prefix), b...)
	if !bytes.HasPrefix(b, []byte("II")) && !bytes.HasPrefix(b, []byte("MM")) {
		clear(b[:dicom.PreambleSize])
	}
	return b
}

// The order in which files come changes nothing.
func TestSameBytes(t *testing.T) {
	files := cityFiles(t)
	o := media.Options{Time: noon, Expires: noon.Add(24 * time.Hour)}
	first := mustNew(t, files, o)
	want := whole(t, first)
	slices.Reverse(files)
	second := mustNew(t, files, o)
	if !bytes.Equal(want, whole(t, second)) || first.ETag() != second.ETag() {
		t.Error("the same files in another order give another ZIP")
	}
	o.Time = noon.Add(time.Hour)
	if third := mustNew(t, files, o); third.ETag() == first.ETag() {
		t.Error("another ZIP has the same tag")
	}
	if !strings.HasPrefix(first.ETag(), "W/") {
		t.Error("a strong tag, though nobody named the bytes")
	}
}

// A preamble goes out empty, but for that of a TIFF; an object without one gets one.
func TestInert(t *testing.T) {
	plain := made(t, identified(t, ctImage, "1.2", "1.2.3", "1.2.3.4")...)
	script := append([]byte("#!/bin/sh\n"), plain[10:]...)
	tiff := append([]byte("II*\x00"), plain[4:]...)
	bare := plain[bytes.Index(plain, []byte("\x08\x00\x16\x00")):]
	tests := map[string]struct{ in, want []byte }{
		"as it should be": {plain, plain}, "a program": {script, plain}, "a TIFF": {tiff, tiff}, "no preamble": {plain[128:], plain},
		"no prefix": {plain[132:], plain},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			files := unzip(t, whole(t, mustNew(t, []media.File{fileOf(t, tt.in)}, media.Options{})))
			if got := files["DICOM/PT000001/ST000001/SE000001/IM000001"]; !bytes.Equal(got, tt.want) {
				t.Errorf("got %d bytes beginning %q", len(got), got[:min(20, len(got))])
			}
		})
	}
	t.Run("bare", func(t *testing.T) {
		files := unzip(t, whole(t, mustNew(t, []media.File{fileOf(t, bare)}, media.Options{})))
		got := files["DICOM/PT000001/ST000001/SE000001/IM000001"]
		d, err := dicom.Scan(bytes.NewReader(got), int64(len(got)), dicom.Limits{})
		if err != nil || d.Meta == nil || !bytes.HasSuffix(got, bare) {
			t.Errorf("%v", err)
		}
	})
}

// What is not as it was said is an error, and no bytes of it come out after that.
func TestChangedObject(t *testing.T) {
	b := made(t, append(identified(t, ctImage, "1.2", "1.2.3", "1.2.3.4"), text(t, "ImageComments", strings.Repeat("x", 5000)))...)
	good := fileOf(t, b)
	broken := errors.New("the store is away")
	tests := map[string]struct {
		open func(context.Context) (media.Object, error)
		want error
	}{
		"short":       {func(context.Context) (media.Object, error) { return object{bytes.NewReader(b[:300])}, nil }, media.ErrChanged},
		"long":        {func(context.Context) (media.Object, error) { return object{bytes.NewReader(append(b, 0))}, nil }, media.ErrChanged},
		"cut":         {func(context.Context) (media.Object, error) { return cut{object{bytes.NewReader(b)}}, nil }, media.ErrChanged},
		"other":       {func(context.Context) (media.Object, error) { return object{bytes.NewReader(make([]byte, len(b)))}, nil }, media.ErrChanged},
		"not there":   {func(context.Context) (media.Object, error) { return nil, broken }, broken},
		"bad closing": {func(context.Context) (media.Object, error) { return failing{object{bytes.NewReader(b)}, broken}, nil }, broken},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := good
			f.Open = tt.open
			m := mustNew(t, []media.File{f}, media.Options{})
			want := whole(t, mustNew(t, []media.File{good}, media.Options{}))
			r := m.Reader(t.Context())
			defer r.Close()
			got, err := io.ReadAll(r)
			if !errors.Is(err, tt.want) || !bytes.HasPrefix(want, got) || len(got) == len(want) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
			if _, err := r.ReadAt(make([]byte, 10), m.Size()-100); !errors.Is(err, tt.want) {
				t.Errorf("central directory: %v", err)
			}
		})
	}
}

// cut is an object that ends before its size.
type cut struct{ object }

func (c cut) ReadAt(p []byte, off int64) (int, error) {
	return io.NewSectionReader(c.object, 0, 400).ReadAt(p, off)
}

type failing struct {
	object
	err error
}

func (f failing) Close() error { return f.err }

// sums is a media.Sums that counts.
type sums struct {
	mu     sync.Mutex
	known  map[string]uint32
	stored int
}

func (s *sums) Load(_ context.Context, digest string) (uint32, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum, ok := s.known[digest]
	return sum, ok
}

func (s *sums) Store(_ context.Context, digest string, sum uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.known[digest] = sum
	s.stored++
}

// With the sums of a former download the end of the ZIP is there without a look at any object; a wrong sum is found out.
func TestSums(t *testing.T) {
	f := fileOf(t, made(t, identified(t, ctImage, "1.2", "1.2.3", "1.2.3.4")...))
	f.Digest = "abc"
	memory := &sums{known: map[string]uint32{}}
	o := media.Options{Time: noon, Sums: memory}
	want := whole(t, mustNew(t, []media.File{f}, o))
	if memory.stored != 1 {
		t.Fatalf("%d sums stored", memory.stored)
	}
	closed := f
	closed.Open = func(context.Context) (media.Object, error) { return nil, errors.New("opened") }
	m := mustNew(t, []media.File{closed}, o)
	tail := make([]byte, 200)
	if _, err := m.Reader(t.Context()).ReadAt(tail, m.Size()-200); err != nil || !bytes.HasSuffix(want, tail) {
		t.Errorf("the tail: %v", err)
	}
	memory.known["abc"]++
	if _, err := io.Copy(io.Discard, mustNew(t, []media.File{f}, o).Reader(t.Context())); !errors.Is(err, media.ErrChanged) {
		t.Errorf("a wrong sum: %v", err)
	}
}

func TestReadme(t *testing.T) {
	expires := time.Date(2026, 4, 5, 18, 30, 0, 0, time.FixedZone("", 3*3600))
	text := string(unzip(t, whole(t, mustNew(t, cityFiles(t)[:3], media.Options{Expires: expires})))["README.TXT"])
	for _, want := range []string{"05.04.2026 18:30 (UTC+03:00)", "5 April 2026, 18:30 (UTC+03:00)", "DICOMDIR", "Распакуйте", "Unpack"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	without := string(unzip(t, whole(t, mustNew(t, nil, media.Options{})))["README.TXT"])
	if strings.Contains(without, "works until") || strings.Contains(without, "действует") {
		t.Error("a link ends that does not end")
	}
}

func TestRefused(t *testing.T) {
	open := func(context.Context) (media.Object, error) { return nil, nil }
	tests := map[string]media.File{
		"no open": {Size: 1000}, "negative": {Size: -1, Open: open}, "endless": {Size: 1 << 62, Open: open}, "too short": {Size: 131, Open: open},
	}
	for name, f := range tests {
		if m, err := media.New([]media.File{f}, media.Options{}); err == nil || m != nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestCanceled(t *testing.T) {
	m := mustNew(t, cityFiles(t)[:2], media.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Reader(ctx).Read(make([]byte, 10)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
