package patch

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"lightbox/fhir"
)

// jsonOperation is one operation of a JSON Patch (RFC 6902 section 4).
type jsonOperation struct {
	op         string
	path, from pointer
	value      []byte
}

// jsonOperations has a row for each operation: the members it needs beside op and path, and what it does.
var jsonOperations = map[string]struct {
	from, value bool
	apply       func(jsonOperation, *tree) *fhir.Error
}{
	"add":     {value: true, apply: jsonOperation.add},
	"remove":  {apply: jsonOperation.remove},
	"replace": {value: true, apply: jsonOperation.replace},
	"move":    {from: true, apply: jsonOperation.move},
	"copy":    {from: true, apply: jsonOperation.copy},
	"test":    {value: true, apply: jsonOperation.test},
}

// ParseJSON reads a JSON Patch (RFC 6902, application/json-patch+json). Whoever reads the document from outside bounds its
// size. Errors are *fhir.Error without ErrNotApplicable: fhir.Invalid for what is not JSON, fhir.Structure, fhir.Required and
// fhir.Invalid for what is no JSON Patch, fhir.TooLong and fhir.TooCostly beyond the bounds.
func ParseJSON(document []byte) (*Patch, error) {
	if err := wellFormed(document); err != nil {
		return nil, err
	}
	t := newTree(bytes.Clone(document))
	if !t.root.isArray() {
		return nil, fhir.NewError(fhir.Structure, "a JSON Patch is an array of operations")
	}
	list := t.children(t.root)
	if len(list) > MaxOperations {
		return nil, tooManyOperations()
	}
	p := &Patch{}
	for i, m := range list {
		o, err := t.jsonOperation(m.value)
		if t.fault != nil {
			return nil, t.fault
		}
		if err != nil {
			return nil, inOperation(i, o.op, err)
		}
		p.operations = append(p.operations, o)
	}
	return p, nil
}

func tooManyOperations() *fhir.Error {
	return fhir.NewError(fhir.TooCostly, "more than "+strconv.Itoa(MaxOperations)+" operations")
}

// jsonOperation reads one operation. Members that its kind has no use for are ignored (RFC 6902 section 4).
func (t *tree) jsonOperation(n *node) (o jsonOperation, err *fhir.Error) {
	if !n.isObject() {
		return o, fhir.NewError(fhir.Structure, "an operation is a JSON object")
	}
	op := t.get(n, "op")
	row, ok := jsonOperations[text(op)]
	if !ok {
		return o, fhir.NewError(fhir.Invalid, "op is one of add, remove, replace, move, copy and test")
	}
	o.op = text(op)
	if o.path, err = t.pointerMember(n, "path"); err != nil {
		return o, err
	}
	if row.from {
		if o.from, err = t.pointerMember(n, "from"); err != nil {
			return o, err
		}
	}
	if value := t.get(n, "value"); value != nil {
		o.value = value.text
	} else if row.value {
		return o, fhir.NewError(fhir.Required, "it needs a value")
	}
	if o.op == "move" && o.path.within(o.from) {
		return o, fhir.NewError(fhir.Invalid, "a value cannot move into itself")
	}
	return o, nil
}

func (t *tree) pointerMember(n *node, name string) (pointer, *fhir.Error) {
	value := t.get(n, name)
	if value == nil {
		return nil, fhir.NewError(fhir.Required, "it needs a "+name)
	}
	if !value.isString() {
		return nil, fhir.NewError(fhir.Structure, name+" is a JSON string")
	}
	p, err := parsePointer(text(value))
	if err != nil {
		return nil, fhir.NewError(err.Type, name+": "+err.Detail)
	}
	return p, nil
}

// wellFormed checks that document is one JSON value in valid UTF-8 without duplicate members, no deeper than a resource in a
// value of an operation in an array.
func wellFormed(document []byte) error {
	d := jsontext.NewDecoder(bytes.NewBuffer(document))
	for {
		_, err := d.ReadToken()
		switch {
		case errors.Is(err, jsontext.ErrDuplicateName):
			return fhir.NewError(fhir.Invalid, "duplicate member near byte "+strconv.FormatInt(d.InputOffset(), 10))
		case err != nil:
			return fhir.NewError(fhir.Invalid, "not well-formed JSON in UTF-8 near byte "+strconv.FormatInt(d.InputOffset(), 10)).
				Because(err)
		case d.StackDepth() > fhir.MaxDepth+2:
			return fhir.NewError(fhir.Structure, "nested deeper than "+strconv.Itoa(fhir.MaxDepth+2)+" levels")
		case d.StackDepth() > 0:
			continue
		}
		if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
			return fhir.NewError(fhir.Invalid, "more than one JSON value")
		}
		return nil
	}
}
