package server

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// request is a write as its client states it: by an HTTP request, or by an entry of a Bundle.
// https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.request
type request struct {
	reach
	id          string // of the URL
	query       string // of the URL: a conditional interaction's criteria
	ifMatch     string
	ifNoneMatch string
	ifNoneExist []string // each time that it was stated
	media       string   // of the body, without parameters
	body        []byte
}

// work is a request that was read and checked as far as that goes without data. It runs in one transaction, and may run again:
// it must not act on anything but tx.
type work interface {
	run(ctx context.Context, tx store.Tx) (answer, error)
}

// plan makes work of a request. Each write interaction has one, and both HTTP and Bundle go through it.
type plan func(a *api, q request) (work, error)

// write serves a write interaction by HTTP.
func write(p plan) func(*api, *call) error {
	return func(a *api, c *call) error {
		pref, err := parsePrefer(c.r.Header)
		if err != nil {
			return err
		}
		q, err := a.request(c)
		if err != nil {
			return err
		}
		w, err := p(a, q)
		if err != nil {
			return err
		}
		got, err := a.commit(c, w)
		if err != nil {
			return err
		}
		return a.sendAnswer(c, got, pref)
	}
}

// commit runs work in a transaction of its own, and puts it on record there.
func (a *api) commit(c *call, w work) (answer, error) {
	var got answer
	err := a.Store.Write(c.ctx(), func(tx store.Tx) error {
		var err error
		if got, err = w.run(c.ctx(), tx); err != nil {
			return err
		}
		return a.settleIn(c.ctx(), tx, c.changed(c.code, got))
	})
	return got, err
}

// request reads a write from HTTP.
func (a *api) request(c *call) (request, error) {
	h := c.r.Header
	q := request{reach: c.reach, id: chi.URLParam(c.r, "id"), query: c.r.URL.RawQuery,
		ifMatch: h.Get("If-Match"), ifNoneMatch: h.Get("If-None-Match"), ifNoneExist: h.Values("If-None-Exist")}
	media, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	q.media = strings.ToLower(strings.TrimSpace(media))
	var err error
	switch {
	case c.r.Method == http.MethodDelete:
	case c.kind.Name == "Binary" && c.r.Method != http.MethodPatch:
		q.body, err = a.binaryBody(c, q)
	case c.r.Method == http.MethodPatch:
		q.body, err = a.body(c, mediaPatch, mediaFHIR, mediaJSON)
	default:
		q.body, err = a.body(c, mediaFHIR, mediaJSON)
	}
	return q, err
}

// resource reads the body: one resource of the type of the URL, valid in structure.
func (q request) resource(a *api) (fhir.Resource, error) {
	if len(q.body) == 0 {
		return fhir.Resource{}, fhir.NewError(fhir.Invalid, "the body is empty")
	}
	res, err := fhir.Parse(q.body)
	if err != nil {
		return fhir.Resource{}, err
	}
	if res.Type != q.kind.Name {
		return fhir.Resource{}, fhir.NewError(fhir.Invalid, "resourceType differs from the type in the URL").At("resourceType")
	}
	return res, a.valid(q.body)
}

// valid checks a body's structure.
func (a *api) valid(body []byte) error {
	if a.Validate == nil {
		return nil
	}
	return invalid(a.Validate(body))
}
