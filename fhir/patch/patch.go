// Package patch changes the JSON of a FHIR R4 resource as a patch document asks: a JSON Patch (RFC 6902) or a FHIRPath Patch
// (FHIR R4 fhirpatch.html, a Parameters resource). What a patch does not touch keeps every byte: the text of decimals, the
// order of members, white space, members that nobody knows.
//
// It knows no HTTP, and it does not validate: whoever stores the result checks it as any other resource. What belongs to the
// server (the type, the id, meta.versionId, meta.lastUpdated) cannot be patched.
package patch

import (
	"errors"
	"strconv"

	"lightbox/fhir"
)

// The bounds of a patch. What it reads of the resource is bounded as well, so that no patch takes more memory or time than its
// sizes allow; that refusal is fhir.TooCostly.
const (
	MaxOperations = 1000     // operations of one document
	MaxPath       = 2000     // bytes of one path
	MaxSize       = 16 << 20 // bytes of the patched resource, and of what all copies and tests of a patch read
)

// ErrNotApplicable is in the tree of each error of Apply that is about this resource: a path that finds nothing or too much, a
// value that does not fit where it goes, a test that fails, an element that only the server writes. The same document may
// apply to another resource. Malformed documents never carry it, they fail when they are parsed.
var ErrNotApplicable = errors.New("the patch does not apply to this resource")

// Patch is a parsed patch document. It can be applied any number of times, by several goroutines at once.
type Patch struct {
	operations []operation
	elements   bool // works on elements: what it empties goes
}

// operation is one step of a patch.
type operation interface {
	kind() string // "add", "replace"...: one of the format's own words
	apply(t *tree) *fhir.Error
}

// Apply returns body with every operation done, in their order; body itself stays as it is. The first operation that fails
// fails all of them. A patch that changes nothing returns the same bytes.
//
// Errors are *fhir.Error naming the operation by its index, counted from 0: fhir.Value when a path or a value does not fit the
// resource, fhir.BusinessRule for a failed test and for what only the server writes, fhir.TooCostly and fhir.TooLong beyond
// the bounds, all with ErrNotApplicable as cause. A body that is no resource gives the error of fhir.Parse.
func (p *Patch) Apply(body []byte) ([]byte, error) {
	before, err := fhir.Parse(body)
	if err != nil {
		return nil, err
	}
	t := newTree(body)
	for i, o := range p.operations {
		if err := t.run(o, before); err != nil {
			return nil, inOperation(i, o.kind(), err).Because(ErrNotApplicable)
		}
	}
	if p.elements {
		t.prune(t.root, false)
	}
	return t.result()
}

// run does one operation. A fault is one that the walk met on its way; it tells more than what followed from it.
func (t *tree) run(o operation, before fhir.Resource) *fhir.Error {
	err := o.apply(t)
	if t.fault != nil {
		return t.fault
	}
	if err != nil {
		return err
	}
	return t.sameIdentity(before)
}

// sameIdentity refuses a patch that makes another resource out of this one (FHIR R4 http.html#patch: the rules of update
// hold, and an update changes neither type nor id).
func (t *tree) sameIdentity(before fhir.Resource) *fhir.Error {
	if text(t.get(t.root, "resourceType")) != before.Type {
		return fhir.NewError(fhir.BusinessRule, "a patch cannot change the type of a resource").At("resourceType")
	}
	if text(t.get(t.root, "id")) != before.ID {
		return fhir.NewError(fhir.BusinessRule, "a patch cannot change the id of a resource").At("id")
	}
	return t.fault
}

// serverOwned refuses to write the members of meta that the server stamps. Replacing meta as a whole is fine: it is stamped
// again.
func (t *tree) serverOwned(parent *node, name string) *fhir.Error {
	if name != "versionId" && name != "lastUpdated" {
		return nil
	}
	if parent != t.get(t.root, "meta") {
		return nil
	}
	return fhir.NewError(fhir.BusinessRule, "the server sets meta."+name).At("meta." + name)
}

// result writes the tree and makes sure that what it wrote is still a resource.
func (t *tree) result() ([]byte, error) {
	if t.root.size() > MaxSize {
		return nil, fhir.NewError(fhir.TooLong, "the patched resource is longer than "+strconv.Itoa(MaxSize)+" bytes").
			Because(ErrNotApplicable)
	}
	body := t.bytes()
	_, err := fhir.Parse(body)
	var invalid *fhir.Error
	if errors.As(err, &invalid) {
		return nil, fhir.NewError(invalid.Type, "the patched resource: "+invalid.Detail).At(invalid.Expression).
			Because(ErrNotApplicable)
	}
	return body, err
}

// inOperation says which operation an error is about.
func inOperation(i int, kind string, e *fhir.Error) *fhir.Error {
	c := *e
	c.Detail = "operation[" + strconv.Itoa(i) + "]"
	if kind != "" {
		c.Detail += " " + kind
	}
	c.Detail += ": " + e.Detail
	return &c
}

func notHere(detail string) *fhir.Error { return fhir.NewError(fhir.Value, detail) }
