package naive

import (
	"slices"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// token is a code and its system as an element states it or a search asks for it.
type token struct {
	system, code string
	datatype     string
}

// tokens are those of one element, by the table of FHIR R4 search.html#token.
func tokens(p *fhir.SearchParameter, e element) []token {
	switch e.datatype {
	case "CodeableConcept":
		var all []token
		for _, coding := range e.json.Get("coding").Array() {
			all = append(all, token{coding.Get("system").Str, coding.Get("code").Str, "Coding"})
		}
		return all
	case "Coding":
		return []token{{e.json.Get("system").Str, e.json.Get("code").Str, e.datatype}}
	case "Identifier", "ContactPoint":
		return []token{{e.json.Get("system").Str, e.json.Get("value").Str, e.datatype}}
	case "boolean":
		return []token{{"", e.json.Raw, e.datatype}}
	case "code":
		return []token{{p.System, e.json.Str, e.datatype}}
	case "id", "uri", "string":
		return []token{{"", e.json.Str, e.datatype}}
	}
	return nil
}

// hasSystem tells the data types of which "|" may ask: "|code" finds none of the others. An element of type code has the
// system of its value set, where that has one.
func (t token) hasSystem() bool {
	return t.datatype == "Coding" || t.datatype == "Identifier" || t.datatype == "code" && t.system != ""
}

// folded returns the code in lower case, but where two that differ in case are two things (identifiers, ids, URIs, booleans):
// "when in doubt, servers SHOULD treat tokens in a case-insensitive manner" (FHIR R4 search.html#token).
func (t token) folded() string {
	if slices.Contains([]string{"Identifier", "id", "uri", "boolean"}, t.datatype) {
		return t.code
	}
	return strings.ToLower(t.code)
}

// normal returns the code as codes are compared: folded, and an OID without its urn:oid:.
func (t token) normal() string {
	code := t.folded()
	if oid, ok := strings.CutPrefix(code, "urn:oid:"); ok && oid != "" && strings.Trim(oid, "0123456789.") == "" {
		return oid
	}
	return code
}

// wanted is a token that is searched for.
type wanted struct {
	system, code string
	bar          bool // "system|code", "|code", "system|"
}

func (w wanted) matches(t token) bool {
	if w.bar && (!t.hasSystem() || w.system != t.system) {
		return false
	}
	if w.code == "" {
		return true
	}
	return t.code != "" && t.normal() == token{code: w.code, datatype: t.datatype}.normal()
}

// parseToken reads code, system|code, |code and system|.
func parseToken(text string) (wanted, error) {
	parts := bars(text)
	switch {
	case len(parts) == 1:
		return wanted{code: parts[0]}, nil
	case len(parts) > 2 || parts[0] == "" && parts[1] == "":
		return wanted{}, bad("the forms are code, system|code, |code and system|")
	}
	return wanted{parts[0], parts[1], true}, nil
}

func readToken(p *fhir.SearchParameter, modifier, text string) (test, error) {
	switch modifier {
	case "":
		w, err := parseToken(text)
		return func(_ scope, e element) bool { return slices.ContainsFunc(tokens(p, e), w.matches) }, err
	case "text":
		return readTokenText(unescape(text))
	case "of-type":
		if slices.Contains(p.Datatypes, "Identifier") {
			return readOfType(text)
		}
	}
	return nil, bad("no modifier %q on %s", modifier, p.Name)
}

// readTokenText reads :text: "searches text associated with the code/value - either CodeableConcept.text, Coding.display, or
// Identifier.type.text" as a string is searched (FHIR R4 search.html#modifiers). A display is found by the start of each of
// its words.
func readTokenText(text string) (test, error) {
	folded := search.Fold(text)
	if folded == "" {
		return nil, bad("no letter or digit to search for")
	}
	return func(_ scope, e element) bool {
		var texts []string
		switch e.datatype {
		case "CodeableConcept":
			texts = append(e.texts("coding.#.display"), e.texts("text")...)
		case "Coding":
			texts = e.texts("display")
		case "Identifier":
			texts = e.texts("type.text")
		}
		return slices.ContainsFunc(texts, func(t string) bool { return startsWord(search.Fold(t), folded) })
	}, nil
}

// readOfType reads :of-type, "system|code|value, where the system and code refer to a Identifier.type.coding.system and .code,
// and match if any of the type codes match. All 3 parts must be present" (FHIR R4 search.html#modifiers).
func readOfType(text string) (test, error) {
	parts := bars(text)
	if len(parts) != 3 || slices.Contains(parts, "") {
		return nil, bad("the form is system|code|value")
	}
	return func(_ scope, e element) bool {
		types := tokens(nil, element{"CodeableConcept", e.json.Get("type")})
		value := wanted{code: parts[2]}
		return slices.ContainsFunc(types, wanted{parts[0], parts[1], true}.matches) &&
			slices.ContainsFunc(tokens(nil, e), value.matches)
	}, nil
}
