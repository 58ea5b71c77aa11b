package media

import (
	"slices"

	"lightbox/dicom"
)

// need is how much a key has to be there (PS3.3 section 5).
type need int

const (
	optional need = iota // type 3, and 1C where an object that lacks it has no reason for it: as it stands in the object, if it does
	present              // type 2: empty if the object has none
	filled               // type 1: Fill says what stands for one that the object lacks
)

// key is an attribute of a directory record.
type key struct {
	Of   string // keyword
	Need need
	Take func(s source) (dicom.Element, bool) // nil: the attribute as it stands in the object
	Fill func(s source) dicom.Element
}

// kind is what a record of one type has beside what all have (PS3.3 table F.3-3).
type kind struct {
	Ref  string
	Keys []key
}

// keysOf are the keys of PS3.3 F.5 by record type, and of the optional ones those that viewers list objects by.
var keysOf = map[string]kind{
	"PATIENT": {"PS3.3 F.5.1", []key{
		{Of: "PatientName", Need: present},
		{Of: "PatientID", Need: filled, Take: source.ownPatientID},
		{Of: "IssuerOfPatientID"},
		{Of: "PatientBirthDate", Need: present},
		{Of: "PatientSex", Need: present},
	}},
	"STUDY": {"PS3.3 F.5.2", []key{
		{Of: "StudyDate", Need: filled, Fill: dateOf("StudyDate")},
		{Of: "StudyTime", Need: filled, Fill: timeOf("StudyTime")},
		{Of: "StudyDescription", Need: present},
		{Of: "StudyInstanceUID", Need: filled, Take: source.studyUID},
		{Of: "StudyID", Need: filled, Fill: ordinal("StudyID")},
		{Of: "AccessionNumber", Need: present},
	}},
	"SERIES": {"PS3.3 F.5.3", []key{
		{Of: "Modality", Need: filled, Fill: text("Modality", "OT")}, // other (C.7.3.1.1.1)
		{Of: "SeriesInstanceUID", Need: filled, Take: source.seriesUID},
		{Of: "SeriesNumber", Need: filled, Fill: ordinal("SeriesNumber")},
		{Of: "SeriesDescription"},
		{Of: "SeriesDate"},
		{Of: "SeriesTime"},
		{Of: "BodyPartExamined"},
		{Of: "InstitutionName"},
	}},
	"IMAGE": {"PS3.3 F.5.4", []key{
		number,
		{Of: "ImageType"},
		{Of: "NumberOfFrames"},
		{Of: "Rows"},
		{Of: "Columns"},
		{Of: "ContentDate"},
		{Of: "ContentTime"},
	}},
	"RT DOSE": {"PS3.3 F.5.19", []key{
		number,
		{Of: "DoseSummationType", Need: filled, Fill: text("DoseSummationType", "UNKNOWN")},
		{Of: "DoseComment"},
	}},
	"RT STRUCTURE SET": {"PS3.3 F.5.20", []key{
		number,
		{Of: "StructureSetLabel", Need: filled, Fill: text("StructureSetLabel", unnamed)},
		{Of: "StructureSetDate", Need: present},
		{Of: "StructureSetTime", Need: present},
	}},
	"RT PLAN": {"PS3.3 F.5.21", []key{
		number,
		{Of: "RTPlanLabel", Need: filled, Fill: text("RTPlanLabel", unnamed)},
		{Of: "RTPlanDate", Need: present},
		{Of: "RTPlanTime", Need: present},
	}},
	"RT TREAT RECORD": {"PS3.3 F.5.22", []key{
		number,
		{Of: "TreatmentDate", Need: present},
		{Of: "TreatmentTime", Need: present},
	}},
	"PRESENTATION":          {"PS3.3 F.5.23", presentationKeys("BlendingSequence")},
	"WAVEFORM":              {"PS3.3 F.5.24", []key{number, contentDate, contentTime}},
	"SR DOCUMENT":           {"PS3.3 F.5.25", reportKeys},
	"KEY OBJECT DOC":        {"PS3.3 F.5.26", []key{number, contentDate, contentTime, title, modifiers}},
	"SPECTROSCOPY":          {"PS3.3 F.5.27", spectroscopyKeys},
	"RAW DATA":              {"PS3.3 F.5.28", []key{number, contentDate, contentTime}},
	"REGISTRATION":          {"PS3.3 F.5.29", identified},
	"FIDUCIAL":              {"PS3.3 F.5.30", identified},
	"ENCAP DOC":             {"PS3.3 F.5.32", documentKeys},
	"VALUE MAP":             {"PS3.3 F.5.34", identified},
	"STEREOMETRIC":          {"PS3.3 F.5.35", []key{{Of: "InstanceNumber"}}},
	"PLAN":                  {"PS3.3 F.5.40", []key{{Of: "InstanceNumber"}}},
	"MEASUREMENT":           {"PS3.3 F.5.41", identified},
	"SURFACE":               {"PS3.3 F.5.42", identified},
	"SURFACE SCAN":          {"PS3.3 F.5.43", []key{number, contentDate, contentTime}},
	"TRACT":                 {"PS3.3 F.5.44", identified},
	"ASSESSMENT":            {"PS3.3 F.5.45", assessmentKeys},
	"RADIOTHERAPY":          {"PS3.3 F.5.46", radiotherapyKeys},
	"ANNOTATION":            {"PS3.3 F.5.47", identified},
	"WAVEFORM PRESENTATION": {"PS3.3 F.5.49", presentationKeys()},
}

