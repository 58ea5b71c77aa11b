package mapping

import (
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
)

// reportPeopleTable reads who answers for a document. The instance index keeps what it reads, so that Mentions tells of the
// people that Reports refers to.
var reportPeopleTable = compile("report", []rule[r4.DiagnosticReport]{
	{From: "VerifyingObserverSequence", To: "DiagnosticReport.resultsInterpreter", Ref: "PS3.3 C.17.2; IHE RAD IMR", Set: verifiers},
	{From: "VerifyingObserverSequence", To: "DiagnosticReport.performer", Ref: "PS3.3 C.17.2; IHE RAD IMR", Set: verifyingOrganizations},
	{From: "AuthorObserverSequence", To: "DiagnosticReport.resultsInterpreter", Ref: "PS3.3 C.17.2", Set: authors},
	{From: "ParticipantSequence", To: "DiagnosticReport.resultsInterpreter", Ref: "PS3.3 C.17.2", Set: participants},
	{From: "InstitutionName", With: institutionAttributes, To: "DiagnosticReport.performer", Ref: "PS3.3 C.7.5.1", Set: reportInstitution},
})

var (
	pathVerifierName  = dicom.MustPath("VerifyingObserverName")
	pathVerifierCode  = dicom.MustPath("VerifyingObserverIdentificationCodeSequence")
	pathVerifierOf    = dicom.MustPath("VerifyingOrganization")
	pathObserverType  = dicom.MustPath("ObserverType")
	pathPersonName    = dicom.MustPath("PersonName")
	pathParticipation = dicom.MustPath("ParticipationType")
)

func verifiers(r *run, to *r4.DiagnosticReport, v value) {
	for _, i := range v.items() {
		codes := r.identifiers(i.items(pathVerifierCode))
		if one := r.practitioner(v.root, i.name(pathVerifierName), codes); one != nil {
			to.ResultsInterpreter = addReference(to.ResultsInterpreter, *one)
		}
	}
}

func verifyingOrganizations(r *run, to *r4.DiagnosticReport, v value) {
	for _, i := range v.items() {
		if name := i.text(pathVerifierOf); name != "" {
			to.Performer = addReference(to.Performer, *r.organization(name))
		}
	}
}

// authors stand in where nobody has verified. A device as author is no interpreter.
func authors(r *run, to *r4.DiagnosticReport, v value) {
	if len(to.ResultsInterpreter) > 0 {
		return
	}
	for _, i := range v.items() {
		if one := r.observer(v.root, i); one != nil {
			to.ResultsInterpreter = addReference(to.ResultsInterpreter, *one)
		}
	}
}

// participants who attest have interpreted, those who are a source have performed; who entered the text is neither.
func participants(r *run, to *r4.DiagnosticReport, v value) {
	for _, i := range v.items() {
		one := r.observer(v.root, i)
		switch role := i.text(pathParticipation); {
		case one == nil:
		case role == "ATTEST":
			to.ResultsInterpreter = addReference(to.ResultsInterpreter, *one)
		case role == "SOURCE":
			to.Performer = addReference(to.Performer, *one)
		}
	}
}

// observer refers to the person of an item of the Identified Person or Device macro (PS3.3 table C.17-3b), nil for a device.
func (r *run) observer(root *dicom.Dataset, i item) *r4.Reference {
	if i.text(pathObserverType) == "DEV" {
		r.remark("device-observer", "a device as observer is not mapped")
		return nil
	}
	return r.practitioner(root, i.name(pathPersonName), r.identifiers(i.items(pathPersonCode)))
}

// reportInstitution performs where no verifying organisation is named.
func reportInstitution(r *run, to *r4.DiagnosticReport, v value) {
	for _, one := range to.Performer {
		if strings.HasPrefix(deref(one.Reference), "Organization/") {
			return
		}
	}
	to.Performer = addReference(to.Performer, *r.institution(v))
}
