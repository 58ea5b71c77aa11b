package server_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// Random requests of a grammar by random principals: no answer holds a canary that its principal may not see, and none is a 5xx.
// LIGHTBOX_RANDOM says how many, LIGHTBOX_SEED which.
func TestAccessRandom(t *testing.T) {
	count, err := strconv.Atoi(cmp.Or(os.Getenv("LIGHTBOX_RANDOM"), "2000"))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv("LIGHTBOX_SEED"), strconv.FormatInt(time.Now().UnixNano(), 10)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	eachStore(t, func(t *testing.T, open func(testing.TB) store.Store) {
		t.Logf("LIGHTBOX_SEED=%d", seed)
		m := newMatrix(t, open(t), seed)
		g := &grammar{matrix: m, dice: rand.New(rand.NewPCG(seed, 3)), statuses: map[int]int{}, changed: map[string]bool{}}
		g.reads, g.writes = g.productions()
		for n := range count {
			g.one()
			g.tidy(n%restoredEvery == restoredEvery-1)
			if len(m.leaks) > 20 {
				break
			}
		}
		t.Logf("%d requests; by status %v; %d of %d canaries seen", m.requests, g.statuses, len(m.met), len(m.world.canary))
		m.report()
	})
}

// restoredEvery is how many requests a world lives through: what backend services and doctors delete is there for others again.
const restoredEvery = 200

// tidy restores what was changed: at once if who sees what goes by it, since the reference knows the world as it was.
func (g *grammar) tidy(all bool) {
	for _, ref := range g.catchUp() {
		g.changed[ref] = true
	}
	var refs []string
	for ref := range g.changed {
		k := g.world.all[ref]
		refers := strings.HasPrefix(ref, "Task/") || strings.HasPrefix(ref, "ServiceRequest/")
		if all || refers || k != nil && k.decides {
			refs = append(refs, ref)
			delete(g.changed, ref)
		}
	}
	if len(refs) > 0 {
		slices.Sort(refs)
		g.world.restore(g.t, g.store, refs...)
		g.catchUp()
	}
}

// grammar makes requests. They hold handles and ids, and never a canary: what an answer shows of one it did not get from the request.
type grammar struct {
	*matrix
	dice     *rand.Rand
	by       *principal
	pages    []string // next and previous links of whoever got them
	statuses map[int]int
	changed  map[string]bool // since it was restored
	reads    []func() query
	writes   []func() query
}

func pick[T any](g *grammar, list []T) T { return list[g.dice.IntN(len(list))] }

func (g *grammar) chance(of float64) bool { return g.dice.Float64() < of }

func (g *grammar) one() {
	g.by = pick(g, g.principals)
	if g.chance(0.8) {
		g.by = pick(g, withScopes(g.principals))
	}
	q := pick(g, g.reads)()
	if g.chance(0.25) {
		q = pick(g, g.writes)()
	}
	got := g.ask(g.by, q)
	g.statuses[got.status]++
	for _, link := range gjson.Get(got.body, "link").Array() {
		if relation := link.Get("relation").Str; relation == "next" || relation == "previous" {
			g.keepPage(link.Get("url").Str)
		}
	}
}

func (g *grammar) keepPage(link string) {
	if len(g.pages) < 200 {
		g.pages = append(g.pages, link)
		return
	}
	g.pages[g.dice.IntN(len(g.pages))] = link
}

