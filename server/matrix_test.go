package server_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/server"
)

// The access matrix: principals by interactions by types by parties, each cell held against the reference, and every answer searched
// for canaries of what its principal may not see. LIGHTBOX_CELLS=all runs every cell, else a part that the seed decides.
func TestAccessMatrix(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(testing.TB) store.Store) {
		t.Logf("seed %d", matrixSeed)
		m := newMatrix(t, open(t), matrixSeed)
		part := 0.1
		if os.Getenv("LIGHTBOX_CELLS") == "all" {
			part = 1
		}
		for _, p := range m.principals {
			if m.draw = func() bool { return m.dice.Float64() < part }; p.forged != nil && part < 1 { // it is all the same to them
				m.draw = func() bool { return m.dice.Float64() < part/5 }
			}
			for _, i := range instances() {
				m.runInstance(p, i)
			}
			for _, s := range surveys() {
				m.runSurvey(p, s)
			}
			m.replayPages(p)
		}
		m.report()
	})
}

const matrixSeed = 20260131

// known are cells whose answer is wrong and told elsewhere: "principal/interaction/Type/party", each part may be *.
var known = map[string]string{}

// matrix is a hub with the world, and what came of asking it.
type matrix struct {
	*hub
	t          testing.TB
	world      *world
	rules      reference
	principals []*principal
	dice       *rand.Rand
	draw       func() bool
	client     *http.Client
	seenUntil  int64 // of the store's changes

	cells, requests, skipped int
	mismatches, leaks        []string
	met                      map[string]bool // canaries that were shown to whom they may be
}

func newMatrix(t testing.TB, s store.Store, seed uint64) *matrix {
	t.Helper()
	return newMatrixWith(t, s, seed, func(c *server.Config) { c.Audit, c.Links.Audit = nil, nil }) // what is recorded would be found as well
}

func newMatrixWith(t testing.TB, s store.Store, seed uint64, change func(*server.Config)) *matrix {
	t.Helper()
	m := newMatrixOf(t, s, newWorld(seed), principals(), change)
	m.dice = rand.New(rand.NewPCG(seed, 2))
	return m
}

