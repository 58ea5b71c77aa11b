package auth

import (
	"net/url"
	"slices"
	"sync"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// unrestricted leaves out of a patient's data what is labelled as more than normally confidential (HL7 v3 Confidentiality R and V): the patient
// sees it, who acts for the patient does not. What has no label counts as normal.
func unrestricted(grants []search.Grant, resourceType string) []search.Grant {
	for i, g := range grants {
		if !g.Nobodys {
			grants[i].Where = append(slices.Clone(g.Where), notLabelled()[resourceType]...)
		}
	}
	return grants
}

const confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality|"

// notLabelled is that a resource of a type has neither label.
var notLabelled = sync.OnceValue(func() map[string][]search.Clause {
	of := map[string][]search.Clause{}
	for _, t := range fhir.R4().Types() {
		q, err := search.Parse(fhir.R4(), t.Name, url.Values{"_security:not": {confidentiality + "R," + confidentiality + "V"}}, search.Options{Strict: true})
		if err != nil {
			panic(err) // the parameter is of every type
		}
		of[t.Name] = q.Where
	}
	return of
})

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
