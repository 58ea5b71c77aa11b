package auth

import (
	"cmp"
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
		if slices.ContainsFunc(read.Grants, func(b search.Grant) bool { return reflect.DeepEqual(a, b) }) {
			both.Grants = append(both.Grants, a)
		}
	}
	same, held := len(both.Grants), 0
	for _, a := range searched.Grants {
		for _, b := range read.Grants {
			g, ok := intersection(a, b)
			if held += conditions(g.Where); ok && held <= maxMatches && !givenWhole(both.Grants[:same], a, b) {
				both.Grants = append(both.Grants, g)
			}
		}
	}
	both.Grants = widest(both.Grants)
	return both
}

// widest leaves out grants that others cover.
func widest(grants []search.Grant) []search.Grant {
	var kept []search.Grant
	for i, g := range grants {
		covered := slices.ContainsFunc(grants[:i], func(h search.Grant) bool { return covers(h, g) }) ||
			slices.ContainsFunc(grants[i+1:], func(h search.Grant) bool { return covers(h, g) && !covers(g, h) })
		if !covered {
			kept = append(kept, g)
		}
	}
	return kept
}

// covers reports whether every condition of h is one of g as well.
func covers(h, g search.Grant) bool {
	return (h.Patient == "" || h.Patient == g.Patient) && (h.Owner == "" || h.Owner == g.Owner) && (h.CareOf == "" || h.CareOf == g.CareOf) &&
		(h.ReferredTo == "" || sameReferral(h, g)) &&
		(!h.Nobodys || g.Nobodys) && (len(h.Where) == 0 || reflect.DeepEqual(h.Where, g.Where)) &&
		(h.Release == nil || reflect.DeepEqual(h.Release, g.Release))
}

// sameReferral: two ways to be referred to an organisation are two conditions.
func sameReferral(a, b search.Grant) bool {
	return a.ReferredTo == b.ReferredTo && slices.Equal(a.ReferredAs, b.ReferredAs)
}

// maxMatches bounds the conditions of what granular scopes for r and others for s give together. To leave the rest out shows less.
const maxMatches = 2 * maxConditions

// givenWhole reports whether one of two grants is given whole.
func givenWhole(given []search.Grant, a, b search.Grant) bool {
	return slices.ContainsFunc(given, func(g search.Grant) bool { return reflect.DeepEqual(g, a) || reflect.DeepEqual(g, b) })
}

// intersection is the grant of what two grants both cover, or of a part of it: two owners, two organisations that care, or two ways of being
// referred at once are no grant, and to leave them out shows less.
func intersection(a, b search.Grant) (search.Grant, bool) {
	g := search.Grant{All: a.All && b.All, Nobodys: a.Nobodys || b.Nobodys, Where: slices.Concat(a.Where, b.Where),
		ReferredAs: slices.Concat(a.ReferredAs, b.ReferredAs), Release: cmp.Or(a.Release, b.Release)}
	if a.Release != nil && b.Release != nil && !reflect.DeepEqual(a.Release, b.Release) { // of one caller they are the same
		return search.Grant{}, false
	}
	if a.ReferredTo != "" && b.ReferredTo != "" {
		if !sameReferral(a, b) {
			return search.Grant{}, false
		}
		g.ReferredAs = a.ReferredAs
	}
	for _, field := range []struct {
		to   *string
		a, b string
	}{
		{&g.Patient, a.Patient, b.Patient},
		{&g.Owner, a.Owner, b.Owner},
		{&g.CareOf, a.CareOf, b.CareOf},
		{&g.ReferredTo, a.ReferredTo, b.ReferredTo},
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
