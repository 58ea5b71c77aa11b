package patch

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
)

// The rows are facts of the R4 definitions: each element of the served resource types and of the data types, whether it may
// repeat, and its types. A row of "*" is about every type and one of Resource about every resource; a row without a dot is a
// resource type; "any" stands for the open list of types, "#path" for the content of another element.
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

// definitions are the rows, with what can be told of elements of other types.
type definitions struct {
	children  map[string]map[string]*definition // by the path or type that has them, and by name
	resources map[string]bool                   // types of resources
	lists     map[string]int                    // names of elements: how many rows are lists, less those that are not
}

var r4 = sync.OnceValue(func() definitions {
	d := definitions{map[string]map[string]*definition{}, map[string]bool{}, map[string]int{}}
	for _, line := range strings.Split(strings.TrimRight(r4Elements, "\n"), "\n")[1:] {
		row := strings.Split(line, "\t")
		d.add(row[0], row[1] == "*", strings.Split(row[2], ","))
	}
	return d
})

func (d definitions) add(path string, list bool, types []string) {
	dot := strings.LastIndexByte(path, '.')
	if dot < 0 {
		d.resources[path] = true
		return
	}
	if types[0] == "any" {
		types = openTypes
	}
	path, choice := strings.CutSuffix(path, "[x]")
	of, name := path[:dot], path[dot+1:]
	if d.children[of] == nil {
		d.children[of] = map[string]*definition{}
	}
	d.children[of][name] = &definition{path: path, list: list, types: types, choice: choice}
	if list {
		d.lists[name]++
	} else {
		d.lists[name]--
	}
}

// define returns the definition of the element called name in a type or at the path of a definition. It is false for an
// element that a known type does not have. Of types without rows (those of contained resources, mostly) it tells what most
// elements of that name are.
func define(of, name string) (*definition, bool) {
	d := r4()
	if e := d.find(of, name); e != nil {
		return e, true
	}
	if d.children[of] != nil {
		return unknown, false
	}
	return &definition{path: of + "." + name, list: d.lists[name] > 0}, true
}

// unknown is an element of which nothing is known.
var unknown = &definition{}

// find looks in the rows of the type, of all resources and of all types. A type without rows is that of a resource: all data
// types have some.
func (d definitions) find(of, name string) *definition {
	if e := d.children[of][name]; e != nil {
		return e
	}
	resource := d.resources[of] || d.children[of] == nil && !strings.Contains(of, ".") && primitives[of] == 0
	if e := d.children["Resource"][name]; e != nil && resource {
		return e
	}
	return d.children["*"][name]
}

// defineMember does the same for a name as JSON spells it: valueQuantity is value, which of its types it may be.
func defineMember(of, name string) (e *definition, base string, ok bool) {
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
	return unknown, "", false
}

// content returns where the children of an element of type datatype are defined.
func (e *definition) content(datatype string) string {
	switch {
	case datatype == "" || datatype == "BackboneElement" || datatype == "Element":
		return e.path
	case datatype[0] == '#':
		return datatype[1:]
	}
	return datatype
}

// datatype returns the one type of an element that is no choice, and "" when it is not known.
func (e *definition) datatype() string {
	if len(e.types) == 0 {
		return ""
	}
	return e.types[0]
}

// takes reports whether a value of type datatype may stand there. Primitive types that JSON writes alike are taken for one
// another: HL7's own tests give a valueString for an xhtml, a valueDate for a dateTime. In a choice the type is the name, so it
// must be one of the list.
func (e *definition) takes(datatype string) bool {
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
func (e *definition) chosen(base, spelt string) (string, bool) {
	suffix, ok := strings.CutPrefix(spelt, base)
	datatype := typeNamed(suffix)
	if !ok || suffix == "" || memberOf(base, datatype) != spelt {
		return "", false
	}
	return datatype, slices.Contains(e.types, datatype)
}
