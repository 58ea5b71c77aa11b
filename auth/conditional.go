package auth

import (
	"reflect"
	"slices"

	"lightbox/fhir/search"
)

// Matches returns what a conditional interaction of the caller may go by: what they may find by search and then read. A match
// is told by its effect, so that less than both would tell more than either.
func (p *Principal) Matches(resourceType string) search.Filter {
	searched, read := p.Visible(Search, resourceType), p.Visible(Read, resourceType)
	if reflect.DeepEqual(searched, read) {
		return searched
	}
	var both search.Filter
	for _, a := range searched.Grants {
		for _, b := range read.Grants {
			if g, ok := intersection(a, b); ok {
				both.Grants = append(both.Grants, g)
			}
		}
	}
	return both
}

// intersection is the grant of what two grants both cover, or of a part of it: two owners, or two organisations that care, at
// once are no grant, and to leave them out shows less.
func intersection(a, b search.Grant) (search.Grant, bool) {
	g := search.Grant{All: a.All && b.All, Nobodys: a.Nobodys || b.Nobodys, Where: slices.Concat(a.Where, b.Where)}
	for _, field := range []struct {
		to   *string
		a, b string
	}{
		{&g.Patient, a.Patient, b.Patient},
		{&g.Owner, a.Owner, b.Owner},
		{&g.CareOf, a.CareOf, b.CareOf},
	} {
		switch {
		case field.a == "" || field.a == field.b:
			*field.to = field.b
		case field.b == "":
			*field.to = field.a
		default:
			return search.Grant{}, false
		}
	}
	return g, true
}
