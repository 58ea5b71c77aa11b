package dicom_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"lightbox/dicom"
)

func TestParsePath(t *testing.T) {
	for _, tt := range []struct {
		text string
		tag  dicom.Tag // of the last step, 0 when the path is refused
	}{
		{"PatientID", 0x00100020},
		{"RequestAttributesSequence[1].AccessionNumber", 0x00080050},
		{"(0009,1010)", 0x00091010},
		{"(0040,0275)[0].00080050", 0x00080050},
		{"PersonNamesToUseSequence.NameToUse", 0x00100012},
		{"", 0}, {".", 0}, {"PatientID.", 0}, {"NoSuchAttribute", 0}, {"RequestAttributesSequence[", 0},
		{"RequestAttributesSequence[-1].AccessionNumber", 0}, {"RequestAttributesSequence[0]x", 0}, {"(0009,10)", 0}, {"(0009,1010", 0},
	} {
		t.Run(tt.text, func(t *testing.T) {
			p, err := dicom.ParsePath(tt.text)
			if (err == nil) != (tt.tag != 0) || p.Tag() != tt.tag {
				t.Errorf("got %s, %v", p.Tag(), err)
			}
			if err == nil && p.String() != tt.text {
				t.Errorf("String() = %q", p)
			}
		})
	}
}

func TestReadByPath(t *testing.T) {
	d := dicom.NewDataset(
		dicom.NewText(0x00080008, "CS", "ORIGINAL", "", " PRIMARY "),
		dicom.NewText(0x00080050, "SH", "  "),
		dicom.NewText(0x00200013, "IS", " +12 "),
		dicom.NewText(0x00280030, "DS", "0.50", "1e-1"),
		dicom.NewUint16(0x00280010, 512, 7),
		dicom.NewBytes(0x00280106, "SS", []byte{0xFE, 0xFF}),
		dicom.NewBytes(0x00280009, "AT", []byte{0x18, 0x00, 0x63, 0x10}),
		dicom.NewBytes(0x00081161, "UN", []byte{5, 0, 0, 0}),
		dicom.NewText(0x00104000, "LT", ` one\two `),
		dicom.NewText(0x00200012, "IS", "3.0"),
		dicom.NewText(0x00200011, "IS", "3.5"),
		dicom.NewSequence(0x00400275,
			dicom.NewDataset(dicom.NewText(0x00080050, "SH", "A1 ")),
			dicom.NewDataset(dicom.NewText(0x00080050, "SH", "A2"))),
	)
	for path, want := range map[string][]string{
		"ImageType":             {"ORIGINAL", "", "PRIMARY"},
		"AccessionNumber":       nil,
		"PatientID":             nil,
		"PixelSpacing":          {"0.50", "1e-1"},
		"Rows":                  {"512", "7"},
		"FrameIncrementPointer": {"(0018,1063)"},
		"PatientComments":       {` one\two`},
		"SimpleFrameList":       {"5"},
		"RequestAttributesSequence[1].AccessionNumber": {"A2"},
		"RequestAttributesSequence.AccessionNumber":    {"A1"},
		"RequestAttributesSequence[2].AccessionNumber": nil,
		"RequestAttributesSequence":                    nil,
		"Rows.AccessionNumber":                         nil,
	} {
		if diff := cmp.Diff(want, d.Texts(dicom.MustPath(path))); diff != "" {
			t.Errorf("%s -want +got:\n%s", path, diff)
		}
	}
	for path, want := range map[string]int64{
		"InstanceNumber": 12, "Rows": 512, "SmallestImagePixelValue": -2, "FrameIncrementPointer": 0x00181063, "AcquisitionNumber": 3,
		"SimpleFrameList": 5,
	} {
		if got, ok := d.Int(dicom.MustPath(path)); !ok || got != want {
			t.Errorf("%s = %d, %v, want %d", path, got, ok, want)
		}
	}
	for _, path := range []string{"ImageType", "PatientID", "SeriesNumber", "RequestAttributesSequence"} {
		if got, ok := d.Int(dicom.MustPath(path)); ok {
			t.Errorf("%s = %d, want none", path, got)
		}
	}
	if got := len(d.Items(dicom.MustPath("RequestAttributesSequence"))); got != 2 {
		t.Errorf("%d items", got)
	}
}

func TestAttributesNameThemselves(t *testing.T) {
	d := dicom.NewDataset(
		dicom.NewText(0x00100020, "LO", "1\n2"),
		dicom.NewText(0x00091010, "LO", "x"),
		dicom.NewUint16(0x60020010, 3),
		dicom.NewBytes(0x00420011, "OB", make([]byte, 10)),
		dicom.NewSequence(0x00400275, dicom.NewDataset(dicom.NewText(0x00080050, "SH", "A1"))),
	)
	var got []string
	for a := range d.Attributes() {
		got = append(got, a.Path+" = "+a.Display())
		if e, in, ok := d.Find(dicom.MustPath(a.Path)); !ok || e != a.Element || in != a.Dataset {
			t.Errorf("%s does not lead back", a.Path)
		}
	}
	want := []string{
		"(0009,1010) = x",
		"PatientID = 1 2",
		"RequestAttributesSequence = (1 items)",
		"RequestAttributesSequence[0].AccessionNumber = A1",
		"EncapsulatedDocument = (10 bytes)",
		"(6002,0010) = 3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSubset(t *testing.T) {
	d := dicom.NewDataset(
		dicom.NewText(0x00080005, "CS", "ISO_IR 144"), dicom.NewText(0x00100010, "PN", "\xB6"), dicom.NewText(0x00100020, "LO", "1"))
	sub := d.Subset(func(t dicom.Tag) bool { return t == 0x00100010 })
	if got := sub.Text(dicom.MustPath("PatientName")); got != "Ж" || len(sub.Elements) != 2 {
		t.Errorf("%d elements, PatientName = %q", len(sub.Elements), got)
	}
}

func TestDictionary(t *testing.T) {
	for _, tt := range []struct {
		tag     dicom.Tag
		keyword string
		vr      dicom.VR
	}{
		{0x00100010, "PatientName", "PN"}, {0x00081115, "ReferencedSeriesSequence", "SQ"}, {0x60020010, "OverlayRows", "US"},
		{0x00090010, "", "LO"}, {0x00091010, "", "UN"}, {0x00080002, "", "UN"}, {0x7FE00010, "PixelData", "OB"},
		{0x00100041, "GenderIdentitySequence", "SQ"},
	} {
		if k, vr := dicom.Keyword(tt.tag), dicom.VROf(tt.tag); k != tt.keyword || vr != tt.vr {
			t.Errorf("%s is %q %s, want %q %s", tt.tag, k, vr, tt.keyword, tt.vr)
		}
	}
	if name := dicom.UIDName("1.2.840.10008.5.1.4.1.1.2"); name != "CT Image Storage" {
		t.Errorf("UIDName = %q", name)
	}
}
