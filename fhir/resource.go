package fhir

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Resource is one version of a resource: the JSON that was written, with meta.versionId and meta.lastUpdated spliced in.
// Nothing decodes and re-encodes it on the way out, so decimals, primitive extensions and unknown members survive.
type Resource struct {
	Type        string
	ID          string
	Version     int64     // counts 1, 2, 3
	LastUpdated time.Time // UTC, microseconds
	Deleted     bool      // this version is a deletion: Body is empty
	Patient     string    // whose data it is, as a store that returns it found (search.Document.Patient)
	Body        []byte
}

// Reference returns "Type/ID".
func (r Resource) Reference() string { return r.Type + "/" + r.ID }

// MaxDepth is how many objects and arrays may stand inside one another.
const MaxDepth = 64

// ValidID reports whether s has the form of a logical id: 1 to 64 letters, digits, "-" and "." (FHIR R4 datatypes.html#id).
func ValidID(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// validType reports whether s has the form of a resource type.
func validType(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= 64 && s[0] <= 'Z'
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// Parse checks that body is one JSON resource (valid UTF-8, no duplicate member, bounded depth) and returns it with Type
// and ID (empty when the body has none). Whoever reads the body from outside bounds its size. Errors are *Error with an
// expression where one fits.
func Parse(body []byte) (Resource, error) {
	d := jsontext.NewDecoder(bytes.NewBuffer(body))
	if d.PeekKind() != '{' {
		return Resource{}, notAnObject(d)
	}
	r := Resource{Body: body}
	if err := r.readMembers(d); err != nil {
		return Resource{}, err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return Resource{}, NewError(Invalid, "more than one JSON value"+at(d))
	}
	if r.Type == "" {
		return Resource{}, NewError(Required, "no resourceType: not a FHIR resource").At("resourceType")
	}
	return r, nil
}

func notAnObject(d *jsontext.Decoder) error {
	if _, err := d.ReadToken(); err != nil {
		return syntaxError(d, err)
	}
	return NewError(Structure, "a resource is a JSON object")
}

// readMembers walks the members of the resource, keeping its type and id.
func (r *Resource) readMembers(d *jsontext.Decoder) error {
	if _, err := d.ReadToken(); err != nil {
		return syntaxError(d, err)
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return syntaxError(d, err)
		}
		if err := r.readMember(d, name.String()); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return syntaxError(d, err)
	}
	return nil
}

func (r *Resource) readMember(d *jsontext.Decoder, name string) error {
	var err error
	switch name {
	case "resourceType":
		r.Type, err = readText(d, validType, name, "a letter in upper case and up to 63 more letters")
	case "id":
		r.ID, err = readText(d, ValidID, name, "1 to 64 letters, digits, - and .")
	case "meta":
		if k := d.PeekKind(); k != '{' && k != 0 {
			return NewError(Structure, "meta is a JSON object").At(name)
		}
		err = skipValue(d)
	default:
		err = skipValue(d)
	}
	return err
}

// readText reads a member that must be a string of a form.
func readText(d *jsontext.Decoder, valid func(string) bool, name, form string) (string, error) {
	if k := d.PeekKind(); k != '"' && k != 0 {
		return "", NewError(Structure, name+" is a JSON string").At(name)
	}
	t, err := d.ReadToken()
	if err != nil {
		return "", syntaxError(d, err)
	}
	text := t.String()
	if !valid(text) {
		return "", NewError(Value, name+" is "+form).At(name)
	}
	return text, nil
}

// skipValue reads one value token by token, so that depth is bounded and each name and string is checked.
func skipValue(d *jsontext.Decoder) error {
	depth := d.StackDepth()
	for {
		if _, err := d.ReadToken(); err != nil {
			return syntaxError(d, err)
		}
		if d.StackDepth() > MaxDepth {
			return NewError(Structure, "nested deeper than "+strconv.Itoa(MaxDepth)+" levels"+at(d))
		}
		if d.StackDepth() == depth {
			return nil
		}
	}
}

// syntaxError tells what is wrong and where without repeating the text, which may be somebody's name.
func syntaxError(d *jsontext.Decoder, err error) error {
	detail := "not well-formed JSON in UTF-8"
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		detail = "duplicate member"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		detail = "JSON ends too early"
	}
	return NewError(Invalid, detail+at(d)).Because(err)
}

func at(d *jsontext.Decoder) string {
	return " near byte " + strconv.FormatInt(d.InputOffset(), 10)
}
