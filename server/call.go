package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/search"
)

// call is one request on its way through an interaction.
type call struct {
	reach
	w      http.ResponseWriter
	r      *http.Request
	until  context.Context // of r, with the deadline
	query  url.Values      // of r's URL
	accept accept
	pretty bool
	code   string // of the interaction, as the audit record has it
	form   string // of a POST _search, as it came
	trail  *trail // what is to be on record before an answer goes out
}

// reach is who asks for an interaction on a type, and what of the type they may see by it: all that a write goes by, whether it
// came as a request or as an entry of a Bundle.
type reach struct {
	by      *auth.Principal
	kind    *fhir.Type
	visible search.Filter
}

func (c *call) ctx() context.Context { return c.until }

// id returns the logical id of the path. One that breaks the grammar names nothing, so that the store need not be asked.
func (c *call) id() (string, error) {
	id := chi.URLParam(c.r, "id")
	if !fhir.ValidID(id) {
		return "", errNotFound()
	}
	return id, nil
}

// open serves without a caller; closed only a verified one. Both give a request its deadline and render its error.
func (a *api) open(run func(*call) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), a.Limits.Timeout)
		defer cancel()
		if err := run(&call{w: w, r: r, until: ctx, query: r.URL.Query()}); err != nil {
			a.fail(w, r, err)
		}
	}
}

// closed also sees to it that what is disclosed, done or refused is on record before the answer goes out.
func (a *api) closed(run func(*call) error) http.HandlerFunc {
	return a.open(func(c *call) error {
		outer := outerOf(c.ctx())
		if outer != nil { // an entry of a Bundle: on record before the Bundle's answer
			c.by, c.trail = outer.by, outer.trail
		} else {
			c.trail = new(trail)
		}
		out := &recording{ResponseWriter: c.w, api: a, call: c, settled: outer != nil}
		c.w = out
		err := a.verified(c, run)
		if err == nil {
			return nil
		}
		if a.refused(c, err); !out.settled {
			return errors.Join(err, a.settle(context.WithoutCancel(c.ctx()), c.trail))
		}
		return err
	})
}

func (a *api) verified(c *call, run func(*call) error) error {
	if c.by != nil {
		return run(c)
	}
	if a.Verifier == nil {
		return fhir.NewError(fhir.Login, "this server accepts no tokens: no issuer is configured")
	}
	by, err := a.Verifier.Verify(c.ctx(), c.r)
	if err != nil {
		return err
	}
	c.by = by
	visitOf(c.r).client = by.Client
	done, err := a.Fairness.Admit(by)
	if err != nil {
		return err
	}
	defer done()
	return run(c)
}

// send writes a whole FHIR JSON body.
func (c *call) send(status int, body []byte) error {
	if c.pretty {
		body = indent(body)
	}
	h := c.w.Header()
	h.Set("Content-Type", fhirJSON)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	setPrivate(h)
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body) // a client that went away is nobody's error
	return nil
}

// setPrivate keeps answers out of shared caches, and lets a client keep one as long as it asks whether it still holds.
func setPrivate(h http.Header) {
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "private, no-cache")
	}
	h.Add("Vary", "Accept, Authorization")
}

// indent serves _pretty. The body was parsed when it was written, so it is valid JSON.
func indent(body []byte) []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, body, "", "  "); err != nil {
		return body
	}
	return b.Bytes()
}

// stamp sets the headers that name a version: ETag and Last-Modified, FHIR R4 http.html#versioning.
func stamp(h http.Header, res fhir.Resource) {
	h.Set("ETag", etag(res.Version))
	h.Set("Last-Modified", res.LastUpdated.UTC().Format(http.TimeFormat))
}

func etag(version int64) string { return `W/"` + strconv.FormatInt(version, 10) + `"` }
