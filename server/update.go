package server

import (
	"strconv"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// planUpdate stores a new version of a resource, or makes one under the client's id where nothing can be hidden from the
// client. https://hl7.org/fhir/R4/http.html#update
func planUpdate(a *api, q request) (work, error) {
	w, err := newVersion(a, q)
	if err != nil {
		return nil, err
	}
	w.decide = known
	return w, sameID(w.put.Resource, q.id)
}

// newVersion reads an update: the resource, and which version it is meant for.
func newVersion(a *api, q request) (change, error) {
	w := change{reach: q.reach, api: a, put: store.Write{MustBeNew: strings.TrimSpace(q.ifNoneMatch) == "*"}}
	var err error
	if w.put.IfVersion, err = ifMatch(q.ifMatch); err != nil {
		return w, err
	}
	w.put.Resource, err = q.resource(a)
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
