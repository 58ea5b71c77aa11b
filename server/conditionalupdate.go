package server

import (
	"context"

	"github.com/google/uuid"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// conditionalUpdate updates the one resource that matches the query, or makes it. https://hl7.org/fhir/R4/http.html#cond-update
func (a *api) conditionalUpdate(c *call) error {
	pref, err := parsePrefer(c.r.Header)
	if err != nil {
		return err
	}
	q, err := a.criteria(c.reach, c.r.URL.RawQuery)
	if err != nil {
		return err
	}
	w, err := a.newVersion(c)
	if err != nil {
		return err
	}
	w.decide = updateWhere(q)
	got, err := a.commit(c.ctx(), w.run)
	if err != nil {
		return err
	}
	return a.sendAnswer(c, got, pref)
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
		w.put.Resource = w.put.Resource.WithID(found.ID)
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
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	w.put.Resource, w.put.Owners, w.put.MustBeNew = w.put.Resource.WithID(id.String()), w.by.Owners(), true
	return nil
}
