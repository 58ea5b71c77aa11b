package server_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"lightbox/fhir/store"
	"lightbox/server"
)

// The guessing oracle, as a proof that what is hidden does not interfere: two worlds that differ in nothing but what no attacker may see
// give every attacker the same answers, byte for byte. LIGHTBOX_CELLS=all has every attacker ask about every resource all that there
// is to ask, and about every secret by each of its search parameters, modifiers, prefixes and values in each way, over references that the
// seed decides; else it is a part of that. How long an answer takes is a figure of `lightbox bench`.
func TestOracle(t *testing.T) {
	for _, s := range bothStores {
		t.Run(s.name, func(t *testing.T) {
			o := newOracle(t, s.open, storeOptions(), func(int, *server.Config) {})
			o.areHidden()
			for i, s := range o.secrets {
				all := topics(s, i == 0 || o.secrets[i-1].of != s.of)
				for _, a := range o.attackers {
					for _, q := range o.questions(a, s, all) {
						o.put(a, s, q)
					}
				}
			}
			o.seen()
			o.report()
		})
	}
}

// bothStores open a database of a test's own.
var bothStores = []struct {
	name string
	open func(testing.TB, store.Options) store.Store
}{{"sqlite", openSQLiteWith}, {"postgres", openPostgresWith}}

// oracleStart is when all that is in the worlds was written.
var oracleStart = time.Now().UTC().Truncate(time.Second)

// oracle is the two worlds, and what came of comparing them.
type oracle struct {
	t         *testing.T
	worlds    [2]*matrix
	clock     atomic.Int64 // seconds since oracleStart
	attackers []attacker
	all       *principal // who sees everything
	secrets   []secret
	dice      *rand.Rand
	whole     bool // and not in part

	compared, twins, writes int
	ways                    map[string]int
	differences, noticed    map[string]int
	details                 []string
}

// newOracle makes two worlds; change may alter what serves each.
func newOracle(t *testing.T, open func(testing.TB, store.Options) store.Store, options store.Options, change func(int, *server.Config)) *oracle {
	t.Helper()
	o := &oracle{t: t, attackers: attackers(), secrets: slices.Concat(secrets(), shapes), dice: rand.New(rand.NewPCG(matrixSeed, 4)), ways: map[string]int{},
		differences: map[string]int{}, noticed: map[string]int{}, all: &principal{name: "auditor", scope: "system/*.cruds user/*.rs", roles: []string{"auditor"}}}
	if os.Getenv("LIGHTBOX_CELLS") == "all" {
		o.whole = true
	}
	var asking []*principal
	for _, a := range o.attackers {
		asking = append(asking, a.principal)
	}
	now := func() time.Time { return oracleStart.Add(time.Duration(o.clock.Load()) * time.Second) }
	options.Clock = now
	for i := range o.worlds {
		own := make([]*principal, 0, len(asking)+1)
		for _, p := range append(slices.Clone(asking), o.all) {
			mine := *p
			own = append(own, &mine)
		}
		o.worlds[i] = newMatrixOf(t, open(t, options), newOracleWorld(i == 1), own, func(c *server.Config) {
			c.Audit, c.Links.Audit = nil, nil
			change(i, c)
		})
		o.worlds[i].hub.now = now
	}
	if len(o.worlds[0].base) != len(o.worlds[1].base) {
		t.Fatalf("%s and %s are not of one length, by which answers would differ", o.worlds[0].base, o.worlds[1].base)
	}
	return o
}

// areHidden: no secret is in what the reference has an attacker see, which knows nothing of granular scopes.
func (o *oracle) areHidden() {
	for _, s := range o.secrets {
		for _, a := range o.attackers {
			for _, m := range o.worlds {
				k := m.world.all[s.of]
				if k != nil && !strings.Contains(a.scope, "?") && (m.rules.sees(a.principal, "r", k) || m.rules.sees(a.principal, "s", k)) {
					o.t.Fatalf("%s sees %s", a.name, s.of)
				}
			}
		}
	}
}