func (g *grammar) productions() (reads, writes []func() query) {
	searches := func() query {
		resourceType := g.typeName()
		return get(resourceType + "?" + g.paramsOf(resourceType))
	}
	reads = []func() query{
		searches, searches, searches, searches, searches, searches,
		func() query {
			return query{"POST", g.typeName() + "/_search", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}, g.params()}
		},
		func() query { return get("?_type=" + g.typeName() + "," + g.typeName() + "&" + g.params()) },
		func() query {
			return get(pick(g, fhir.R4().Compartments()) + "/" + g.id() + "/" + pick(g, []string{g.typeName(), "*"}) + "?" + g.params())
		},
		func() query { return get(g.ref()) },
		func() query { return get(g.ref() + "/_history/" + strconv.Itoa(1+g.dice.IntN(4))) },
		func() query { return get(g.ref() + "/_history?_count=" + strconv.Itoa(1+g.dice.IntN(5))) },
		func() query {
			return get(g.typeName() + "/_history?_count=" + strconv.Itoa(1+g.dice.IntN(9)) + pick(g, []string{"", "&_at=2026", "&_since=2020-01-01T00:00:00Z"}))
		},
		func() query { return get("_history?_count=" + strconv.Itoa(1+g.dice.IntN(50))) },
		func() query {
			return get("Patient/" + g.id() + "/$everything?" + pick(g, []string{"_count=3", "_type=" + g.typeName(), "start=2020", "_summary=count"}))
		},
		func() query { return get("Patient/" + g.id() + "/$dose") },
		func() query { return fhirBody("POST", "Patient/$match", asPatient(&kept{handle: "patient-" + g.id()})) },
		func() query {
			return get(strings.Replace(g.ref(), "/", pick(g, []string{"%2f", "//", "/./", "/../" + g.typeName() + "/"}), 1))
		},
		g.page,
	}
	writes = []func() query{
		func() query { return fhirBody("POST", g.typeName(), g.body("")) },
		func() query { k := g.resource(); return fhirBody("POST", k.Type, g.bodyOf(k.Type, "")) },
		func() query {
			k := g.resource()
			q := fhirBody("POST", k.Type, g.bodyOf(k.Type, ""))
			q.header["If-None-Exist"] = g.criteria(k)
			return q
		},
		func() query { k := g.resource(); return fhirBody("PUT", k.ref(), g.bodyOf(k.Type, k.ID)) },
		func() query {
			k := g.resource()
			return fhirBody("PUT", k.Type+"?"+g.criteria(k), g.bodyOf(k.Type, ""))
		},
		func() query {
			return query{"PATCH", g.ref(), map[string]string{"Content-Type": mediaJSONPatch, "If-Match": pick(g, []string{"", `W/"1"`, `W/"2"`})}, jsonPatch}
		},
		func() query { k := g.resource(); return fhirBody("PATCH", k.Type+"?"+g.criteria(k), fhirPathPatch(k)) },
		func() query { return query{method: "DELETE", path: g.ref()} },
		func() query { k := g.resource(); return query{method: "DELETE", path: k.Type + "?" + g.criteria(k)} },
		func() query { return fhirBody("POST", "Task/"+g.id()+"/$withdraw", "") },
		func() query { return fhirBody("POST", "ImagingStudy/"+g.id()+"/$link", "") },
		func() query {
			resourceType := pick(g, []string{"Task", "ServiceRequest"})
			return fhirBody("POST", resourceType, handingOn(moldOf(resourceType).cast(pick(g, parties), "written", "handed-on", false)))
		},
		g.bundle, g.bundle,
	}
	return reads, writes
}

func (g *grammar) resource() *kept { return pick(g, g.world.sorted()) }

func (g *grammar) typeName() string { return pick(g, molds).resourceType }

func (g *grammar) id() string {
	return pick(g, []string{"self", "mate", "other", "shared", "deleted", "visit", "asserted", "erased", "moved", "mapped", "north", "south", "nobody",
		"secret", "mother", "delegate", "former", "opened", "closed", "revoked", "grown", "handed", "reading", "east", "denied", "elsewhere", "past", "draft", "grave", "freed", "kept"})
}

func (g *grammar) ref() string {
	if g.chance(0.9) {
		return g.resource().ref()
	}
	return g.typeName() + "/" + g.id()
}

// criteria finds one resource, or something else.
func (g *grammar) criteria(k *kept) string {
	if g.chance(0.7) {
		return k.criteria()
	}
	return g.param(k.Type)
}

// reference writes one in any form that a reference has.
func (g *grammar) reference() string {
	ref := g.ref()
	_, id, _ := strings.Cut(ref, "/")
	return pick(g, []string{ref, ref, ref, id, g.base + "/" + ref, ref + "/_history/1", g.base + "/" + ref + "/_history/2", "/" + ref, ref + "|1",
		"https://elsewhere.example/" + ref, "urn:uuid:" + id, "#" + id, ref + "," + g.ref(), strings.Replace(ref, "/", "%2f", 1)})
}

