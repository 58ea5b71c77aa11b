package patch

import (
	"slices"

	"lightbox/fhir"
)

func (o pathOperation) kind() string              { return o.op }
func (o pathOperation) apply(t *tree) *fhir.Error { return pathOperations[o.op].apply(o, t) }

// add appends to a list, and sets an element that there is only one of: it must not be there yet.
func (o pathOperation) add(t *tree) *fhir.Error {
	parent, err := o.one(t)
	if err != nil {
		return err
	}
	d, base, ok := defineMember(t.content(parent), o.name)
	if !ok {
		return notHere("name is no element of what the path leads to")
	}
	name, v, err := o.build(t, d, base)
	if err != nil {
		return err
	}
	object, err := t.object(parent, o.name)
	if err != nil {
		return err
	}
	if err := t.serverOwned(object, name); err != nil {
		return err
	}
	return t.addChild(object, d, base, name, v)
}

// object returns the object that holds the children of e: for a primitive, which can have an id and extensions alone, the one
// beside its value.
func (t *tree) object(e element, name string) (*node, *fhir.Error) {
	if e.value.isObject() {
		return e.value, nil
	}
	if name != "id" && name != "extension" {
		return nil, notHere("the path leads to a primitive, which has no elements but id and extension")
	}
	if e.extra.isObject() {
		return e.extra, nil
	}
	empty := []byte("{}")
	if e.index < 0 {
		t.putOne(e.parent, "_"+e.name, empty)
		return t.get(e.parent, "_"+e.name), t.fault
	}
	t.replaceOne(e.parent, "_"+e.name, e.index, empty)
	if t.fault != nil {
		return nil, t.fault
	}
	return t.get(e.parent, "_"+e.name).members[e.index].value, nil
}

func (o pathOperation) insert(t *tree) *fhir.Error {
	list, err := o.list(t)
	if err != nil {
		return err
	}
	if o.index > len(list) {
		return notHere("the index is beyond the end of the list")
	}
	first := list[0]
	_, v, err := o.build(t, first.definition, first.name)
	if err != nil {
		return err
	}
	t.insertAt(first.parent, first.name, o.index, v)
	return nil
}

// delete of nothing is no error: the element is gone, which is what was asked for.
func (o pathOperation) delete(t *tree) *fhir.Error {
	if found := o.path.from(t, []element{t.resource()}); len(found) == 0 {
		return t.fault
	}
	e, err := o.owned(t)
	if err != nil {
		return err
	}
	if e.index < 0 {
		t.put(e.parent, e.name, values{})
	} else {
		t.removeAt(e.parent, e.name, e.index)
	}
	return nil
}

// replace puts a whole new element in place of one: of a primitive, its id and extensions go too.
func (o pathOperation) replace(t *tree) *fhir.Error {
	e, err := o.owned(t)
	if err != nil {
		return err
	}
	base := e.name
	if e.choice != "" {
		base = e.choice
	}
	name, v, err := o.build(t, e.definition, base)
	if err != nil {
		return err
	}
	if e.index >= 0 {
		t.replaceAt(e.parent, e.name, e.index, v)
		return nil
	}
	t.rename(e.parent, e.name, name)
	t.put(e.parent, name, v)
	return nil
}

// rename gives the members of an element of a choice the name of its new type, where they stand.
func (t *tree) rename(object *node, from, to string) {
	if from == to {
		return
	}
	for _, underscore := range []string{"", "_"} {
		i := t.find(object, underscore+from)
		if i < 0 {
			continue
		}
		value := t.remove(object, i)
		t.insert(object, i, underscore+to, value)
	}
}

// move takes an element of a list out and puts it at the index that it shall have then.
func (o pathOperation) move(t *tree) *fhir.Error {
	list, err := o.list(t)
	if err != nil {
		return err
	}
	if o.source >= len(list) || o.index >= len(list) {
		return notHere("source or destination is beyond the end of the list")
	}
	if o.source != o.index {
		t.moveTo(list[0].parent, list[0].name, o.source, o.index)
	}
	return nil
}

// one returns the one element that the path leads to.
func (o pathOperation) one(t *tree) (element, *fhir.Error) {
	found := o.path.from(t, []element{t.resource()})
	switch {
	case t.fault != nil:
		return element{}, t.fault
	case len(found) == 0:
		return element{}, notHere("the path leads to nothing")
	case len(found) > 1:
		return element{}, notHere("the path leads to more than one element")
	}
	return found[0], nil
}

// owned is one for an element that is to be changed: no resource, and nothing that the server writes.
func (o pathOperation) owned(t *tree) (element, *fhir.Error) {
	e, err := o.one(t)
	if err != nil {
		return e, err
	}
	if e.parent == nil {
		return e, notHere("the path leads to the resource itself")
	}
	return e, t.serverOwned(e.parent, e.name)
}

// list returns the elements of the one list that the path leads to, all of them: an index counts in the whole list.
func (o pathOperation) list(t *tree) ([]element, *fhir.Error) {
	found := o.path.from(t, []element{t.resource()})
	switch {
	case t.fault != nil:
		return nil, t.fault
	case len(found) == 0:
		return nil, notHere("the path leads to nothing")
	case found[0].index < 0:
		return nil, notHere("the path leads to an element that is no list")
	}
	strange := func(e element) bool { return e.parent != found[0].parent || e.name != found[0].name }
	length, _ := t.count(found[0].parent, found[0].name)
	if slices.ContainsFunc(found, strange) || len(found) != length {
		return nil, notHere("the path does not lead to one whole list")
	}
	return found, nil
}
