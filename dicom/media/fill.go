package media

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"lightbox/dicom"
)

// What stands for a key of type 1 that an object lacks, and keys that are not simply an attribute of the object.

// text is the same for all.
func text(keyword string, values ...string) func(source) dicom.Element {
	return func(source) dicom.Element { return element(keyword, values...) }
}

// one is a count that cannot be less.
func one(keyword string) func(source) dicom.Element {
	return func(source) dicom.Element {
		if dicom.VROf(tagOf(keyword)) == "UL" {
			return dicom.NewUint32(tagOf(keyword), 1)
		}
		return dicom.NewUint16(tagOf(keyword), 1)
	}
}

// ordinal counts the siblings, as the file names do.
func ordinal(keyword string) func(source) dicom.Element {
	return func(s source) dicom.Element { return element(keyword, strconv.Itoa(s.nth)) }
}

// moments are the attributes that tell when something was, the widest first.
var moments = []struct{ date, time string }{
	{"StudyDate", "StudyTime"}, {"SeriesDate", "SeriesTime"}, {"AcquisitionDate", "AcquisitionTime"}, {"ContentDate", "ContentTime"},
	{"InstanceCreationDate", "InstanceCreationTime"},
}

// A moment that nobody takes for a real one.
const (
	noDate = "19000101"
	noTime = "000000"
)

// dateOf is the widest date that the object has.
func dateOf(keyword string) func(source) dicom.Element {
	return func(s source) dicom.Element {
		for _, m := range moments {
			if e, ok := s.find(m.date); ok {
				return dicom.NewBytes(tagOf(keyword), "DA", e.Value)
			}
		}
		return element(keyword, noDate)
	}
}

// timeOf is the time of the widest moment of which the object has both date and time.
func timeOf(keyword string) func(source) dicom.Element {
	return func(s source) dicom.Element {
		for _, m := range moments {
			e, ok := s.find(m.time)
			if _, dated := s.find(m.date); ok && dated {
				return dicom.NewBytes(tagOf(keyword), "TM", e.Value)
			}
		}
		return element(keyword, noTime)
	}
}

func (s source) ownPatientID() (dicom.Element, bool) {
	return dicom.NewBytes(tagOf("PatientID"), "LO", s.patientID), true
}

func (s source) studyUID() (dicom.Element, bool) {
	return element("StudyInstanceUID", s.instance.study), true
}

func (s source) seriesUID() (dicom.Element, bool) {
	return element("SeriesInstanceUID", s.instance.series), true
}

// unique is the ID of a PATIENT record: the patient's, or one made up, and followed by a number where a patient of another issuer has it
// already. An ID must not stand in two records (PS3.3 F.5.1), and a reader would make one patient of two.
func (t *builder) unique(s source) []byte {
	id := "UNKNOWN"
	if e, ok := s.find("PatientID"); ok {
		id = string(bytes.TrimRight(e.Value, " \x00"))
	}
	unique := id
	for n := 2; t.ids[unique]; n++ {
		unique = id + "_" + strconv.Itoa(n)
	}
	t.ids[unique] = true
	return []byte(unique)
}

// documentTitle is the concept of a title as such (PS3.16 annex D), for a document that names none.
func (s source) documentTitle() dicom.Element {
	return dicom.NewSequence(tagOf("ConceptNameCodeSequence"), dicom.NewDataset(
		element("CodeValue", "121144"), element("CodingSchemeDesignator", "DCM"), element("CodeMeaning", "Document Title")))
}

// conceptModifiers are those content items at the root that modify the title.
func (s source) conceptModifiers() (dicom.Element, bool) {
	e, ok := s.find("ContentSequence")
	if !ok {
		return e, false
	}
	items := slices.Clone(e.Items)
	items = slices.DeleteFunc(items, func(d *dicom.Dataset) bool { return d.Text(pathRelationship) != "HAS CONCEPT MOD" })
	return dicom.NewSequence(e.Tag, items...), len(items) > 0
}

var (
	pathRelationship = dicom.MustPath("RelationshipType")
	pathVerification = dicom.MustPath("VerificationFlag")
	pathObservers    = dicom.MustPath("VerifyingObserverSequence")
	pathVerifiedAt   = dicom.MustPath("VerificationDateTime")
)

// verified is the last of the times at which a verified document was verified.
func (s source) verified() (dicom.Element, bool) {
	last := ""
	if s.data.Text(pathVerification) == "VERIFIED" {
		for _, observer := range s.data.Items(pathObservers) {
			last = max(last, observer.Text(pathVerifiedAt))
		}
	}
	return element("VerificationDateTime", last), last != ""
}

// mimeTypes are what each SOP class of encapsulated documents holds (PS3.3 C.24.2).
var mimeTypes = map[string]string{
	"1": "application/pdf", "2": "text/XML", "3": "model/stl", "4": "model/obj", "5": "model/mtl",
}

func (s source) mimeType() dicom.Element {
	return element("MIMETypeOfEncapsulatedDocument", mimeTypes[s.instance.class[strings.LastIndexByte(s.instance.class, '.')+1:]])
}
