package server

import (
	"context"
	"errors"
	"net/http"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// planDelete makes a deletion version; deleting again changes nothing and is no error.
// https://hl7.org/fhir/R4/http.html#delete
func planDelete(_ *api, q request) (work, error) {
	if !fhir.ValidID(q.id) {
		return nil, errNotFound()
	}
	version, err := ifMatch(q.ifMatch)
	return deletion{q.reach, store.Delete{Type: q.kind.Name, ID: q.id, IfVersion: version}}, err
}

// deletion is the work of a delete.
type deletion struct {
	reach
	what store.Delete
}

// run deletes a resource that the caller sees.
func (d deletion) run(ctx context.Context, tx store.Tx) (answer, error) {
	got := answer{status: http.StatusNoContent, removed: []string{d.what.Type + "/" + d.what.ID}}
	ok, err := d.sees(ctx, tx, d.what.ID)
	if err != nil {
		return got, err
	}
	if !ok {
		return got, errNotFound()
	}
	got.res, err = tx.Delete(ctx, d.what)
	if err != nil && !d.isAway(err) {
		return got, err
	}
	return got, nil
}

// isAway reports whether a deletion found nothing left to delete. For a caller with a filter only the store's word that they
// could have seen it counts; what they never could stays not found.
func (r reach) isAway(err error) bool {
	return errors.Is(err, store.ErrGone) || errors.Is(err, store.ErrNotFound) && unfiltered(r.visible)
}
