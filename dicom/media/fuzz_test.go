package media_test

import (
	"context"
	"io"
	"testing"

	"lightbox/dicom"
	"lightbox/dicom/media"
)

// FuzzHeader: whatever an object says of itself, nothing panics, the ZIP is read, and the directory has its record, or it is counted.
func FuzzHeader(f *testing.F) {
	f.Add("ISO_IR 144", "PN", []byte("\xB8\xD2\xD0\xDD\xDE\xD2"), ctImage, "1.2.3", uint32(0x00100010))
	f.Add("", "SQ", []byte("\x00"), "1.2.840.10008.5.1.4.1.1.88.11", "1.2.3", uint32(0x0040A043))
	f.Add("ISO 2022 IR 87", "UN", []byte("\x1b$B"), "1.2.840.10008.5.1.4.1.1.104.2", "..", uint32(0x00420012))
	f.Add("\\", "US", []byte("\x01"), "1.2.840.10008.5.1.4.1.1.4.2", "1", uint32(0x00280010))
	f.Add("ISO_IR 100", "LO", dicom.NewDataset(dicom.NewSequence(0x0040A730, dicom.NewDataset(
		text(f, "RelationshipType", "HAS CONCEPT MOD"), text(f, "TextValue", "\xE9")))).Encode(), "1.2.840.10008.5.1.4.1.1.88.59", "1", uint32(0x00091010))
	dicom.TagOf("PatientID")
	f.Fuzz(func(t *testing.T, charset, vr string, b []byte, class, uid string, tag uint32) {
		elements := []dicom.Element{
			dicom.NewBytes(dicom.Tag(tag), dicom.VR(vr), b), text(t, "SpecificCharacterSet", charset), text(t, "SOPClassUID", class),
			text(t, "SOPInstanceUID", uid), text(t, "StudyInstanceUID", uid), text(t, "SeriesInstanceUID", "1.2"),
		}
		if more, err := dicom.Decode(b); err == nil { // sequences too
			elements = append(elements, more.Elements...)
		}
		d := dicom.NewDataset(elements...)
		d.TransferSyntax = uid
		file := media.File{Header: d, Digest: class, Size: 300, Open: func(context.Context) (media.Object, error) { return sparse(300), nil }}
		m, err := media.New([]media.File{file}, media.Options{})
		if err != nil {
			t.Fatal(err)
		}
		r := m.Reader(context.Background())
		defer r.Close()
		all, err := io.ReadAll(r)
		if err != nil || int64(len(all)) != m.Size() || len(unzip(t, all)) != 3 {
			t.Fatalf("%d bytes, %v", len(all), err)
		}
		if list, _ := records(t, m); len(list) != 4*(1-m.Unlisted()) {
			t.Fatalf("%d records, %d unlisted", len(list), m.Unlisted())
		}
	})
}
