package server

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// create stores a new resource under an id of the server's choice, with If-None-Exist only where no resource matches its
// criteria. https://hl7.org/fhir/R4/http.html#create and #ccreate
func (a *api) create(c *call) error {
	pref, err := parsePrefer(c.r.Header)
	if err != nil {
		return err
	}
	res, err := a.resource(c)
	if err != nil {
		return err
	}
	w, err := a.newResource(c.reach, res)
	if err != nil {
		return err
	}
	if criteria, ok := c.r.Header["If-None-Exist"]; ok {
		if w.decide, err = a.noneExists(c.reach, criteria); err != nil {
			return err
		}
	}
	got, err := a.commit(c.ctx(), w.run)
	if err != nil {
		return err
	}
	return a.sendAnswer(c, got, pref)
}

// newResource makes a create: whatever id the client gave, the server gives its own.
func (a *api) newResource(to reach, res fhir.Resource) (change, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return change{}, err
	}
	return change{reach: to, api: a,
		put: store.Write{Resource: res.WithID(id.String()), Owners: to.by.Owners(), MustBeNew: true}}, nil
}

// noneExists decides a conditional create: one match is the answer, several are a mistake.
func (a *api) noneExists(to reach, headers []string) (decision, error) {
	if len(headers) != 1 {
		return nil, fhir.NewError(fhir.Invalid, "If-None-Exist stands more than once")
	}
	q, err := a.criteria(to, headers[0])
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx store.Tx, w *change) (*answer, error) {
		found, err := w.match(ctx, tx, q)
		if err != nil || found == nil {
			return nil, err
		}
		return &answer{status: http.StatusOK, res: *found, located: true}, nil
	}, nil
}
