package mapping

import (
	"encoding/base64"
	"slices"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/conformance"
	"lightbox/fhir"
)

// documentStatuses are what a released report is as a document; one that is not released is none yet.
var documentStatuses = map[r4.DiagnosticReportStatus]r4.CompositionStatus{
	r4.DiagnosticReportStatusFinal: r4.CompositionStatusFinal, r4.DiagnosticReportStatusAmended: r4.CompositionStatusAmended,
	r4.DiagnosticReportStatusCorrected: r4.CompositionStatusAmended, r4.DiagnosticReportStatusAppended: r4.CompositionStatusAmended,
}

// asDocument makes a released report a document too (IHE MHD, International Patient Access): its forms as they are read, each a Binary.
// The report's identifiers and those of its studies and orders find it.
func (r *run) asDocument(report r4.DiagnosticReport, relatesTo []r4.DocumentReferenceRelatesTo) []fhir.Resource {
	status, released := documentStatuses[report.Status]
	if !released || len(report.PresentedForm) == 0 {
		return nil
	}
	id := r.mapper.ID("DocumentReference", "DiagnosticReport", *report.Id)
	to := r4.DocumentReference{
		Id: &id, Status: r4.DocumentReferenceStatusCurrent, DocStatus: &status, Type: &report.Code, Subject: report.Subject, Date: report.Issued,
		Category: []r4.CodeableConcept{coded(loinc, "85430-7", "Diagnostic imaging report")},
		Author:   report.ResultsInterpreter, RelatesTo: relatesTo,
		Context: &r4.DocumentReferenceContext{Related: slices.Concat([]r4.Reference{{Reference: new("DiagnosticReport/" + *report.Id)}}, report.ImagingStudy)},
	}
	if report.Meta != nil {
		to.SecurityLabel = []r4.CodeableConcept{{Coding: report.Meta.Security}}
	}
	to.Identifier = slices.Clone(report.Identifier)
	for _, one := range slices.Concat(report.ImagingStudy, report.BasedOn) {
		if one.Identifier != nil {
			to.Identifier = append(to.Identifier, *one.Identifier)
		}
	}
	for _, one := range report.Performer {
		if to.Custodian == nil && strings.HasPrefix(deref(one.Reference), "Organization/") {
			to.Custodian = &one
		}
	}
	var list []fhir.Resource
	for _, form := range report.PresentedForm {
		if form.Data != nil {
			binary := r.binary(r.mapper.ID("Binary", id, *form.ContentType), *form.ContentType, *form.Data, report.Subject)
			form.Data, form.Url = nil, new(binary.Reference())
			list = append(list, binary)
		}
		to.Content = append(to.Content, r4.DocumentReferenceContent{Attachment: form})
	}
	body, err := encode("DocumentReference", r4.OtherDocumentReference(to))
	if err == nil && len(conformance.Faults(conformance.PatientDocument, body)) == 0 {
		to.Meta = &r4.Meta{Profile: []string{conformance.PatientDocument}}
		body, err = encode("DocumentReference", r4.OtherDocumentReference(to))
	}
	if err != nil {
		r.fail(err)
	}
	return append(list, fhir.Resource{Type: "DocumentReference", ID: id, Body: body})
}

// binary keeps content, in base64, that its patient's access covers.
func (r *run) binary(id, contentType, data string, subject *r4.Reference) fhir.Resource {
	body, err := encode("Binary", r4.OtherBinary(r4.Binary{
		Id: &id, ContentType: contentType, SecurityContext: &r4.Reference{Reference: subject.Reference}, Data: &data,
	}))
	if err != nil {
		r.fail(err)
	}
	return fhir.Resource{Type: "Binary", ID: id, Body: body}
}

func base64Of(content []byte) string { return base64.StdEncoding.EncodeToString(content) }
