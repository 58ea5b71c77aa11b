package mapping

import (
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
)

// Code systems that the hub writes codes of.
const (
	dcm    = "http://dicom.nema.org/resources/ontology/DCM"
	sct    = "http://snomed.info/sct"
	loinc  = "http://loinc.org"
	rfc    = "urn:ietf:rfc:3986" // UIDs and other URIs as codes
	roles  = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
	hubTag = "urn:uuid:6c1b7d52-40b6-8c4e-9d0b-2f5d3a8e7b10" // tags of the hub itself: stub, unidentified, patient-conflict, de-identified
)

// schemes gives the URI of each Coding Scheme Designator that has one (PS3.16 table 8-1; the URIs are those of
// terminology.hl7.org).
var schemes = map[string]string{
	"DCM":    dcm,
	"SCT":    sct,
	"LN":     loinc,
	"UCUM":   "http://unitsofmeasure.org",
	"RADLEX": "http://www.radlex.org",
	"UMLS":   "http://terminology.hl7.org/CodeSystem/umls",
	"NCIT":   "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
	"FMA":    "http://purl.org/sig/fma",
	"I10":    "http://hl7.org/fhir/sid/icd-10",
	"I10C":   "http://hl7.org/fhir/sid/icd-10-cm",
	"I9C":    "http://hl7.org/fhir/sid/icd-9-cm",
	"C4":     "http://www.ama-assn.org/go/cpt",

	"RFC5646":   "urn:ietf:bcp:47",
	"RFC3066":   "urn:ietf:bcp:47",
	"ISO3166_1": "urn:iso:std:iso:3166",
}

var (
	pathCodeValue     = dicom.MustPath("CodeValue")
	pathLongCodeValue = dicom.MustPath("LongCodeValue")
	pathURNCodeValue  = dicom.MustPath("URNCodeValue")
	pathScheme        = dicom.MustPath("CodingSchemeDesignator")
	pathSchemeVersion = dicom.MustPath("CodingSchemeVersion")
	pathMeaning       = dicom.MustPath("CodeMeaning")
	pathSchemes       = dicom.MustPath("CodingSchemeIdentificationSequence")
	pathSchemeUID     = dicom.MustPath("CodingSchemeUID")
)

// coding makes a Coding of one item of the Code Sequence Macro (PS3.3 table 8.8-1); ok is false when it has no code.
func (r *run) coding(i item) (c r4.Coding, ok bool) {
	value := code(i.text(pathCodeValue) + i.text(pathLongCodeValue))
	scheme := i.text(pathScheme)
	c = r4.Coding{Version: text(i.text(pathSchemeVersion)), Display: text(i.text(pathMeaning))}
	switch {
	case value != "" && scheme != "":
		current, system := currentCode(snomedRT.inForce(r.mapper), value, scheme)
		if system != scheme {
			c.Version = nil // it was that of the retired scheme
		}
		c.System, c.Code = new(r.codeSystem(system, i.root)), &current
	case i.text(pathURNCodeValue) != "":
		c.System, c.Code = new(rfc), text(code(i.text(pathURNCodeValue)))
	case value != "":
		r.doubt("code-without-scheme", "a code without a coding scheme is no code: its meaning is kept")
		return c, false
	}
	return c, c.Code != nil
}

// codeSystem returns the URI of a coding scheme: the published one, the UID that the object itself states for it (PS3.3
// C.12.1), else a system of the hub's own. The bare designator is never a system.
func (r *run) codeSystem(designator string, root *dicom.Dataset) string {
	if uri := schemes[strings.ToUpper(designator)]; uri != "" {
		return uri
	}
	if root != nil {
		for _, one := range root.Items(pathSchemes) {
			if uid := one.Text(pathSchemeUID); one.Text(pathScheme) == designator && isOID(uid) {
				return "urn:oid:" + uid
			}
		}
	}
	if system := r.mapper.config.Systems[designator]; system != "" {
		return system
	}
	r.remark("local-code-system", "a coding scheme without a URI became a system of this hub")
	return r.mapper.local("CodeSystem", designator)
}

// concept makes a CodeableConcept of an item: its coding, and its meaning as text.
func (r *run) concept(i item) (r4.CodeableConcept, bool) {
	c, ok := r.coding(i)
	one := r4.CodeableConcept{Text: text(i.text(pathMeaning))}
	if ok {
		one.Coding = []r4.Coding{c}
	}
	if !ok && one.Text == nil {
		r.doubt("empty-code", "a code item has neither code nor meaning")
		return one, false
	}
	return one, true
}

// concepts makes CodeableConcepts of a code sequence, or one of text alone of any other attribute.
func (r *run) concepts(v value) []r4.CodeableConcept {
	list := v.items()
	if len(list) == 0 {
		if s := v.text(); s != "" {
			return []r4.CodeableConcept{{Text: &s}}
		}
		return nil
	}
	var out []r4.CodeableConcept
	for _, i := range list {
		if one, ok := r.concept(i); ok {
			out = append(out, one)
		}
	}
	return out
}

// coded makes a CodeableConcept of one code that the hub states itself.
func coded(system, code, display string) r4.CodeableConcept {
	return r4.CodeableConcept{Coding: []r4.Coding{codingOf(system, code, display)}}
}

func codingOf(system, code, display string) r4.Coding {
	return r4.Coding{System: &system, Code: &code, Display: text(display)}
}

// imaging is the category of what is observed on images (IHE RAD IMR).
func imaging() []r4.CodeableConcept {
	return []r4.CodeableConcept{coded("http://terminology.hl7.org/CodeSystem/observation-category", "imaging", "Imaging")}
}

const absentReasons = "http://terminology.hl7.org/CodeSystem/data-absent-reason"

// notKnown is why there is no value where nothing says why.
func notKnown() *r4.CodeableConcept { return new(coded(absentReasons, "unknown", "Unknown")) }

// tag is a meta.tag of the hub's own.
func tag(code, display string) r4.Coding { return codingOf(hubTag, code, display) }
