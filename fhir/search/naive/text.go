package naive

import (
	"slices"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// texts returns the strings at a path of the element.
func (e element) texts(path string) []string {
	var all []string
	for _, v := range e.json.Get(path).Array() {
		all = append(all, v.Str)
	}
	return all
}

// part is one string of an element.
type part struct {
	text  string
	words bool // found by the start of each of its words
}

// parts are the strings that a search on the element looks at: of a HumanName and an Address "any of the string fields" (FHIR
// R4 patient.html#search), "servers SHOULD search the parts of a family name independently. E.g. searching either Carreno or
// Quinones should match a family name of Carreno Quinones" (search.html#string); the text of a name may hold the same.
func parts(p *fhir.SearchParameter, e element) []part {
	var all []part
	add := func(words bool, paths ...string) {
		for _, path := range paths {
			for _, text := range e.texts(path) {
				all = append(all, part{text, words})
			}
		}
	}
	switch e.datatype {
	case "HumanName":
		add(true, "family", "text")
		add(false, "given", "prefix", "suffix")
	case "Address":
		add(false, "text", "line", "city", "district", "state", "postalCode", "country")
	default:
		all = []part{{e.json.Str, strings.HasSuffix(p.Expression, ".family")}}
	}
	return slices.DeleteFunc(all, func(p part) bool { return p.text == "" })
}

// readString: without a modifier a string matches that equals or starts with the value, folded; with :contains one that has
// it anywhere; with :exact one that is it, "including casing and accents" (FHIR R4 search.html#string).
func readString(p *fhir.SearchParameter, modifier, text string) (test, error) {
	folded := search.Fold(text)
	if folded == "" && modifier != "exact" {
		return nil, bad("no letter or digit to search for")
	}
	matches := map[string]func(part) bool{
		"exact":    func(p part) bool { return p.text == text },
		"contains": func(p part) bool { return strings.Contains(search.Fold(p.text), folded) },
		"": func(p part) bool {
			return strings.HasPrefix(search.Fold(p.text), folded) || p.words && startsWord(search.Fold(p.text), folded)
		},
	}[modifier]
	if matches == nil {
		return nil, bad("no modifier %q on a string", modifier)
	}
	return func(_ scope, e element) bool { return slices.ContainsFunc(parts(p, e), matches) }, nil
}

// startsWord reports whether a folded text, or what follows one of its spaces, starts with start.
func startsWord(text, start string) bool { return strings.Contains(" "+text, " "+start) }

// readURI: "matches are exact (e.g. case, accent, escape) sensitive, and the entire URI must match"; :below finds the URIs that
// start with the value, :above those that the value starts with, both for URLs only (FHIR R4 search.html#uri). The start is
// one of characters, as in the example, not of path segments. A canonical is found with and without its version.
func readURI(modifier, text string) (test, error) {
	matches := map[string]func(string) bool{
		"":      func(uri string) bool { return uri == text },
		"below": func(uri string) bool { return strings.HasPrefix(uri, text) },
		"above": func(uri string) bool { return strings.HasPrefix(text, uri) },
	}[modifier]
	if matches == nil || modifier != "" && strings.HasPrefix(text, "urn:") {
		return nil, bad("no modifier %q on this uri", modifier)
	}
	return func(_ scope, e element) bool {
		uri := e.json.Str
		if uri == "" {
			return false
		}
		if unversioned, _, ok := strings.Cut(uri, "|"); ok && e.datatype == "canonical" && matches(unversioned) {
			return true
		}
		return matches(uri)
	}, nil
}
