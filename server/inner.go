package server

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"lightbox/fhir"
)

// innerResponse takes the response to an entry of a Bundle that is served as the HTTP request it stands for.
type innerResponse struct {
	header http.Header
	status int
	body   bytes.Buffer
	cause  error // of a failure, before it was rendered
}

func (w *innerResponse) Header() http.Header { return w.header }

func (w *innerResponse) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *innerResponse) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

type outerKey struct{}

// outerOf returns the call on whose behalf an inner request is served, nil for a request from outside.
func outerOf(ctx context.Context) *call {
	c, _ := ctx.Value(outerKey{}).(*call)
	return c
}

// inner serves an entry as the request that it stands for, for the caller of c: by the same routes, rules and handlers.
func (a *api) inner(c *call, e bundleEntry) (*innerResponse, error) {
	media, body, err := e.content()
	if err != nil {
		return nil, err
	}
	ctx := context.WithValue(c.ctx(), chi.RouteCtxKey, nil) // the router makes its own
	ctx = context.WithValue(ctx, outerKey{}, c)
	ctx = context.WithValue(ctx, visitKey{}, &visit{id: visitOf(c.r).id, client: visitOf(c.r).client})
	r, err := http.NewRequestWithContext(ctx, e.method, a.Base+"/"+relative(e.url, a.Base), bytes.NewReader(body))
	if err != nil {
		return nil, fhir.NewError(fhir.Value, "not a URL relative to the base").At(e.at(".request.url")).Because(err)
	}
	r.RemoteAddr = c.r.RemoteAddr
	e.setHeaders(r.Header, media)
	if prefer := c.r.Header.Values("Prefer"); len(prefer) > 0 {
		r.Header["Prefer"] = prefer
	} else {
		r.Header.Set("Prefer", "return=minimal")
	}
	w := &innerResponse{header: http.Header{}}
	a.entries.ServeHTTP(w, r)
	if e.method == http.MethodHead {
		w.body.Reset()
	}
	return w, nil
}

func (e bundleEntry) setHeaders(h http.Header, media string) {
	for _, header := range []struct{ name, value string }{
		{"Accept", mediaFHIR}, {"Content-Type", media}, {"If-Match", e.headers.ifMatch},
		{"If-None-Match", e.headers.ifNoneMatch}, {"If-Modified-Since", httpTime(e.headers.ifModifiedSince)},
	} {
		if header.value != "" {
			h.Set(header.name, header.value)
		}
	}
	if len(e.headers.ifNoneExist) > 0 {
		h["If-None-Exist"] = e.headers.ifNoneExist
	}
}

// content returns what the body of the entry's request would be. A Binary that is to be a patch holds the patch (FHIR R4
// http.html#patch).
func (e bundleEntry) content() (media string, body []byte, err error) {
	if e.method != http.MethodPatch || e.resource == nil {
		return mediaFHIR, e.resource, nil
	}
	res, err := fhir.Parse(e.resource)
	if err != nil || res.Type != "Binary" {
		return mediaFHIR, e.resource, err
	}
	media, body, ok := contentOf(res)
	if !ok {
		return "", nil, fhir.NewError(fhir.Structure, "a Binary that cannot be read").At(e.at(".resource"))
	}
	return media, body, nil
}

// requestFault tells what keeps an entry from being a request at all.
func (e bundleEntry) requestFault(base string) error {
	switch e.method {
	case "":
		return fhir.NewError(fhir.Required, "an entry of a batch or transaction needs a request with a method").At(e.at(".request.method"))
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return fhir.NewError(fhir.Value, "not a code of http-verb").At(e.at(".request.method"))
	}
	url := relative(e.url, base)
	if url == "" || strings.HasPrefix(url, "?") { // the base itself takes Bundles, and those do not nest
		return fhir.NewError(fhir.Value, "a URL below the base is needed").At(e.at(".request.url"))
	}
	return nil
}

// httpTime turns an instant into the form of a header; what is none is left out, as RFC 9110 13.1.3 has it.
func httpTime(instant string) string {
	t, err := time.Parse(time.RFC3339, instant)
	if err != nil {
		return ""
	}
	return t.UTC().Format(http.TimeFormat)
}