// questions are those of an attacker about a secret: of the whole all about its resource, and one of each that asks by a value, over the
// references that the dice decide; in part some of each topic.
func (o *oracle) questions(a attacker, s secret, topics []topic) (list []question) {
	for _, t := range topics {
		switch {
		case o.whole && t.once:
			list = append(list, t.questions(a, s)...)
		case o.whole:
			for _, ask := range t.ask {
				list = append(list, o.draw(topic{ask: []func(*asking){ask}}.questions(a, s), 1)...)
			}
		case t.once:
			list = append(list, o.draw(t.questions(a, s), 2)...)
		case o.dice.IntN(8) == 0:
			one := topic{ask: []func(*asking){t.ask[o.dice.IntN(len(t.ask))]}}
			list = append(list, o.draw(one.questions(a, s), 1)...)
		}
	}
	return list
}

// draw takes n of the questions, or all.
func (o *oracle) draw(all []question, n int) []question {
	o.dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(n, len(all))]
}

func (t topic) questions(a attacker, s secret) []question {
	q := newAsking(a, s)
	for _, ask := range t.ask {
		ask(q)
	}
	return q.list
}

// put has an attacker ask both worlds, and of what asks for an id one of them for one that was never given.
func (o *oracle) put(a attacker, s secret, q question) {
	o.ways[q.way]++
	what := a.name + ": " + q.way + " for " + s.of + " " + s.name
	got := o.both(a.name, q.query, what)
	for n := 0; q.turns && n < 3; n++ {
		next := [2]string{nextPage(got[0]), nextPage(got[1])}
		if next[0] == "" || next[1] == "" {
			break
		}
		got = o.each(a.name, [2]query{get(next[0]), get(next[1])}, what+", a further page")
	}
	if q.of == nil {
		return
	}
	o.twins++
	o.clock.Add(1)
	m := o.worlds[0]
	answer := m.ask(m.principal(a.name), q.of(unused))
	if q.method != http.MethodGet {
		o.tidy([2][]string{m.catchUp(), nil})
	}
	_, id, _ := strings.Cut(s.of, "/")
	o.differ(what+", as against an id that was never given", q.query, withoutID(normal(m, got[0]), id), withoutID(normal(m, answer), unused))
}

// withoutID has an id be any, and the second in which it was asked for.
func withoutID(text, id string) string {
	text = strings.NewReplacer(id, "ID", veil.name, "ID").Replace(text)
	text = instants.ReplaceAllString(text, "then")
	return contentLength.ReplaceAllString(text, "Content-Length: N")
}

var (
	contentLength = regexp.MustCompile(`Content-Length: \d+`)
	instants      = regexp.MustCompile(`20[0-9-]{8}T[0-9:.]{8,15}Z|[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} 20\d\d [0-9:]{8} GMT`)
)

func nextPage(got answered) string {
	return gjson.Get(got.body, `link.#(relation=="next").url`).Str
}

// both asks the two worlds the same.
func (o *oracle) both(as string, q query, what string) [2]answered {
	return o.each(as, [2]query{q, q}, what)
}

func (o *oracle) each(as string, q [2]query, what string) (got [2]answered) {
	o.clock.Add(1)
	var texts [2]string
	var changed [2][]string
	for i, m := range o.worlds {
		got[i] = m.ask(m.principal(as), beside(m, q[i]))
		if q[i].method != http.MethodGet && q[i].method != http.MethodHead {
			changed[i] = m.catchUp()
		}
		texts[i] = normal(m, got[i], changed[i]...)
	}
	o.compared++
	o.differ(what, q[0], texts[0], texts[1])
	o.tidy(changed)
	return got
}

// beside gives a request for DICOMweb the address that it has in a world.
func beside(m *matrix, q query) query {
	if strings.HasPrefix(q.path, "/dicom-web") {
		q.path = m.root + q.path
	}
	return q
}

// tidy has the worlds be what they were.
func (o *oracle) tidy(changed [2][]string) {
	for i, m := range o.worlds {
		if len(changed[i]) > 0 {
			o.writes++
			m.world.restore(o.t, m.store, changed[i]...)
			m.catchUp()
		}
	}
}

// differ takes a difference down.
func (o *oracle) differ(what string, q query, one, other string) {
	if one == other {
		return
	}
	o.differences[what]++
	if len(o.details) < 40 {
		o.details = append(o.details, fmt.Sprintf("%s: %s %s %v %.300s\n%.3000s", what, q.method, q.path, q.header, q.body, cmp.Diff(one, other)))
	}
}

