package patch

import (
	"bytes"
	"strconv"

	"lightbox/fhir"
)

// pathOperation is one operation of a FHIRPath Patch (FHIR R4 fhirpatch.html).
type pathOperation struct {
	op     string
	path   path
	name   string
	value  *part
	index  int // of insert, and the destination of move
	source int
}

// pathOperations has a row for each operation: the parts it needs beside type and path, and what it does.
var pathOperations = map[string]struct {
	needs []string
	apply func(pathOperation, *tree) *fhir.Error
}{
	"add":     {[]string{"name", "value"}, pathOperation.add},
	"insert":  {[]string{"index", "value"}, pathOperation.insert},
	"delete":  {nil, pathOperation.delete},
	"replace": {[]string{"value"}, pathOperation.replace},
	"move":    {[]string{"source", "destination"}, pathOperation.move},
}

// ParseFHIRPath reads a FHIRPath Patch (FHIR R4 fhirpatch.html): a Parameters resource in application/fhir+json. Whoever reads
// the document from outside bounds its size.
//
// A path names elements of the resource: Patient.name.where(use = 'official').given[0], Observation.value.ofType(Quantity).unit,
// Patient.birthDate.extension('http://example.org/time').value. It may use members, [n], first(), last(), single(), where() with
// =, !=, exists(), empty(), and, or, and as, ofType() and extension(); a choice has its name without a type. insert and move
// need the path of one whole list that is there.
//
// Errors are *fhir.Error without ErrNotApplicable: those of fhir.Parse; fhir.Structure, fhir.Required and fhir.Value for what is
// no patch; fhir.Invalid and fhir.NotSupported for a path that is not understood; fhir.TooLong and fhir.TooCostly beyond the
// bounds.
func ParseFHIRPath(document []byte) (*Patch, error) {
	r, err := fhir.Parse(document)
	if err != nil {
		return nil, err
	}
	if r.Type != "Parameters" {
		return nil, fhir.NewError(fhir.Structure, "a FHIRPath Patch is a Parameters resource").At("resourceType")
	}
	t := newTree(bytes.Clone(document))
	list := t.get(t.root, "parameter")
	if list != nil && !list.isArray() {
		return nil, fhir.NewError(fhir.Structure, "parameter is a list").At("Parameters.parameter")
	}
	p := &Patch{elements: true}
	for i, m := range t.list(list) {
		o, err := t.pathOperation(m.value)
		if t.fault != nil {
			return nil, t.fault
		}
		if err != nil {
			return nil, inOperation(i, o.op, err).At("Parameters.parameter[" + strconv.Itoa(i) + "]")
		}
		if p.operations = append(p.operations, o); len(p.operations) > MaxOperations {
			return nil, tooManyOperations()
		}
	}
	return p, nil
}

// pathOperation reads one operation from its parts.
func (t *tree) pathOperation(n *node) (o pathOperation, err *fhir.Error) {
	p, err := t.part(n)
	if err != nil {
		return o, err
	}
	if p.name != "operation" {
		return o, fhir.NewError(fhir.Structure, "each parameter is called operation")
	}
	seen := map[string]bool{}
	for i := range p.parts {
		one := &p.parts[i]
		if seen[one.name] {
			return o, fhir.NewError(fhir.Structure, "a part stands twice")
		}
		seen[one.name] = true
		if err := o.set(one); err != nil {
			return o, inPart(i, err)
		}
	}
	return o, o.complete(seen)
}

func (o *pathOperation) complete(seen map[string]bool) *fhir.Error {
	row, ok := pathOperations[o.op]
	if !ok {
		return fhir.NewError(fhir.Required, "it needs a type")
	}
	for _, name := range append([]string{"path"}, row.needs...) {
		if !seen[name] {
			return fhir.NewError(fhir.Required, "it needs a "+name)
		}
	}
	return nil
}

// set keeps what one part says.
func (o *pathOperation) set(p *part) (err *fhir.Error) {
	var text string
	switch p.name {
	case "type":
		if text, err = p.text(); err == nil && pathOperations[text].apply == nil {
			return fhir.NewError(fhir.Value, "type is one of add, insert, delete, replace and move")
		}
		o.op = text
	case "path":
		if text, err = p.text(); err == nil {
			o.path, err = parsePath(text)
		}
	case "name":
		if o.name, err = p.text(); err == nil && !elementName(o.name) {
			return fhir.NewError(fhir.Value, "name is the name of an element")
		}
	case "value":
		o.value, err = p, p.content()
	case "index", "destination":
		o.index, err = p.number()
	case "source":
		o.source, err = p.number()
	default:
		return fhir.NewError(fhir.Structure, "a part is called type, path, name, value, index, source or destination")
	}
	return err
}
