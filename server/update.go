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
	w := store.Write{MustBeNew: c.r.Header.Get("If-None-Match") == "*"}
	if w.IfVersion, err = ifMatch(c.r.Header); err != nil {
		return err
	}
	if w.Resource, err = a.resource(c); err != nil {
		return err
	}
	id := chi.URLParam(c.r, "id")
	if !fhir.ValidID(id) {
		return fhir.NewError(fhir.Value, "an id is 1 to 64 letters, digits, - and .").At(c.kind.Name + ".id")
	}
	if w.Resource.ID != id {
		return fhir.NewError(fhir.Invalid, "the id in the body differs from the id in the URL").At(c.kind.Name + ".id")
	}
	stored, what, err := a.put(c, w, before)
	if err != nil {
		return err
	}
	return a.sendStored(c, stored, what, pref)
}

// ifMatch returns the version that an update or delete is meant for, 0 for any.
func ifMatch(h http.Header) (int64, error) {
	text := strings.TrimSpace(h.Get("If-Match"))
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
