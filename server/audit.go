package server

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/go-chi/chi/v5"

	"lightbox/auth/audit"
	"lightbox/fhir"
	"lightbox/fhir/store"
)

// trail is what a request discloses and does, to be on record before the first byte of its answer. Entries of a Bundle share that of
// their request.
type trail struct {
	mu     sync.Mutex
	events []audit.Event
}

func (t *trail) add(e audit.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, e)
}

// take returns what is not on record yet.
func (t *trail) take() []audit.Event {
	t.mu.Lock()
	defer t.mu.Unlock()
	events := t.events
	t.events = nil
	return events
}

// event is what the call is about so far: who asks for what, from where.
func (c *call) event(code string) audit.Event {
	return audit.Begin(code, c.by, c.r.RemoteAddr, visitOf(c.r).id)
}

// discloses takes down one resource that is about to be shown.
func (c *call) discloses(res fhir.Resource) {
	e := c.event(c.code)
	e.Data, e.Patients = versioned(res), audit.PatientsOf(res)
	c.trail.add(e)
}

// disclosesAll takes down a page of resources, by the patients whose they are.
func (c *call) disclosesAll(code, of string, lists ...[]fhir.Resource) {
	e := c.event(code)
	e.Patients = audit.PatientsOf(slices.Concat(lists...)...)
	if of != "" {
		e.Data = of
	} else {
		e.Query = c.asked()
	}
	c.trail.add(e)
}

// asked is the request as it came: a search may be looked at later for what it tried.
func (c *call) asked() string {
	text := c.r.Method + " " + c.r.URL.RequestURI()
	if form := c.form; form != "" {
		text += "\n\n" + form
	}
	return text
}

func versioned(res fhir.Resource) string {
	if res.Version == 0 {
		return res.Reference()
	}
	return res.Reference() + "/_history/" + strconv.FormatInt(res.Version, 10)
}

// changed are the events of a write, one for each resource that it made, changed or removed.
func (c *call) changed(code string, got answer) []audit.Event {
	if len(got.removed) == 0 || got.res.ID != "" {
		e := c.event(code)
		if got.found {
			e.Kind = "read"
		}
		e.Data, e.Patients = versioned(got.res), audit.PatientsOf(got.res)
		return []audit.Event{e}
	}
	var all []audit.Event
	for _, one := range got.removed {
		e := c.event(code)
		e.Data = one
		all = append(all, e)
	}
	return all
}

// refused takes down that a caller was refused, unless all that is wrong is how the question was put.
func (a *api) refused(c *call, err error) {
	if a.Audit == nil {
		return
	}
	all := issues(translate(err))
	e := c.event(c.code)
	e.Reason = string(all[0].Type)
	switch all[0].Type {
	case fhir.Login:
		e.Kind, e.Outcome = audit.Login, audit.Serious
		if e.By == nil && c.r.Header.Get("Authorization") == "" {
			return // nobody asked in anybody's name
		}
		passed, ok := a.logins.Admit(e.At)
		if !ok {
			return
		}
		e.Repeated = passed
	case fhir.Forbidden:
		e.Outcome = audit.Serious
	case fhir.NotFound, fhir.Deleted:
		e.Outcome = audit.Minor
	default:
		return
	}
	if e.Kind == "" && e.Outcome == audit.Minor {
		return // no such route: nothing was asked of anybody's
	}
	if id := chi.URLParam(c.r, "id"); c.kind != nil && fhir.ValidID(id) {
		e.Data = c.kind.Name + "/" + id
	} else if e.Kind != audit.Login {
		e.Query = c.asked()
	}
	c.trail.add(e)
}

// settle puts on record what the trail holds; after it, an answer may go out.
func (a *api) settle(ctx context.Context, t *trail) error {
	if a.Audit == nil {
		return nil
	}
	events := t.take()
	if len(events) == 0 {
		return nil
	}
	return a.Audit.Record(ctx, events...)
}

// settleIn does so in the transaction of what the events tell of.
func (a *api) settleIn(ctx context.Context, tx store.Tx, events []audit.Event) error {
	if a.Audit == nil {
		return nil
	}
	return a.Audit.Append(ctx, tx, events...)
}

// recording holds an answer back until what it discloses is on record. What cannot be recorded is not disclosed.
type recording struct {
	http.ResponseWriter
	api     *api
	call    *call
	settled bool
	failed  error
}

func (w *recording) settle(status int) {
	if w.settled || status < http.StatusOK {
		return
	}
	w.settled = true
	if w.failed = w.api.settle(w.call.ctx(), w.call.trail); w.failed != nil {
		w.api.fail(w.ResponseWriter, w.call.r, w.failed)
	}
}

func (w *recording) WriteHeader(status int) {
	if w.settle(status); w.failed == nil {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *recording) Write(p []byte) (int, error) {
	if w.settle(http.StatusOK); w.failed != nil {
		return len(p), nil // the client has the error
	}
	return w.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (w *recording) Unwrap() http.ResponseWriter { return w.ResponseWriter }
