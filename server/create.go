package server

import (
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// create stores a new resource under an id of the server's choice. https://hl7.org/fhir/R4/http.html#create
func (a *api) create(c *call) error {
	if c.r.Header.Get("If-None-Exist") != "" {
		return fhir.NewError(fhir.NotSupported, "conditional create (If-None-Exist) is not supported")
	}
	pref, err := parsePrefer(c.r.Header)
	if err != nil {
		return err
	}
	res, err := a.resource(c)
	if err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	w := store.Write{Resource: res.WithID(id.String()), Owners: c.by.Owners(), MustBeNew: true}
	stored, _, err := a.put(c, w, nil)
	if err != nil {
		return err
	}
	return a.sendStored(c, stored, store.Created, pref)
}

// sendStored answers a write. https://hl7.org/fhir/R4/http.html#ops
func (a *api) sendStored(c *call, res fhir.Resource, what store.Outcome, pref prefer) error {
	status := http.StatusOK
	stamp(c.w.Header(), res)
	if what == store.Created {
		status = http.StatusCreated
		c.w.Header().Set("Location", a.versionURL(res))
	}
	switch pref.result {
	case "minimal":
		setPrivate(c.w.Header())
		c.w.WriteHeader(status)
		return nil
	case "OperationOutcome":
		return c.send(status, success("the resource was stored"))
	}
	return c.send(status, res.Body)
}

// versionURL names one version: [base]/Type/id/_history/1.
func (a *api) versionURL(res fhir.Resource) string {
	return a.Base + "/" + res.Reference() + "/_history/" + strconv.FormatInt(res.Version, 10)
}
