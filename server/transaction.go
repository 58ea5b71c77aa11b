package server

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// transaction is a Bundle whose entries all happen or none of them does. What needs no data is done before the store's
// transaction, entry by entry and side by side; there it is short. https://hl7.org/fhir/R4/http.html#trules
type transaction struct {
	api      *api
	call     *call
	byURL    map[string]int // fullUrl -> index of what is stored under it
	steps    []step
	searches map[string]search.Query // of conditional references, by their text
}

// step is one entry, ready to run.
type step struct {
	entry bundleEntry
	reach reach
	work  work // nil: it reads
	links []link
	id    string // of the URL
}

func (a *api) transaction(c *call, entries []bundleEntry, pref prefer) error {
	task, err := newSubmission(c.by)
	if err != nil {
		return err
	}
	if err := a.transact(c, entries, pref, task); err != nil {
		return errors.Join(err, task.refused(context.WithoutCancel(c.ctx()), a.Store, err))
	}
	return nil
}

func (a *api) transact(c *call, entries []bundleEntry, pref prefer, task submission) error {
	t, err := a.newTransaction(c, entries)
	if err != nil {
		return err
	}
	if err := t.rehearse(); err != nil {
		return err
	}
	var run *transactionRun
	if t.writes() {
		err := a.Store.Write(c.ctx(), func(tx store.Tx) error {
			run = newRun(t, c.ctx(), tx)
			if err := run.do(); err != nil {
				return err
			}
			if err := a.settleIn(c.ctx(), tx, run.events()); err != nil {
				return err
			}
			return task.taken(c.ctx(), tx, run)
		})
		if err != nil {
			return err
		}
		task.name(c.w.Header(), a.Base)
	}
	return t.answer(run, pref)
}

func (a *api) newTransaction(c *call, entries []bundleEntry) (*transaction, error) {
	t := &transaction{api: a, call: c, byURL: map[string]int{}, steps: make([]step, len(entries)), searches: map[string]search.Query{}}
	for i, e := range entries {
		t.steps[i].entry = e
		if phaseOf(e.method) == reading || phaseOf(e.method) == removing || e.fullURL == "" {
			continue
		}
		if _, taken := t.byURL[e.fullURL]; taken {
			return nil, inEntry(e, fhir.NewError(fhir.Invalid, "another entry has this fullUrl").At(e.at(".fullUrl")))
		}
		t.byURL[e.fullURL] = i
	}
	if err := t.planAll(); err != nil {
		return nil, err
	}
	return t, errors.Join(t.conditionalReferences(), t.sameCriteria())
}

// planAll plans the entries side by side: parsing and validating them takes longer than storing them.
func (t *transaction) planAll() error {
	faults := make([]error, len(t.steps))
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 1+len(t.steps)/minPerWorker) {
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(t.steps)); i = next.Add(1) - 1 {
				faults[i] = t.planSafely(&t.steps[i])
			}
		})
	}
	all.Wait()
	for i, err := range faults {
		if err != nil {
			return inEntry(t.steps[i].entry, err)
		}
	}
	return nil
}

// planSafely keeps a panic from ending the process: it is not on the request's goroutine, whose handler would take it.
func (t *transaction) planSafely(s *step) (err error) {
	defer func() {
		if p := recover(); p != nil {
			t.api.logPanic(t.call.r, p)
			err = panicked{}
		}
	}()
	return t.plan(s)
}

// minPerWorker is how many entries keep one more processor busy.
const minPerWorker = 8

// plan decides, before data is touched, whether a scope covers the entry, and makes its work.
func (t *transaction) plan(s *step) error {
	if err := s.entry.requestFault(t.api.Base); err != nil {
		return err
	}
	path, query, _ := strings.Cut(relative(s.entry.url, t.api.Base), "?")
	name, id, instance := strings.Cut(path, "/")
	kind, served := t.api.Registry.Type(name)
	if phaseOf(s.entry.method) == reading {
		s.reach = reach{t.call.by, kind, t.call.by.Visible(auth.Read, name)}
		s.id, _, _ = strings.Cut(id, "/")
		return nil // the routes judge it
	}
	row, found := writeOf(s.entry.method, instance)
	if !served || !found || !kind.Serves(row.code) {
		return fhir.NewError(fhir.NotSupported, "no interaction that a transaction takes has this method and URL").At(s.entry.at(".request"))
	}
	s.reach, s.id = reach{t.call.by, kind, t.call.by.Visible(row.needs, name)}, id
	if len(s.reach.visible.Grants) == 0 {
		return errForbidden()
	}
	return t.planWrite(s, row, query)
}

