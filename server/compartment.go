package server

import (
	"github.com/go-chi/chi/v5"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// searchCompartment answers a search on what belongs to one resource: of one type, or with * of all types that the caller may
// search. Whose compartment it is need not exist for the caller: what is in it is filtered as in every search.
// https://hl7.org/fhir/R4/http.html#vsearch
func (a *api) searchCompartment(owner string) func(c *call) error {
	return func(c *call) error {
		id, err := c.id()
		if err != nil {
			return err
		}
		c.code = "search-type"
		name := chi.URLParam(c.r, "type")
		over := scope{compartment: &search.Compartment{Type: owner, ID: id}, path: owner + "/" + id + "/" + name}
		if name == "*" {
			over.several, over.types = true, a.members(c, owner)
			if len(over.types) == 0 {
				return errForbidden()
			}
			return a.find(c, over)
		}
		t, ok := a.Registry.Type(name)
		if !ok || !inCompartment(t, owner) {
			return fhir.NewError(fhir.NotFound, "this type is in no compartment of a "+owner)
		}
		if !c.by.Allows("s", name) {
			return errForbidden()
		}
		over.types = []string{name}
		return a.find(c, over)
	}
}

func inCompartment(t *fhir.Type, owner string) bool {
	by, self := t.Compartment(owner)
	return self || len(by) > 0
}

// members returns the types of a compartment that the caller may search.
func (a *api) members(c *call, owner string) []string {
	var types []string
	for _, name := range a.searchable(c) {
		if t, ok := a.Registry.Type(name); ok && inCompartment(t, owner) {
			types = append(types, name)
		}
	}
	return types
}
