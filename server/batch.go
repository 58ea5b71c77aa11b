package server

import (
	"net/http"
	"time"
)

// batch serves each entry by itself and answers 200 whatever they come to. R4 has clients not depend on the order; it is that
// of a transaction. https://hl7.org/fhir/R4/http.html#brules
func (a *api) batch(c *call, entries []bundleEntry, pref prefer) error {
	answers := make([]entryAnswer, len(entries))
	for phase := removing; phase <= reading; phase++ {
		for i, e := range entries {
			if phaseOf(e.method) == phase {
				answers[i] = a.alone(c, e, pref)
			}
		}
	}
	return a.sendAnswers(c, "batch-response", answers)
}

// The order in which the entries of a Bundle are processed, FHIR R4 http.html#trules.
const (
	removing = iota // DELETE
	making          // POST
	changing        // PUT, PATCH
	reading         // GET, HEAD, and what is no method at all, to be refused
)

func phaseOf(method string) int {
	switch method {
	case http.MethodDelete:
		return removing
	case http.MethodPost:
		return making
	case http.MethodPut, http.MethodPatch:
		return changing
	}
	return reading
}

// alone serves one entry.
func (a *api) alone(c *call, e bundleEntry, pref prefer) entryAnswer {
	err := e.requestFault(a.Base)
	if err == nil {
		var w *innerResponse
		if w, err = a.inner(c, e); err == nil {
			return w.answer(pref)
		}
	}
	w := &innerResponse{header: http.Header{}}
	a.fail(w, c.r, err)
	return w.answer(pref)
}

// answer turns the response to an inner request into that of an entry.
func (w *innerResponse) answer(pref prefer) entryAnswer {
	got := entryAnswer{status: w.status, location: w.header.Get("Location"), etag: w.header.Get("ETag")}
	if t, err := http.ParseTime(w.header.Get("Last-Modified")); err == nil {
		got.lastModified = t.UTC().Format(time.RFC3339)
	}
	body := w.body.Bytes()
	if w.cause != nil || pref.result == "OperationOutcome" && isOutcome(body) {
		got.outcome = body
	} else {
		got.resource = body
	}
	return got
}
