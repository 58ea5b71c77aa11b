package auth

import (
	"slices"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// Scope is one SMART clinical scope.
type Scope struct {
	Context      string // patient, user, system
	Type         string // resource type or "*"
	Interactions string // of "cruds", in that order

	Query string          // of a granular scope: what must hold, "param=value&param=value" in one spelling
	Where []search.Clause // the same for a filter
}

// covers reports whether the scope names the interaction on the type.
func (s Scope) covers(i Interaction, resourceType string) bool {
	return (s.Type == "*" || s.Type == resourceType) && len(i) == 1 && strings.Contains(s.Interactions, string(i))
}

// String returns the scope in the grammar of SMART v2, whichever it was read from.
func (s Scope) String() string {
	text := s.Context + "/" + s.Type + "." + s.Interactions
	if s.Query != "" {
		text += "?" + s.Query
	}
	return text
}

// ParseScopes reads the space-separated value of a scope claim. Clinical scopes must follow the grammar of SMART App Launch
// 2.2 (or of v1 throughout), and one that does not spoils the whole claim: taking its valid part would grant what nobody
// wrote. Launch, identity and foreign scopes are left out. Errors are *fhir.Error with Login.
func ParseScopes(claim string) ([]Scope, error) {
	var scopes []Scope
	var v1, v2 bool
	held := 0
	for text := range strings.SplitSeq(claim, " ") {
		if !isScopeToken(text) {
			return nil, badScope("the token's scope holds a character that a scope cannot have")
		}
		head, query, hasQuery := strings.Cut(text, "?")
		head = decodeSlash(head)
		if !isClinical(head) {
			continue
		}
		s, old, err := parseScope(head)
		if err == nil && hasQuery {
			err = s.restrict(query, old)
			held += conditions(s.Where)
		}
		if err != nil {
			return nil, err
		}
		if held > maxConditions {
			return nil, badScope("the token has too many granular scopes")
		}
		v1, v2 = v1 || old, v2 || !old
		scopes = append(scopes, s)
	}
	if v1 && v2 {
		return nil, badScope("the token's scope mixes SMART v1 and v2")
	}
	return scopes, nil
}

// restrict makes a scope the granular one that its query says.
func (s *Scope) restrict(query string, v1 bool) (err error) {
	if v1 {
		return badScope("a scope of SMART v1 has no query")
	}
	s.Query, s.Where, err = parseGranular(s.Type, query)
	return err
}

// parseScope reads one clinical scope without its query and tells whether it is of SMART v1.
func parseScope(text string) (Scope, bool, error) {
	context, rest, _ := strings.Cut(text, "/")
	resourceType, access, found := strings.Cut(rest, ".")
	if !found || !slices.Contains(contexts(), context) {
		return Scope{}, false, badScope("a clinical scope is not of the form context/Type.access")
	}
	if resourceType != "*" && !fhir.IsResourceType(resourceType) {
		return Scope{}, false, badScope("a clinical scope names an unknown resource type")
	}
	if letters, ok := v1Access(access); ok {
		return Scope{Context: context, Type: resourceType, Interactions: letters}, true, nil
	}
	if !isOrderedSubset(access, "cruds") {
		return Scope{}, false, badScope("a clinical scope's access is neither read, write, * nor letters of cruds in this order")
	}
	return Scope{Context: context, Type: resourceType, Interactions: access}, false, nil
}

func contexts() []string { return []string{"patient", "user", "system"} }

// v1Access expands the access of a SMART v1 scope.
func v1Access(access string) (letters string, ok bool) {
	switch access {
	case "read":
		return "rs", true
	case "write":
		return "cud", true
	case "*":
		return "cruds", true
	}
	return "", false
}

// isOrderedSubset reports whether s is letters of all, each at most once, in their order, at least one.
func isOrderedSubset(s, all string) bool {
	for i := range len(s) {
		at := strings.IndexByte(all, s[i])
		if at < 0 {
			return false
		}
		all = all[at+1:]
	}
	return s != ""
}

// isClinical reports whether a scope claims to be a clinical one. The letter case of the context is left to parseScope, so that
// "Patient/..." is an error and not a foreign scope.
func isClinical(text string) bool {
	context, _, found := strings.Cut(text, "/")
	return found && slices.Contains(contexts(), strings.ToLower(context))
}

// isScopeToken checks the characters that RFC 6749 section 3.3 allows; the empty text between two spaces passes.
func isScopeToken(text string) bool {
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// decodeSlash undoes the %2F that some authorization servers leave in scopes.
func decodeSlash(text string) string {
	return strings.NewReplacer("%2f", "/", "%2F", "/").Replace(text)
}

func badScope(detail string) *fhir.Error { return fhir.NewError(fhir.Login, detail) }