// body is a resource of any type without a canary, and what a client may get wrong.
func (g *grammar) body(id string) string { return g.bodyOf(g.typeName(), id) }

func (g *grammar) bodyOf(resourceType, id string) string {
	body := moldOf(resourceType).cast(pick(g, parties), "written", fmt.Sprintf("new-%d", g.dice.Uint64()), g.chance(0.3))
	if id != "" {
		body = identifiedAs(id, body)
	}
	if g.chance(0.2) {
		body = strings.Replace(body, "{", `{"extension":[{"url":"urn:x:about","valueReference":{"reference":`+strconv.Quote(g.reference())+`}}],`, 1)
	}
	if g.chance(0.05) {
		body = strings.Replace(body, `"Patient/`, `"Patient?identifier=urn:x:handle|patient-`, 1)
	}
	return body
}

// page is a cursor that somebody got.
func (g *grammar) page() query {
	if len(g.pages) == 0 {
		return get(g.ref())
	}
	link := pick(g, g.pages)
	if g.chance(0.3) { // and takes to another search
		if u, err := url.Parse(link); err == nil {
			return get(g.typeName() + "?" + g.params() + "&_page=" + url.QueryEscape(u.Query().Get("_page")))
		}
	}
	return get(link)
}

// bundle has up to twenty entries.
func (g *grammar) bundle() query {
	var entries []string
	for range 1 + g.dice.IntN(20) {
		q := pick(g, g.reads[:len(g.reads)-1])()
		if g.chance(0.4) {
			q = pick(g, g.writes[:len(g.writes)-2])()
		}
		entry := `"request":{"method":"` + q.method + `","url":` + strconv.Quote(q.path)
		if criteria := q.header["If-None-Exist"]; criteria != "" {
			entry += `,"ifNoneExist":` + strconv.Quote(criteria)
		}
		entry += "}"
		if strings.HasPrefix(q.body, "{") {
			entry = `"resource":` + q.body + "," + entry
		}
		if g.chance(0.1) {
			entry = `"fullUrl":"` + g.base + "/" + g.ref() + `",` + entry
		}
		entries = append(entries, "{"+entry+"}")
	}
	q := fhirBody("POST", "", inBundleOf+`"type":"`+pick(g, []string{"batch", "batch", "transaction"})+`","entry":[`+strings.Join(entries, ",")+`]}`)
	q.header["Prefer"] = pick(g, []string{"return=representation", "return=minimal", "return=OperationOutcome"})
	return q
}

// params are up to four criteria and what steers the answer.
func (g *grammar) params() string { return g.paramsOf(g.typeName()) }

func (g *grammar) paramsOf(resourceType string) string {
	var list []string
	for range g.dice.IntN(4) {
		list = append(list, g.param(resourceType))
	}
	for range g.dice.IntN(3) {
		list = append(list, g.steer(resourceType))
	}
	if g.chance(0.15) {
		list = append(list, pick(g, []string{"patient=self,other", "patient=self&patient=other", "patient=Patient%2fother", "subject=Patient/other,Patient/self",
			"patient:Patient=other", "patient:missing=true", "patient:missing=false", "patient=" + g.base + "/Patient/other", "patient=Patient/other/_history/1",
			"patient:identifier=urn:x:handle|patient-other", "_id=self,other,mate", "_security:not=x", "_tag=t", "_lastUpdated=gt2020-01-01"}))
	}
	return strings.Join(list, "&")
}

// param is one criterion: plain, modified, chained or reversed.
func (g *grammar) param(resourceType string) string {
	switch {
	case g.chance(0.15):
		return g.has(resourceType, 1)
	case g.chance(0.25):
		return g.chain(resourceType, 1)
	}
	t, _ := fhir.R4().Type(resourceType)
	p := pick(g, t.Params())
	name := p.Name
	if g.chance(0.2) {
		name += ":" + pick(g, []string{"missing", "exact", "contains", "not", "text", "above", "below", "in", "not-in", "of-type", "identifier", "Patient", "iterate", "x"})
	}
	return name + "=" + url.QueryEscape(g.value(p.Kind))
}

