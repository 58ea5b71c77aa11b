package patch

import (
	"slices"
	"strconv"
	"strings"

	"lightbox/fhir"
)

// part is a Parameters.parameter or one of its parts: a value, a resource or more parts.
type part struct {
	name     string
	datatype string // of the value
	values   values
	parts    []part
}

// part reads n and everything in it.
func (t *tree) part(n *node) (p part, err *fhir.Error) {
	if !n.isObject() {
		return p, fhir.NewError(fhir.Structure, "a parameter or part is a JSON object")
	}
	for _, m := range t.children(n) {
		switch {
		case m.name == "name":
			p.name = text(m.value)
		case m.name == "part":
			p.parts, err = t.parts(m.value)
		case m.name == "resource":
			err = p.give("Resource", &p.values.value, m.value)
		case strings.HasPrefix(m.name, "value"):
			err = p.give(typeNamed(m.name[len("value"):]), &p.values.value, m.value)
		case strings.HasPrefix(m.name, "_value"):
			err = p.give(typeNamed(m.name[len("_value"):]), &p.values.extra, m.value)
		}
		if err != nil {
			return p, err
		}
	}
	if p.datatype != "" && p.parts != nil {
		return p, fhir.NewError(fhir.Structure, "a part has a value or parts, not both")
	}
	return p, nil
}

func (t *tree) parts(n *node) (all []part, err *fhir.Error) {
	if !n.isArray() {
		return nil, fhir.NewError(fhir.Structure, "part is a list")
	}
	for i, m := range t.children(n) {
		p, err := t.part(m.value)
		if err != nil {
			return nil, inPart(i, err)
		}
		all = append(all, p)
	}
	return all, nil
}

// give keeps the JSON of a value whose type the member's name says.
func (p *part) give(datatype string, to *[]byte, n *node) *fhir.Error {
	primitive := primitives[datatype] != 0
	switch {
	case p.datatype != "" && p.datatype != datatype:
		return fhir.NewError(fhir.Structure, "a part has one value")
	case datatype != "Resource" && !slices.Contains(openTypes, datatype):
		return fhir.NewError(fhir.Structure, "no type of R4 that a parameter may have")
	case to == &p.values.extra && !(primitive && n.isObject()), to == &p.values.value && !fitsJSON(datatype, n):
		return fhir.NewError(fhir.Structure, "the JSON of a value is not that of its type")
	}
	p.datatype, *to = datatype, n.text
	return nil
}

// fitsJSON reports whether n is the kind of JSON that a type is written in.
func fitsJSON(datatype string, n *node) bool {
	switch primitives[datatype] {
	case '"':
		return n.isString()
	case '0':
		return isNumber(n)
	case 't':
		return n.text[0] == 't' || n.text[0] == 'f'
	}
	return n.isObject() && len(n.text) > len("{}")
}

// text returns a string part. R4 writes a code for the type and strings for path and name; either is taken for all.
func (p *part) text() (string, *fhir.Error) {
	if p.values.value == nil || p.datatype != "string" && p.datatype != "code" {
		return "", fhir.NewError(fhir.Structure, p.name+" is a valueString or valueCode")
	}
	return text(&node{text: p.values.value}), nil
}

func (p *part) number() (int, *fhir.Error) {
	n, err := strconv.ParseUint(string(p.values.value), 10, 31)
	if err != nil || primitives[p.datatype] != '0' {
		return 0, fhir.NewError(fhir.Value, p.name+" is a valueInteger, 0 or more")
	}
	return int(n), nil
}

// content checks that a part, and each of its parts, has a name and something in it.
func (p *part) content() *fhir.Error {
	if p.datatype == "" && len(p.parts) == 0 {
		return fhir.NewError(fhir.Required, "a value has a value[x] or parts")
	}
	for i := range p.parts {
		if !elementName(p.parts[i].name) {
			return inPart(i, fhir.NewError(fhir.Value, "it is called as the element that it becomes"))
		}
		if err := p.parts[i].content(); err != nil {
			return inPart(i, err)
		}
	}
	return nil
}

// elementName reports whether s has the form of the names of elements in R4.
func elementName(s string) bool {
	if s == "" || len(s) > 64 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	return strings.IndexFunc(s, func(c rune) bool { return c > 127 || !isLetter(byte(c)) && !isDigit(byte(c)) }) < 0
}
