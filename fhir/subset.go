package fhir

import (
	"bytes"
	_ "embed"
	"slices"
	"strings"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// r4Summary has for each type its mandatory elements, its choice elements, and those of its summary, as R4's definitions mark them.
//
//go:embed r4summary.tsv
var r4Summary string

// Subset says which elements of a resource go out. The zero Subset is all of them.
type Subset struct {
	members map[string]*Subset // by name, a choice's with [x]; nil: whole
	but     string             // with no members: all but this one
}

// always are elements that no part of a resource goes without: without meta it could not say that it is a part.
var always = []string{"resourceType", "id", "meta", "implicitRules"}

// definition is a row of r4Summary.
type definition struct{ mandatory, choices, summary []string }

var definitions = sync.OnceValue(func() map[string]definition {
	all := map[string]definition{}
	for _, row := range rows(r4Summary) {
		all[row[0]] = definition{list(row[1]), list(row[2]), list(row[3])}
	}
	return all
})

// SummaryOf returns what _summary=true leaves of a type (FHIR R4 search.html#summary).
func SummaryOf(resourceType string) Subset {
	return subsetOf(always, definitions()[resourceType].summary)
}

// TextOf returns what _summary=text leaves: the narrative and what is mandatory.
func TextOf(resourceType string) Subset {
	return subsetOf(always, []string{"text"}, definitions()[resourceType].mandatory)
}

// Data is what _summary=data leaves: all but the narrative.
func Data() Subset { return Subset{but: "text"} }

// ElementsOf returns what _elements leaves: what is named, and what is mandatory (FHIR R4 search.html#elements).
func ElementsOf(resourceType string, names []string) Subset {
	d := definitions()[resourceType]
	named := slices.Clone(names)
	for _, name := range names {
		if choice := name + "[x]"; slices.Contains(d.choices, choice) {
			named = append(named, choice)
		}
	}
	return subsetOf(always, named, d.mandatory)
}

func subsetOf(lists ...[]string) Subset {
	root := &Subset{members: map[string]*Subset{}}
	for _, path := range slices.Concat(lists...) {
		s := root
		for name := range strings.SplitSeq(path, ".") {
			if s.members == nil {
				s.members = map[string]*Subset{} // an element whose own members are marked one by one
			}
			if s.members[name] == nil {
				s.members[name] = &Subset{}
			}
			s = s.members[name]
		}
	}
	return *root
}

// of returns what of a member goes out; nil for nothing. A primitive's extensions (_name) go with it, and so does each type of a
// choice.
func (s *Subset) of(name string) *Subset {
	name = strings.TrimPrefix(name, "_")
	if s.members == nil {
		if name == s.but {
			return nil
		}
		return &Subset{}
	}
	if found := s.members[name]; found != nil {
		return found
	}
	for i := 1; i < len(name); i++ {
		if found := s.members[name[:i]+"[x]"]; found != nil && name[i] >= 'A' && name[i] <= 'Z' {
			return found
		}
	}
	return nil
}

// Subset returns r with those elements only, tagged SUBSETTED (FHIR R4 search.html#summary). Bytes that stay are not touched.
func (r Resource) Subset(s Subset) Resource {
	if s.members == nil && s.but == "" {
		return r
	}
	r.Body = tagSubsetted(s.cut(nil, r.Body))
	return r
}

// cut appends what goes out of a JSON value that Parse has checked.
func (s *Subset) cut(out, value []byte) []byte {
	if s.members == nil && s.but == "" {
		return append(out, value...)
	}
	switch jsontext.Value(value).Kind() {
	case '{':
		return s.cutObject(out, value)
	case '[':
		return s.cutArray(out, value)
	}
	return append(out, value...)
}

func (s *Subset) cutObject(out, object []byte) []byte {
	out = append(out, '{')
	first := true
	eachMember(object, func(name string, at span) {
		inner := s.of(name)
		if inner == nil {
			return
		}
		value := inner.cut(nil, object[at.value:at.end])
		if isEmpty(value) {
			return
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(append(out, object[at.name:at.value]...), value...)
	})
	return append(out, '}')
}

func (s *Subset) cutArray(out, array []byte) []byte {
	out = append(out, '[')
	d := jsontext.NewDecoder(bytes.NewBuffer(array), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	if _, err := d.ReadToken(); err != nil {
		return append(out, ']')
	}
	for first := true; d.PeekKind() != ']'; {
		item, err := d.ReadValue()
		if err != nil {
			break
		}
		value := s.cut(nil, item)
		if isEmpty(value) {
			continue
		}
		if !first {
			out = append(out, ',')
		}
		first = false
		out = append(out, value...)
	}
	return append(out, ']')
}

// isEmpty tells what FHIR JSON does not have (FHIR R4 json.html#null): an object or array of which nothing is left.
func isEmpty(value []byte) bool { return string(value) == "{}" || string(value) == "[]" }

// subsetted tells that a resource is incomplete (FHIR R4 resource.html#tags).
const subsetted = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`

// tagSubsetted adds the tag to meta, which each stored resource has.
func tagSubsetted(body []byte) []byte {
	meta, ok := members(body)["meta"]
	if !ok || body[meta.value] != '{' {
		return body
	}
	inner := members(body[meta.value:meta.end])
	if tag, ok := inner["tag"]; ok && body[meta.value+tag.value] == '[' {
		at := meta.value + tag.end - 1
		comma := ","
		if len(bytes.TrimSpace(body[meta.value+tag.value+1:at])) == 0 {
			comma = ""
		}
		return splice(body, at, at, comma+subsetted)
	}
	comma := ","
	if len(inner) == 0 {
		comma = ""
	}
	return splice(body, meta.end-1, meta.end-1, comma+`"tag":[`+subsetted+"]")
}
