package server

import (
	"context"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// A conditional interaction goes by what its caller may both search and read, and by nothing else: one filter inside the
// query. What is hidden is no match, so that neither a status nor a duplicate avoided tells that it is there; the price is
// that a caller with a filter may make a second resource beside one that they cannot see. What matches and may not be changed
// is told as such (403): its existence is no secret to them.

// criteria reads the search of a conditional interaction. Nothing is left out of it, whatever handling the client prefers:
// it would match more than was meant. Only what selects may stand in it.
func (a *api) criteria(to reach, text string) (search.Query, error) {
	params, err := parseQuery(text)
	if err != nil {
		return search.Query{}, err
	}
	return a.selection(to, asked(params))
}

func (a *api) selection(to reach, params url.Values) (search.Query, error) {
	for name, values := range params {
		if steers(name) {
			return search.Query{}, fhir.NewError(fhir.Invalid, "the criteria of a conditional interaction only select").At(name)
		}
		if slices.Contains(values, "") {
			return search.Query{}, notSelective()
		}
	}
	if len(params) == 0 {
		return search.Query{}, notSelective()
	}
	if len(to.by.Matches(to.kind.Name).Grants) == 0 {
		return search.Query{}, fhir.NewError(fhir.Forbidden,
			"a conditional interaction goes by search and read, and no scope of the token covers both on this resource type")
	}
	return search.Parse(a.Registry, to.kind.Name, params, search.Options{Strict: true, Base: a.Base,
		Allowed: func(t string) bool { return to.by.Allows(auth.Search, t) }})
}

// steers reports whether a parameter is about the answer of a search, FHIR R4 search.html#return, and not about what is found.
func steers(name string) bool {
	base, _, _ := strings.Cut(name, ":")
	return slices.Contains([]string{"_count", "_sort", "_include", "_revinclude", "_summary", "_elements", "_total", "_page",
		"_contained", "_containedType", "_maxresults", "_type"}, base)
}

// notSelective refuses criteria that would match everything.
func notSelective() *fhir.Error {
	return fhir.NewError(fhir.Required, "the criteria are not selective enough: a parameter with a value is needed")
}

// matches returns the resources that criteria mean to the caller.
func (r reach) matches(ctx context.Context, tx store.Tx, q search.Query, limit int) ([]fhir.Resource, error) {
	by := r.by.Caller()
	searched := by.Access
	by.Access = func(resourceType string) search.Filter {
		if resourceType == q.Type {
			return r.by.Matches(resourceType)
		}
		return searched(resourceType)
	}
	return tx.Find(ctx, q, by, limit)
}

// match returns the one resource that criteria mean, nil when there is none.
func (r reach) match(ctx context.Context, tx store.Tx, q search.Query) (*fhir.Resource, error) {
	found, err := r.matches(ctx, tx, q, 2)
	switch {
	case err != nil:
		return nil, err
	case len(found) > 1:
		return nil, severalMatch()
	case len(found) == 1:
		return &found[0], nil
	}
	return nil, nil
}

func severalMatch() error {
	return fhir.NewError(fhir.MultipleHits, "more than one resource matches: the criteria are not selective enough")
}

// changeable tells a caller who reads a resource and may not change it that it is so.
func (r reach) changeable(ctx context.Context, tx store.Tx, id string) error {
	if reflect.DeepEqual(r.visible, r.by.Matches(r.kind.Name)) { // what was found is what may be changed
		return nil
	}
	ok, err := r.sees(ctx, tx, id)
	if err == nil && !ok {
		return fhir.NewError(fhir.Forbidden, "the token does not cover this interaction on the resource that matches")
	}
	return err
}
