package mapping

import (
	"bytes"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
	"github.com/tidwall/gjson"

	"lightbox/fhir"
)

// notForPatients labels what a patient does not see without whoever treats them (HL7 v3 ActCode NOPAT).
const notForPatients = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"NOPAT"}`

// withheld labels the documents and findings of a report that nobody answers for yet. The report itself says so by its status.
func withheld(status r4.DiagnosticReportStatus, list []fhir.Resource) []fhir.Resource {
	switch status {
	case r4.DiagnosticReportStatusRegistered, r4.DiagnosticReportStatusPartial, r4.DiagnosticReportStatusPreliminary:
	default:
		return list
	}
	for i, one := range list {
		if one.Type == "Binary" || one.Type == "Observation" {
			list[i].Body = withSecurity(one.Body, notForPatients)
		}
	}
	return list
}

// withSecurity adds a security label to a resource as it was encoded.
func withSecurity(body []byte, label string) []byte {
	at, text := 1, `"meta":{"security":[`+label+`]},`
	if meta := gjson.GetBytes(body, "meta"); meta.Exists() {
		at, text = meta.Index+1, `"security":[`+label+`],`
		if security := gjson.GetBytes(body, "meta.security"); security.Exists() {
			at, text = security.Index+1, label+","
		}
	}
	return bytes.Join([][]byte{body[:at], body[at:]}, []byte(text))
}
