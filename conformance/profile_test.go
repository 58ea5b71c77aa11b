package conformance_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"lightbox/conformance"
)

const dose = `{"resourceType":"Observation","status":"final",
	"identifier":[{"type":{"coding":[{"system":"http://hl7.org/fhir/uv/radiation-dose-summary/CodeSystem/dicom-identifier-type","code":"sop-instance-uid","display":"SOP Instance UID"}]},"system":"urn:dicom:uid","value":"urn:oid:1.2"},{"value":"free"}],
	"partOf":[{"reference":"ImagingStudy/1","identifier":{"type":{"coding":[{"system":"http://hl7.org/fhir/uv/radiation-dose-summary/CodeSystem/dicom-identifier-type","code":"study-instance-uid","display":"Study Instance UID"}]},"system":"urn:dicom:uid","value":"urn:oid:1.3"}}],
	"basedOn":[{"type":"ServiceRequest","identifier":{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"ACSN","display":"Accession ID"}]},"value":"A1"}}],
	"code":{"coding":[{"system":"http://loinc.org","code":"73569-6","display":"Radiation exposure and protection information [Description] Document Diagnostic imaging"}]},
	"subject":{"reference":"Patient/1"},"focus":[{"reference":"ImagingStudy/1"}],"effectiveDateTime":"2026-01-01","valueString":"DLP = 1 mGy.cm",
	"performer":[{"reference":"Practitioner/1"}],"device":{"reference":"Device/1"}}`

const modality = `{"resourceType":"Device","identifier":[
	{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"SNO","display":"Serial Number"}]},"value":"1"},
	{"type":{"coding":[{"system":"http://hl7.org/fhir/uv/radiation-dose-summary/CodeSystem/dicom-identifier-type","code":"application-entity","display":"Application Entity"}]},"value":"CT1"},
	{"type":{"coding":[{"system":"http://hl7.org/fhir/uv/radiation-dose-summary/CodeSystem/dicom-identifier-type","code":"device-uid","display":"Device UID"}]},"system":"urn:dicom:uid","value":"urn:oid:1"},
	{"type":{"coding":[{"system":"http://hl7.org/fhir/uv/radiation-dose-summary/CodeSystem/dicom-identifier-type","code":"device-id","display":"Device ID"}]},"value":"D"}],
	"type":{"coding":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"CT"}]},
	"deviceName":[{"type":"manufacturer-name","name":"M"},{"type":"model-name","name":"N"},{"type":"other","name":"O"},{"type":"other","name":"P"}]}`

const patientDocument = `{"resourceType":"DocumentReference","status":"current","subject":{"reference":"Patient/1"},"author":[{"reference":"PractitionerRole/1"},{"reference":"Practitioner/1"}],
	"content":[{"attachment":{"contentType":"text/html","url":"Binary/1"}},{"attachment":{"contentType":"application/pdf","url":"Binary/2"}}],
	"context":{"encounter":[{"reference":"Encounter/1"}]}}`

const person = `{"resourceType":"Patient","active":true,"identifier":[{"system":"urn:x:y","value":"1"}],"name":[{"text":"A B"}],"link":[{"other":{"reference":"Patient/2"},"type":"replaces"}]}`