// newMatrixOf is a hub with a world, and who asks it.
func newMatrixOf(t testing.TB, s store.Store, w *world, asking []*principal, change func(*server.Config)) *matrix {
	t.Helper()
	m := &matrix{t: t, world: w, principals: asking, met: map[string]bool{}, draw: func() bool { return true },
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	t.Cleanup(m.client.CloseIdleConnections)
	m.rules = reference{m.world}
	m.hub = newHub(t, s, func(c *server.Config) {
		change(c)
		c.Withdraw = func(context.Context, fhir.Resource) (bool, error) { return true, nil }
	})
	m.world.settle(t, s)
	m.catchUp()
	for _, p := range m.principals {
		p.login(t, m.hub)
		if p.emergency != "" {
			m.breakGlass(p)
		}
	}
	m.catchUp()
	return m
}

// breakGlass has a clinician say that there is an emergency.
func (m *matrix) breakGlass(p *principal) {
	m.t.Helper()
	body := `{"resourceType":"Parameters","parameter":[{"name":"patient","valueString":"` + p.emergency + `"},{"name":"reason","valueString":"found unconscious"}]}`
	if got := m.ask(p, fhirBody("POST", "Patient/$break-glass", body)); got.status != http.StatusOK {
		m.t.Fatalf("%s: $break-glass: status %d: %s", p.name, got.status, got.body)
	}
}

func (m *matrix) principal(name string) *principal {
	return m.principals[slices.IndexFunc(m.principals, func(p *principal) bool { return p.name == name })]
}

// answered is a response.
type answered struct {
	status int
	header http.Header
	body   string
}

// ask sends a request and searches the answer.
func (m *matrix) ask(p *principal, q query) answered {
	url := q.path
	if !strings.HasPrefix(url, "http") {
		url = strings.TrimSuffix(m.base+"/"+strings.TrimPrefix(q.path, "/"), "/")
		url = strings.Replace(url, "/?", "?", 1)
	}
	q.body = strings.ReplaceAll(q.body, "BASE/", m.base+"/")
	r, err := http.NewRequest(q.method, url, strings.NewReader(q.body))
	if err != nil {
		m.t.Fatalf("%s %s: %v", q.method, url, err)
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", jsonFHIR)
	}
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	resp, err := m.client.Do(r)
	if err != nil {
		m.t.Fatalf("%s %s: %v", q.method, url, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		m.t.Fatalf("%s %s: %v", q.method, url, err)
	}
	m.requests++
	got := answered{resp.StatusCode, resp.Header, string(body)}
	m.search(p, q, got)
	return got
}

// search looks for what an answer must not hold.
func (m *matrix) search(p *principal, q query, got answered) {
	if got.status >= 500 {
		m.leaks = append(m.leaks, fmt.Sprintf("%s: %s %s %s: status %d: %s", p.name, q.method, q.path, q.body, got.status, got.body))
	}
	text := got.body
	for name, values := range got.header {
		text += "\n" + name + ": " + strings.Join(values, "\n")
	}
	for _, canary := range spotted(text) {
		at, planted := m.world.canary[canary]
		switch {
		case !planted:
		case m.rules.shows(p, at):
			m.met[canary] = true
		default:
			m.leaks = append(m.leaks, fmt.Sprintf("%s: %s %s %s: shows version %d of %s", p.name, q.method, q.path, q.body, at.version+1, at.of.ref()))
		}
	}
}

// mismatch takes down a cell that is not as the reference has it.
func (m *matrix) mismatch(p *principal, q query, what, format string, args ...any) {
	m.mismatches = append(m.mismatches, fmt.Sprintf("%s/%s: %s %s %s: %s", p.name, what, q.method, q.path, q.body, fmt.Sprintf(format, args...)))
}

// passes reports whether a cell is known to be wrong.
func (m *matrix) passes(p *principal, interaction string, k *kept) bool {
	cell := []string{p.name, interaction, k.Type, k.ID}
	for pattern := range known {
		parts := strings.Split(pattern, "/")
		if matchesCell(parts, cell) {
			m.skipped++
			return true
		}
	}
	return false
}

func matchesCell(pattern, cell []string) bool {
	for i, part := range pattern {
		if part != "*" && part != cell[i] {
			return false
		}
	}
	return true
}

func (m *matrix) runInstance(p *principal, i instance) {
	for _, k := range m.world.sorted() {
		if i.applies != nil && !i.applies(k) || !m.draw() || m.passes(p, i.name, k) {
			continue
		}
		body := m.freshBody(k)
		q := i.ask(k, body)
		got := m.ask(p, q)
		m.cells++
		status, want := got.status, login(p, i.want(m.rules, p, k, body))
		if of, _, _ := strings.Cut(gjson.Get(got.body, "entry.0.response.status").Str, " "); of != "" && strings.HasPrefix(q.body, inBundleOf) {
			status = must(strconv.Atoi(of))
		}
		what := i.name + "/" + k.ref()
		if status != want {
			m.mismatch(p, q, what, "status %d, want %d: %s", status, want, got.body)
		}
		if i.shows >= 0 && want == http.StatusOK && m.rules.reaches(p, "r", k, k.versions[i.shows]) && !slices.Contains(spotted(got.body), k.versions[i.shows].canary) {
			m.mismatch(p, q, what, "version %d is not shown: %s", i.shows+1, got.body)
		}
		if i.name == "$release" || i.name == "$withhold" { // which make no version
			m.redecide(p, q, what, k)
			continue
		}
		m.undo(p, q, what, want)
	}
}

// redecide undoes a decision about a report; what was refused must have decided nothing.
func (m *matrix) redecide(p *principal, q query, what string, k *kept) {
	want := login(p, m.rules.decide(p, k, strings.HasSuffix(q.path, "$release")))
	err := m.store.Write(m.t.Context(), func(tx store.Tx) error {
		if want >= 300 && k.decided != "" && !k.deleted {
			if changed, err := tx.Decide(m.t.Context(), store.Decision{Report: k.ID, Released: k.decided == "released", At: tx.Now()}); err != nil || changed {
				m.mismatch(p, q, what, "it was decided: %v", err)
			}
		}
		return nil
	})
	if err != nil {
		m.t.Fatal(err)
	}
	if want == http.StatusOK {
		m.world.restore(m.t, m.store, k.ref())
		m.catchUp()
	}
}

// freshBody is what a resource of the same party says that is written now: it holds no canary.
func (m *matrix) freshBody(k *kept) string {
	handle := fmt.Sprintf("new-%d", m.dice.Uint64())
	return moldOf(k.Type).cast(k.of, "written", handle, false)
}

// undo restores what a request changed. What was refused must not have changed anything, except that a partner is told of it by a Task.
func (m *matrix) undo(p *principal, q query, what string, want int) {
	if q.method == http.MethodGet {
		return
	}
	changed := m.catchUp()
	if len(changed) == 0 {
		return
	}
	if want >= 300 {
		for _, ref := range changed {
			if p.organization == "" || !strings.HasPrefix(ref, "Task/") || m.world.all[ref] != nil {
				m.mismatch(p, q, what, "%s was changed by what is refused", ref)
			}
		}
	}
	m.stamped(p, q, what, changed)
	m.world.restore(m.t, m.store, changed...)
	m.catchUp()
}

// stamped checks that what was made is owned by the organisation of the token, and by no other.
func (m *matrix) stamped(p *principal, q query, what string, changed []string) {
	for _, ref := range changed {
		resourceType, id, _ := strings.Cut(ref, "/")
		err := m.store.Write(m.t.Context(), func(tx store.Tx) error {
			got, err := tx.Get(m.t.Context(), resourceType, id)
			if err != nil {
				return err
			}
			want := []string{p.organization}
			if k := m.world.all[ref]; k != nil && (!k.deleted || got.Deleted) { // what is put again after it was deleted is made anew
				want[0] = k.owner
			}
			if want[0] == "" {
				want = nil
			}
			if !slices.Equal(got.Owners, want) {
				m.mismatch(p, q, what, "%s is owned by %q, want %q", ref, got.Owners, want)
			}
			return nil
		})
		if err != nil {
			m.t.Fatal(err)
		}
	}
}

// catchUp returns what was changed since it was called last.
func (m *matrix) catchUp() []string {
	changed := map[string]bool{}
	for {
		list, err := m.store.Changes(m.t.Context(), m.seenUntil, 1000)
		if err != nil {
			m.t.Fatal(err)
		}
		for _, c := range list {
			changed[c.Type+"/"+c.ID], m.seenUntil = true, c.LastUpdated
		}
		if len(list) < 1000 {
			return slices.Sorted(maps.Keys(changed))
		}
	}
}

func (m *matrix) runSurvey(p *principal, s survey) {
	for _, k := range s.each(m.rules) {
		links := []string{""}
		if s.links {
			links = slices.Sorted(maps.Keys(k.links))
		}
		for _, link := range links {
			if !m.draw() || m.passes(p, s.name, k) {
				continue
			}
			want := s.want(m.rules, p, k, link)
			want.status = login(p, want.status)
			m.surveyed(p, s, s.ask(k, link), want)
		}
	}
}

// surveyed reads an answer to its last page. It tells of each party.
func (m *matrix) surveyed(p *principal, s survey, q query, want seen) {
	m.cells += len(parties)
	shown, total := set{}, int64(-1)
	first := q
	for range 100 {
		got := m.ask(p, q)
		if got.status != want.status {
			m.mismatch(p, first, s.name, "status %d, want %d: %s", got.status, want.status, got.body)
			return
		}
		if got.status != http.StatusOK {
			return
		}
		if n := gjson.Get(got.body, "total"); n.Exists() {
			total = n.Int()
		}
		for _, canary := range spotted(got.body) {
			shown[canary] = true
		}
		next := gjson.Get(got.body, `link.#(relation=="next").url`).Str
		if next == "" {
			break
		}
		q = get(next)
	}
	for _, canary := range slices.Sorted(maps.Keys(want.least)) {
		if !shown[canary] && len(want.most) > 0 {
			m.mismatch(p, first, s.name, "%s (version %d) is missing", m.world.canary[canary].of.ref(), m.world.canary[canary].version+1)
		}
	}
	for _, canary := range slices.Sorted(maps.Keys(shown)) {
		if !want.most[canary] {
			m.mismatch(p, first, s.name, "%s (version %d) should not be there", m.world.canary[canary].of.ref(), m.world.canary[canary].version+1)
		}
	}
	if s.total && total != int64(len(want.least)) {
		m.mismatch(p, first, s.name, "total is %d, want %d", total, len(want.least))
	}
}

// replayPages has a principal turn the pages of another's search.
func (m *matrix) replayPages(p *principal) {
	auditor := m.principal("auditor") // finds something of every type
	for _, k := range everyType(m.rules) {
		if !m.draw() || m.passes(p, "page link", k) {
			continue
		}
		got := m.ask(auditor, get(k.Type+"?_count=1"))
		next := gjson.Get(got.body, `link.#(relation=="next").url`).Str
		if next == "" {
			m.t.Fatalf("%s has one page: %s", k.Type, got.body)
		}
		want := http.StatusBadRequest
		switch {
		case !p.covers("s", k.Type):
			want = http.StatusForbidden
		case p == auditor:
			want = http.StatusOK
		}
		m.cells += len(parties)
		if got, want := m.ask(p, get(next)), login(p, want); got.status != want {
			m.mismatch(p, get(next), "page link", "status %d, want %d: %s", got.status, want, got.body)
		}
	}
}

// report tells what came of it.
func (m *matrix) report() {
	m.t.Helper()
	for _, secret := range []string{"canary", "urn:x:handle", "eyJ"} { // data, identifiers and tokens
		if log := m.log.String(); strings.Contains(log, secret) {
			m.leaks = append(m.leaks, "the log holds "+secret)
		}
	}
	m.t.Logf("%d cells in %d requests, %d known to be wrong; %d mismatches; %d foreign canaries or 5xx; %d of %d canaries seen by whom they may be",
		m.cells, m.requests, m.skipped, len(m.mismatches), len(m.leaks), len(m.met), len(m.world.canary))
	for _, list := range [][]string{m.leaks, m.mismatches} {
		for i, one := range list {
			if i == 60 {
				m.t.Errorf("and %d more", len(list)-i)
				break
			}
			if len(one) > 700 {
				one = one[:700] + "..."
			}
			m.t.Error(one)
		}
	}
}
