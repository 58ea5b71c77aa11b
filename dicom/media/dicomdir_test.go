package media_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/dicom"
	"lightbox/dicom/media"
)

// directory reads the DICOMDIR of an image.
func directory(t testing.TB, m *media.Image) (*dicom.Dataset, []byte) {
	t.Helper()
	b := unzip(t, whole(t, m))["DICOMDIR"]
	d, err := dicom.Scan(bytes.NewReader(b), int64(len(b)), dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return d, b
}

func value(d *dicom.Dataset, keyword string) string { return d.Text(dicom.MustPath(keyword)) }

// walk follows the offsets from one record on, through all of its entity and those below, and tells each with its depth.
func walk(t testing.TB, byOffset map[int64]*dicom.Dataset, at int64, depth int, visit func(depth int, r *dicom.Dataset)) {
	t.Helper()
	for at != 0 {
		r, ok := byOffset[at]
		if !ok {
			t.Fatalf("no record at %d", at)
		}
		delete(byOffset, at) // each is met once
		visit(depth, r)
		lower, _ := r.Int(dicom.MustPath("OffsetOfReferencedLowerLevelDirectoryEntity"))
		walk(t, byOffset, lower, depth+1, visit)
		at, _ = r.Int(dicom.MustPath("OffsetOfTheNextDirectoryRecord"))
	}
}

// records lists the records of a DICOMDIR in the order of its offsets, as lines: depth, type, and an attribute of each type.
func records(t testing.TB, m *media.Image) (list []*dicom.Dataset, outline []string) {
	t.Helper()
	d, b := directory(t, m)
	byOffset := map[int64]*dicom.Dataset{}
	at := int64(bytes.Index(b, []byte("\x04\x00\x20\x12SQ"))) + 12
	for _, r := range d.Items(dicom.MustPath("DirectoryRecordSequence")) {
		byOffset[at] = r
		at += 8 + int64(len(r.Encode()))
	}
	if at != int64(len(b)) {
		t.Fatalf("records end at %d of %d", at, len(b))
	}
	first, _ := d.Int(dicom.MustPath("OffsetOfTheFirstDirectoryRecordOfTheRootDirectoryEntity"))
	walk(t, byOffset, first, 0, func(depth int, r *dicom.Dataset) {
		list = append(list, r)
		kind := value(r, "DirectoryRecordType")
		of := map[string]string{"PATIENT": "PatientID", "STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID"}[kind]
		if of == "" {
			of = "ReferencedSOPInstanceUIDInFile"
		}
		outline = append(outline, strings.Repeat(" ", depth)+kind+" "+value(r, of))
	})
	if len(byOffset) > 0 {
		t.Errorf("%d records that no offset leads to", len(byOffset))
	}
	return list, outline
}

func TestDirectoryOrder(t *testing.T) {
	image := func(patient, study, date, series, seriesNumber, number, uid string) media.File {
		elements := append(identified(t, ctImage, study, series, uid), text(t, "PatientID", patient), text(t, "StudyDate", date),
			text(t, "SeriesNumber", seriesNumber), text(t, "InstanceNumber", number))
		return fileOf(t, made(t, elements...))
	}
	m := mustNew(t, []media.File{
		image("B", "1.9", "20200101", "1.9.1", "1", "1", "1.9.1.1"),
		image("A", "1.1", "20210101", "1.1.2", "2", "", "1.1.2.3"), // no number comes last
		image("A", "1.1", "20210101", "1.1.2", "2", "10", "1.1.2.2"),
		image("A", "1.1", "20210101", "1.1.2", "2", "9", "1.1.2.1"),
		image("A", "1.1", "20210101", "1.1.3", "1", "1", "1.1.3.1"),
		image("A", "1.2", "20200101", "1.2.1", "", "1", "1.2.1.1"),
		image("", "1.1", "20210101", "1.1.3", "1", "2", "1.1.3.2"), // the study has a patient
	}, media.Options{})
	_, got := records(t, m)
	want := []string{
		"PATIENT A",
		" STUDY 1.2", "  SERIES 1.2.1", "   IMAGE 1.2.1.1",
		" STUDY 1.1", "  SERIES 1.1.3", "   IMAGE 1.1.3.1", "   IMAGE 1.1.3.2",
		"  SERIES 1.1.2", "   IMAGE 1.1.2.1", "   IMAGE 1.1.2.2", "   IMAGE 1.1.2.3",
		"PATIENT B", " STUDY 1.9", "  SERIES 1.9.1", "   IMAGE 1.9.1.1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Patients of two issuers with one number stay two, and their records have two IDs (PS3.3 F.5.1).
func TestPatientIDsAreUnique(t *testing.T) {
	var files []media.File
	for i, issuer := range []string{"NORTH", "SOUTH", ""} {
		study := fmt.Sprintf("1.%d", i+1)
		files = append(files, fileOf(t, made(t, append(identified(t, ctImage, study, study+".1", study+".1.1"),
			text(t, "PatientID", "17"), text(t, "IssuerOfPatientID", issuer))...)))
	}
	files = append(files, fileOf(t, made(t, identified(t, ctImage, "1.8", "1.8.1", "1.8.1.1")...)))
	list, _ := records(t, mustNew(t, files, media.Options{}))
	var got []string
	for _, r := range list {
		if value(r, "DirectoryRecordType") == "PATIENT" {
			got = append(got, value(r, "PatientID")+" "+value(r, "IssuerOfPatientID"))
		}
	}
	if diff := cmp.Diff([]string{"UNKNOWN ", "17 ", "17_2 NORTH", "17_3 SOUTH"}, got); diff != "" {
		t.Error(diff)
	}
}

// A study in which objects say other patients is that of one of them, whose record says so.
func TestStudyOfTwoPatients(t *testing.T) {
	image := func(patient, study, uid string) media.File {
		return fileOf(t, made(t, append(identified(t, ctImage, study, study+".1", uid), text(t, "PatientID", patient), text(t, "PatientName", "Of "+patient))...))
	}
	files := []media.File{image("B", "1.1", "1.1.1.1"), image("A", "1.1", "1.1.1.2"), image("B", "1.2", "1.2.1.1")}
	list, outline := records(t, mustNew(t, files, media.Options{}))
	want := []string{
		"PATIENT A", " STUDY 1.1", "  SERIES 1.1.1", "   IMAGE 1.1.1.1", "   IMAGE 1.1.1.2",
		"PATIENT B", " STUDY 1.2", "  SERIES 1.2.1", "   IMAGE 1.2.1.1",
	}
	if diff := cmp.Diff(want, outline); diff != "" {
		t.Error(diff)
	}
	if name := value(list[0], "PatientName"); name != "Of A" {
		t.Error(name)
	}
}

// needed are the keys of type 1 of PS3.3 F.5, by record type, with a SOP class that the type is for.
var needed = []struct{ kind, class, keys string }{
	{"IMAGE", "1.2.840.10008.5.1.4.1.1.2", "InstanceNumber"},
	{"IMAGE", "1.2.840.10008.5.1.4.1.1.66.4", "InstanceNumber"},
	{"RT DOSE", "1.2.840.10008.5.1.4.1.1.481.2", "InstanceNumber DoseSummationType"},
	{"RT STRUCTURE SET", "1.2.840.10008.5.1.4.1.1.481.3", "InstanceNumber StructureSetLabel"},
	{"RT PLAN", "1.2.840.10008.5.1.4.1.1.481.5", "InstanceNumber RTPlanLabel"},
	{"RT TREAT RECORD", "1.2.840.10008.5.1.4.1.1.481.4", "InstanceNumber"},
	{"PRESENTATION", "1.2.840.10008.5.1.4.1.1.11.1", "InstanceNumber ContentLabel PresentationCreationDate PresentationCreationTime"},
	{"WAVEFORM", "1.2.840.10008.5.1.4.1.1.9.1.1", "InstanceNumber ContentDate ContentTime"},
	{"SR DOCUMENT", "1.2.840.10008.5.1.4.1.1.88.67", "InstanceNumber CompletionFlag VerificationFlag ContentDate ContentTime ConceptNameCodeSequence.CodeValue"},
	{"KEY OBJECT DOC", "1.2.840.10008.5.1.4.1.1.88.59", "InstanceNumber ContentDate ContentTime ConceptNameCodeSequence.CodeValue"},
	{"SPECTROSCOPY", "1.2.840.10008.5.1.4.1.1.4.2", "InstanceNumber ImageType ContentDate ContentTime NumberOfFrames Rows Columns DataPointRows DataPointColumns"},
	{"RAW DATA", "1.2.840.10008.5.1.4.1.1.66", "ContentDate ContentTime"},
	{"REGISTRATION", "1.2.840.10008.5.1.4.1.1.66.1", "InstanceNumber ContentDate ContentTime ContentLabel"},
	{"FIDUCIAL", "1.2.840.10008.5.1.4.1.1.66.2", "InstanceNumber ContentDate ContentTime ContentLabel"},
	{"ENCAP DOC", "1.2.840.10008.5.1.4.1.1.104.1", "InstanceNumber MIMETypeOfEncapsulatedDocument"},
	{"VALUE MAP", "1.2.840.10008.5.1.4.1.1.67", "InstanceNumber ContentDate ContentTime ContentLabel"},
	{"STEREOMETRIC", "1.2.840.10008.5.1.4.1.1.77.1.5.3", ""},
	{"PLAN", "1.2.840.10008.5.1.4.34.7", ""},
	{"MEASUREMENT", "1.2.840.10008.5.1.4.1.1.78.1", "InstanceNumber ContentDate ContentTime ContentLabel"},
	{"SURFACE", "1.2.840.10008.5.1.4.1.1.66.5", "InstanceNumber ContentDate ContentTime ContentLabel"},
	{"SURFACE SCAN", "1.2.840.10008.5.1.4.1.1.68.1", "ContentDate ContentTime"},
	{"TRACT", "1.2.840.10008.5.1.4.1.1.66.6", "InstanceNumber ContentDate ContentTime ContentLabel"},
	{"ASSESSMENT", "1.2.840.10008.5.1.4.1.1.90.1", "InstanceNumber InstanceCreationDate"},
	{"RADIOTHERAPY", "1.2.840.10008.5.1.4.1.1.481.12", "InstanceNumber"},
	{"ANNOTATION", "1.2.840.10008.5.1.4.1.1.91.1", "InstanceNumber ContentDate ContentTime ContentLabel"},
	{"WAVEFORM PRESENTATION", "1.2.840.10008.5.1.4.1.1.9.100.1", "InstanceNumber ContentLabel PresentationCreationDate PresentationCreationTime"},
}

// An object that has nothing but its UIDs has a record of its type with all that the type needs.
func TestNeededKeys(t *testing.T) {
	above := map[string]string{
		"PATIENT": "PatientID", "STUDY": "StudyDate StudyTime StudyInstanceUID StudyID", "SERIES": "Modality SeriesInstanceUID SeriesNumber",
	}
	for _, tt := range needed {
		t.Run(tt.kind, func(t *testing.T) {
			m := mustNew(t, []media.File{fileOf(t, made(t, identified(t, tt.class, "1.2", "1.2.3", "1.2.3.4")...))}, media.Options{})
			list, _ := records(t, m)
			if len(list) != 4 || value(list[3], "DirectoryRecordType") != tt.kind || m.Unlisted() != 0 {
				t.Fatalf("%d records", len(list))
			}
			for _, r := range list {
				keys, ok := above[value(r, "DirectoryRecordType")]
				if !ok {
					keys = tt.keys + " ReferencedFileID ReferencedSOPClassUIDInFile ReferencedSOPInstanceUIDInFile ReferencedTransferSyntaxUIDInFile"
				}
				for _, k := range strings.Fields(keys) {
					if value(r, k) == "" {
						t.Errorf("no %s", k)
					}
				}
			}
		})
	}
}

// What the object has is in its record, in its own character set.
func TestKeysOfAReport(t *testing.T) {
	sequence := func(keyword string, items ...*dicom.Dataset) dicom.Element {
		tag, _ := dicom.TagOf(keyword)
		return dicom.NewSequence(tag, items...)
	}
	observer := func(at string) *dicom.Dataset { return dicom.NewDataset(text(t, "VerificationDateTime", at)) }
	item := func(relation, meaning string) *dicom.Dataset {
		return dicom.NewDataset(text(t, "RelationshipType", relation), sequence("ConceptCodeSequence", dicom.NewDataset(text(t, "CodeMeaning", meaning))))
	}
	b := made(t, append(identified(t, "1.2.840.10008.5.1.4.1.1.88.11", "1.2", "1.2.3", "1.2.3.4"),
		text(t, "SpecificCharacterSet", "ISO_IR 144"), text(t, "PatientName", "\xB8\xD2\xD0\xDD\xDE\xD2"), text(t, "PatientID", "1"),
		text(t, "StudyDate", "20260102"), text(t, "StudyTime", "030405"),
		text(t, "CompletionFlag", "COMPLETE"), text(t, "VerificationFlag", "VERIFIED"),
		sequence("VerifyingObserverSequence", observer("20260103"), observer("20260105"), observer("20260104")),
		sequence("ConceptNameCodeSequence", dicom.NewDataset(text(t, "CodeValue", "18748-4"), text(t, "CodeMeaning", "\xBE\xDF\xD8\xE1\xD0\xDD\xD8\xD5"))),
		sequence("ContentSequence", item("HAS CONCEPT MOD", "Russian"), item("CONTAINS", "secret")))...)
	list, _ := records(t, mustNew(t, []media.File{fileOf(t, b)}, media.Options{}))
	report := list[3]
	got := []string{
		value(list[0], "PatientName"), value(list[0], "SpecificCharacterSet"), value(list[2], "SpecificCharacterSet"),
		value(report, "ConceptNameCodeSequence.CodeMeaning"), value(report, "VerificationDateTime"), value(report, "CompletionFlag"),
		value(report, "ContentDate") + value(report, "ContentTime"), value(report, "ContentSequence.ConceptCodeSequence.CodeMeaning"),
		fmt.Sprint(len(report.Items(dicom.MustPath("ContentSequence")))),
	}
	want := []string{"Иванов", "ISO_IR 144", "", "Описание", "20260105", "COMPLETE", "20260102030405", "Russian", "1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Numbers of an object in big endian are turned.
func TestBigEndian(t *testing.T) {
	bare := "\x00\x08\x00\x16UI\x00\x1A1.2.840.10008.5.1.4.1.1.2\x00\x00\x08\x00\x18UI\x00\x081.2.3.4\x00\x00\x20\x00\x0DUI\x00\x041.2\x00" +
		"\x00\x20\x00\x0EUI\x00\x061.2.3\x00\x00\x28\x00\x10US\x00\x02\x02\x01"
	list, _ := records(t, mustNew(t, []media.File{fileOf(t, []byte(bare))}, media.Options{}))
	if rows := value(list[3], "Rows"); rows != "513" || value(list[3], "ReferencedTransferSyntaxUIDInFile") != "1.2.840.10008.1.2.2" {
		t.Errorf("%s rows", rows)
	}
}

// What cannot be in the directory is in the ZIP nevertheless, and counted.
func TestUnlisted(t *testing.T) {
	twice := fileOf(t, made(t, identified(t, ctImage, "1.2", "1.2.3", "1.2.3.4")...))
	files := []media.File{
		twice, twice,
		fileOf(t, made(t, identified(t, "1.2.840.113619.4.26", "1.2", "1.2.3", "1.2.3.5")...)),       // a private class
		fileOf(t, made(t, identified(t, "1.2.840.10008.5.1.4.1.1.8", "1.2", "1.2.3", "1.2.3.6")...)), // an overlay by itself, retired
		fileOf(t, made(t, text(t, "SOPClassUID", ctImage), text(t, "SOPInstanceUID", "1.2.3.7"))),    // in no study
		fileOf(t, made(t, identified(t, ctImage, "1.2", "1.2.3", "not a UID")...)),
		{Size: 200, Open: twice.Open},
	}
	m := mustNew(t, files, media.Options{})
	if m.Unlisted() != 6 {
		t.Errorf("%d unlisted", m.Unlisted())
	}
	files[6].Size, files[6].Prefix = twice.Size, twice.Prefix
	m = mustNew(t, files, media.Options{})
	list, _ := records(t, m)
	if names := unzip(t, whole(t, m)); len(names) != 9 || len(list) != 4 {
		t.Errorf("%d files, %d records", len(names), len(list))
	}
	empty := mustNew(t, nil, media.Options{})
	if list, _ := records(t, empty); len(list) != 0 || empty.Unlisted() != 0 {
		t.Errorf("%d records of nothing", len(list))
	}
}

// Every object of the city and of the real files that can have a record has one.
func TestDirectoryIsComplete(t *testing.T) {
	for name, files := range map[string]func(testing.TB) []media.File{"city": cityFiles, "real": realOnes} {
		t.Run(name, func(t *testing.T) {
			input := files(t)
			m := mustNew(t, input, media.Options{Time: noon})
			list, _ := records(t, m)
			content := unzip(t, whole(t, m))
			leaves := 0
			for _, r := range list {
				id := r.Texts(dicom.MustPath("ReferencedFileID"))
				if len(id) == 0 {
					continue
				}
				leaves++
				b := content[strings.Join(id, "/")]
				d, err := dicom.Scan(bytes.NewReader(b), int64(len(b)), dicom.Limits{})
				if err != nil || value(d, "SOPInstanceUID") != value(r, "ReferencedSOPInstanceUIDInFile") ||
					d.TransferSyntax != value(r, "ReferencedTransferSyntaxUIDInFile") {
					t.Errorf("%v: %v", id, err)
				}
			}
			if leaves+m.Unlisted() != len(input) {
				t.Errorf("%d records and %d unlisted of %d", leaves, m.Unlisted(), len(input))
			}
			if name == "city" && m.Unlisted() > 0 {
				t.Errorf("%d unlisted", m.Unlisted())
			}
		})
	}
}
