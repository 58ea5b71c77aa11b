package auth

import (
	"net/url"
	"sync"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// Labels that keep a resource from its patient's own view, until who treats them releases it: what a program found and nobody has accepted
// (HL7 v3 ObservationValue), and what the patient shall not see alone (HL7 v3 ActCode).
const (
	asserted = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue|AIAST"
	nopat    = "http://terminology.hl7.org/CodeSystem/v3-ActCode|NOPAT"
)

// unreleased leaves out of a patient's own view, by type, what is not released: reports that nobody has signed, what belongs to them or is
// labelled so, and what programs assert. A physician sees them.
var unreleased = sync.OnceValue(func() map[string][]search.Clause {
	of := map[string][]search.Clause{}
	for resourceType, conditions := range map[string]url.Values{
		"DiagnosticReport":  {"_security:not": {nopat}, "status:not": {"registered,partial,preliminary"}},
		"Observation":       {"_security:not": {asserted + "," + nopat}},
		"Task":              {"_security:not": {asserted}},
		"DocumentReference": {"_security:not": {nopat}},
		"Binary":            {"_security:not": {nopat}},
		"Media":             {"_security:not": {nopat}},
	} {
		q, err := search.Parse(fhir.R4(), resourceType, conditions, search.Options{Strict: true})
		if err != nil {
			panic(err) // the parameters are of the types
		}
		of[resourceType] = q.Where
	}
	return of
})
