package dicom_test

import (
	"bytes"
	"cmp"
	"testing"
	"unicode/utf8"

	"lightbox/dicom"
)

// FuzzScan: no input takes more memory than its limits allow, and what scans says the same after Encode and Decode.
func FuzzScan(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Add(headerOf("1.2.840.10008.1.2.1"))
	for _, tt := range texts {
		d := dicom.NewDataset(dicom.NewText(0x00080005, "CS", tt.declared), dicom.NewText(0x00100010, "PN", tt.encoded))
		var b bytes.Buffer
		if err := dicom.WriteFile(&b, d); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	dicom.TagOf("PatientID")
	limits := dicom.Limits{Bytes: 1 << 20, Elements: 20_000, Bulk: true}
	f.Fuzz(func(t *testing.T, b []byte) {
		var d *dicom.Dataset
		var err error
		if n := allocated(func() { d, err = dicom.Scan(bytes.NewReader(b), int64(len(b)), limits) }); n > 16<<20 {
			t.Fatalf("allocated %d bytes for %d", n, len(b))
		}
		if err != nil {
			if d != nil {
				t.Fatal("an error and a data set")
			}
			return
		}
		checkLaw(t, d)
		d.Doubts()
	})
}

// seeds are bare data sets, each of another encoding.
var seeds = []string{
	"\x08\x00\x05\x00CS\x0A\x00ISO_IR 100\x10\x00\x10\x00PN\x04\x00J\xE9r ",        // explicit little endian
	"\x08\x00\x05\x00\x0A\x00\x00\x00ISO_IR 192\x10\x00\x20\x00\x02\x00\x00\x0012", // implicit
	"\x00\x08\x00\x05CS\x00\x0AISO_IR 144\x00\x28\x00\x10US\x00\x02\x02\x00",       // explicit big endian
	"\x08\x00\x18\x00UI\x02\x001\x00\x08\x00\x15\x11SQ\x00\x00\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF\xFE\xFF\x0D\xE0\x00\x00\x00\x00\xFE\xFF\xDD\xE0\x00\x00\x00\x00",
	"\x08\x00\x18\x00UI\x02\x001\x00\x09\x00\x01\x10UN\x00\x00\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\x0A\x00\x00\x00\x10\x00\x20\x00\x02\x00\x00\x0012\xFE\xFF\xDD\xE0\x00\x00\x00\x00",
	"\x08\x00\x18\x00UI\x02\x001\x00\xE0\x7F\x10\x00OB\x00\x00\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\x00\x00\x00\x00\xFE\xFF\xDD\xE0\x00\x00\x00\x00",
	"\x08\x00\x18\x00??\x02\x001\x00\x10\x00\x20\x00\x02\x00\x00\x0012\x09\x00\x01\x10UV\x00\x00\x08\x00\x00\x0012345678",
}

// FuzzCharset: whatever is declared and encoded, the text is UTF-8 without control characters, and at most three bytes for one.
func FuzzCharset(f *testing.F) {
	for _, tt := range texts {
		f.Add(tt.declared, cmp.Or(tt.vr, "PN"), []byte(tt.encoded))
	}
	path := dicom.MustPath("(0009,1010)")
	f.Fuzz(func(t *testing.T, declared, vr string, encoded []byte) {
		if vr == "SQ" {
			return
		}
		d := dicom.NewDataset(dicom.NewText(0x00080005, "CS", declared), dicom.NewBytes(0x00091010, dicom.VR(vr), encoded))
		length := 0
		var list []string
		if n := allocated(func() { list = d.Texts(path) }); n > 64<<10+64*uint64(len(encoded)+len(declared)) {
			t.Fatalf("allocated %d bytes for %d", n, len(encoded))
		}
		for _, text := range list {
			length += len(text)
			if !utf8.ValidString(text) || bytes.ContainsAny([]byte(text), "\x00\x1b\x7f") {
				t.Fatalf("%q in %q reads %q", encoded, declared, text)
			}
		}
		if numeric := vr == "AT" || vr == "FD" || vr == "FL"; !numeric && length > 4*len(encoded) {
			t.Fatalf("%d bytes from %d", length, len(encoded))
		}
		d.Names(path)
		for _, doubt := range d.Doubts() {
			if !utf8.ValidString(doubt.Detail) || len(doubt.Detail) > 300 {
				t.Fatalf("doubt %q", doubt.Detail)
			}
		}
		checkLaw(t, d)
	})
}

// FuzzParsePath: a path that parses finds its attribute under another spelling, and prints as it was written.
func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"PatientID", "RequestAttributesSequence[1].AccessionNumber", "(0009,1010)", "00091010", "a[0]", "[.]", "PatientID[0]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := dicom.ParsePath(text)
		if err != nil {
			return
		}
		again, err := dicom.ParsePath(p.String())
		if err != nil || again.Tag() != p.Tag() || p.String() != text {
			t.Fatalf("%q: %v", text, err)
		}
		if tag, err := dicom.ParseTag(p.Tag().String()); err != nil || tag != p.Tag() {
			t.Fatalf("%s: %v", p.Tag(), err)
		}
		dicom.NewDataset(dicom.NewText(p.Tag(), "LO", "x")).Texts(p)
	})
}
