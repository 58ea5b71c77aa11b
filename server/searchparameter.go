package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/tidwall/gjson"

	"lightbox/conformance"
	"lightbox/fhir"
)

// searchParameter answers the definition of one of our own search parameters, to anyone: the CapabilityStatement refers to it.
// https://hl7.org/fhir/R4/searchparameter.html
func (a *api) searchParameter(c *call) error {
	all, err := a.definitions(c)
	if err != nil {
		return err
	}
	return c.sendOne(all)
}

// operationDefinition answers the definition of one of our own operations.
func (a *api) operationDefinition(c *call) error {
	if err := c.negotiate(c.query); err != nil {
		return err
	}
	all, err := conformance.OperationDefinitions(a.Base)
	if err != nil {
		return err
	}
	return c.sendOne(all)
}

// sendOne answers the definition that the path names.
func (c *call) sendOne(all []fhir.Resource) error {
	for _, res := range all {
		if res.ID == chi.URLParam(c.r, "id") {
			c.w.Header().Set("Cache-Control", definitionsLive)
			return c.send(http.StatusOK, res.Body)
		}
	}
	return errNotFound()
}

// definitionsLive is how long a client may keep them: as the CapabilityStatement.
const definitionsLive = "public, max-age=60"

// searchParameters answers all of them, or those that the parameters select.
func (a *api) searchParameters(c *call) error {
	all, err := a.definitions(c)
	if err != nil {
		return err
	}
	return a.sendSelected(c, "SearchParameter", all)
}

// sendSelected answers the definitions of a type that the parameters select.
func (a *api) sendSelected(c *call, resourceType string, all []fhir.Resource) error {
	params, err := parseQuery(c.r.URL.RawQuery)
	if err != nil {
		return err
	}
	for name, values := range asked(params) {
		if !slices.Contains(conformance.DefinitionParameters(resourceType), name) {
			return fhir.NewError(fhir.NotSupported, "this parameter is not served on "+resourceType).At(name)
		}
		all = slices.DeleteFunc(all, func(res fhir.Resource) bool { return !selected(res, name, values) })
	}
	return a.sendBundle(c, "searchset", func(b *bundle) {
		b.total(int64(len(all)))
		b.link("self", a.searchURL(resourceType, params, ""))
		for _, res := range all {
			b.found(res, "match")
		}
	})
}

// selected reports whether an element of a definition has one of the values of each repetition of a parameter.
func selected(res fhir.Resource, name string, values []string) bool {
	element := gjson.GetBytes(res.Body, strings.TrimPrefix(name, "_"))
	for _, list := range values {
		found := slices.ContainsFunc(strings.Split(list, ","), func(want string) bool {
			return slices.ContainsFunc(element.Array(), func(got gjson.Result) bool { return got.Str == want })
		})
		if !found {
			return false
		}
	}
	return true
}

// definitions makes the resources.
func (a *api) definitions(c *call) ([]fhir.Resource, error) {
	if err := c.negotiate(c.query); err != nil {
		return nil, err
	}
	all, err := conformance.SearchParameters(a.Registry, a.Base)
	if err == nil {
		c.w.Header().Set("Cache-Control", definitionsLive)
	}
	return all, err
}
