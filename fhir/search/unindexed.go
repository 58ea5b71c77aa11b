package search

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
)

// What follows is answered from the resource itself: it would cost an index value each, and is asked for seldom. A store finds the
// candidates by what is indexed, and looks at each.

// elements returns what stands at the end of a path, arrays flattened.
func elements(v gjson.Result, members []string) []gjson.Result {
	switch {
	case v.IsArray():
		var all []gjson.Result
		for _, item := range v.Array() {
			all = append(all, elements(item, members)...)
		}
		return all
	case len(members) == 0:
		if !v.Exists() || v.Type == gjson.Null {
			return nil
		}
		return []gjson.Result{v}
	}
	return elements(v.Get(members[0]), members[1:])
}

// selected returns what a parameter selects, with the path that led there.
func selected(root gjson.Result, p *fhir.SearchParameter, found func(path fhir.Path, v gjson.Result) bool) bool {
	for _, path := range p.Paths {
		for _, v := range elements(root, path.Members) {
			if holds(path.Where, v) && found(path, v) {
				return true
			}
		}
	}
	return false
}

// matchComposite asks for one element in which every component holds (FHIR R4 search.html#composite).
func (c Clause) matchComposite(r Indexed) bool {
	return selected(gjson.ParseBytes(r.Body), c.Param, func(_ fhir.Path, element gjson.Result) bool {
		return slices.ContainsFunc(c.Values, func(v Value) bool { return holdTogether(c.Param.Components, v.Parts, element) })
	})
}

func holdTogether(components []fhir.Component, parts [][]Value, element gjson.Result) bool {
	for i, component := range components {
		if !componentHolds(component, parts[i], element) {
			return false
		}
	}
	return true
}

func componentHolds(c fhir.Component, values []Value, element gjson.Result) bool {
	for _, path := range c.Paths {
		for _, found := range elements(element, path.Members) {
			entries, err := entriesOf(fhir.PathEnd{Param: c.Param, Path: path}, found)
			if err == nil && (Clause{Param: c.Param, Values: values}).matchEntries(entries) {
				return true
			}
		}
	}
	return false
}

// Parts returns what the composite implies of its components: each holds somewhere in the resource.
func (c Clause) Parts() []Clause {
	all := make([]Clause, len(c.Param.Components))
	for i, component := range c.Param.Components {
		all[i] = Clause{Param: component.Param}
		for _, v := range c.Values {
			all[i].Values = append(all[i].Values, v.Parts[i]...)
		}
	}
	return all
}

// matchText compares the text beside a code, as a string is: from the start of each of its words.
func (c Clause) matchText(r Indexed) bool {
	return selected(gjson.ParseBytes(r.Body), c.Param, func(path fhir.Path, v gjson.Result) bool {
		return slices.ContainsFunc(textsBeside(path.Datatype, v), c.startsWord)
	})
}

func (c Clause) startsWord(text string) bool {
	return slices.ContainsFunc(words(text), func(e Entry) bool {
		return slices.ContainsFunc(c.Values, func(v Value) bool { return strings.HasPrefix(e.Text, v.Text) })
	})
}

// textsBeside returns the texts of FHIR R4 search.html#modifiers, :text.
func textsBeside(datatype string, v gjson.Result) []string {
	switch datatype {
	case "CodeableConcept":
		all := []string{v.Get("text").Str}
		for _, coding := range v.Get("coding").Array() {
			all = append(all, coding.Get("display").Str)
		}
		return all
	case "Coding":
		return []string{v.Get("display").Str}
	case "Identifier":
		return append(textsBeside("CodeableConcept", v.Get("type")), v.Get("type.text").Str)
	}
	return nil
}

// matchType compares identifiers with their type.
func (c Clause) matchType(r Indexed) bool {
	return selected(gjson.ParseBytes(r.Body), c.Param, func(_ fhir.Path, v gjson.Result) bool {
		return slices.ContainsFunc(c.Values, func(want Value) bool {
			return hashCode(v.Get("value").Str) == want.Hash && slices.ContainsFunc(v.Get("type.coding").Array(), func(coding gjson.Result) bool {
				return slices.ContainsFunc(coded("Coding", coding), want.Kind.holdsToken)
			})
		})
	})
}
