package server

import (
	"context"
	"errors"

	"lightbox/fhir"
	"lightbox/fhir/patch"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// mediaPatch is the media type of a JSON Patch, RFC 6902.
const mediaPatch = "application/json-patch+json"

// planPatch changes a resource as a JSON Patch or a FHIRPath Patch says; what comes out is checked as an update is. A patch that
// changes nothing makes no version. https://hl7.org/fhir/R4/http.html#patch
func planPatch(a *api, q request) (work, error) {
	if !fhir.ValidID(q.id) {
		return nil, errNotFound()
	}
	w, err := newPatch(a, q)
	w.put.Resource.ID, w.decide = q.id, present
	return w, err
}

// planConditionalPatch patches the one resource that matches the query. https://hl7.org/fhir/R4/http.html#cond-patch
func planConditionalPatch(a *api, q request) (work, error) {
	criteria, err := a.criteria(q.reach, q.query)
	if err != nil {
		return nil, err
	}
	w, err := newPatch(a, q)
	w.decide, w.tell = patchWhere(criteria), true
	return w, err
}

func newPatch(a *api, q request) (change, error) {
	w := change{reach: q.reach, api: a, build: patched, patch: &patching{media: q.media, document: q.body}}
	w.put.Resource.Type = q.kind.Name
	var err error
	if w.put.IfVersion, err = ifMatch(q.ifMatch); err != nil {
		return w, err
	}
	return w, w.patch.parse()
}

// patching is the patch of a change.
type patching struct {
	media    string
	document []byte
	parsed   *patch.Patch
}

func (p *patching) parse() error {
	var err error
	switch {
	case len(p.document) == 0:
		return fhir.NewError(fhir.Invalid, "the body is empty")
	case p.media == mediaPatch:
		p.parsed, err = patch.ParseJSON(p.document)
	case p.media == mediaFHIR, p.media == mediaJSON:
		p.parsed, err = patch.ParseFHIRPath(p.document)
	default:
		return unsupportedMedia("a patch is application/json-patch+json, or Parameters in application/fhir+json")
	}
	return err
}

// present lets a patch through to a resource that is there and that the caller sees.
func present(ctx context.Context, tx store.Tx, w *change) (*answer, error) {
	current, err := tx.Get(ctx, w.kind.Name, w.put.Resource.ID)
	if err != nil {
		return nil, err
	}
	switch ok, err := w.sees(ctx, tx, current.ID); {
	case err != nil:
		return nil, err
	case !ok, current.Deleted && !unfiltered(w.visible):
		return nil, errNotFound()
	case current.Deleted:
		return nil, gone(store.ErrGone, current.Resource)
	}
	return nil, nil
}

// patchWhere decides a conditional patch: without a match there is nothing to patch.
func patchWhere(q search.Query) decision {
	return func(ctx context.Context, tx store.Tx, w *change) (*answer, error) {
		found, err := w.match(ctx, tx, q)
		if err != nil {
			return nil, err
		}
		if found == nil {
			return nil, fhir.NewError(fhir.NotFound, "no resource matches")
		}
		w.put.Resource.ID = found.ID
		return nil, w.changeable(ctx, tx, found.ID)
	}
}

// patched builds the body from the current version.
func patched(ctx context.Context, tx store.Tx, w *change) error {
	current, err := tx.Get(ctx, w.kind.Name, w.put.Resource.ID)
	if err != nil {
		return err
	}
	if w.put.IfVersion != 0 && w.put.IfVersion != current.Version { // it is told before what the patch does not find
		return store.ErrConflict
	}
	body, err := w.patch.parsed.Apply(current.Body)
	if err != nil {
		return err
	}
	if int64(len(body)) > w.api.Limits.Body {
		return errTooLong()
	}
	w.put.Resource, err = fhir.Parse(body)
	return errors.Join(err, w.api.valid(body))
}
