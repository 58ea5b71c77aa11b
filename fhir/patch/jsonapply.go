package patch

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"

	"lightbox/fhir"
)

func (o jsonOperation) kind() string              { return o.op }
func (o jsonOperation) apply(t *tree) *fhir.Error { return jsonOperations[o.op].apply(o, t) }

func (o jsonOperation) add(t *tree) *fhir.Error { return t.addAt(o.path, &node{text: o.value}) }

// addAt puts a value where p leads: a member in place of the one of its name, an element before the one of its index.
func (t *tree) addAt(p pointer, value *node) *fhir.Error {
	if len(p) == 0 {
		t.root = value
		return nil
	}
	at, err := t.writable(p)
	if err != nil {
		return err
	}
	if at.parent.isObject() {
		t.set(at.parent, at.name, value)
	} else {
		t.insert(at.parent, at.index, "", value)
	}
	return nil
}

func (o jsonOperation) remove(t *tree) *fhir.Error {
	_, err := t.take(o.path)
	return err
}

// take removes what p leads to and returns it.
func (t *tree) take(p pointer) (*node, *fhir.Error) {
	at, err := t.writable(p)
	if err != nil {
		return nil, err
	}
	if !at.exists {
		return nil, atToken(len(p)-1, notHere("there is nothing"))
	}
	return t.remove(at.parent, at.index), nil
}

func (o jsonOperation) replace(t *tree) *fhir.Error {
	value := &node{text: o.value}
	if len(o.path) == 0 {
		t.root = value
		return nil
	}
	at, err := t.writable(o.path)
	if err != nil {
		return err
	}
	if !at.exists {
		return atToken(len(o.path)-1, notHere("there is nothing to replace"))
	}
	at.parent.members[at.index].value = value
	return nil
}

func (o jsonOperation) move(t *tree) *fhir.Error {
	value, err := t.take(o.from)
	if err != nil {
		return inFrom(err)
	}
	return t.addAt(o.path, value)
}

func (o jsonOperation) copy(t *tree) *fhir.Error {
	value, err := t.existing(o.from)
	if err != nil {
		return inFrom(err)
	}
	return t.addAt(o.path, t.clone(value))
}

// test compares as RFC 6902 section 4.6 says: 1.50 equals 1.5, and members have no order.
func (o jsonOperation) test(t *tree) *fhir.Error {
	value, err := t.existing(o.path)
	if err != nil {
		return err
	}
	t.charge(value.size() + len(o.value))
	if t.fault != nil || equal(value.append(nil), o.value) {
		return nil
	}
	return fhir.NewError(fhir.BusinessRule, "the resource has another value there")
}

// writable follows p to a place that a patch may write to.
func (t *tree) writable(p pointer) (place, *fhir.Error) {
	at, err := t.follow(p)
	if err != nil {
		return at, err
	}
	return at, t.serverOwned(at.parent, at.name)
}

func (t *tree) existing(p pointer) (*node, *fhir.Error) {
	if len(p) == 0 {
		return t.root, nil
	}
	at, err := t.follow(p)
	if err != nil {
		return nil, err
	}
	if !at.exists {
		return nil, atToken(len(p)-1, notHere("there is nothing"))
	}
	return at.value(), nil
}

func inFrom(e *fhir.Error) *fhir.Error {
	c := *e
	c.Detail = "from: " + e.Detail
	return &c
}

// equal compares two JSON texts by meaning. Canonical texts differ in their numbers alone: those are compared as decimals,
// since RFC 8785 would round them to floats.
func equal(a, b []byte) bool {
	x, y := canonical(a), canonical(b)
	for {
		s, err := x.ReadToken()
		if err != nil {
			return true // both were read to their end
		}
		t, err := y.ReadToken()
		if err != nil || s.Kind() != t.Kind() {
			return false
		}
		same := s.String() == t.String()
		if s.Kind() == '0' {
			same = sameNumber(s.String(), t.String())
		}
		if !same {
			return false
		}
	}
}

func canonical(text []byte) *jsontext.Decoder {
	v := jsontext.Value(bytes.Clone(text))
	_ = v.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)) // it was checked before
	return jsontext.NewDecoder(bytes.NewBuffer(v))
}
