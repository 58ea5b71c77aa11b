package dicom_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"lightbox/dicom"
)

func TestScanRealFiles(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(filepath.Base(s.path), func(t *testing.T) {
			b := s.read(t)
			d, err := scan(b)
			var refused *dicom.Error
			switch {
			case err == nil && len(d.Elements) == 0:
				t.Error("scanned, and nothing is there")
			case err == nil:
			case !errors.As(err, &refused):
				t.Errorf("refused without a reason: %v", err)
			case s.status == "malformed":
				t.Logf("%s: refused: %v (%s at %d)", filepath.Base(s.path), err, refused.Tag, refused.Offset)
			default:
				t.Errorf("refused a %s file: %v (%s at %d)", s.status, err, refused.Tag, refused.Offset)
			}
		})
	}
}

// Every beginning of a file is refused, or ends where an element ends and says the same as the whole up to there.
func TestScanRefusesEveryTruncation(t *testing.T) {
	for _, name := range []string{
		"charset_files/chrH31.dcm", "MR_small_expb.dcm", "MR_small_bigendian.dcm", "SC_rgb_rle_16bit.dcm", "ExplVR_BigEndNoMeta.dcm",
		"rtdose_rle_1frame.dcm", "no-meta-length-test.dcm", "priv_SQ.dcm", "RF-RDSR-GE.dcm", "image_dfl.dcm", "rtstruct.dcm",
	} {
		t.Run(name, func(t *testing.T) {
			b := named(t, name)
			whole := mustScan(t, b)
			before := 0
			for n := range len(b) {
				d, err := scan(b[:n])
				if err != nil {
					continue
				}
				if len(d.Elements) < before {
					t.Fatalf("the first %d bytes have fewer elements than fewer bytes had", n)
				}
				before = len(d.Elements)
				if diff := cmp.Diff(shown(whole, len(d.Elements)), shown(d, len(d.Elements))); diff != "" {
					t.Fatalf("the first %d of %d bytes scan to something else (-whole +beginning):\n%s", n, len(b), diff)
				}
				if _, found := find(d, "PixelData"); found && n < len(b)-200 {
					t.Fatalf("the first %d of %d bytes scan as if pixel data were whole", n, len(b))
				}
			}
		})
	}
}

func find(d *dicom.Dataset, path string) (*dicom.Element, bool) {
	e, _, ok := d.Find(dicom.MustPath(path))
	return e, ok
}

// shown lists the first n elements of d itself with their values.
func shown(d *dicom.Dataset, n int) []string {
	var all []string
	for i := range d.Elements[:n] {
		e := &d.Elements[i]
		all = append(all, e.Tag.String()+" "+string(e.VR)+" "+d.Display(e))
	}
	return all
}

func TestScanWithoutPreamble(t *testing.T) {
	ds := dicom.NewDataset(
		dicom.NewText(0x00080005, "CS", "ISO_IR 192"),
		dicom.NewText(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2"),
		dicom.NewText(0x00100010, "PN", "Иванов^Иван"),
	)
	var file bytes.Buffer
	if err := dicom.WriteFile(&file, ds); err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"whole":                     file.Bytes(),
		"no preamble":               file.Bytes()[128:],
		"no preamble and no prefix": file.Bytes()[132:],
		"no meta group":             ds.Encode(),
		"prefix, no meta group":     append(append(make([]byte, 128), "DICM"...), ds.Encode()...),
	} {
		t.Run(name, func(t *testing.T) {
			d := mustScan(t, b)
			if got := d.Text(dicom.MustPath("PatientName")); got != "Иванов^Иван" {
				t.Errorf("PatientName = %q", got)
			}
			if want := "1.2.840.10008.1.2.1"; d.TransferSyntax != want {
				t.Errorf("transfer syntax %q, want %q", d.TransferSyntax, want)
			}
		})
	}
}