// Whole resources keep every row; each row is broken by a change that breaks nothing else.
func TestProfileRowsBite(t *testing.T) {
	for _, c := range []struct {
		url, whole string
		broken     [][2]string // of the text, in the order of the rows that they break
		rows       int         // that no change of one value breaks
	}{
		{conformance.RadiationDoseSummary, dose, [][2]string{
			{`"system":"urn:dicom:uid","value":"urn:oid:1.2"`, `"system":"urn:other:uid","value":"urn:oid:1.2"`},
			{`"system":"urn:dicom:uid","value":"urn:oid:1.2"`, `"system":"urn:dicom:uid"`},
			{`"partOf":[`, `"partOf":[{"reference":"ImagingStudy/2","identifier":{"type":{"coding":[{"system":"http://hl7.org/fhir/uv/radiation-dose-summary/CodeSystem/dicom-identifier-type","code":"study-instance-uid","display":"Study Instance UID"}]},"system":"urn:dicom:uid","value":"urn:oid:1.4"}},`},
			{`"display":"Study Instance UID"`, `"display":"Study"`},
			{`"system":"urn:dicom:uid","value":"urn:oid:1.3"`, `"value":"urn:oid:1.3"`},
			{`"system":"urn:dicom:uid","value":"urn:oid:1.3"`, `"system":"urn:dicom:uid"`},
			{`"basedOn":[`, `"basedOn":[{"reference":"ServiceRequest/2","identifier":{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"ACSN","display":"Accession ID"}]},"value":"A2"}},`},
			{`"code":"ACSN"`, `"code":"PLAC"`},
			{`,"value":"A1"`, ``},
			{`"code":"73569-6"`, `"code":"1-1"`},
			{`"reference":"Patient/1"`, `"reference":"Device/1"`},
			{`"focus":[{"reference":"ImagingStudy/1"}],`, ``},
			{`"effectiveDateTime":"2026-01-01",`, ``},
			{`"valueString":"DLP = 1 mGy.cm",`, ``},
			{`"status":"final"`, `"status":"final","dataAbsentReason":{"text":"x"}`},
			{`"status":"final"`, `"status":"final","specimen":{"reference":"Specimen/1"}`},
			{`"reference":"Practitioner/1"`, `"reference":"Organization/1"`},
			{`"device":{"reference":"Device/1"}`, `"device":{"reference":"DeviceMetric/1"}`},
		}, 0},
		{conformance.ModalityDevice, modality, [][2]string{
			{`"code":"device-id","display":"Device ID"}]},"value":"D"}`, `"code":"device-id","display":"Device ID"}]},"value":"D"},{"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"SNO","display":"Serial Number"}]},"value":"2"}`},
			{`"display":"Serial Number"}]},"value":"1"`, `"display":"Serial Number"}]}`},
			{`"code":"application-entity"`, `"code":"ae"`},
			{`,"value":"CT1"`, ``},
			{`"system":"urn:dicom:uid",`, ``},
			{`,"value":"urn:oid:1"`, ``},
			{`"display":"Device ID"}]},"value":"D"`, `"display":"Device ID"}]}`},
			{`"code":"CT"`, `"code":"XX"`},
			{`"type":"other","name":"O"`, `"type":"manufacturer-name","name":"O"`},
			{`"type":"other","name":"O"`, `"type":"model-name","name":"O"`},
		}, 2}, // a second device-uid or device-id
		{conformance.PatientDocument, patientDocument, [][2]string{
			{`"subject":{"reference":"Patient/1"},`, ``},
			{`{"reference":"Practitioner/1"}`, `{"reference":"Organization/1"}`},
			{`"content":[{"attachment":{"contentType":"text/html","url":"Binary/1"}},{"attachment":{"contentType":"application/pdf","url":"Binary/2"}}]`, `"date":"2026"`},
			{`{"attachment":{"contentType":"text/html","url":"Binary/1"}}`, `{"format":{"code":"x"}}`},
			{`"contentType":"text/html",`, ``},
			{`,"url":"Binary/2"`, ``},
			{`"encounter":[`, `"encounter":[{"reference":"Encounter/2"},`},
		}, 0},
		{conformance.PatientAccess, person, [][2]string{
			{`"identifier":[{"system":"urn:x:y","value":"1"}],`, ``},
			{`,"value":"1"`, ``},
			{`"system":"urn:x:y",`, ``},
			{`"text":"A B"`, `"use":"usual"`},
			{`"active":true,`, ``},
		}, 0},
	} {
		if faults := conformance.Faults(c.url, []byte(c.whole)); len(faults) > 0 {
			t.Error(c.url, faults)
		}
		for i, change := range c.broken {
			text := strings.Replace(c.whole, change[0], change[1], 1)
			if text == c.whole || !json.Valid([]byte(text)) {
				t.Errorf("%s %d: the change changes nothing, or breaks the JSON", c.url, i)
			}
			if faults := conformance.Faults(c.url, []byte(text)); len(faults) != 1 {
				t.Errorf("%s %d: %d faults: %v", c.url, i, len(faults), faults)
			}
		}
		for _, p := range conformance.Profiles {
			if p.URL == c.url && len(p.Rows) != len(c.broken)+c.rows {
				t.Errorf("%s: %d rows, %d of them broken here", c.url, len(p.Rows), len(c.broken))
			}
		}
	}
}

// What claims a profile is held to it, and to one that is not known not at all.
func TestClaimFaults(t *testing.T) {
	claim := func(url string) []byte {
		return []byte(fmt.Sprintf(`{"resourceType":"Patient","meta":{"profile":[%q]}}`, url))
	}
	for _, url := range []string{conformance.PatientAccess, conformance.ModalityDevice, "http://example.org/none"} {
		if len(conformance.ClaimFaults(claim(url))) == 0 {
			t.Error(url, "is claimed and not kept")
		}
	}
	if faults := conformance.ClaimFaults([]byte(`{"resourceType":"Patient"}`)); len(faults) != 0 {
		t.Error(faults)
	}
}
