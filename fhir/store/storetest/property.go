package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/fhir/store/internal/relational"
)

// testProperty draws resources, changes them, and asks random queries: answers and order are those of search.Query.Match and
// Compare, which look at plain documents.
func testProperty(t *testing.T, fresh func(t testing.TB) Database) {
	t.Run("few candidates", func(t *testing.T) { checkProperty(t, open(t, fresh(t))) })
	t.Run("many candidates", func(t *testing.T) { // as a planner sees them that takes one for many
		f := open(t, fresh(t))
		f.Store.(*relational.Store).SetLimits(relational.Limits{Ordered: 1, Sorted: 1, Inner: 1})
		checkProperty(t, f)
	})
}

func checkProperty(t *testing.T, f fixture) {
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		m := &model{fixture: fixture{t, f.Store}, rt: rt, run: run, plain: map[string]*plain{}, deleted: map[string]bool{}}
		m.clear()
		for range rapid.IntRange(1, 12).Draw(rt, "writes") {
			m.write()
		}
		for range 20 {
			m.ask()
		}
	})
}

// model is what the store should hold.
type model struct {
	fixture
	rt      *rapid.T
	run     int
	plain   map[string]*plain
	deleted map[string]bool
	rows    int
}

type plain struct {
	search.Indexed
	created search.Indexed // as its place in time order knows it
	row     int
	owner   string
}

// clear deletes what an earlier run left.
func (m *model) clear() {
	for _, r := range m.search(everyone, "Patient", "_count=1000").Matches {
		m.delete("Patient", r.ID)
	}
}

// id makes a letter an id of this run: a deleted resource that is made anew would keep its row and its time.
func (m *model) id(letter string) string { return fmt.Sprintf("%s-%d", letter, m.run) }

var (
	families = []string{"Weber", "Wéber", "Webern", "Ёлкин", "Елкина", "von der Heide", "Heide", "-"}
	birth    = []string{"1980", "1980-05", "1980-05-06", "1980-12-31", "1990-01-01", "1990"}
	genders  = []string{"male", "female", "other"}
	values   = []string{"1", "2", "A|B"}
	systems  = []string{"urn:a", "urn:b", ""}
)

func (m *model) pick(label string, from []string) string {
	return rapid.SampledFrom(from).Draw(m.rt, label)
}

func (m *model) maybe(label string) bool { return rapid.Bool().Draw(m.rt, label) }

// write puts, changes or deletes one resource, in the store and in the model.
func (m *model) write() {
	id := m.id(m.pick("id", []string{"a", "b", "c", "d", "e", "f"}))
	known := m.plain[id]
	if known != nil && rapid.IntRange(0, 4).Draw(m.rt, "delete") == 0 {
		m.delete("Patient", id)
		delete(m.plain, id)
		m.deleted[id] = true
		return
	}
	if known == nil && m.deleted[id] {
		return
	}
	owner := m.pick("owner", []string{clinicOne, clinicTwo})
	r := m.put(m.person(id), owner)
	document, err := search.Index(fhir.R4(), r)
	if err != nil {
		m.rt.Fatal(err)
	}
	indexed := search.Indexed{Document: document, ID: id, LastUpdated: r.LastUpdated}
	if known == nil {
		m.rows++
		known = &plain{created: indexed, row: m.rows}
		m.plain[id] = known
	}
	known.Indexed, known.owner = indexed, owner
}

func (m *model) person(id string) string {
	var members []string
	if m.maybe("has name") {
		var names []string
		for range rapid.IntRange(1, 2).Draw(m.rt, "names") {
			names = append(names, fmt.Sprintf(`{"family":%q}`, m.pick("family", families)))
		}
		members = append(members, `"name":[`+strings.Join(names, ",")+`]`)
	}
	if m.maybe("has birth date") {
		members = append(members, fmt.Sprintf(`"birthDate":%q`, m.pick("birth date", birth)))
	}
	if m.maybe("has gender") {
		members = append(members, fmt.Sprintf(`"gender":%q`, m.pick("gender", genders)))
	}
	for range rapid.IntRange(0, 1).Draw(m.rt, "identifiers") {
		members = append(members, fmt.Sprintf(`"identifier":[{"system":%q,"value":%q}]`, m.pick("system", systems[:2]), m.pick("value", values)))
	}
	return strings.Join(append([]string{`{"resourceType":"Patient","id":"` + id + `"`}, members...), ",") + "}"
}

