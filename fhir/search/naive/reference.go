package naive

import (
	"regexp"
	"slices"
	"strings"

	"lightbox/fhir"
)

// reference is a literal reference without its version.
type reference struct {
	base             string // of another server, with its slash; empty: ours
	resourceType, id string
	text             string // as a whole, when it has not the form of a RESTful URL
}

// local reports whether it may lead to a resource of ours.
func (r reference) local() bool { return r.resourceType != "" && r.base == "" }

func (r reference) String() string {
	if r.resourceType == "" {
		return r.text
	}
	return r.base + r.resourceType + "/" + r.id
}

var typeName = regexp.MustCompile(`^[A-Z][A-Za-z]+$`)

var restful = regexp.MustCompile(`^(https?://.+/)?([A-Z][A-Za-z]*)/([A-Za-z0-9.\-]{1,64})(/_history/[A-Za-z0-9.\-]{1,64})?$`)

// parseReference reads Type/id and URLs, with or without a version, those below our own base as Type/id.
func parseReference(text, base string) reference {
	m := restful.FindStringSubmatch(text)
	if m == nil {
		return reference{text: text}
	}
	r := reference{base: m[1], resourceType: m[2], id: m[3]}
	if base != "" && r.base == strings.TrimSuffix(base, "/")+"/" {
		r.base = ""
	}
	return r
}

// literal returns the reference of an element, the zero reference when there is only an identifier.
func (s scope) literal(e element) reference {
	return parseReference(e.json.Get("reference").Str, s.Base)
}

// readReference reads id, Type/id and URL (FHIR R4 search.html#reference). Versions are left out of account on both sides:
// the clause lets a server ignore them, and whoever asks for the resource wants what refers to any version of it.
func readReference(p *fhir.SearchParameter, modifier, text string) (test, error) {
	switch {
	case slices.Contains(p.Datatypes, "canonical"):
		if modifier != "" {
			return nil, bad("no modifier %q on a canonical", modifier)
		}
		return readURI("", unescape(text))
	case modifier == "identifier":
		return readLogical(text)
	case modifier != "" && !(p.MayTarget(modifier) && typeName.MatchString(modifier)):
		return nil, bad("%s does not refer to a %q", p.Name, modifier)
	case fhir.ValidID(unescape(text)):
		return byID(p, modifier, unescape(text)), nil
	}
	return byText(modifier, unescape(text))
}

// byID: "the logical [id] of a resource using a local reference", to any type that the parameter may refer to.
func byID(p *fhir.SearchParameter, resourceType, id string) test {
	return func(s scope, e element) bool {
		ref := s.literal(e)
		return ref.local() && ref.id == id && p.MayTarget(ref.resourceType) &&
			(resourceType == "" || ref.resourceType == resourceType)
	}
}

// byText compares the whole reference. Nothing refers to what is contained or conditional by its text.
func byText(resourceType, text string) (test, error) {
	if strings.HasPrefix(text, "#") || strings.Contains(text, "?") {
		return nil, bad("the forms are id, Type/id and URL")
	}
	return func(s scope, e element) bool {
		want, have := parseReference(text, s.Base), s.literal(e)
		return want == have && (resourceType == "" || !want.local() || want.resourceType == resourceType)
	}, nil
}

// readLogical reads :identifier, which tests Reference.identifier as a token search does, whether or not there is a literal
// reference beside it (FHIR R4 search.html#reference).
func readLogical(text string) (test, error) {
	w, err := parseToken(text)
	return func(_ scope, e element) bool {
		identifier := e.json.Get("identifier")
		return identifier.Exists() && slices.ContainsFunc(tokens(nil, element{"Identifier", identifier}), w.matches)
	}, err
}