// writeOf returns the interaction that changes data by a method, on an instance or on a type.
func writeOf(method string, instance bool) (interaction, bool) {
	pattern := ""
	if instance {
		pattern = "/{id}"
	}
	rows := interactions()
	i := slices.IndexFunc(rows, func(row interaction) bool {
		return row.plan != nil && row.method == method && row.pattern == pattern
	})
	if i < 0 {
		return interaction{}, false
	}
	return rows[i], true
}

func (t *transaction) planWrite(s *step, row interaction, query string) error {
	if int64(len(s.entry.resource)) > t.api.Limits.Body {
		return errTooLong()
	}
	stated := s.entry.headers
	q := request{reach: s.reach, id: s.id, query: query, ifMatch: stated.ifMatch, ifNoneMatch: stated.ifNoneMatch,
		ifNoneExist: stated.ifNoneExist}
	var err error
	if q.media, q.body, err = s.entry.content(); err != nil {
		return err
	}
	if s.work, err = row.plan(t.api, q); err != nil {
		return err
	}
	w, ok := s.work.(change)
	if !ok || q.media == mediaPatch { // a JSON Patch has no elements
		return nil
	}
	s.links, err = linker{t.byURL, rootOf(s.entry.fullURL)}.find(fhir.Resource{Type: s.reach.kind.Name, Body: w.text()})
	return err
}

// conditionalReferences parses the searches that stand in references. Hidden is absent in them as in any condition.
func (t *transaction) conditionalReferences() error {
	for _, s := range t.steps {
		for _, l := range s.links {
			if _, known := t.searches[l.search]; known || l.search == "" {
				continue
			}
			q, err := t.conditionalReference(l.search)
			if err != nil {
				return inEntry(s.entry, at(err, l.expression))
			}
			t.searches[l.search] = q
		}
	}
	return nil
}

func (t *transaction) conditionalReference(text string) (search.Query, error) {
	name, query, _ := strings.Cut(text, "?")
	kind, ok := t.api.Registry.Type(name)
	if !ok {
		return search.Query{}, fhir.NewError(fhir.Value, "a conditional reference to a type that is not served")
	}
	return t.api.criteria(reach{by: t.call.by, kind: kind}, query)
}

// at makes an error about a parameter one about the element that holds it.
func at(err error, expression string) error {
	var e *fhir.Error
	if errors.As(err, &e) {
		return e.At(expression)
	}
	return err
}

// sameCriteria refuses two entries that would make a resource on the same condition: the second would have to see the first.
func (t *transaction) sameCriteria() error {
	seen := map[string]bool{}
	for _, s := range t.steps {
		criteria := ""
		switch _, query, _ := strings.Cut(s.entry.url, "?"); {
		case s.entry.method == http.MethodPost && len(s.entry.headers.ifNoneExist) > 0:
			criteria = s.reach.kind.Name + "?" + s.entry.headers.ifNoneExist[0]
		case s.entry.method == http.MethodPost && ofChange(s.work).known != "":
			criteria = s.reach.kind.Name + "?" + ofChange(s.work).known
		case s.entry.method == http.MethodPut && s.id == "":
			criteria = s.reach.kind.Name + "?" + query
		default:
			continue
		}
		if seen[criteria] {
			return inEntry(s.entry, sameIdentity())
		}
		seen[criteria] = true
	}
	return nil
}

func ofChange(w work) change {
	c, _ := w.(change)
	return c
}

func sameIdentity() error {
	return fhir.NewError(fhir.Invalid, "another entry is about the same resource: each may stand once in a transaction")
}

func (t *transaction) writes() bool {
	for _, s := range t.steps {
		if s.work != nil {
			return true
		}
	}
	return false
}
