package server

import (
	"net/http"
	"slices"
	"time"
)

// What a transaction reads comes last, FHIR R4 http.html#trules, and is served as the request that it stands for, after the
// commit. So that a read that cannot be served fails the transaction while nothing is changed, a transaction that also
// writes asks it once before.

// rehearse asks the reads of a transaction that also writes. What the transaction itself makes is not there yet.
func (t *transaction) rehearse() error {
	if !t.writes() {
		return nil
	}
	for _, s := range t.steps {
		if s.work != nil {
			continue
		}
		w, err := t.api.inner(t.call, s.entry)
		if err == nil {
			err = w.cause
		}
		if absent := w != nil && (w.status == http.StatusNotFound || w.status == http.StatusGone); absent && t.makes(s) {
			continue
		}
		if err != nil {
			return inEntry(s.entry, err)
		}
	}
	t.call.trail.take() // what is disclosed is read again
	return nil
}

// makes reports whether an entry puts what a step reads.
func (t *transaction) makes(s step) bool {
	return s.id != "" && slices.ContainsFunc(t.steps, func(o step) bool {
		return o.entry.method == http.MethodPut && o.id == s.id && o.reach.kind == s.reach.kind
	})
}

// answer tells what each entry came to.
func (t *transaction) answer(run *transactionRun, pref prefer) error {
	answers := make([]entryAnswer, len(t.steps))
	for i, s := range t.steps {
		if s.work != nil {
			answers[i] = t.api.entryAnswer(run.answers[i], pref)
			continue
		}
		w, err := t.api.inner(t.call, s.entry)
		if err == nil && !t.writes() {
			err = w.cause
		}
		if err != nil {
			return inEntry(s.entry, err)
		}
		answers[i] = w.answer(pref)
	}
	return t.api.sendAnswers(t.call, "transaction-response", answers)
}

// entryAnswer is the response to a write.
func (a *api) entryAnswer(got answer, pref prefer) entryAnswer {
	e := entryAnswer{status: got.status}
	if got.located {
		e.location = a.versionURL(got.res)
	}
	if got.res.Version > 0 {
		e.etag = etag(got.res.Version)
	}
	if got.res.Version > 0 && !got.res.Deleted {
		e.lastModified = got.res.LastUpdated.UTC().Format(time.RFC3339Nano)
	}
	switch {
	case pref.result == "OperationOutcome":
		e.outcome = success(got.told())
	case pref.result == "representation" && !got.res.Deleted:
		e.resource = got.res.Body
	}
	return e
}
