package dicom_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/dicom"
)

// farthest reads no further than it has to, and knows how far that was.
type farthest struct {
	io.ReaderAt
	at int64
}

func (f *farthest) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.ReaderAt.ReadAt(b, off)
	f.at = max(f.at, off+int64(n))
	return n, err
}

// The head alone says what the whole says, and is had without a look at the pixels.
func TestScanHead(t *testing.T) {
	long := 0
	for _, s := range samples(t) {
		b := s.read(t)
		whole, err := scan(b)
		if err != nil {
			continue
		}
		r := &farthest{ReaderAt: bytes.NewReader(b)}
		head, err := dicom.Scan(r, int64(len(b)), dicom.Limits{Head: true})
		if err != nil {
			t.Errorf("%s: %v", s.path, err)
			continue
		}
		if diff := cmp.Diff(string(whole.AppendJSON(nil, nil)), string(head.AppendJSON(nil, nil))); diff != "" {
			t.Errorf("%s: %.1000s", s.path, diff)
		}
		if len(whole.Encode())+1<<18 < len(b) && r.at < int64(len(b)) {
			long++
		}
	}
	if long < 50 {
		t.Errorf("only %d of the large files were not read to their end", long)
	}
}
