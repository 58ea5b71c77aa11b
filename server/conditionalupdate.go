package server

import (
	"context"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// planConditionalUpdate updates the one resource that matches the query, or makes it.
// https://hl7.org/fhir/R4/http.html#cond-update
func planConditionalUpdate(a *api, q request) (work, error) {
	criteria, err := a.criteria(q.reach, q.query)
	if err != nil {
		return nil, err
	}
	w, err := newVersion(a, q)
	if err != nil {
		return nil, err
	}
	w.decide, w.build, w.tell = updateWhere(criteria), withID, true
	return w, nil
}

// withID gives the body the id that was decided.
func withID(_ context.Context, _ store.Tx, w *change) error {
	w.put.Resource = w.put.Resource.WithID(w.put.Resource.ID)
	return nil
}

// updateWhere decides a conditional update. An id in the body must be that of the match.
func updateWhere(q search.Query) decision {
	return func(ctx context.Context, tx store.Tx, w *change) (*answer, error) {
		found, err := w.match(ctx, tx, q)
		if err != nil {
			return nil, err
		}
		if found == nil {
			return nil, w.createInstead()
		}
		if w.put.Resource.ID != "" && w.put.Resource.ID != found.ID {
			return nil, fhir.NewError(fhir.Invalid, "the id in the body is not that of the resource that matches").At(w.kind.Name + ".id")
		}
		if err := w.changeable(ctx, tx, found.ID); err != nil {
			return nil, err
		}
		w.put.Resource.ID = found.ID
		return nil, nil
	}
}

// createInstead makes a conditional update without a match a create: under the client's id only where nothing can be hidden
// from the client, and never over a resource that the criteria do not match.
func (w *change) createInstead() error {
	if w.put.Resource.ID != "" {
		w.put.MustBeNew = true
		if !unfiltered(w.visible) {
			return errNotFound()
		}
		return nil
	}
	if w.visible = w.by.Visible(auth.Create, w.kind.Name); len(w.visible.Grants) == 0 {
		return errForbidden()
	}
	var err error
	w.put.Resource.ID, err = newID()
	w.put.Owners, w.put.MustBeNew = w.by.Owners(), true
	return err
}
