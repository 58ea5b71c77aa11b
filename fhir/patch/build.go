package patch

import (
	"strconv"

	"lightbox/fhir"
)

// build returns the JSON of the operation's value as an element of definition d called base, and the name of its member.
func (o pathOperation) build(d *definition, base string) (name string, v values, err *fhir.Error) {
	name, v, err = build(d, base, *o.value)
	if err != nil {
		return "", v, fhir.NewError(err.Type, "value: "+err.Detail)
	}
	return name, v, nil
}

// build returns the JSON of a part as an element of definition d called base, and the name of the member it goes to.
func build(d *definition, base string, p part) (name string, v values, err *fhir.Error) {
	if len(p.parts) > 0 {
		v.value, err = buildObject(d, p.parts)
		return base, v, err
	}
	if !d.takes(p.datatype) {
		return "", v, notHere("its element does not take that type")
	}
	if d.choice {
		base = memberOf(base, p.datatype)
	}
	return base, p.values, nil
}

// buildObject makes an element out of parts that are called as its children, for the types that have no name to say in
// value[x] (FHIR R4 fhirpatch.html: "anonymous types"). Parts of one name make a list.
func buildObject(d *definition, parts []part) ([]byte, *fhir.Error) {
	if d.choice || primitives[d.datatype()] != 0 {
		return nil, notHere("its element has a type that is given as value[x], not in parts")
	}
	t := newTree([]byte("{}"))
	of, count := d.content(d.datatype()), map[string]int{}
	for _, p := range parts {
		count[p.name]++
	}
	for i, p := range parts {
		if err := t.addPart(of, p, count[p.name] > 1); err != nil {
			return nil, inPart(i, err)
		}
	}
	return t.bytes(), t.fault
}

// addPart adds a child to the root. Of an element that R4's definitions do not tell, repeating makes a list.
func (t *tree) addPart(of string, p part, repeats bool) *fhir.Error {
	d, base, ok := defineMember(of, p.name)
	if !ok {
		return notHere("no element of the type has that name")
	}
	if repeats && len(d.types) == 0 {
		d = &definition{path: d.path, list: true}
	}
	name, v, err := build(d, base, p)
	if err != nil {
		return err
	}
	return t.place(t.root, t.elements(nil, t.root, of, base), d, name, v)
}

func inPart(i int, e *fhir.Error) *fhir.Error {
	return fhir.NewError(e.Type, "part["+strconv.Itoa(i)+"]: "+e.Detail)
}