func TestScanRefuses(t *testing.T) {
	part10 := func(uid, body string) []byte {
		return append(headerOf(uid), body...)
	}
	const explicit, implicit = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
	for _, tt := range []struct {
		name string
		b    []byte
		want dicom.Reason
	}{
		{"nothing", nil, dicom.NotDICOM},
		{"text", []byte("once upon a time there was a file that was no image at all"), dicom.NotDICOM},
		{"zip", append([]byte("PK\x03\x04"), make([]byte, 200)...), dicom.NotDICOM},
		{"zeros", make([]byte, 400), dicom.NotDICOM},
		{"only a preamble", append(make([]byte, 128), "DICM"...), dicom.Truncated},
		{"only a meta group", part10(explicit, ""), dicom.Truncated},
		{"a value of 4 GiB", part10(explicit, "\x08\x00\x05\x00UT\x00\x00\xFE\xFF\xFF\xFFabcdef"), dicom.Truncated},
		{"implicit, a value of 4 GiB", part10(implicit, "\x08\x00\x05\x00\xFE\xFF\xFF\xFFabcdef"), dicom.Truncated},
		{"pixel data of 4 GiB", part10(explicit, "\xE0\x7F\x10\x00OW\x00\x00\xFE\xFF\xFF\xFFabcdef"), dicom.Truncated},
		{"a fragment of 4 GiB", part10(explicit, "\xE0\x7F\x10\x00OB\x00\x00\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFE\xFF\xFF\xFF"), dicom.Truncated},
		{"fragments without delimiter", part10(explicit, "\xE0\x7F\x10\x00OB\x00\x00\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\x00\x00\x00\x00"), dicom.Truncated},
		{"an item past its sequence", part10(explicit, "\x08\x00\x15\x11SQ\x00\x00\x08\x00\x00\x00\xFE\xFF\x00\xE0\x08\x00\x00\x00\x08\x00\x50\x11UI\x00\x00"), dicom.Malformed},
		{"a value past its item", part10(explicit, "\x08\x00\x15\x11SQ\x00\x00\x10\x00\x00\x00\xFE\xFF\x00\xE0\x08\x00\x00\x00\x08\x00\x50\x11UI\x02\x001\x00"), dicom.Malformed},
		{"text in a sequence", part10(explicit, "\x08\x00\x15\x11SQ\x00\x00\x08\x00\x00\x00ABCDEFGH"), dicom.Malformed},
		{"an XML data set", part10("1.2.840.10008.1.2.6.2", "<NativeDicomModel/>"), dicom.Unsupported},
		{"deflated nonsense", part10("1.2.840.10008.1.2.1.99", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), dicom.Malformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, err := scan(tt.b)
			var refused *dicom.Error
			if !errors.As(err, &refused) || refused.Reason != tt.want || d != nil {
				t.Errorf("got %v, %v, want %s", d, err, tt.want)
			}
		})
	}
}

// headerOf is a Part 10 file in a transfer syntax up to where its data set begins.
func headerOf(transferSyntax string) []byte {
	meta := dicom.NewDataset(dicom.NewBytes(0x00020001, "OB", []byte{0, 1}), dicom.NewText(0x00020010, "UI", transferSyntax))
	return append(append(make([]byte, 128), "DICM"...), meta.Encode()...)
}

// brokenReader fails as a disk or an object store may.
type brokenReader struct{}

var errBroken = errors.New("broken")

func (brokenReader) ReadAt([]byte, int64) (int, error) { return 0, errBroken }

func TestScanTellsReadErrorsFromBadFiles(t *testing.T) {
	_, err := dicom.Scan(brokenReader{}, 1000, dicom.Limits{})
	var refused *dicom.Error
	if !errors.As(err, &refused) || refused.Reason != dicom.Unreadable || !errors.Is(err, errBroken) {
		t.Errorf("got %v, want unreadable for %v", err, errBroken)
	}
	_, err = dicom.Scan(bytes.NewReader(headerOf("1.2.840.10008.1.2.1")), 1000, dicom.Limits{})
	if !errors.As(err, &refused) || refused.Reason != dicom.Truncated {
		t.Errorf("a file shorter than its size: %v, want truncated", err)
	}
}

// countingReader counts what a scan reads.
type countingReader struct {
	io.ReaderAt
	reads, bytes int
}

func (r *countingReader) ReadAt(b []byte, at int64) (int, error) {
	r.reads++
	n, err := r.ReaderAt.ReadAt(b, at)
	r.bytes += n
	return n, err
}

// zeros reads as endless zeros behind a head.
type zeros struct{ head []byte }

func (z zeros) ReadAt(b []byte, at int64) (int, error) {
	clear(b)
	if at < int64(len(z.head)) {
		copy(b, z.head[at:])
	}
	return len(b), nil
}

func TestScanSeeksPastPixelData(t *testing.T) {
	const pixels = 500 << 20
	head := headerOf("1.2.840.10008.1.2.1")
	head = append(head, dicom.NewDataset(dicom.NewText(0x00080018, "UI", "1.2.3"), dicom.NewUint16(0x00280010, 512)).Encode()...)
	head = append(head, "\xE0\x7F\x10\x00OW\x00\x00\x00\x00\x40\x1F"...)
	r := &countingReader{ReaderAt: zeros{head}}
	d, err := dicom.Scan(r, int64(len(head))+pixels, dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := find(d, "PixelData"); !ok || !e.Bulk || e.Length != pixels || e.Value != nil {
		t.Errorf("PixelData = %+v", e)
	}
	if r.reads > 3 || r.bytes > 100<<10 {
		t.Errorf("%d reads of %d bytes in all", r.reads, r.bytes)
	}
}
