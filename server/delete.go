package server

import (
	"context"
	"errors"
	"net/http"

	"lightbox/fhir/store"
)

// delete makes a deletion version; deleting again changes nothing and is no error. https://hl7.org/fhir/R4/http.html#delete
func (a *api) delete(c *call) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	version, err := ifMatch(c.r.Header.Get("If-Match"))
	if err != nil {
		return err
	}
	got, err := a.commit(c.ctx(), c.deletion(id, version))
	if err != nil {
		return err
	}
	return a.sendAnswer(c, got, prefer{})
}

// deletion deletes one resource that the caller sees.
func (r reach) deletion(id string, version int64) operation {
	return func(ctx context.Context, tx store.Tx) (answer, error) {
		got := answer{status: http.StatusNoContent}
		ok, err := r.sees(ctx, tx, id)
		if err != nil {
			return got, err
		}
		if !ok {
			return got, errNotFound()
		}
		got.res, err = tx.Delete(ctx, store.Delete{Type: r.kind.Name, ID: id, IfVersion: version})
		if err != nil && !r.isAway(err) {
			return got, err
		}
		return got, nil
	}
}

// isAway reports whether a deletion found nothing left to delete. For a caller with a filter only the store's word that they
// could have seen it counts; what they never could stays not found.
func (r reach) isAway(err error) bool {
	return errors.Is(err, store.ErrGone) || errors.Is(err, store.ErrNotFound) && unfiltered(r.visible)
}
