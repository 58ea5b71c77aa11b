package server

import (
	"context"
	"errors"
	"net/http"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// change is the work of a create, update or patch. It is decided, built, put and verified: steps, so that the changes of a
// Bundle can be put all at once.
type change struct {
	reach
	api    *api
	put    store.Write
	decide decision // which resource it becomes, or why none; nil: the one that put names
	build  builder  // nil: the body is there
	patch  *patching
	known  string // criteria by which a partner's create is known again; "" for none
	tell   bool   // the id, even where no resource is made: the client did not name it
}

// decision completes what is to be put by what is stored, its body apart; an answer says that nothing is to be.
type decision func(ctx context.Context, tx store.Tx, w *change) (*answer, error)

// builder completes the body.
type builder func(ctx context.Context, tx store.Tx, w *change) error

// run works on a copy: what is decided does not outlive it.
func (w change) run(ctx context.Context, tx store.Tx) (answer, error) {
	done, err := w.decided(ctx, tx)
	if err != nil || done != nil {
		return orNothing(done), err
	}
	if err := w.built(ctx, tx); err != nil {
		return answer{}, err
	}
	stored, what, err := tx.Put(ctx, w.put)
	if err != nil {
		return answer{}, err
	}
	if err := w.told(ctx, tx, stored); err != nil {
		return answer{}, err
	}
	return w.answer(stored, what), w.verify(ctx, tx, nil)
}

// told tells who asks of what a partner wrote.
func (w change) told(ctx context.Context, tx store.Tx, stored fhir.Resource) error {
	if w.api.Written == nil || stored.Type != "ImagingStudy" || w.by.Submits() == "" {
		return nil
	}
	return w.api.Written(ctx, tx, stored)
}

func (w *change) decided(ctx context.Context, tx store.Tx) (*answer, error) {
	if w.decide == nil {
		return nil, nil
	}
	return w.decide(ctx, tx, w)
}

func (w *change) built(ctx context.Context, tx store.Tx) error {
	if w.build == nil {
		return nil
	}
	return w.build(ctx, tx, w)
}

// text is what the client wrote: where links are replaced.
func (w *change) text() []byte {
	if w.patch != nil {
		return w.patch.document
	}
	return w.put.Resource.Body
}

// rewrite replaces links in it.
func (w *change) rewrite(links []link, texts []string) error {
	switch {
	case len(links) == 0:
		return nil
	case w.patch != nil: // of a copy: the transaction may run again
		w.patch = &patching{media: w.patch.media, document: splice(w.patch.document, links, texts)}
		return w.patch.parse()
	}
	w.put.Resource.Body = splice(w.put.Resource.Body, links, texts)
	return nil
}

func orNothing(done *answer) answer {
	if done == nil {
		return answer{}
	}
	return *done
}

// verify undoes by its error a write whose result its writer could not reach: the patients that the body refers to and the
// image after must be visible to them, or data would move to someone else.
func (w change) verify(ctx context.Context, tx store.Tx, known map[checked]bool) error {
	patients, err := w.api.foreignPatients(w.by, w.put.Resource)
	if err != nil {
		return err
	}
	if err := patients.check(ctx, tx, known); err != nil {
		return err
	}
	ok, err := w.sees(ctx, tx, w.put.Resource.ID)
	if err == nil && !ok {
		return fhir.NewError(fhir.Forbidden, "the token does not cover the resource that this would make")
	}
	return err
}

// sees reports whether the interaction reaches the current version of a resource.
func (r reach) sees(ctx context.Context, tx store.Tx, id string) (bool, error) {
	if unfiltered(r.visible) {
		return true, nil
	}
	return tx.Visible(ctx, r.visible, r.kind.Name, id)
}

// known lets an update through to a resource that the caller sees. What is absent, deleted or hidden is the same to a caller
// with a filter; one without makes it.
func known(ctx context.Context, tx store.Tx, w *change) (*answer, error) {
	if unfiltered(w.visible) {
		return nil, nil
	}
	current, err := tx.Get(ctx, w.kind.Name, w.put.Resource.ID)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && current.Deleted:
		return nil, errNotFound()
	case err != nil:
		return nil, err
	}
	ok, err := w.sees(ctx, tx, w.put.Resource.ID)
	if err == nil && !ok {
		return nil, errNotFound()
	}
	return nil, err
}

// unfiltered reports whether a filter hides nothing of its type.
func unfiltered(f search.Filter) bool {
	for _, g := range f.Grants {
		if g.All && g.Patient == "" && g.Owner == "" && g.CareOf == "" && g.ReferredTo == "" && !g.Nobodys && len(g.Where) == 0 && g.Release == nil {
			return true
		}
	}
	return false
}

// answer is what the client is told once the change is put. https://hl7.org/fhir/R4/http.html#ops
func (w change) answer(res fhir.Resource, what store.Outcome) answer {
	if what == store.Created {
		return answer{status: http.StatusCreated, res: res, located: true}
	}
	return answer{status: http.StatusOK, res: res, located: w.tell}
}
