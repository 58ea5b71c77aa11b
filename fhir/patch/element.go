package patch

import (
	"slices"
	"strings"

	"lightbox/fhir"
)

// element is one FHIR element where it stands in the JSON. A primitive has its value in the member of its name and its id and
// extensions in the member with an underscore (FHIR R4 json.html#primitive); either may be missing.
type element struct {
	parent     *node  // the object that holds it; nil for the resource
	name       string // of the JSON member, without underscore
	index      int    // among the values of its member; -1 when that is no array
	value      *node
	extra      *node // of the member with the underscore
	definition *definition
	datatype   string // "" when it is not known
	choice     string // the name without its type, for one of a choice
}

// resource returns the element that is the whole resource.
func (t *tree) resource() element {
	return element{index: -1, value: t.root, definition: unknown, datatype: text(t.get(t.root, "resourceType"))}
}

// content returns where the children of e are defined.
func (t *tree) content(e element) string {
	if e.datatype == "Resource" {
		return text(t.get(e.value, "resourceType"))
	}
	return e.definition.content(e.datatype)
}

// step appends the elements called name in e. A name that its type does not have is a fault, unless the JSON has it anyway: it
// would be a slip in the path that looks like an empty result.
func (t *tree) step(to []element, e element, name string) []element {
	of, before := t.content(e), len(to)
	if e.value.isObject() {
		to = t.elements(to, e.value, of, name)
	}
	if e.extra.isObject() {
		to = t.elements(to, e.extra, of, name)
	}
	if len(to) == before {
		if _, _, ok := defineMember(of, name); !ok {
			t.failAs(notHere("the path names an element that its type does not have"))
		}
	}
	return to
}

// elements appends the elements called name in an object whose children are defined in of.
func (t *tree) elements(to []element, object *node, of, name string) []element {
	d, base, _ := defineMember(of, name)
	if !d.choice {
		return describe(t.pair(to, object, name), len(to), d, d.datatype(), "")
	}
	t.look(len(t.children(object)))
	for _, m := range object.members {
		spelt := strings.TrimPrefix(m.name, "_")
		datatype, ok := d.chosen(base, spelt)
		if !ok || name != base && name != spelt || spelt != m.name && t.find(object, spelt) >= 0 {
			continue // of another element or type, or the partner of one that is found by its value
		}
		to = describe(t.pair(to, object, spelt), len(to), d, datatype, base)
	}
	return to
}

// describe says of the elements from the i-th on what they are.
func describe(all []element, i int, d *definition, datatype, choice string) []element {
	for ; i < len(all); i++ {
		all[i].definition, all[i].datatype, all[i].choice = d, datatype, choice
	}
	return all
}

// pair appends the elements that a member and its partner with the underscore hold together.
func (t *tree) pair(to []element, object *node, name string) []element {
	value, extra := t.get(object, name), t.get(object, "_"+name)
	if value == nil && extra == nil {
		return to
	}
	if !value.isArray() && !extra.isArray() {
		return append(to, element{parent: object, name: name, index: -1, value: present(value), extra: present(extra)})
	}
	values, extras := t.list(value), t.list(extra)
	n := max(len(values), len(extras))
	t.look(lookCost * n)
	to = slices.Grow(to, n)
	for i := range n {
		to = append(to, element{parent: object, name: name, index: i, value: at(values, i), extra: at(extras, i)})
	}
	return to
}

// count returns how many elements a member and its partner hold, and whether that is a list.
func (t *tree) count(object *node, name string) (n int, list bool) {
	value, extra := t.get(object, name), t.get(object, "_"+name)
	switch {
	case value.isArray() || extra.isArray():
		return max(len(t.list(value)), len(t.list(extra))), true
	case value == nil && extra == nil:
		return 0, false
	}
	return 1, false
}

// chosen reports whether an object has an element of the choice d called base, of any type.
func (t *tree) chosen(object *node, d *definition, base string) bool {
	t.look(len(t.children(object)))
	return slices.ContainsFunc(object.members, func(m member) bool {
		_, ok := d.chosen(base, strings.TrimPrefix(m.name, "_"))
		return ok
	})
}

func (t *tree) list(n *node) []member {
	if !n.isArray() {
		return nil
	}
	return t.children(n)
}

// at returns the i-th value, and nil where there is none or null.
func at(list []member, i int) *node {
	if i >= len(list) {
		return nil
	}
	return present(list[i].value)
}

func present(n *node) *node {
	if n.isNull() {
		return nil
	}
	return n
}

