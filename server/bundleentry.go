package server

import (
	"bytes"
	"strconv"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"

	"lightbox/fhir"
)

// bundleEntry is one entry of a batch or transaction. https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry
type bundleEntry struct {
	index    int
	fullURL  string
	resource []byte // nil: none
	method   string
	url      string // relative to our base
	headers  entryHeaders
}

// entryHeaders are the elements of Bundle.entry.request that stand for headers.
type entryHeaders struct {
	ifMatch, ifNoneMatch, ifModifiedSince string
	ifNoneExist                           []string
}

// at names the entry, or an element of it.
func (e bundleEntry) at(element string) string {
	return "Bundle.entry[" + strconv.Itoa(e.index) + "]" + element
}

// name makes an error about a resource or request one about the Bundle that holds it.
func (e bundleEntry) name(err *fhir.Error) *fhir.Error {
	_, element, nested := strings.Cut(err.Expression, ".")
	switch {
	case strings.HasPrefix(err.Expression, "Bundle.entry["):
		return err
	case err.Expression == "":
		return err.At(e.at(""))
	case err.Expression == "resourceType":
		return err.At(e.at(".resource"))
	case unicode.IsUpper(rune(err.Expression[0])) && nested:
		return err.At(e.at(".resource." + element))
	case unicode.IsUpper(rune(err.Expression[0])):
		return err.At(e.at(".resource"))
	}
	named := err.At(e.at(".request")) // of a parameter
	named.Detail = err.Expression + ": " + err.Detail
	return named
}

// bundleReader takes a Bundle apart in one pass: a resource stays the bytes that came. The body was checked by fhir.Parse.
type bundleReader struct {
	body    []byte
	decoder *jsontext.Decoder
	max     int // entries
	kind    string
	entries []bundleEntry
}

// readBundle returns the type and the entries of a Bundle, of which it may have max.
func readBundle(body []byte, max int) (kind string, entries []bundleEntry, err error) {
	r := bundleReader{body: body, decoder: jsontext.NewDecoder(bytes.NewBuffer(body)), max: max}
	err = r.object("Bundle", func(name string) error {
		switch name {
		case "type":
			return r.text("Bundle.type", &r.kind)
		case "entry":
			return r.list()
		}
		return r.decoder.SkipValue()
	})
	return r.kind, r.entries, err
}

func (r *bundleReader) list() error {
	if r.decoder.PeekKind() != '[' {
		return fhir.NewError(fhir.Structure, "not a list").At("Bundle.entry")
	}
	if _, err := r.decoder.ReadToken(); err != nil {
		return err
	}
	for r.decoder.PeekKind() != ']' {
		if len(r.entries) == r.max {
			return fhir.NewError(fhir.TooCostly, "a Bundle takes at most "+strconv.Itoa(r.max)+" entries").At("Bundle.entry")
		}
		e := bundleEntry{index: len(r.entries)}
		if err := r.entry(&e); err != nil {
			return err
		}
		r.entries = append(r.entries, e)
	}
	_, err := r.decoder.ReadToken()
	return err
}

func (r *bundleReader) entry(e *bundleEntry) error {
	return r.object(e.at(""), func(name string) error {
		switch name {
		case "fullUrl":
			return r.text(e.at(".fullUrl"), &e.fullURL)
		case "resource":
			value, err := r.decoder.ReadValue()
			end := int(r.decoder.InputOffset())
			e.resource = r.body[end-len(value) : end : end]
			return err
		case "request":
			return r.request(e)
		}
		return r.decoder.SkipValue()
	})
}

func (r *bundleReader) request(e *bundleEntry) error {
	return r.object(e.at(".request"), func(name string) error {
		at := e.at(".request." + name)
		switch name {
		case "method":
			return r.text(at, &e.method)
		case "url":
			return r.text(at, &e.url)
		case "ifMatch":
			return r.text(at, &e.headers.ifMatch)
		case "ifNoneMatch":
			return r.text(at, &e.headers.ifNoneMatch)
		case "ifModifiedSince":
			return r.text(at, &e.headers.ifModifiedSince)
		case "ifNoneExist":
			e.headers.ifNoneExist = []string{""}
			return r.text(at, &e.headers.ifNoneExist[0])
		}
		return r.decoder.SkipValue()
	})
}

// object calls member with the name of each member of an object; it reads the value.
func (r *bundleReader) object(at string, member func(name string) error) error {
	if r.decoder.PeekKind() != '{' {
		return fhir.NewError(fhir.Structure, "not an object").At(at)
	}
	if _, err := r.decoder.ReadToken(); err != nil {
		return err
	}
	for r.decoder.PeekKind() != '}' {
		name, err := r.decoder.ReadToken()
		if err != nil {
			return err
		}
		if err := member(name.String()); err != nil {
			return err
		}
	}
	_, err := r.decoder.ReadToken()
	return err
}

func (r *bundleReader) text(at string, to *string) error {
	if r.decoder.PeekKind() != '"' {
		return fhir.NewError(fhir.Structure, "not a string").At(at)
	}
	token, err := r.decoder.ReadToken()
	*to = token.String()
	return err
}

// relative returns the URL of an entry as it stands below base. R4 has it relative; one below our own base is as clear.
func relative(url, base string) string {
	if rest, ok := strings.CutPrefix(url, base+"/"); ok {
		return rest
	}
	return strings.TrimPrefix(url, "/")
}