// unnamed stands for a label that is needed and was not given.
const unnamed = "UNNAMED"

// Keys that several types share. What identifies content is the macro of PS3.3 table 10-12.
var (
	number      = key{Of: "InstanceNumber", Need: filled, Fill: ordinal("InstanceNumber")}
	contentDate = key{Of: "ContentDate", Need: filled, Fill: dateOf("ContentDate")}
	contentTime = key{Of: "ContentTime", Need: filled, Fill: timeOf("ContentTime")}
	label       = key{Of: "ContentLabel", Need: filled, Fill: text("ContentLabel", unnamed)}
	description = key{Of: "ContentDescription", Need: present}
	creator     = key{Of: "ContentCreatorName", Need: present}
	title       = key{Of: "ConceptNameCodeSequence", Need: filled, Fill: source.documentTitle}
	modifiers   = key{Of: "ContentSequence", Take: source.conceptModifiers}
	identified  = []key{number, contentDate, contentTime, label, description, creator}
)

var (
	reportKeys = []key{
		number, contentDate, contentTime, title, modifiers,
		{Of: "CompletionFlag", Need: filled, Fill: text("CompletionFlag", "PARTIAL")},
		{Of: "VerificationFlag", Need: filled, Fill: text("VerificationFlag", "UNVERIFIED")},
		{Of: "VerificationDateTime", Take: source.verified},
	}
	spectroscopyKeys = []key{
		number, contentDate, contentTime,
		{Of: "ImageType", Need: filled, Fill: text("ImageType", "ORIGINAL", "PRIMARY")},
		{Of: "ReferencedImageEvidenceSequence"},
		{Of: "NumberOfFrames", Need: filled, Fill: text("NumberOfFrames", "1")},
		{Of: "Rows", Need: filled, Fill: one("Rows")},
		{Of: "Columns", Need: filled, Fill: one("Columns")},
		{Of: "DataPointRows", Need: filled, Fill: one("DataPointRows")},
		{Of: "DataPointColumns", Need: filled, Fill: one("DataPointColumns")},
	}
	documentKeys = []key{
		number,
		{Of: "ContentDate", Need: present},
		{Of: "ContentTime", Need: present},
		{Of: "DocumentTitle", Need: present},
		{Of: "HL7InstanceIdentifier"},
		{Of: "ConceptNameCodeSequence", Need: present},
		{Of: "MIMETypeOfEncapsulatedDocument", Need: filled, Fill: source.mimeType},
	}
	assessmentKeys = []key{
		number,
		{Of: "InstanceCreationDate", Need: filled, Fill: dateOf("InstanceCreationDate")},
		{Of: "InstanceCreationTime", Need: present},
	}
	radiotherapyKeys = []key{number, {Of: "UserContentLabel"}, {Of: "UserContentLongLabel"}, description, creator}
)

func presentationKeys(sequences ...string) []key {
	keys := []key{
		number, label, description, creator,
		{Of: "PresentationCreationDate", Need: filled, Fill: dateOf("PresentationCreationDate")},
		{Of: "PresentationCreationTime", Need: filled, Fill: timeOf("PresentationCreationTime")},
	}
	for _, sequence := range append(sequences, "ReferencedSeriesSequence") {
		keys = append(keys, key{Of: sequence})
	}
	return keys
}

// keys makes the elements of a record of a type for the object, which is the nth of its kind. Where one of them is not ASCII, the
// character set of the object goes with them.
func (s source) keys(recordType string, nth int) []dicom.Element {
	s.nth = nth
	var elements []dicom.Element
	for _, k := range keysOf[recordType].Keys {
		if e, ok := s.key(k); ok {
			elements = append(elements, e)
		}
	}
	if !slices.ContainsFunc(elements, extended) {
		return elements
	}
	if e, ok := s.find("SpecificCharacterSet"); ok {
		elements = append(elements, e)
	}
	return elements
}

func (s source) key(k key) (dicom.Element, bool) {
	take := k.Take
	if take == nil {
		take = func(s source) (dicom.Element, bool) { return s.find(k.Of) }
	}
	e, ok := take(s)
	switch {
	case ok || k.Need == optional:
		return e, ok
	case k.Need == present && dicom.VROf(tagOf(k.Of)) == "SQ":
		return dicom.NewSequence(tagOf(k.Of)), true
	case k.Need == present:
		return element(k.Of), true
	}
	return k.Fill(s), true
}
