package server

import (
	"lightbox/fhir"
)

// process answers a Bundle that is posted to the base: each entry is an interaction of its own, in a transaction all of them
// or none. https://hl7.org/fhir/R4/http.html#transaction
func (a *api) process(c *call) error {
	pref, err := parsePrefer(c.r.Header)
	if err != nil {
		return err
	}
	kind, entries, err := a.bundleOf(c)
	if err != nil {
		return err
	}
	visitOf(c.r).entries = len(entries)
	pref = pref.ofBundle(c.r.Header)
	if kind == "batch" {
		return a.batch(c, entries, pref)
	}
	return a.transaction(c, entries, pref)
}

// bundleOf reads the body: a batch or a transaction.
func (a *api) bundleOf(c *call) (kind string, entries []bundleEntry, err error) {
	body, err := a.bodyWithin(c, a.Limits.Bundle, mediaFHIR, mediaJSON)
	if err != nil {
		return "", nil, err
	}
	res, err := fhir.Parse(body)
	if err != nil {
		return "", nil, err
	}
	if res.Type != "Bundle" {
		return "", nil, fhir.NewError(fhir.Invalid, "what is posted to the base is a Bundle").At("resourceType")
	}
	kind, entries, err = readBundle(body, a.Limits.Entries)
	if err != nil {
		return "", nil, err
	}
	if kind != "batch" && kind != "transaction" {
		return "", nil, fhir.NewError(fhir.Value, "batch and transaction are served").At("Bundle.type")
	}
	return kind, entries, nil
}
