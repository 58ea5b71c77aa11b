package ingest_test

import (
	"bytes"
	"io"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"lightbox/dicom"
	"lightbox/server/ingest"
	"lightbox/server/ingest/ingesttest"
)

// otherWriter is the same object in a file that another program wrote.
func otherWriter(t *testing.T, f ingest.File) ingest.File {
	t.Helper()
	content, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	ds, err := dicom.Scan(content, f.Size, dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	ds.Meta = dicom.NewDataset(dicom.NewText(0x00020013, "SH", "OTHER_WRITER"))
	var b bytes.Buffer
	if err := dicom.WriteFile(&b, ds); err != nil {
		t.Fatal(err)
	}
	return ingest.Bytes("other", b.Bytes())
}

// An object that comes again in a file of another writer is no conflict, whichever came first; one with another value is.
func TestOtherFileMeta(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			first := image(t, "1.2.3", "1.2.3.1.1", "P-1")
			second, changed := otherWriter(t, first), image(t, "1.2.3", "1.2.3.1.1", "P-2")
			content, err := second.Open()
			if err != nil {
				t.Fatal(err)
			}
			if b, err := io.ReadAll(io.NewSectionReader(content, 0, second.Size)); err != nil || !bytes.Contains(b, []byte("OTHER_WRITER")) {
				t.Fatal("the files are the same", err)
			}
			var states [2][]string
			for i, order := range [][]ingest.File{{first, second}, {second, first}} {
				p := ingesttest.New(t, open, t.TempDir())
				for _, f := range order {
					s, err := p.Run(t.Context(), files(t, f), ingest.Origin{}, nil)
					if err != nil || s.Refused > 0 {
						t.Errorf("%+v %v", s, err)
					}
				}
				states[i] = bodies(t, p.Store)
				if s, err := p.Run(t.Context(), files(t, changed), ingest.Origin{}, nil); err != nil || s.Reasons[ingest.Conflict] != 1 {
					t.Errorf("another value: %+v %v", s, err)
				}
			}
			if diff := gocmp.Diff(states[0], states[1]); diff != "" {
				t.Errorf("the order matters: %s", diff)
			}
		})
	}
}
