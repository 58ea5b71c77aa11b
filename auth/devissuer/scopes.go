package devissuer

import (
	"slices"
	"strings"

	"lightbox/auth"
)

// userScopes are those of the asked scopes that a client with users may have: all but system/.
func userScopes(asked string, allowed []string) ([]string, error) {
	return grantable(asked, func(text string) bool { return !strings.HasPrefix(text, "system/") && covered(text, allowed) })
}

// systemScopes are those that a backend service may have: system/ alone.
func systemScopes(asked string, allowed []string) ([]string, error) {
	return grantable(asked, func(text string) bool { return strings.HasPrefix(text, "system/") && covered(text, allowed) })
}

// narrowed are the asked scopes, all of which must have been granted before (RFC 6749 section 6); no scope asks for the same again.
func narrowed(asked string, granted []string) ([]string, error) {
	if strings.TrimSpace(asked) == "" {
		return granted, nil
	}
	wider := false
	scopes, err := grantable(asked, func(text string) bool {
		wider = wider || !covered(text, granted)
		return !wider
	})
	if wider {
		return nil, refuse("invalid_scope", "a scope was not granted before")
	}
	return scopes, err
}

// grantable returns the asked scopes that may be granted, each once. What is left must be something, and something that the hub
// takes: SMART v1 and v2 are not mixed.
func grantable(asked string, may func(string) bool) ([]string, error) {
	var scopes []string
	for text := range strings.FieldsSeq(asked) {
		if !slices.Contains(scopes, text) && may(text) {
			scopes = append(scopes, text)
		}
	}
	if len(scopes) == 0 {
		return nil, refuse("invalid_scope", "no scope is asked for that this client may have")
	}
	if _, err := auth.ParseScopes(strings.Join(scopes, " ")); err != nil {
		return nil, refuse("invalid_scope", "scopes of SMART v1 and v2 are mixed")
	}
	return scopes, nil
}

// covered reports whether a scope is among the allowed ones or, if it is a clinical one, within what they give together.
func covered(text string, allowed []string) bool {
	s, ok := clinical(text)
	if !ok {
		return slices.Contains(allowed, text)
	}
	given := ""
	for _, a := range allowed {
		a, ok := clinical(a)
		if ok && a.Context == s.Context && (a.Type == "*" || a.Type == s.Type) && (a.Query == "" || a.Query == s.Query) {
			given += a.Interactions
		}
	}
	for _, letter := range s.Interactions {
		if !strings.ContainsRune(given, letter) {
			return false
		}
	}
	return true
}

// clinical reads one clinical scope, as it should be written.
func clinical(text string) (auth.Scope, bool) {
	scopes, err := auth.ParseScopes(text)
	head, _, _ := strings.Cut(text, "?")
	if err != nil || len(scopes) != 1 || strings.Contains(head, "%") {
		return auth.Scope{}, false
	}
	return scopes[0], true
}