// values is what stands for an element in JSON: the value, and the id and extensions of a primitive. Either may be nil.
type values struct{ value, extra []byte }

func fresh(text []byte) *node {
	if text == nil {
		return &node{text: []byte("null")}
	}
	return &node{text: text}
}

// put sets the one element of a member.
func (t *tree) put(object *node, name string, v values) {
	t.putOne(object, name, v.value)
	t.putOne(object, "_"+name, v.extra)
}

func (t *tree) putOne(object *node, name string, text []byte) {
	if text != nil {
		t.set(object, name, fresh(text))
	} else if i := t.find(object, name); i >= 0 {
		t.remove(object, i)
	}
}

// insertAt puts v before the i-th element of a member that is a list, or is not there yet.
func (t *tree) insertAt(object *node, name string, i int, v values) {
	length, _ := t.count(object, name)
	t.insertOne(object, name, i, length, v.value)
	t.insertOne(object, "_"+name, i, length, v.extra)
	t.settle(object, name)
}

// insertOne keeps the two arrays of a list of primitives in step: each has null where only the other has something.
func (t *tree) insertOne(object *node, name string, i, length int, text []byte) {
	array := t.get(object, name)
	if array == nil {
		if text == nil {
			return
		}
		array = &node{text: []byte("[]")}
		t.set(object, name, array)
	}
	if !array.isArray() {
		t.failAs(notHere("the JSON of the element is no array"))
		return
	}
	t.pad(array, length)
	if t.fault == nil {
		t.insert(array, i, "", fresh(text))
	}
}

func (t *tree) pad(array *node, length int) {
	for n := len(t.children(array)); n < length && t.fault == nil; n++ {
		t.insert(array, n, "", fresh(nil))
	}
}

// replaceAt puts v in place of the i-th element of a list.
func (t *tree) replaceAt(object *node, name string, i int, v values) {
	t.replaceOne(object, name, i, v.value)
	t.replaceOne(object, "_"+name, i, v.extra)
	t.settle(object, name)
}

func (t *tree) replaceOne(object *node, name string, i int, text []byte) {
	if array := t.get(object, name); i < len(t.list(array)) {
		array.members[i].value = fresh(text)
	} else if text != nil {
		t.insertOne(object, name, i, i, text)
	}
}

func (t *tree) removeAt(object *node, name string, i int) {
	t.removeOne(object, name, i)
	t.removeOne(object, "_"+name, i)
	t.settle(object, name)
}

func (t *tree) removeOne(object *node, name string, i int) *node {
	array := t.get(object, name)
	if i >= len(t.list(array)) {
		return nil
	}
	return t.remove(array, i)
}

// moveTo takes the i-th element of a list and puts it before the j-th of those that remain.
func (t *tree) moveTo(object *node, name string, i, j int) {
	length, _ := t.count(object, name)
	for _, name := range []string{name, "_" + name} {
		array := t.get(object, name)
		if !array.isArray() {
			continue
		}
		t.pad(array, length)
		if t.fault == nil {
			t.insert(array, j, "", t.remove(array, i))
		}
	}
}

// settle takes out the arrays of a list that hold nothing any more.
func (t *tree) settle(object *node, name string) {
	for _, name := range []string{name, "_" + name} {
		if i := t.find(object, name); i >= 0 && t.void(object.members[i].value) {
			t.remove(object, i)
		}
	}
}

// void reports whether n is an array without a value.
func (t *tree) void(n *node) bool {
	return n.isArray() && !slices.ContainsFunc(t.children(n), func(m member) bool { return !m.value.isNull() })
}

// prune takes out what the patch emptied, and reports whether there was anything: no element is without a value and children
// (FHIR R4 json.html: no empty objects, no empty arrays). It is done at the end alone, so that an operation may fill again
// what the one before emptied. An element of a list of primitives' extensions keeps its place as null.
func (t *tree) prune(n *node, partner bool) (changed bool) {
	for i := len(n.members) - 1; i >= 0; i-- {
		child, isPartner := n.members[i].value, strings.HasPrefix(n.members[i].name, "_")
		pruned := t.prune(child, isPartner)
		changed = changed || pruned
		switch {
		case child.emptied && len(child.members) == 0 && n.isArray() && partner:
			n.members[i].value, changed = fresh(nil), true
		case child.emptied && len(child.members) == 0, pruned && isPartner && t.void(child):
			t.remove(n, i)
			changed = true
		}
	}
	return changed
}

// failAs is fail with an error made elsewhere.
func (t *tree) failAs(e *fhir.Error) { t.fail(e.Type, e.Detail) }