func (g *grammar) value(kind fhir.Kind) string {
	switch kind {
	case fhir.KindReference:
		return g.reference()
	case fhir.KindToken:
		k := g.resource()
		return pick(g, []string{k.ID, k.handle, "urn:x:handle|" + k.handle, "urn:x:handle|", "|" + k.handle, "final", "true", "false", g.id() + "," + g.id()})
	case fhir.KindDate:
		return pick(g, []string{"", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}) + pick(g, []string{"2026", "2026-01-01", "1980-01-01", "2026-01-01T00:00:00Z", "x"})
	case fhir.KindNumber, fhir.KindQuantity:
		return pick(g, []string{"", "gt", "lt"}) + pick(g, []string{"1", "5.4|http://unitsofmeasure.org|mg", "1e3", "x"})
	}
	return pick(g, []string{"canary", "c", "written", "G", "", "true", "a$b", g.id()})
}

// links are the reference parameters of a type.
func (g *grammar) link(resourceType string) (*fhir.SearchParameter, string) {
	t, _ := fhir.R4().Type(resourceType)
	references := slices.DeleteFunc(t.Params(), func(p *fhir.SearchParameter) bool { return p.Kind != fhir.KindReference })
	if len(references) == 0 {
		return nil, ""
	}
	p := pick(g, references)
	target := pick(g, append(slices.Clone(p.Targets), "Patient"))
	if !slices.ContainsFunc(molds, func(m mold) bool { return m.resourceType == target }) {
		target = g.typeName()
	}
	return p, target
}

// chain goes over at most three references.
func (g *grammar) chain(resourceType string, depth int) string {
	p, target := g.link(resourceType)
	if p == nil {
		return "_id=" + g.id()
	}
	next := ""
	if depth < 3 && g.chance(0.4) {
		next = g.chain(target, depth+1)
	} else {
		t, _ := fhir.R4().Type(target)
		last := pick(g, t.Params())
		next = last.Name + "=" + url.QueryEscape(g.value(last.Kind))
	}
	if g.chance(0.2) {
		return p.Name + "." + next
	}
	return p.Name + ":" + target + "." + next
}

// has goes over at most three references, the other way.
func (g *grammar) has(resourceType string, depth int) string {
	from := g.typeName()
	p, _ := g.link(from)
	if p == nil {
		return "_id=" + g.id()
	}
	next := "_id=" + g.id()
	if depth < 3 && g.chance(0.3) {
		next = g.has(from, depth+1)
	} else if g.chance(0.5) {
		t, _ := fhir.R4().Type(from)
		last := pick(g, t.Params())
		next = last.Name + "=" + url.QueryEscape(g.value(last.Kind))
	}
	return "_has:" + from + ":" + p.Name + ":" + next
}

// steer is about the form of the answer, and what is included: over at most three references.
func (g *grammar) steer(resourceType string) string {
	if g.chance(0.4) {
		return pick(g, []string{"_count=1", "_count=3", "_count=0", "_count=5000", "_total=accurate", "_total=estimate", "_summary=count", "_summary=true", "_summary=text",
			"_summary=data", "_elements=identifier,code", "_sort=_lastUpdated", "_sort=-_id", "_sort=" + g.paramName(resourceType), "_sort=-" + g.paramName(resourceType),
			"_include=*", "_revinclude=*", "_include=*:*", "_include:iterate=*", "_contained=both", "_pretty=true", "_format=json", "_format=xml", "_list=self"})
	}
	var list []string
	for range 1 + g.dice.IntN(3) {
		from := pick(g, []string{resourceType, g.typeName()})
		name := pick(g, []string{"*", g.paramName(from)})
		if p, target := g.link(from); p != nil && g.chance(0.8) {
			if name = p.Name; g.chance(0.3) {
				name += ":" + target
			}
			resourceType = target
		}
		list = append(list, pick(g, []string{"_include", "_revinclude"})+pick(g, []string{"", "", ":iterate"})+"="+from+":"+name)
	}
	return strings.Join(list, "&")
}

func (g *grammar) paramName(resourceType string) string {
	t, _ := fhir.R4().Type(resourceType)
	return pick(g, t.Params()).Name
}
