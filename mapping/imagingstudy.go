package mapping

import (
	"slices"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

var studyTable = compile("imagingstudy", []rule[r4.ImagingStudy]{
	{From: "StudyInstanceUID", To: "ImagingStudy.identifier", Need: required, Ref: "FHIR R4 imagingstudy.html#notes", Set: studyUID},
	{From: "AccessionNumber", With: "IssuerOfAccessionNumberSequence", To: "ImagingStudy.identifier", By: union, Ref: "PS3.3 C.7.2.1; HL7 0203 ACSN", Set: accessionIdentifier},
	{From: "StudyID", With: "InstitutionName", To: "ImagingStudy.identifier", Ref: "PS3.3 C.7.2.1", Set: studyID},
	{From: "PatientID StudyInstanceUID", With: issuerAttributes, To: "ImagingStudy.subject", Ref: "PS3.3 C.7.1.1", Set: subject},
	{From: "AdmissionID", With: "IssuerOfAdmissionIDSequence", To: "ImagingStudy.encounter", Ref: "PS3.3 C.3.4; HL7 0203 VN", Set: encounter},
	{From: "StudyDate", With: "StudyTime", To: "ImagingStudy.started", Ref: "PS3.3 C.7.2.1", Set: moment("StudyTime", func(s *r4.ImagingStudy) **string { return &s.Started })},
	{From: "AccessionNumber", With: "IssuerOfAccessionNumberSequence", To: "ImagingStudy.basedOn", By: union, Ref: "FHIR R4 imagingstudy.html#notes", Set: studyOrder},
	{From: "RequestAttributesSequence", To: "ImagingStudy.basedOn", By: union, Ref: "PS3.3 10.6", Set: requestedOrders},
	{From: "ReferencedRequestSequence", To: "ImagingStudy.basedOn", By: union, Ref: "PS3.3 C.17.2", Set: requestedOrders},
	{From: "ReferringPhysicianName", With: "ReferringPhysicianIdentificationSequence InstitutionName", To: "ImagingStudy.referrer", Ref: "PS3.3 C.7.2.1", Set: referrer},
	{From: "NameOfPhysiciansReadingStudy", With: "PhysiciansReadingStudyIdentificationSequence InstitutionName", To: "ImagingStudy.interpreter", By: union, Ref: "PS3.3 C.7.2.1", Set: interpreter},
	{From: "ProcedureCodeSequence RequestedProcedureCodeSequence RequestAttributesSequence.RequestedProcedureCodeSequence RequestedProcedureDescription RequestAttributesSequence.RequestedProcedureDescription PerformedProtocolCodeSequence PerformedProcedureStepDescription",
		To: "ImagingStudy.procedureCode", Ref: "PS3.3 C.7.2.1; IHE RAD MADO", Set: concepts(func(s *r4.ImagingStudy) *[]r4.CodeableConcept { return &s.ProcedureCode })},
	{From: "InstitutionalDepartmentName PerformedLocation", With: "InstitutionName InstitutionalDepartmentTypeCodeSequence", To: "ImagingStudy.location", Ref: "PS3.3 C.7.5.1", Set: studyLocation},
	{From: "ReasonForRequestedProcedureCodeSequence RequestAttributesSequence.ReasonForRequestedProcedureCodeSequence ReasonForTheRequestedProcedure RequestAttributesSequence.ReasonForTheRequestedProcedure ReasonForStudy ReasonForPerformedProcedureCodeSequence",
		To: "ImagingStudy.reasonCode", Ref: "PS3.3 C.4.11, C.7.2.1", Set: concepts(func(s *r4.ImagingStudy) *[]r4.CodeableConcept { return &s.ReasonCode })},
	{From: "StudyDescription RequestedProcedureDescription", To: "ImagingStudy.description", Ref: "PS3.3 C.7.2.1", Set: move(func(s *r4.ImagingStudy) **string { return &s.Description })},
	{From: "ConfidentialityCode", To: "ImagingStudy.meta.security", By: union, Ref: "PS3.3 C.4.11", Set: confidentiality},
	{From: "PatientIdentityRemoved", To: "ImagingStudy.meta.tag", Ref: "PS3.3 C.7.1.1", Set: deidentified},
})

func studyUID(_ *run, to *r4.ImagingStudy, v value) {
	kind := coded(dcm, "110180", "Study Instance UID")
	one := uidIdentifier(v.text(), &kind)
	one.Use = new(r4.IdentifierUseOfficial)
	to.Identifier = append(to.Identifier, one)
}

// studyID is a number that its equipment gave: it says nothing outside its institution.
func studyID(r *run, to *r4.ImagingStudy, v value) {
	institution := xonName(v.of("InstitutionName").text())
	by := issuer{system: r.mapper.local("NamingSystem", join("StudyID", strings.ToUpper(institution))), display: institution}
	to.Identifier = append(to.Identifier, localIdentifier("Study ID", v.text(), by))
}

func subject(r *run, to *r4.ImagingStudy, v value) {
	to.Subject = *r.patient(v.dataset)
	to.Subject.Identifier = new(r.identity(v.dataset).identifier)
}

// encounter is a logical reference: a header does not tell the class that R4 demands of an Encounter.
func encounter(r *run, to *r4.ImagingStudy, v value) { to.Encounter = r.visit(v) }

func (r *run) visit(v value) *r4.Reference {
	by := r.issuer("", v.of("IssuerOfAdmissionIDSequence").first())
	if !by.known {
		by.system = r.mapper.local("NamingSystem", "AdmissionID")
	}
	return &r4.Reference{Type: new("Encounter"), Identifier: new(identifier("VN", v.text(), by))}
}

func referrer(r *run, to *r4.ImagingStudy, v value) {
	list := r.practitioners(v, v.of("ReferringPhysicianIdentificationSequence"))
	if len(list) > 0 {
		to.Referrer = &list[0]
	}
}

func interpreter(r *run, to *r4.ImagingStudy, v value) {
	for _, one := range r.practitioners(v, v.of("PhysiciansReadingStudyIdentificationSequence")) {
		to.Interpreter = addReference(to.Interpreter, one)
	}
}

func addReference(list []r4.Reference, one r4.Reference) []r4.Reference {
	same := func(o r4.Reference) bool { return deref(o.Reference) == deref(one.Reference) }
	if slices.ContainsFunc(list, same) {
		return list
	}
	return append(list, one)
}

func studyLocation(r *run, to *r4.ImagingStudy, v value) { to.Location = r.location(v) }

const confidentialitySystem = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"

// confidentiality takes the codes of HL7 v3 Confidentiality; DICOM leaves the values open.
func confidentiality(r *run, to *r4.ImagingStudy, v value) {
	displays := map[string]string{"U": "unrestricted", "L": "low", "M": "moderate", "N": "normal", "R": "restricted", "V": "very restricted"}
	display, ok := displays[strings.ToUpper(v.text())]
	if !ok {
		r.doubt("unknown-code", "not a code of HL7 v3 Confidentiality: left out")
		return
	}
	meta(to).Security = append(meta(to).Security, codingOf(confidentialitySystem, strings.ToUpper(v.text()), display))
}

func deidentified(_ *run, to *r4.ImagingStudy, v value) {
	if v.text() == "YES" {
		meta(to).Tag = append(meta(to).Tag, tag("de-identified", "PatientIdentityRemoved"))
	}
}

func meta(s *r4.ImagingStudy) *r4.Meta {
	if s.Meta == nil {
		s.Meta = &r4.Meta{}
	}
	return s.Meta
}
