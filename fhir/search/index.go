package search

import "lightbox/fhir"

// Index evaluates every search parameter of a resource's type on it.
func Index(reg *fhir.Registry, r fhir.Resource) (Document, error) { panic("search.Index") }

// Hash is what a posting holds of a token, reference or uri. It is stable for ever: it is stored.
func Hash(text string) int64 { panic("search.Hash") }
