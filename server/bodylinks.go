package server

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"lightbox/fhir"
)

// link is a place in a body where a URL stands that a transaction replaces: by the identity of another entry's resource, or by
// what the search of a conditional reference finds. https://hl7.org/fhir/R4/http.html#trules
type link struct {
	start, end int    // of the text, without the quotes
	entry      int    // whose fullUrl it is, when search is empty
	versioned  bool   // stays a reference to a version
	fragment   string // with "#"
	search     string // "Type?parameters"
	expression string // of the element
}

// linker finds links. R4 replaces them in references, in elements of type uri, url, oid and uuid, and in the narrative, and
// leaves those of type canonical.
type linker struct {
	byURL map[string]int // fullUrl -> entry
	root  string         // of the fullUrl of the resource's own entry, when it is RESTful: relative references are below it
}

// role is what the value of a member may hold.
type role int

const (
	other role = iota
	reference
	uri
	narrative
)

// roleOf knows the members of the types that are served whose value is a reference or of type uri, url, oid or uuid. A link is
// replaced only where all of its text is an entry's fullUrl, so that a member of the same name and another type does no harm.
func roleOf(name string) role {
	switch name {
	case "reference":
		return reference
	case "div":
		return narrative
	case "url", "uri", "system", "source", "address", "authority", "endpoint", "implicitRules", "instantiatesUri", "issuer",
		"jurisdiction", "policy", "valueUri", "valueUrl", "valueOid", "valueUuid":
		return uri
	}
	return other
}

// find walks a resource once. Offsets are those of its bytes: nothing is decoded.
func (l linker) find(res fhir.Resource) ([]link, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(res.Body))
	var found []link
	at := other
	for {
		switch d.PeekKind() {
		case '"':
			value, err := d.ReadValue()
			if err != nil {
				return nil, notJSON(err)
			}
			if isName(d) {
				at = roleOf(string(value[1 : len(value)-1]))
				continue
			}
			if at != other {
				start := int(d.InputOffset()) - len(value) + 1
				path := func() string { return fhirPath(res.Type, d.StackPointer()) }
				found = l.links(found, at, text{string(value[1 : len(value)-1]), start}, path)
			}
		case '{':
			at = other
			fallthrough
		default:
			if _, err := d.ReadToken(); errors.Is(err, io.EOF) {
				return found, nil
			} else if err != nil {
				return nil, notJSON(err)
			}
		}
	}
}

func notJSON(err error) error {
	return fhir.NewError(fhir.Invalid, "the body is not JSON").Because(err)
}

// text is the inside of a JSON string as it stands in a body, and where.
type text struct {
	raw   string
	start int
}

func (l linker) links(found []link, at role, t text, path func() string) []link {
	if at == narrative {
		return l.hyperlinks(found, t)
	}
	target, ok := l.resolve(unescaped(t.raw), at == reference)
	if !ok {
		return found
	}
	target.start, target.end, target.expression = t.start, t.start+len(t.raw), path()
	return append(found, target)
}

// hyperlinks finds <a href=""> and <img src=""> in XHTML that stands in a JSON string.
func (l linker) hyperlinks(found []link, t text) []link {
	for from := 0; ; {
		i := strings.IndexByte(t.raw[from:], '=')
		if i < 0 {
			return found
		}
		from += i + 1
		quote := opening(t.raw[from:])
		if quote == "" || !isLinkAttribute(t.raw[:from-1]) {
			continue
		}
		from += len(quote)
		length := strings.Index(t.raw[from:], quote)
		if length < 0 {
			return found
		}
		if target, ok := l.resolve(unescaped(t.raw[from:from+length]), false); ok {
			target.start, target.end = t.start+from, t.start+from+length
			found = append(found, target)
		}
		from += length + len(quote)
	}
}

// isLinkAttribute reports whether XHTML before "=" ends with an attribute that links: after white space as it is, or as JSON
// escapes it.
func isLinkAttribute(before string) bool {
	for _, name := range []string{"href", "src"} {
		if rest, ok := strings.CutSuffix(before, name); ok {
			return strings.HasSuffix(rest, " ") || strings.HasSuffix(rest, `\n`) || strings.HasSuffix(rest, `\t`)
		}
	}
	return false
}

// opening returns the quote that an attribute's value begins with, as JSON escapes it.
func opening(raw string) string {
	for _, quote := range []string{`\"`, `'`} {
		if strings.HasPrefix(raw, quote) {
			return quote
		}
	}
	return ""
}

func unescaped(raw string) string {
	if !strings.Contains(raw, `\`) {
		return raw
	}
	plain, err := jsontext.AppendUnquote(nil, `"`+raw+`"`)
	if err != nil {
		return raw
	}
	return string(plain)
}

// resolve tells what a URL is replaced by, if by anything. A version is cut before matching, as is what follows "#" (FHIR R4
// bundle.html#references).
func (l linker) resolve(url string, isReference bool) (link, bool) {
	plain, fragment := url, ""
	if i := strings.IndexByte(url, '#'); i > 0 {
		plain, fragment = url[:i], url[i:]
	}
	if entry, ok := l.entry(plain); ok {
		return link{entry: entry, fragment: fragment}, true
	}
	if before, _, ok := strings.Cut(plain, "/_history/"); ok {
		if entry, ok := l.entry(before); ok {
			return link{entry: entry, fragment: fragment, versioned: true}, true
		}
	}
	if !isReference || !strings.Contains(url, "?") {
		return link{}, false
	}
	if ref, err := fhir.ParseReference(url, ""); err != nil || ref.Kind != fhir.Conditional {
		return link{}, false
	}
	return link{search: url}, true
}

func (l linker) entry(url string) (int, bool) {
	if entry, ok := l.byURL[url]; ok {
		return entry, true
	}
	if l.root == "" || strings.Contains(url, ":") {
		return 0, false
	}
	entry, ok := l.byURL[l.root+"/"+url]
	return entry, ok
}

// rootOf returns the base of a RESTful URL: what stands before Type/id.
func rootOf(fullURL string) string {
	if ref, err := fhir.ParseReference(fullURL, ""); err == nil && ref.Kind == fhir.Absolute {
		return ref.Base
	}
	return ""
}

// splice returns the body with the text of each link replaced.
func splice(body []byte, links []link, texts []string) []byte {
	out := make([]byte, 0, len(body)+32*len(links))
	from := 0
	for i, l := range links {
		out = append(append(out, body[from:l.start]...), texts[i]...)
		from = l.end
	}
	return append(out, body[from:]...)
}
