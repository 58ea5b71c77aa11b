package server

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// planCreate stores a new resource under an id of the server's choice, with If-None-Exist only where no resource matches its
// criteria. https://hl7.org/fhir/R4/http.html#create and #ccreate
func planCreate(a *api, q request) (work, error) {
	res, err := q.resource(a)
	if err != nil {
		return nil, err
	}
	id, err := newID()
	if err != nil {
		return nil, err
	}
	w := change{reach: q.reach, api: a, put: store.Write{Resource: res.WithID(id), Owners: q.by.Owners(), MustBeNew: true}}
	if len(q.ifNoneExist) > 0 {
		w.decide, err = noneExists(a, q)
	} else if w.known = ownNumbers(q.by, res); w.known != "" {
		w.decide, err = isKnown(a, q, w.known)
	}
	return w, err
}

// newID makes a logical id that sorts by time, as far as clocks do.
func newID() (string, error) {
	id, err := uuid.NewV7()
	return id.String(), err
}

// noneExists decides a conditional create: one match is the answer, several are a mistake.
func noneExists(a *api, q request) (decision, error) {
	if len(q.ifNoneExist) > 1 {
		return nil, fhir.NewError(fhir.Invalid, "If-None-Exist stands more than once")
	}
	criteria, err := a.criteria(q.reach, q.ifNoneExist[0])
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx store.Tx, w *change) (*answer, error) {
		found, err := w.match(ctx, tx, criteria)
		if err != nil || found == nil {
			return nil, err
		}
		return &answer{status: http.StatusOK, res: *found, located: true, found: true}, nil
	}, nil
}
