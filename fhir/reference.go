package fhir

import (
	"regexp"
	"strings"
)

// ReferenceKind tells the forms of Reference.reference apart (FHIR R4 references.html#literal).
type ReferenceKind int

const (
	Local       ReferenceKind = iota + 1 // Type/id on this server, with or without a version
	Absolute                             // a URL on another server
	URN                                  // urn:uuid:..., urn:oid:...
	Fragment                             // #id of a contained resource, or # for the container
	Conditional                          // Type?search, to be resolved within a transaction
)

// Reference is a parsed literal reference. Its String is the text that was parsed, except that a URL below our own base
// became local.
type Reference struct {
	Kind    ReferenceKind
	Base    string // Absolute: what stands before Type, without the slash; empty when the URL is not of that form
	Type    string // Local, Conditional, and Absolute of the form base/Type/id
	ID      string // the same but Conditional; Fragment: the id after #, empty for the container
	Version string // after /_history/
	Text    string // URN, Conditional (what follows "?") and Absolute of another form
}

// maxReference bounds a reference: beyond it no server's URL is meant.
const maxReference = 2048

var (
	urnPattern = regexp.MustCompile(`^urn:(uuid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|oid:[0-2](\.(0|[1-9][0-9]*))+)$`)
	urlPattern = regexp.MustCompile(`^[a-z][a-z0-9+.\-]*:[^\s\x00-\x1f\x7f]+$`)
)

// ParseReference reads a literal reference. base is our own base URL; empty when there is none to compare with.
func ParseReference(s, base string) (Reference, error) {
	if s == "" || len(s) > maxReference {
		return Reference{}, badReference("it is empty or too long")
	}
	if base != "" {
		s = withoutBase(s, base)
	}
	switch {
	case strings.HasPrefix(s, "#"):
		return parseFragment(s[1:])
	case strings.HasPrefix(s, "urn:uuid:"), strings.HasPrefix(s, "urn:oid:"):
		return parseURN(s)
	case strings.Contains(s, ":") && urlPattern.MatchString(s):
		return parseURL(s), nil
	}
	if t, query, ok := strings.Cut(s, "?"); ok {
		return parseConditional(t, query)
	}
	r, ok := parsePath(s)
	if !ok || r.Base != "" {
		return Reference{}, badReference("a relative reference is Type/id or Type/id/_history/version")
	}
	r.Kind = Local
	return r, nil
}

// withoutBase cuts our base from s where what is left is a reference to one of our resources.
func withoutBase(s, base string) string {
	rest, ok := strings.CutPrefix(s, strings.TrimSuffix(base, "/")+"/")
	if !ok {
		return s
	}
	if r, ok := parsePath(rest); !ok || r.Base != "" {
		return s
	}
	return rest
}

func parseFragment(id string) (Reference, error) {
	if id != "" && !ValidID(id) {
		return Reference{}, badReference("what follows # is no id")
	}
	return Reference{Kind: Fragment, ID: id}, nil
}

func parseURN(s string) (Reference, error) {
	if !urnPattern.MatchString(s) {
		return Reference{}, badReference("not a UUID or OID as RFC 4122 and RFC 3061 write it")
	}
	return Reference{Kind: URN, Text: s}, nil
}

// parseURL takes a URL apart where it has the form of a RESTful server's.
func parseURL(s string) Reference {
	if r, ok := parsePath(s); ok && r.Base != "" && strings.HasPrefix(s, "http") {
		r.Kind = Absolute
		return r
	}
	return Reference{Kind: Absolute, Text: s}
}

func parseConditional(resourceType, query string) (Reference, error) {
	if !validType(resourceType) || query == "" {
		return Reference{}, badReference("a conditional reference is Type?parameters")
	}
	return Reference{Kind: Conditional, Type: resourceType, Text: query}, nil
}

// parsePath reads [base/]Type/id[/_history/version].
func parsePath(s string) (Reference, bool) {
	var r Reference
	if before, version, ok := cutLast(s, "/_history/"); ok {
		if !ValidID(version) {
			return r, false
		}
		s, r.Version = before, version
	}
	rest, id, ok := cutLast(s, "/")
	if !ok || !ValidID(id) {
		return r, false
	}
	r.ID, r.Type = id, rest
	if base, t, ok := cutLast(rest, "/"); ok {
		r.Base, r.Type = base, t
	}
	return r, validType(r.Type) && (r.Base != "" || !strings.HasPrefix(rest, "/"))
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// String returns the reference as it is written.
func (r Reference) String() string {
	switch {
	case r.Kind == Fragment:
		return "#" + r.ID
	case r.Kind == Conditional:
		return r.Type + "?" + r.Text
	case r.Text != "":
		return r.Text
	case r.Type == "":
		return ""
	}
	s := r.Type + "/" + r.ID
	if r.Base != "" {
		s = r.Base + "/" + s
	}
	if r.Version != "" {
		s += "/_history/" + r.Version
	}
	return s
}

// Unversioned returns r pointing at the resource whatever its version.
func (r Reference) Unversioned() Reference {
	r.Version = ""
	return r
}

func badReference(why string) *Error { return NewError(Value, "not a reference: "+why) }