var (
	madeUp   = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`) // logical ids, UUIDs of version 7, in their order of appearance
	boundary = regexp.MustCompile(`\b[0-9a-f]{60}\b`)                                                    // of multipart bodies
	cursor   = regexp.MustCompile(`_page=([A-Za-z0-9_%-]+)`)                                             // sealed at random; its length is compared
)

// unlike are the headers that no two answers share: when it was sent, and the request's own id.
var unlike = []string{"Date", "X-Request-Id"}

// normal is an answer, and what was changed, without what is made up at random. What stands for it is as long wherever it was.
func normal(m *matrix, got answered, changed ...string) string {
	lines := []string{fmt.Sprint(got.status)}
	for _, name := range slices.Sorted(maps.Keys(got.header)) {
		if !slices.Contains(unlike, name) {
			lines = append(lines, name+": "+strings.Join(slices.Sorted(slices.Values(got.header[name])), " | "))
		}
	}
	lines = append(append(lines, "", got.body), changed...)
	text := strings.NewReplacer(m.root, "ROOT", url.QueryEscape(m.root), "ROOT", strings.TrimPrefix(m.root, "http://"), "HOST").Replace(strings.Join(lines, "\n"))
	known := map[string]string{}
	text = madeUp.ReplaceAllStringFunc(text, func(id string) string {
		if known[id] == "" {
			known[id] = fmt.Sprintf("made-%d", len(known))
		}
		return known[id]
	})
	text = boundary.ReplaceAllString(text, "boundary")
	return cursor.ReplaceAllStringFunc(text, func(found string) string { return fmt.Sprintf("_page=%d letters", len(found)) })
}

// seen has who sees everything ask until each secret was noticed: no list of questions that asks for nothing passes.
func (o *oracle) seen() {
	by := attacker{o.all, veil}
	for _, s := range o.secrets {
		list := []question{{way: "GET", query: get(s.of)}}
		if s.isShape() {
			list = append(topics(s, true)[1].questions(by, s), question{query: get(s.of + "/_history")}, question{query: get(s.of)},
				question{query: query{"PATCH", s.of, map[string]string{"Content-Type": mediaJSONPatch}, jsonPatch}})
		}
		if len(s.params()) > 0 { // what can be searched for is found by the searches
			list = topics(s, false)[0].questions(by, s)
		}
		if slices.ContainsFunc(list, func(q question) bool {
			return (q.method == http.MethodGet || s.name == "source") && o.notices(s, q.query)
		}) {
			o.noticed[s.of+" "+s.name]++
		}
	}
}

// notices reports whether two answers differ by a secret: by what they count or find, or by its value in them.
func (o *oracle) notices(s secret, q query) bool {
	var got [2]answered
	for i, m := range o.worlds {
		got[i] = m.ask(m.principal(o.all.name), beside(m, q))
	}
	of := func(i int, value string) bool { return strings.Contains(got[i].body, value) }
	if got[0].status != got[1].status || gjson.Get(got[0].body, "total").Raw != gjson.Get(got[1].body, "total").Raw {
		return true
	}
	return of(0, s.was) && of(1, s.is) && !of(0, s.is) && !of(1, s.was)
}

// report tells what came of it.
func (o *oracle) report() {
	o.t.Helper()
	for _, s := range o.secrets {
		if o.noticed[s.of+" "+s.name] == 0 {
			o.t.Errorf("who sees everything does not notice %s %s", s.of, s.name)
		}
	}
	if len(o.secrets) < 50 || len(o.ways) < 50 {
		o.t.Error("too few are asked about")
	}
	o.tell(len(o.secrets))
}

// tell sums up what was asked about a number of attributes.
func (o *oracle) tell(attributes int) {
	o.t.Helper()
	o.t.Logf("%d attackers, %d attributes, %d ways to ask: %d requests to each world, %d more for an id that was never given, %d writes undone; "+
		"%d differences; who sees everything noticed %d attributes", len(o.attackers), attributes, len(o.ways), o.compared, o.twins, o.writes, len(o.differences), len(o.noticed))
	for i, m := range o.worlds {
		if len(m.leaks) > 0 {
			o.t.Errorf("world %d: %d leaks: %.2000s", i, len(m.leaks), m.leaks[0])
		}
	}
	for _, one := range o.details {
		o.t.Error(one)
	}
	if len(o.differences) > len(o.details) {
		o.t.Errorf("and %d more", len(o.differences)-len(o.details))
	}
}
