package search

import (
	"net/url"

	"lightbox/fhir"
)

// Parse reads the parameters of a search on one type. Errors are *fhir.Error that name the parameter.
func Parse(reg *fhir.Registry, resourceType string, params url.Values, o Options) (Query, error) {
	panic("search.Parse")
}

// Fingerprint identifies a query apart from its Page and Count: a cursor is bound to it.
func (q Query) Fingerprint() [32]byte { panic("search.Fingerprint") }
