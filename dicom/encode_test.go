package dicom_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"lightbox/dicom"
)

// fact is what an element says, however it is encoded.
type fact struct {
	path  string
	texts []string
	size  int // padded, of a value that is neither text nor number
	items int
}

// facts lists what a data set says, bulk data left out, which Encode cannot have.
func facts(d *dicom.Dataset) []fact {
	var all []fact
	for a := range d.Attributes() {
		if a.Element.Bulk {
			continue
		}
		f := fact{path: a.Path, items: len(a.Element.Items)}
		if f.texts = d.Texts(dicom.MustPath(a.Path)); f.texts == nil {
			f.size = (len(a.Element.Value) + 1) / 2 * 2
			if strings.Contains(" AT FD FL OD OF OL OV OW SL SS SV UL US UV ", " "+string(a.Element.VR)+" ") {
				f.size = len(a.Element.Value) / 2 * 2
			}
		}
		all = append(all, f)
	}
	return all
}

// checkLaw holds Decode(Encode(d)) against d, and what is encoded twice against what is encoded once.
func checkLaw(t testing.TB, d *dicom.Dataset) {
	t.Helper()
	once := d.Encode()
	back, err := dicom.Decode(once)
	if err != nil {
		t.Fatalf("Decode(Encode(d)): %v", err)
	}
	if diff := cmp.Diff(facts(d), facts(back), cmp.AllowUnexported(fact{})); diff != "" {
		t.Fatalf("Decode(Encode(d)) says something else (-d +decoded):\n%s", diff)
	}
	if !bytes.Equal(once, back.Encode()) {
		t.Fatal("what was decoded encodes to other bytes")
	}
}

func TestEncodeDecodeRealFiles(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(filepath.Base(s.path), func(t *testing.T) {
			if d, err := scan(s.read(t)); err == nil {
				checkLaw(t, d)
			}
		})
	}
}

func TestEncodeIsExplicitVRLittleEndian(t *testing.T) {
	d := dicom.NewDataset(
		dicom.NewUint16(0x00280010, 512),
		dicom.NewText(0x00100020, "LO", "A", "BC"),
		dicom.NewText(0x00080018, "UI", "1.2"),
		dicom.NewSequence(0x00081115, dicom.NewDataset(dicom.NewText(0x0020000E, "UI", "1.3"))),
	)
	want := "\x08\x00\x18\x00UI\x04\x001.2\x00" +
		"\x08\x00\x15\x11SQ\x00\x00\x14\x00\x00\x00\xFE\xFF\x00\xE0\x0C\x00\x00\x00\x20\x00\x0E\x00UI\x04\x001.3\x00" +
		"\x10\x00\x20\x00LO\x04\x00A\\BC" +
		"\x28\x00\x10\x00US\x02\x00\x00\x02"
	if diff := cmp.Diff(want, string(d.Encode())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	checkLaw(t, d)
}

func TestEncodeLongTextAsUN(t *testing.T) {
	long := bytes.Repeat([]byte("long "), 20_000)
	d := dicom.NewDataset(dicom.NewBytes(0x00104000, "LT", long), dicom.NewBytes(0x00091010, "UT", long))
	checkLaw(t, d)
	back, err := dicom.Decode(d.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if e, _ := find(back, "PatientComments"); e.VR != "UN" {
		t.Errorf("a text of %d bytes is %s, want UN", len(long), e.VR)
	}
}

func TestWriteFileScans(t *testing.T) {
	d := dicom.NewDataset(
		dicom.NewText(0x00080005, "CS", "ISO_IR 192"),
		dicom.NewText(0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.2"),
		dicom.NewText(0x00080018, "UI", "1.2.3"),
		dicom.NewText(0x00100010, "PN", "Ёлкина^Анна"),
		dicom.NewFloat64(0x00189073, 1.5),
		dicom.NewUint32(0x00280009, 7),
		dicom.NewBytes(0x7FE00010, "OW", make([]byte, 200_000)),
	)
	d.Meta = dicom.NewDataset(dicom.NewText(0x00020016, "AE", "CT1"), dicom.NewText(0x00020010, "UI", "1.2.840.10008.1.2"))
	var file bytes.Buffer
	if err := dicom.WriteFile(&file, d); err != nil {
		t.Fatal(err)
	}
	got := mustScan(t, file.Bytes())
	for path, want := range map[string]string{
		"PatientName": "Ёлкина^Анна", "SOPInstanceUID": "1.2.3", "AcquisitionDuration": "1.5", "FrameIncrementPointer": "7",
	} {
		if text := got.Text(dicom.MustPath(path)); text != want {
			t.Errorf("%s = %q, want %q", path, text, want)
		}
	}
	for path, want := range map[string]string{
		"TransferSyntaxUID": "1.2.840.10008.1.2.1", "SourceApplicationEntityTitle": "CT1",
		"MediaStorageSOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "MediaStorageSOPInstanceUID": "1.2.3",
	} {
		if text := got.Meta.Text(dicom.MustPath(path)); text != want {
			t.Errorf("meta: %s = %q, want %q", path, text, want)
		}
	}
	if e, ok := find(got, "PixelData"); !ok || !e.Bulk || e.Length != 200_000 {
		t.Errorf("PixelData = %+v", e)
	}
}
