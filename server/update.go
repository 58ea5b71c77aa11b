package server

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// update stores a new version of a resource, or makes one under the client's id where nothing can be hidden from the
// client. https://hl7.org/fhir/R4/http.html#update
func (a *api) update(c *call) error {
	pref, err := parsePrefer(c.r.Header)
	if err != nil {
		return err
	}
	w, err := a.newVersion(c)
	if err != nil {
		return err
	}
	if err := sameID(w.put.Resource, chi.URLParam(c.r, "id")); err != nil {
		return err
	}
	w.decide = known
	got, err := a.commit(c.ctx(), w.run)
	if err != nil {
		return err
	}
	return a.sendAnswer(c, got, pref)
}

// newVersion reads an update: the resource, and which version it is meant for.
func (a *api) newVersion(c *call) (change, error) {
	w := change{reach: c.reach, api: a}
	var err error
	if w.put, err = conditions(c.r.Header); err != nil {
		return w, err
	}
	w.put.Resource, err = a.resource(c)
	return w, err
}

// conditions reads the headers that an update depends on.
func conditions(h http.Header) (store.Write, error) {
	w := store.Write{MustBeNew: strings.TrimSpace(h.Get("If-None-Match")) == "*"}
	var err error
	w.IfVersion, err = ifMatch(h.Get("If-Match"))
	return w, err
}

// sameID holds the body to the id of the URL.
func sameID(res fhir.Resource, id string) error {
	if !fhir.ValidID(id) {
		return fhir.NewError(fhir.Value, "an id is 1 to 64 letters, digits, - and .").At(res.Type + ".id")
	}
	if res.ID != id {
		return fhir.NewError(fhir.Invalid, "the id in the body differs from the id in the URL").At(res.Type + ".id")
	}
	return nil
}

// ifMatch returns the version that an update or delete is meant for, 0 for any.
func ifMatch(text string) (int64, error) {
	text = strings.TrimSpace(text)
	if text == "" || text == "*" {
		return 0, nil
	}
	inner, ok := strings.CutPrefix(strings.TrimPrefix(text, "W/"), `"`)
	inner, closed := strings.CutSuffix(inner, `"`)
	version, err := strconv.ParseInt(inner, 10, 64)
	if !ok || !closed || err != nil || version < 1 {
		return 0, fhir.NewError(fhir.Value, `If-Match is W/"n" with n a version id of this resource`)
	}
	return version, nil
}
