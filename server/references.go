package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tidwall/gjson"

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
	decides bool // the body decides who sees them: visible is less
	found   []patientReference
	logical *search.Query // for the patient whose data it is, when named by an identifier alone
	element string        // that does so
}

type patientReference struct{ id, expression string }

// checked is a patient who was found to be visible to the writer of a body.
type checked struct {
	id      string
	decides bool
}

// foreignPatients finds what a write must check. A caller who sees every patient has nothing to be checked: a reference may
// come before its target.
func (a *api) foreignPatients(by *auth.Principal, res fhir.Resource) (patientReferences, error) {
	by = by.Ordinary()
	p := patientReferences{visible: search.Filter{Grants: slices.Concat(
		by.Visible(auth.Read, "Patient").Grants, by.Visible(auth.Search, "Patient").Grants)}}
	if unfiltered(p.visible) {
		return p, nil
	}
	if p.decides = decides(res); p.decides { // nobody lets in themselves or others, or keeps others out, by what they write of a patient whom they see for a while
		p.visible.Grants = slices.DeleteFunc(p.visible.Grants, func(g search.Grant) bool { return g.ReferredTo != "" })
	}
	err := eachReference(res, func(reference, expression string) error {
		ref, err := fhir.ParseReference(reference, a.Base)
		if err != nil || ref.Kind != fhir.Local || ref.Type != "Patient" {
			return nil
		}
		id := ref.ID
		if own := "Patient/" + id; own == by.Patient || own == by.FHIRUser {
			return nil // whom the token is for, whatever it lets be read of them
		}
		if slices.ContainsFunc(p.found, func(f patientReference) bool { return f.id == id }) {
			return nil
		}
		if len(p.found) == maxPatients {
			return fhir.NewError(fhir.TooCostly, "the resource refers to too many patients").At(expression)
		}
		p.found = append(p.found, patientReference{id, expression})
		return nil
	})
	if err == nil {
		err = p.addLogical(a.Registry, res)
	}
	return p, err
}

// decides reports whether a resource decides about who sees its patient.
func decides(res fhir.Resource) bool {
	return len(search.Referred(res)) > 0 || res.Type == "Consent" || res.Type == "RelatedPerson"
}

// addLogical takes a subject that is named by an identifier: it would come to be a reference to whoever has that.
func (p *patientReferences) addLogical(reg *fhir.Registry, res fhir.Resource) error {
	t, ok := reg.Type(res.Type)
	if !ok || t.Patient == "" || t.Patient == "id" {
		return nil
	}
	subject := gjson.GetBytes(res.Body, t.Patient)
	value := subject.Get("identifier.value").Str
	if subject.Get("reference").Str != "" || value == "" {
		return nil
	}
	criteria := url.Values{"identifier": {search.EscapeToken(subject.Get("identifier.system").Str) + "|" + search.EscapeToken(value)}}
	q, err := search.Parse(reg, "Patient", criteria, search.Options{Strict: true})
	p.logical, p.element = &q, res.Type+"."+t.Patient
	return err
}

// check answers the same for a patient who is hidden and for one who does not exist. It remembers in known who is neither, as long
// as nothing is put; nil remembers nothing.
func (p patientReferences) check(ctx context.Context, tx store.Tx, known map[checked]bool) error {
	for _, ref := range p.found {
		if known[checked{ref.id, p.decides}] {
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
			known[checked{ref.id, p.decides}] = true
		}
	}
	return p.checkLogical(ctx, tx)
}

// checkLogical wants the identifier to be that of one patient whom the caller sees. One who may come later could be anybody's.
func (p patientReferences) checkLogical(ctx context.Context, tx store.Tx) error {
	if p.logical == nil {
		return nil
	}
	found, err := tx.Find(ctx, *p.logical, store.Caller{Access: func(string) search.Filter { return p.visible }}, 2)
	if err == nil && len(found) != 1 {
		return &refusal{status: 422, err: fhir.NewError(fhir.BusinessRule,
			"the identifier is not that of a patient whom the token covers").At(p.element)}
	}
	return err
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
