package server

import (
	"errors"
	"net/http"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// delete makes a deletion version; deleting again changes nothing and is no error. https://hl7.org/fhir/R4/http.html#delete
func (a *api) delete(c *call) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	version, err := ifMatch(c.r.Header)
	if err != nil {
		return err
	}
	d := store.Delete{Type: c.kind.Name, ID: id, IfVersion: version}
	var deletion fhir.Resource
	err = a.Store.Write(c.ctx(), func(tx store.Tx) error {
		if !unfiltered(c.visible) {
			if err := visible(c, tx, id); err != nil {
				return err
			}
		}
		var err error
		deletion, err = tx.Delete(c.ctx(), d)
		return err
	})
	if err != nil && !isAway(c, err) {
		return err
	}
	if deletion.Version > 0 {
		c.w.Header().Set("ETag", etag(deletion.Version))
	}
	setPrivate(c.w.Header())
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// isAway reports whether a deletion found nothing left to delete. For a caller with a filter only the store's word that they
// could have seen it counts; what they never could stays not found.
func isAway(c *call, err error) bool {
	return errors.Is(err, store.ErrGone) || errors.Is(err, store.ErrNotFound) && unfiltered(c.visible)
}
