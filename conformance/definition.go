package conformance

import (
	"slices"
	"strings"

	"lightbox/fhir"
)

// definition returns the canonical URL of the parameter's SearchParameter (FHIR R4 searchparameter-registry.html): R4 defines some
// parameters once for several types. What Lightbox defines is found below its own base.
func definition(p *fhir.SearchParameter, base string) string {
	const canonical = "http://hl7.org/fhir/SearchParameter/"
	if p.Ours {
		return base + "/SearchParameter/" + p.Type + "-" + p.Name
	}
	if common, ok := strings.CutPrefix(p.Name, "_"); ok {
		return canonical + "Resource-" + common
	}
	for _, s := range shared() {
		if slices.Contains(s.names, p.Name) && slices.Contains(s.types, p.Type) {
			return canonical + s.group + "-" + p.Name
		}
	}
	return canonical + p.Type + "-" + p.Name
}

// sharing is a group of parameters that the same types share. Of the types it names those of radiology.
type sharing struct {
	group string
	names []string
	types []string
}

func shared() []sharing {
	list := strings.Fields
	return []sharing{
		{"clinical", list("code"), list("Condition DiagnosticReport List Observation Procedure ServiceRequest")},
		{"clinical", list("date"), list("Consent DiagnosticReport Encounter List Observation Procedure")},
		{"clinical", list("encounter"), list("DiagnosticReport DocumentReference List Observation Procedure ServiceRequest")},
		{"clinical", list("identifier"), list("Condition Consent DiagnosticReport DocumentReference Encounter ImagingStudy List Observation Procedure ServiceRequest")},
		{"clinical", list("patient"), list("Condition Consent DiagnosticReport DocumentReference Encounter ImagingStudy List Observation Procedure ServiceRequest")},
		{"clinical", list("type"), list("DocumentReference Encounter")},
		{"individual", list("address address-city address-country address-postalcode address-state address-use"), list("Patient Person Practitioner RelatedPerson")},
		{"individual", list("gender phonetic"), list("Patient Person Practitioner RelatedPerson")},
		{"individual", list("birthdate"), list("Patient Person RelatedPerson")},
		{"individual", list("family given"), list("Patient Practitioner")},
		{"individual", list("email phone telecom"), list("Patient Person Practitioner PractitionerRole RelatedPerson")},
	}
}
