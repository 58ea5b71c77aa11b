package server

import (
	"errors"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// check decides inside a write's transaction whether the caller may replace what is there.
type check func(c *call, tx store.Tx, w *store.Write) error

// put writes w for the caller in one transaction: the image before, the patients that the body refers to and the image after
// must all be visible to them, else nothing is changed.
func (a *api) put(c *call, w store.Write, first check) (fhir.Resource, store.Outcome, error) {
	patients, err := a.foreignPatients(c, w.Resource)
	if err != nil {
		return fhir.Resource{}, 0, err
	}
	var stored fhir.Resource
	var what store.Outcome
	err = a.Store.Write(c.ctx(), func(tx store.Tx) error {
		w := w // fn may run again
		if first != nil {
			if err := first(c, tx, &w); err != nil {
				return err
			}
		}
		if err := patients.check(c, tx); err != nil {
			return err
		}
		var err error
		if stored, what, err = tx.Put(c.ctx(), w); err != nil {
			return err
		}
		return after(c, tx, w.Resource.ID)
	})
	return stored, what, err
}

// before lets an update through to a resource that the caller sees. What is absent, deleted or hidden is the same to a caller
// with a filter; one without makes it, as its owner.
func before(c *call, tx store.Tx, w *store.Write) error {
	current, err := tx.Get(c.ctx(), c.kind.Name, w.Resource.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err == nil && !current.Deleted {
		return visible(c, tx, w.Resource.ID)
	}
	if !unfiltered(c.visible) {
		return errNotFound()
	}
	if errors.Is(err, store.ErrNotFound) {
		w.Owners = c.by.Owners()
	}
	return nil
}

func visible(c *call, tx store.Tx, id string) error {
	ok, err := tx.Visible(c.ctx(), c.visible, c.kind.Name, id)
	if err != nil {
		return err
	}
	if !ok {
		return errNotFound()
	}
	return nil
}

// after refuses a write whose result its writer could not reach: it would move data to someone else.
func after(c *call, tx store.Tx, id string) error {
	ok, err := tx.Visible(c.ctx(), c.visible, c.kind.Name, id)
	if err != nil {
		return err
	}
	if !ok {
		return fhir.NewError(fhir.Forbidden, "the token does not cover the resource that this would make")
	}
	return nil
}

// unfiltered reports whether a filter hides nothing of its type.
func unfiltered(f search.Filter) bool {
	for _, g := range f.Grants {
		if g.All && g.Patient == "" && g.Owner == "" && g.CareOf == "" && !g.Nobodys && len(g.Where) == 0 {
			return true
		}
	}
	return false
}
