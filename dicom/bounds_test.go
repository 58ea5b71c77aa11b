package dicom_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"runtime"
	"strings"
	"testing"

	"lightbox/dicom"
)

// allocated returns how many bytes f allocates, freed or not.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// nested is a sequence inside a sequence, and so on.
func nested(depth int) string {
	return strings.Repeat("\x08\x00\x15\x11SQ\x00\x00\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF", depth)
}

func deflate(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestScanHoldsLittleWhateverIsDeclared(t *testing.T) {
	const explicit, deflated = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99"
	element := "\x09\x00\x01\x10UT\x00\x00\x00\x00\x00\x00"
	bomb := append([]byte("\x09\x00\x01\x10OB\x00\x00\x00\x00\x80\x00"), make([]byte, 8<<20)...)
	dicom.TagOf("PatientID") // the dictionary is read once, and that is not the file's doing
	for _, tt := range []struct {
		name string
		b    []byte
		want dicom.Reason
		most uint64 // bytes allocated
	}{
		{"4 GiB in 400 bytes", append(headerOf(explicit), "\x42\x00\x11\x00OB\x00\x00\xFE\xFF\xFF\xFF"...), dicom.Truncated, 64 << 10},
		{"4 GiB deflated", append(headerOf(deflated), deflate(t, []byte("\x42\x00\x11\x00OB\x00\x00\xFE\xFF\xFF\xFF"))...), dicom.Truncated, 256 << 10},
		{"nested sequences", append(headerOf(explicit), nested(100_000)...), dicom.TooLarge, 256 << 10},
		{"many elements", append(headerOf(explicit), strings.Repeat(element, 100_000)...), dicom.TooLarge, 8 << 20},
		{"many items", append(headerOf(explicit),
			"\x08\x00\x15\x11SQ\x00\x00\xFF\xFF\xFF\xFF"+strings.Repeat("\xFE\xFF\x00\xE0\x00\x00\x00\x00", 100_000)...), dicom.TooLarge, 4 << 20},
		{"stray delimiters", append(headerOf(explicit), strings.Repeat("\xFE\xFF\x0D\xE0\x00\x00\x00\x00", 1_000_000)...), dicom.Truncated, 64 << 10},
		{"8 MiB of zeros deflated, where 4 are allowed", append(headerOf(deflated), deflate(t, bomb)...), dicom.TooLarge, 256 << 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			limits := dicom.Limits{Bulk: true, Bytes: 1 << 20}
			var err error
			got := allocated(func() { _, err = dicom.Scan(bytes.NewReader(tt.b), int64(len(tt.b)), limits) })
			var refused *dicom.Error
			if !errors.As(err, &refused) || refused.Reason != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if got > tt.most {
				t.Errorf("allocated %d bytes, want at most %d", got, tt.most)
			}
			t.Logf("%d bytes in, %d allocated: %v", len(tt.b), got, err)
		})
	}
}

func TestScanLimits(t *testing.T) {
	b := headerOf("1.2.840.10008.1.2.1")
	b = append(b, dicom.NewDataset(
		dicom.NewText(0x00080018, "UI", "1.2.3"),
		dicom.NewSequence(0x00081115, dicom.NewDataset(dicom.NewSequence(0x00081199, dicom.NewDataset()))),
		dicom.NewBytes(0x00420011, "OB", make([]byte, 5000)),
	).Encode()...)
	for _, tt := range []struct {
		name   string
		limits dicom.Limits
		want   dicom.Reason // "" when it fits
	}{
		{"default", dicom.Limits{}, ""},
		{"bytes", dicom.Limits{Bytes: 5000}, dicom.TooLarge},
		{"bytes, the large value passed over", dicom.Limits{Bytes: 5000, Value: 1000}, ""},
		{"bytes, the document kept", dicom.Limits{Bytes: 5000, Value: 1000, Bulk: true}, dicom.TooLarge},
		{"elements", dicom.Limits{Elements: 5}, dicom.TooLarge},
		{"depth", dicom.Limits{Depth: 1}, dicom.TooLarge},
		{"depth enough", dicom.Limits{Depth: 2}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := dicom.Scan(bytes.NewReader(b), int64(len(b)), tt.limits)
			var refused *dicom.Error
			if tt.want == "" && err != nil || tt.want != "" && (!errors.As(err, &refused) || refused.Reason != tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
