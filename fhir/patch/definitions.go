package patch

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// The rows are facts of the R4 definitions: each element of the served resource types and of the data types, whether it may
// repeat, and its types. A row of "*" is about every type; "any" stands for the open list of types; "#path" for the content of
// another element.
//
//go:embed r4elements.tsv
var r4Elements string

// definition says of an element what its JSON looks like.
type definition struct {
	path   string // where its children are defined, when it has no type of its own
	list   bool
	types  []string // none when the element is not known
	choice bool     // value[x]: the type is part of the member's name
}

// definitions are the rows by path, with what can be told of elements of other types.
type definitions struct {
	elements map[string]definition
	types    map[string]bool // paths that have children
	lists    map[string]int  // names of elements: how many rows are lists, less those that are not
}

var r4 = sync.OnceValue(func() definitions {
	d := definitions{map[string]definition{}, map[string]bool{}, map[string]int{}}
	for _, line := range strings.Split(strings.TrimRight(r4Elements, "\n"), "\n")[1:] {
		row := strings.Split(line, "\t")
		d.add(row[0], row[1] == "*", strings.Split(row[2], ","))
	}
	return d
})

func (d definitions) add(path string, list bool, types []string) {
	name, choice := strings.CutSuffix(path, "[x]")
	if types[0] == "any" {
		types = openTypes
	}
	d.elements[name] = definition{path: name, list: list, types: types, choice: choice}
	dot := strings.LastIndexByte(name, '.')
	d.types[name[:dot]] = true
	if list {
		d.lists[name[dot+1:]]++
	} else {
		d.lists[name[dot+1:]]--
	}
}

// define returns the definition of the element called name in a type or at the path of a definition. It is false for an
// element that a known type does not have. Of types without rows (those of contained resources, mostly) it tells what most
// elements of that name are.
func define(of, name string) (definition, bool) {
	d := r4()
	if e, ok := d.elements[of+"."+name]; ok {
		return e, true
	}
	if e, ok := d.elements["*."+name]; ok {
		return e, true
	}
	if d.types[of] {
		return definition{}, false
	}
	return definition{path: of + "." + name, list: d.lists[name] > 0}, true
}

// defineMember does the same for a name as JSON spells it: valueQuantity is value, which of its types it may be.
func defineMember(of, name string) (e definition, base string, ok bool) {
	if e, ok := define(of, name); ok {
		return e, name, true
	}
	for i, c := range name {
		if c < 'A' || c > 'Z' {
			continue
		}
		if e, ok := define(of, name[:i]); ok && e.choice && slices.Contains(e.types, typeNamed(name[i:])) {
			return e, name[:i], true
		}
	}
	return definition{}, "", false
}

// content returns where the children of an element of type datatype are defined.
func (e definition) content(datatype string) string {
	switch {
	case datatype == "" || datatype == "BackboneElement" || datatype == "Element":
		return e.path
	case datatype[0] == '#':
		return datatype[1:]
	}
	return datatype
}

// datatype returns the one type of an element that is no choice, and "" when it is not known.
func (e definition) datatype() string {
	if len(e.types) == 0 {
		return ""
	}
	return e.types[0]
}

// anonymous reports whether the values of e are given by parts, their type having no name.
func (e definition) anonymous() bool { return e.content(e.datatype()) != e.datatype() }

// takes reports whether a value of type datatype may stand there. Primitive types that JSON writes alike are taken for one
// another: HL7's own tests give a valueString for an xhtml, a valueDate for a dateTime. In a choice the type is the name, so it
// must be one of the list.
func (e definition) takes(datatype string) bool {
	if len(e.types) == 0 {
		return true
	}
	return slices.ContainsFunc(e.types, func(t string) bool {
		return t == datatype || !e.choice && alike(t, datatype)
	})
}

func alike(a, b string) bool {
	if quantities[a] && quantities[b] {
		return true
	}
	return primitives[a] != 0 && primitives[a] == primitives[b]
}

// primitives maps each primitive type to the first byte of its JSON: a string, a number or a boolean.
var primitives = map[string]byte{
	"base64Binary": '"', "boolean": 't', "canonical": '"', "code": '"', "date": '"', "dateTime": '"', "decimal": '0', "id": '"',
	"instant": '"', "integer": '0', "markdown": '"', "oid": '"', "positiveInt": '0', "string": '"', "time": '"', "unsignedInt": '0',
	"uri": '"', "url": '"', "uuid": '"', "xhtml": '"',
}

// quantities are profiles of one type (FHIR R4 datatypes.html#quantity).
var quantities = map[string]bool{"Quantity": true, "Age": true, "Count": true, "Distance": true, "Duration": true}

// openTypes are the types of value[x] where R4 writes "*" (FHIR R4 datatypes.html#open).
var openTypes = []string{
	"base64Binary", "boolean", "canonical", "code", "date", "dateTime", "decimal", "id", "instant", "integer", "markdown", "oid",
	"positiveInt", "string", "time", "unsignedInt", "uri", "url", "uuid",
	"Address", "Age", "Annotation", "Attachment", "CodeableConcept", "Coding", "ContactPoint", "Count", "Distance", "Duration",
	"HumanName", "Identifier", "Money", "Period", "Quantity", "Range", "Ratio", "Reference", "SampledData", "Signature", "Timing",
	"ContactDetail", "Contributor", "DataRequirement", "Expression", "ParameterDefinition", "RelatedArtifact", "TriggerDefinition",
	"UsageContext", "Dosage", "Meta",
}

// typeNamed returns the type that the end of a choice element's name says: DateTime is dateTime, Period is Period.
func typeNamed(suffix string) string {
	if suffix == "" {
		return ""
	}
	if lower := strings.ToLower(suffix[:1]) + suffix[1:]; primitives[lower] != 0 {
		return lower
	}
	return suffix
}

// memberOf returns the name of the member that holds an element of a choice (FHIR R4 formats.html#choice).
func memberOf(name, datatype string) string {
	return name + strings.ToUpper(datatype[:1]) + datatype[1:]
}

// chosen returns the type that a member's name says when it holds e, a choice called base.
func (e definition) chosen(base, spelt string) (string, bool) {
	suffix, ok := strings.CutPrefix(spelt, base)
	datatype := typeNamed(suffix)
	if !ok || suffix == "" || memberOf(base, datatype) != spelt {
		return "", false
	}
	return datatype, slices.Contains(e.types, datatype)
}
