package patch

import (
	"strconv"

	"lightbox/fhir"
)

// build returns the JSON of the operation's value as an element of definition d called base, and the name of its member.
func (o pathOperation) build(t *tree, d *definition, base string) (name string, v values, err *fhir.Error) {
	name, v, err = t.build(d, base, *o.value)
	if err != nil {
		return "", v, fhir.NewError(err.Type, "value: "+err.Detail)
	}
	return name, v, t.fault
}

// build returns the JSON of a part as an element of definition d called base, and the name of the member it goes to.
func (t *tree) build(d *definition, base string, p part) (name string, v values, err *fhir.Error) {
	if len(p.parts) > 0 {
		v.value, err = t.buildObject(d, p.parts)
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
func (t *tree) buildObject(d *definition, parts []part) ([]byte, *fhir.Error) {
	if d.choice || primitives[d.datatype()] != 0 {
		return nil, notHere("its element has a type that is given as value[x], not in parts")
	}
	of, count := d.content(d.datatype()), map[string]int{}
	for _, p := range parts {
		count[p.name]++
	}
	object := &node{text: []byte("{}")}
	for i, p := range parts {
		if err := t.addPart(object, of, p, count[p.name] > 1); err != nil {
			return nil, inPart(i, err)
		}
	}
	return object.append(nil), nil
}

// addPart adds a child to an object whose children are defined in of. Of an element that R4's definitions do not tell,
// repeating makes a list.
func (t *tree) addPart(object *node, of string, p part, repeats bool) *fhir.Error {
	d, base, ok := defineMember(of, p.name)
	if !ok {
		return notHere("no element of the type has that name")
	}
	if repeats && len(d.types) == 0 {
		d = &definition{path: d.path, list: true}
	}
	name, v, err := t.build(d, base, p)
	if err != nil {
		return err
	}
	return t.addChild(object, d, base, name, v)
}

// addChild adds an element called base to those of an object, in the member called name.
func (t *tree) addChild(object *node, d *definition, base, name string, v values) *fhir.Error {
	there, list := t.count(object, name)
	if d.choice && t.chosen(object, d, base) || there > 0 && !list {
		return notHere("there is one already, and it does not repeat: replace it")
	}
	if list || d.list {
		t.insertAt(object, name, there, v)
	} else {
		t.put(object, name, v)
	}
	return t.fault
}

func inPart(i int, e *fhir.Error) *fhir.Error {
	return fhir.NewError(e.Type, "part["+strconv.Itoa(i)+"]: "+e.Detail)
}
