package bench

import (
	"crypto/sha1" //nolint:gosec // what FHIR's Attachment.hash is
	"encoding/base64"
	"math/rand/v2"
	"strings"
	"time"
)

// report is a signed report, or one of the few that are not signed yet or were amended.
func (c City) report(v visit) (t text) {
	r := draws(c.studySeed(), ofReport, v.index)
	status := "final"
	switch r.IntN(20) {
	case 0:
		status = "preliminary"
	case 1:
		status = "amended"
	}
	impression := one(r, v.procedure.impression)
	sections, issued := v.sections(r, impression), v.time(60+r.IntN(240))
	t.add(`{"resourceType":"DiagnosticReport","id":"`, c.id(ofReport, v.index), `","language":"ru","text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\">`,
		sections, `</div>"},"identifier":[`, documentIdentifier(r), `],"basedOn":`, c.orderReference(v), `,"status":"`, status, `","category":[{"coding":[`,
		coding("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD", "Radiology"), `]},{"coding":[`, coding("http://loinc.org", "LP29684-5", "Radiology"),
		`]}],"code":{"coding":[`, coding("http://loinc.org", "18748-4", reportTitle), `],"text":"`, reportTitle, `"},"subject":{"reference":"`,
		c.patientReference(v), `"},"effectiveDateTime":"`, v.time(0), `","issued":"`, issued, `","performer":[`, c.facilityReference(v.facility),
		`],"resultsInterpreter":[`, c.practitionerReference(c.interpreter(v)), `],"imagingStudy":[`, c.studyReference(v), `],"conclusion":"`, impression,
		`","presentedForm":[`, presented(sections, issued), `]}`)
	return t
}

const reportTitle = "Diagnostic Imaging Report"

// sections is the report's text, without anything that JSON or HTML would escape.
func (v visit) sections(r *rand.Rand, impression string) string {
	var found []string
	for _, n := range r.Perm(len(v.procedure.findings))[:2+r.IntN(len(v.procedure.findings)-1)] {
		found = append(found, v.procedure.findings[n])
	}
	return "<h2>" + reportTitle + "</h2><h3>Indications for Procedure</h3><p><b>Finding:</b> " + v.reason + "</p><h3>Findings</h3><p><b>Finding:</b> " +
		strings.Join(found, " ") + "</p><h3>Impressions</h3><p><b>Impression:</b> " + impression + "</p>"
}

// documentIdentifier is that of the object that a resource was read from.
func documentIdentifier(r *rand.Rand) string {
	return `{"use":"official","type":{"coding":[` +
		coding("http://hl7.org/fhir/uv/radiation-dose-summary/CodeSystem/dicom-identifier-type", "sop-instance-uid", "SOP Instance UID") +
		`]},"system":"urn:dicom:uid","value":"urn:oid:` + uid(r) + `"}`
}

func (c City) studyReference(v visit) string {
	return `{"reference":"ImagingStudy/` + c.id(ofStudy, v.index) + `","type":"ImagingStudy","identifier":{"type":{"coding":[` + studyUIDType +
		`]},"system":"urn:dicom:uid","value":"` + c.studyUID(v) + `"}}`
}

// presented is the report as a page.
func presented(sections, issued string) string {
	page := "<!DOCTYPE html>\n<html lang=\"ru\"><head><meta charset=\"utf-8\"><title>" + reportTitle + "</title></head><body>" + sections + "</body></html>\n"
	hash := sha1.Sum([]byte(page)) //nolint:gosec // what FHIR's Attachment.hash is
	return `{"contentType":"text/html","language":"ru","data":"` + base64.StdEncoding.EncodeToString([]byte(page)) + `","size":` + number(len(page)) +
		`,"hash":"` + base64.StdEncoding.EncodeToString(hash[:]) + `","title":"` + reportTitle + `","creation":"` + issued + `"}`
}

// dose is what a study exposed its patient to (HL7 radiation dose summary 1.0.0).
func (c City) dose(v visit) (t text) {
	r := draws(c.studySeed(), ofDose, v.index)
	components, summary := v.doseComponents(r)
	t.add(`{"resourceType":"Observation","id":"`, c.id(ofDose, v.index), `","identifier":[`, documentIdentifier(r), `],"basedOn":`, c.orderReference(v),
		`,"partOf":[`, c.studyReference(v), `],"status":"final","code":{"coding":[`, coding("http://loinc.org", "73569-6", "Radiation exposure and protection information"),
		`]},"subject":{"reference":"`, c.patientReference(v), `"},"focus":[{"reference":"ImagingStudy/`, c.id(ofStudy, v.index), `"}],"effectiveDateTime":"`,
		v.started.Add(time.Minute).Format(time.RFC3339), `","performer":[`, c.practitionerReference(c.technologist(v)), `],"valueString":"`, summary,
		`","device":{"reference":"Device/`, c.id(ofDevice, v.device), `"},"component":[{"code":{"coding":[`,
		coding(dcm, "121058", "Procedure reported"), `]},"valueCodeableConcept":{"coding":[`, v.modality.coding(), `]}}`, components, `]}`)
	return t
}

func (v visit) doseComponents(r *rand.Rand) (json, summary string) {
	for n, d := range v.modality.dose {
		tenths := d.low + r.IntN(d.high-d.low)
		value := number(tenths/10) + "." + number(tenths%10)
		json += `,{"code":{"coding":[` + coding(dcm, d.code, d.display) + `]},"valueQuantity":{"value":` + value + `,"unit":"` + d.unit +
			`","system":"http://unitsofmeasure.org","code":"` + d.unit + `"}}`
		if n > 0 {
			summary += ", "
		}
		summary += d.display + " " + value + " " + d.unit
	}
	return json, summary
}
