package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// maxPatients bounds how many patients one body of a caller with a filter may refer to: each costs a look-up.
const maxPatients = 64

// patientReferences are the references of a body to patients of this server that its writer must see.
type patientReferences struct {
	visible search.Filter
	found   []patientReference
}

type patientReference struct{ id, expression string }

// foreignPatients finds what a write must check. A caller who sees every patient has nothing to be checked: a reference may
// come before its target.
func (a *api) foreignPatients(by *auth.Principal, res fhir.Resource) (patientReferences, error) {
	p := patientReferences{visible: search.Filter{Grants: slices.Concat(
		by.Visible(auth.Read, "Patient").Grants, by.Visible(auth.Search, "Patient").Grants)}}
	if unfiltered(p.visible) {
		return p, nil
	}
	err := eachReference(res, func(reference, expression string) error {
		ref, err := fhir.ParseReference(reference, a.Base)
		if err != nil || ref.Kind != fhir.Local || ref.Type != "Patient" {
			return nil
		}
		id := ref.ID
		if slices.ContainsFunc(p.found, func(f patientReference) bool { return f.id == id }) {
			return nil
		}
		if len(p.found) == maxPatients {
			return fhir.NewError(fhir.TooCostly, "the resource refers to too many patients").At(expression)
		}
		p.found = append(p.found, patientReference{id, expression})
		return nil
	})
	return p, err
}

// check answers the same for a patient who is hidden and for one who does not exist. It remembers in known who is neither, as long
// as nothing is put; nil remembers nothing.
func (p patientReferences) check(ctx context.Context, tx store.Tx, known map[string]bool) error {
	for _, ref := range p.found {
		if known[ref.id] {
			continue
		}
		ok, err := tx.Visible(ctx, p.visible, "Patient", ref.id)
		if err != nil {
			return err
		}
		if !ok {
			return &refusal{status: 422, err: fhir.NewError(fhir.BusinessRule,
				"the reference is to a patient that the token does not cover").At(ref.expression)}
		}
		if known != nil {
			known[ref.id] = true
		}
	}
	return nil
}

// eachReference calls found with each Reference.reference of a resource, contained ones too, and its FHIRPath.
func eachReference(res fhir.Resource, found func(reference, expression string) error) error {
	d := jsontext.NewDecoder(bytes.NewReader(res.Body))
	for {
		token, err := d.ReadToken()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fhir.NewError(fhir.Invalid, "the body is not JSON").Because(err)
		}
		if !isName(d) || token.String() != "reference" || d.PeekKind() != '"' {
			continue
		}
		value, err := d.ReadToken()
		if err != nil {
			return fhir.NewError(fhir.Invalid, "the body is not JSON").Because(err)
		}
		if err := found(value.String(), fhirPath(res.Type, d.StackPointer())); err != nil {
			return err
		}
	}
}

// isName reports whether the token just read was a member's name: an object then holds an odd number of tokens.
func isName(d *jsontext.Decoder) bool {
	kind, length := d.StackIndex(d.StackDepth())
	return kind == '{' && length%2 == 1
}

// fhirPath turns "/result/0/reference" into "DiagnosticReport.result[0].reference".
func fhirPath(resourceType string, p jsontext.Pointer) string {
	var b strings.Builder
	b.WriteString(resourceType)
	for part := range p.Tokens() {
		if _, err := strconv.ParseUint(part, 10, 32); err == nil {
			b.WriteString("[" + part + "]")
			continue
		}
		b.WriteString("." + part)
	}
	return b.String()
}