// ask compares one query.
func (m *model) ask() {
	query := m.randomQuery()
	caller, sees := m.randomCaller()
	q := m.query("Patient", query)
	var found []*plain
	for _, p := range m.plain {
		if sees(p) && q.Match(p.Indexed) {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b *plain) int { return m.compare(q, a, b) })
	want := []string{}
	for _, p := range found {
		want = append(want, p.ID)
	}
	got := append([]string{}, m.walk(caller, "Patient", query, rapid.IntRange(1, 4).Draw(m.rt, "page"))...)
	if diff := gocmp.Diff(want, got); diff != "" {
		m.rt.Fatalf("Patient?%s as %s (-want +got):\n%s", query, caller.ID, diff)
	}
	if total := m.search(caller, "Patient", strings.TrimPrefix(query+"&_count=0", "&")); total.Total != int64(len(want)) {
		m.rt.Fatalf("Patient?%s as %s: total %d, want %d", query, caller.ID, total.Total, len(want))
	}
}

// compare orders as the store does: what is equal stands in row order, reversed when the first key is descending.
func (m *model) compare(q search.Query, a, b *plain) int {
	if len(q.Sort) == 0 {
		return cmp.Or(q.Compare(a.created, b.created), cmp.Compare(a.row, b.row))
	}
	rows := cmp.Compare(a.row, b.row)
	if q.Sort[0].Desc {
		rows = -rows
	}
	return cmp.Or(q.Compare(a.Indexed, b.Indexed), rows)
}

func (m *model) randomCaller() (store.Caller, func(*plain) bool) {
	switch m.pick("caller", []string{"all", "owner", "patient", "care or patient"}) {
	case "owner":
		return as("owner", search.Grant{Owner: clinicOne}), func(p *plain) bool { return p.owner == clinicOne }
	case "patient":
		return as("patient", search.Grant{Patient: "Patient/" + m.id("a")}), func(p *plain) bool { return p.ID == m.id("a") }
	case "care or patient":
		return as("care", search.Grant{CareOf: clinicTwo}, search.Grant{Patient: "Patient/" + m.id("b")}),
			func(p *plain) bool { return p.owner == clinicTwo || p.ID == m.id("b") }
	}
	return everyone, func(*plain) bool { return true }
}

func (m *model) randomQuery() string {
	var parts []string
	for range rapid.IntRange(0, 3).Draw(m.rt, "clauses") {
		parts = append(parts, m.randomClause())
	}
	var keys []string
	for range rapid.IntRange(0, 2).Draw(m.rt, "keys") {
		key := m.pick("key", []string{"birthdate", "family", "name", "_id", "_lastUpdated"})
		if slices.ContainsFunc(keys, func(k string) bool { return strings.TrimPrefix(k, "-") == key }) {
			continue
		}
		if m.maybe("descending") {
			key = "-" + key
		}
		keys = append(keys, key)
	}
	if len(keys) > 0 {
		parts = append(parts, "_sort="+strings.Join(keys, ","))
	}
	return strings.Join(parts, "&")
}

func (m *model) randomClause() string {
	alternatives := func(draw func() string) string {
		var all []string
		for range rapid.IntRange(1, 3).Draw(m.rt, "alternatives") {
			all = append(all, draw())
		}
		return strings.Join(all, ",")
	}
	switch m.pick("clause", []string{"family", "family:exact", "name", "birthdate", "gender", "identifier", "missing", "_id", "_lastUpdated"}) {
	case "family":
		return "family=" + alternatives(func() string { return m.pick("text", []string{"w", "web", "heide", "der", "ел", "ЁЛ"}) })
	case "family:exact":
		return "family:exact=" + alternatives(func() string { return m.pick("exact", families) })
	case "name":
		return "name=" + m.pick("text", []string{"von", "heide", "weber"})
	case "birthdate":
		return "birthdate=" + alternatives(func() string {
			return m.pick("prefix", []string{"", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}) + m.pick("date", birth)
		})
	case "gender":
		return "gender=" + alternatives(func() string { return m.pick("code", genders) })
	case "identifier":
		return "identifier=" + alternatives(m.randomIdentifier)
	case "missing":
		return m.pick("of", []string{"birthdate", "family", "gender", "identifier"}) + ":missing=" + m.pick("is", []string{"true", "false"})
	case "_id":
		return "_id=" + alternatives(func() string { return m.id(m.pick("id", []string{"a", "b", "c", "x"})) })
	}
	return "_lastUpdated=" + m.pick("prefix", []string{"gt", "lt"}) + "2020"
}

func (m *model) randomIdentifier() string {
	value := strings.ReplaceAll(m.pick("value", values), "|", `\|`)
	if m.maybe("with system") {
		return m.pick("system", systems) + "|" + value
	}
	return value
}
