package server_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lightbox/fhir"
)

// query is one request, below the base URL.
type query struct {
	method, path string
	header       map[string]string
	body         string
}

// instance is an interaction that is about one resource: a cell is one request, whose status says all.
type instance struct {
	name    string
	ask     func(k *kept, body string) query
	want    func(r reference, p *principal, k *kept, body string) int
	shows   int // the version whose canary a 200 shows; -1: none
	applies func(k *kept) bool
}

const jsonFHIR = "application/fhir+json"

func fhirBody(method, path, body string) query {
	return query{method, path, map[string]string{"Content-Type": jsonFHIR}, body}
}

func get(path string) query { return query{method: http.MethodGet, path: path} }

const inBundleOf = `{"resourceType":"Bundle",`

func inBundle(kind, method, path, body string) query {
	entry := `"request":{"method":"` + method + `","url":"` + path + `"}`
	if body != "" {
		entry = `"resource":` + body + `,` + entry
	}
	return fhirBody(http.MethodPost, "", inBundleOf+`"type":"`+kind+`","entry":[{`+entry+`}]}`)
}

func fhirPathPatch(k *kept) string {
	return `{"resourceType":"Parameters","parameter":[{"name":"operation","part":[{"name":"type","valueCode":"add"},{"name":"path","valueString":"` +
		k.Type + `"},{"name":"name","valueString":"language"},{"name":"value","valueCode":"de"}]}]}`
}

const (
	jsonPatch      = `[{"op":"add","path":"/language","value":"de"}]`
	mediaJSONPatch = "application/json-patch+json"
)

// identifiedAs gives a body an id.
func identifiedAs(id, body string) string { return strings.Replace(body, "{", `{"id":"`+id+`",`, 1) }

func isTask(k *kept) bool { return k.Type == "Task" && k.kind == clinical }

func isReport(k *kept) bool { return k.Type == "DiagnosticReport" }

// instances are the interactions with one resource. The body that they get is new, of the same party.
func instances() []instance {
	read := func(r reference, p *principal, k *kept, _ string) int { return r.read(p, k) }
	update := func(r reference, p *principal, k *kept, body string) int { return r.update(p, k, body) }
	return []instance{
		{name: "read", ask: func(k *kept, _ string) query { return get(k.ref()) }, want: read, shows: 1},
		{name: "read of content", ask: func(k *kept, _ string) query {
			return query{"GET", k.ref(), map[string]string{"Accept": "text/plain"}, ""}
		}, want: read,
			shows: 1, applies: func(k *kept) bool { return k.Type == "Binary" }},
		{name: "vread", ask: func(k *kept, _ string) query { return get(k.ref() + "/_history/1") },
			want: func(r reference, p *principal, k *kept, _ string) int { return r.vread(p, k) }, shows: 0},
		{name: "history of an instance", ask: func(k *kept, _ string) query { return get(k.ref() + "/_history") },
			want: func(r reference, p *principal, k *kept, _ string) int { return r.history(p, k) }, shows: 1},
		{name: "batch entry: read", ask: func(k *kept, _ string) query { return inBundle("batch", "GET", k.ref(), "") }, want: read, shows: -1},
		{name: "transaction entry: read", ask: func(k *kept, _ string) query { return inBundle("transaction", "GET", k.ref(), "") }, want: read, shows: -1},

		{name: "create", ask: func(k *kept, body string) query { return fhirBody("POST", k.Type, body) },
			want: func(r reference, p *principal, k *kept, body string) int { return r.create(p, k, body) }, shows: -1},
		{name: "create that refers to a hidden patient", ask: func(k *kept, body string) query { return fhirBody("POST", k.Type, pointing(body)) },
			want: func(r reference, p *principal, k *kept, body string) int { return r.create(p, k, pointing(body)) }, shows: -1},
		{name: "conditional create", ask: func(k *kept, body string) query {
			q := fhirBody("POST", k.Type, body)
			q.header["If-None-Exist"] = k.criteria()
			return q
		}, want: func(r reference, p *principal, k *kept, body string) int { return r.ifNoneExist(p, k, body) }, shows: -1},
		{name: "upsert", ask: func(k *kept, body string) query {
			return fhirBody("PUT", k.Type+"/upserted", identifiedAs("upserted", body))
		},
			want: func(r reference, p *principal, k *kept, _ string) int { return r.upsert(p, k) }, shows: -1},
		{name: "update", ask: func(k *kept, body string) query { return fhirBody("PUT", k.ref(), identifiedAs(k.ID, body)) }, want: update, shows: -1},
		{name: "update to another patient", ask: func(k *kept, body string) query { return fhirBody("PUT", k.ref(), identifiedAs(k.ID, moving(body))) },
			want: func(r reference, p *principal, k *kept, body string) int { return r.update(p, k, moving(body)) }, shows: -1},
		{name: "conditional update", ask: func(k *kept, body string) query { return fhirBody("PUT", k.Type+"?"+k.criteria(), body) },
			want: func(r reference, p *principal, k *kept, body string) int { return r.updateWhere(p, k, body) }, shows: -1},
		{name: "JSON patch", ask: func(k *kept, _ string) query {
			return query{"PATCH", k.ref(), map[string]string{"Content-Type": mediaJSONPatch}, jsonPatch}
		}, want: func(r reference, p *principal, k *kept, _ string) int { return r.patch(p, k) }, shows: -1},
		{name: "FHIRPath patch", ask: func(k *kept, _ string) query { return fhirBody("PATCH", k.ref(), fhirPathPatch(k)) },
			want: func(r reference, p *principal, k *kept, _ string) int { return r.patch(p, k) }, shows: -1},
		{name: "conditional patch", ask: func(k *kept, _ string) query { return fhirBody("PATCH", k.Type+"?"+k.criteria(), fhirPathPatch(k)) },
			want: func(r reference, p *principal, k *kept, _ string) int { return r.patchWhere(p, k) }, shows: -1},
		{name: "delete", ask: func(k *kept, _ string) query { return query{method: "DELETE", path: k.ref()} },
			want: func(r reference, p *principal, k *kept, _ string) int { return r.remove(p, k) }, shows: -1},
		{name: "conditional delete", ask: func(k *kept, _ string) query { return query{method: "DELETE", path: k.Type + "?" + k.criteria()} },
			want: func(r reference, p *principal, k *kept, _ string) int { return r.removeWhere(p, k) }, shows: -1},
		{name: "batch entry: update", ask: func(k *kept, body string) query { return inBundle("batch", "PUT", k.ref(), identifiedAs(k.ID, body)) },
			want: update, shows: -1},
		{name: "transaction entry: update", ask: func(k *kept, body string) query {
			return inBundle("transaction", "PUT", k.ref(), identifiedAs(k.ID, body))
		}, want: inTransaction(update), shows: -1},
		{name: "transaction entry: delete", ask: func(k *kept, _ string) query { return inBundle("transaction", "DELETE", k.ref(), "") },
			want: inTransaction(func(r reference, p *principal, k *kept, _ string) int { return r.remove(p, k) }), shows: -1},
		{name: "conditional reference in a body", ask: func(k *kept, _ string) query { return inBundle("transaction", "POST", "List", listOf(k)) },
			want: conditionalReference, shows: -1},
		{name: "$dose", ask: func(k *kept, _ string) query { return get(k.ref() + "/$dose") },
			want: func(r reference, p *principal, k *kept, _ string) int {
				if !p.covers("s", "Observation") {
					return http.StatusForbidden
				}
				return r.read(p, k)
			}, shows: -1, applies: func(k *kept) bool { return k.Type == "Patient" }},
		{name: "create that hands the patient on", ask: func(k *kept, body string) query { return fhirBody("POST", k.Type, handingOn(body)) },
			want:  func(r reference, p *principal, k *kept, body string) int { return r.create(p, k, handingOn(body)) },
			shows: -1, applies: func(k *kept) bool { return isTask(k) || k.Type == "ServiceRequest" }},
		{name: "$link", ask: func(k *kept, _ string) query { return fhirBody("POST", k.ref()+"/$link", "") },
			want:  func(r reference, p *principal, k *kept, _ string) int { return r.read(p.ordinary(), k) },
			shows: -1, applies: func(k *kept) bool { return k.Type == "ImagingStudy" }},
		{name: "$release", ask: func(k *kept, _ string) query { return fhirBody("POST", k.ref()+"/$release", "") },
			want: func(r reference, p *principal, k *kept, _ string) int { return r.decide(p, k, true) }, shows: -1, applies: isReport},
		{name: "$withhold", ask: func(k *kept, _ string) query { return fhirBody("POST", k.ref()+"/$withhold", "") },
			want: func(r reference, p *principal, k *kept, _ string) int { return r.decide(p, k, false) }, shows: -1, applies: isReport},
		{name: "$withdraw", ask: func(k *kept, _ string) query { return fhirBody("POST", k.ref()+"/$withdraw", "") },
			want: func(r reference, p *principal, k *kept, _ string) int { return r.withdraw(p, k) }, shows: -1, applies: isTask},
	}
}

// pointing adds a reference to Patient/other, absolute and to a version, where nobody looks for one.
func pointing(body string) string {
	return strings.Replace(body, "{", `{"extension":[{"url":"urn:x:about","valueReference":{"reference":"BASE/Patient/other/_history/1"}}],`, 1)
}

// handingOn has an order, or a task, be for an organisation.
func handingOn(body string) string {
	element := `"performer":[{"reference":"` + reading + `"}]`
	if strings.Contains(body, `"resourceType":"Task"`) {
		element = `"owner":{"reference":"` + reading + `"}`
	}
	return strings.Replace(body, "{", "{"+element+",", 1)
}

// moving makes a body the data of another patient.
func moving(body string) string {
	return strings.NewReplacer(`"Patient/self"`, `"Patient/other"`, `"Patient/mate"`, `"Patient/other"`, `"Patient/other"`, `"Patient/self"`).Replace(body)
}

// inTransaction: what no transaction takes is a 400, since it has no Allow.
func inTransaction(want func(reference, *principal, *kept, string) int) func(reference, *principal, *kept, string) int {
	return func(r reference, p *principal, k *kept, body string) int {
		if status := want(r, p, k, body); status != http.StatusMethodNotAllowed {
			return status
		}
		return http.StatusBadRequest
	}
}

// listOf is a List, nobody's data, with a conditional reference to a resource.
func listOf(k *kept) string {
	return `{"resourceType":"List","status":"current","mode":"working","entry":[{"item":{"reference":"` + k.Type + "?" + k.criteria() + `"}}]}`
}

// conditionalReference: what is hidden is absent, 400 as none matches; a List of nobody is a patient's neither to make.
func conditionalReference(r reference, p *principal, k *kept, _ string) int {
	list := `{"resourceType":"List"}`
	switch status := r.create(p, &kept{Type: "List", kind: clinical}, list); {
	case !p.covers("c", "List"):
		return http.StatusForbidden
	case !r.conditional(p, "r", k):
		return http.StatusForbidden
	case !r.matches(p, k):
		return http.StatusBadRequest
	case k.Type == "Patient" && !r.refers(p, `{"reference":"`+k.ref()+`"}`):
		return http.StatusUnprocessableEntity
	default:
		return status
	}
}

// survey is an interaction whose answer is a set: one request says of every resource of the world whether it is shown.
type survey struct {
	name  string
	each  func(r reference) []*kept // what it is asked about, one request each
	ask   func(k *kept, link string) query
	links bool // it is asked by each search parameter of references
	want  func(r reference, p *principal, k *kept, link string) seen
	total bool // Bundle.total is the number of least
}

// seen is what an answer shows: canaries that it must show, and those that it may.
type seen struct {
	status      int
	least, most set
}

// set is of canaries.
type set map[string]bool

func exactly(s set) seen { return seen{http.StatusOK, s, s} }

func status(code int) seen { return seen{status: code} }

// those are the current versions of what passes.
func (r reference) those(pass func(k *kept) bool) set {
	s := set{}
	for _, k := range r.all {
		if !k.deleted && pass(k) {
			s[k.current().canary] = true
		}
	}
	return s
}

// versionsOf are the versions that p may read of what passes.
func (r reference) versionsOf(p *principal, pass func(k *kept) bool) set {
	s := set{}
	for _, k := range r.all {
		for _, v := range k.versions {
			if pass(k) && r.reaches(p, "r", k, v) {
				s[v.canary] = true
			}
		}
	}
	return s
}

// everyType has one resource of each type, by which requests about the type are asked.
func everyType(r reference) []*kept {
	var list []*kept
	for _, m := range molds {
		list = append(list, r.all[m.resourceType+"/self"])
	}
	return list
}

func once(r reference) []*kept { return []*kept{r.all["Patient/self"]} }

func everyPatient(r reference) []*kept {
	return slices.DeleteFunc(r.sorted(), func(k *kept) bool { return k.Type != "Patient" })
}

func everyResource(r reference) []*kept { return r.sorted() }

func (p *principal) coversAny(letter string) bool {
	return slices.ContainsFunc(molds, func(m mold) bool { return p.covers(letter, m.resourceType) })
}

// inCompartment is membership by the table of R4.
func inCompartment(k *kept, patient string) bool {
	t, _ := fhir.R4().Type(k.Type)
	by, self := t.Compartment("Patient")
	return self && k.ref() == patient || slices.ContainsFunc(by, func(p *fhir.SearchParameter) bool { return slices.Contains(k.links[p.Name], patient) })
}

func hasCompartment(resourceType string) bool {
	t, _ := fhir.R4().Type(resourceType)
	by, self := t.Compartment("Patient")
	return self || len(by) > 0
}

// surveys are the interactions that find.
func surveys() []survey {
	ofType := func(r reference, p *principal, k *kept, _ string) seen {
		if !p.covers("s", k.Type) {
			return status(http.StatusForbidden)
		}
		return exactly(r.those(func(o *kept) bool { return o.Type == k.Type && r.finds(p, "s", o) }))
	}
	ofAll := func(r reference, p *principal, _ *kept, _ string) seen {
		if !p.coversAny("s") {
			return status(http.StatusForbidden)
		}
		return exactly(r.those(func(o *kept) bool { return r.finds(p, "s", o) }))
	}
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	return []survey{
		{name: "search by GET", each: everyType, want: ofType, ask: func(k *kept, _ string) query { return get(k.Type + "?_count=50") }},
		{name: "search by POST", each: everyType, want: ofType,
			ask: func(k *kept, _ string) query { return query{"POST", k.Type + "/_search", form, "_count=50"} }},
		{name: "search of the system", each: once, want: ofAll, ask: func(*kept, string) query { return get("?_count=100") }},
		{name: "search of the system by POST", each: once, want: ofAll, ask: func(*kept, string) query { return query{"POST", "_search", form, "_count=100"} }},
		{name: "history of a type", each: everyType, ask: func(k *kept, _ string) query { return get(k.Type + "/_history?_count=50") },
			want: func(r reference, p *principal, k *kept, _ string) seen {
				if !p.covers("r", k.Type) {
					return status(http.StatusForbidden)
				}
				return exactly(r.versionsOf(p, func(o *kept) bool { return o.Type == k.Type }))
			}},
		{name: "history of the system", each: once, ask: func(*kept, string) query { return get("_history?_count=100") },
			want: func(r reference, p *principal, _ *kept, _ string) seen {
				if !p.coversAny("r") {
					return status(http.StatusForbidden)
				}
				return exactly(r.versionsOf(p, func(*kept) bool { return true }))
			}},
		{name: "_summary=count", each: everyType, total: true, ask: func(k *kept, _ string) query { return get(k.Type + "?_summary=count") },
			want: func(r reference, p *principal, k *kept, link string) seen {
				s := ofType(r, p, k, link)
				s.most = set{}
				return s
			}},
		{name: "_total=accurate", each: everyType, total: true, want: ofType,
			ask: func(k *kept, _ string) query { return get(k.Type + "?_total=accurate&_count=5") }},
		{name: "search in a compartment", each: func(r reference) []*kept {
			return slices.DeleteFunc(r.sorted(), func(k *kept) bool { return r.all["Patient/"+k.ID] == nil })
		}, ask: func(k *kept, _ string) query { return get("Patient/" + k.ID + "/" + k.Type) },
			want: func(r reference, p *principal, k *kept, _ string) seen {
				switch {
				case !hasCompartment(k.Type):
					return status(http.StatusNotFound)
				case !p.covers("s", k.Type):
					return status(http.StatusForbidden)
				}
				return exactly(r.those(func(o *kept) bool { return o.Type == k.Type && r.finds(p, "s", o) && inCompartment(o, "Patient/"+k.ID) }))
			}},
		{name: "search of a whole compartment", each: everyPatient, ask: func(k *kept, _ string) query { return get(k.ref() + "/*?_count=50") },
			want: func(r reference, p *principal, k *kept, _ string) seen {
				if !slices.ContainsFunc(molds, func(m mold) bool { return hasCompartment(m.resourceType) && p.covers("s", m.resourceType) }) {
					return status(http.StatusForbidden)
				}
				return exactly(r.those(func(o *kept) bool { return r.finds(p, "s", o) && inCompartment(o, k.ref()) }))
			}},
		{name: "chained search", each: everyResource, links: true, want: chained, ask: func(k *kept, link string) query {
			return get(k.Type + "?" + chain(k, link))
		}},
		{name: "_has", each: everyResource, links: true, want: reverse, ask: func(k *kept, link string) query {
			return get(targetType(k, link) + "?_has:" + k.Type + ":" + link + ":" + k.criteria())
		}},
		{name: "_include", each: everyResource, links: true, ask: func(k *kept, link string) query {
			return get(k.Type + "?_id=" + k.ID + "&_include=" + k.Type + ":" + link)
		}, want: func(r reference, p *principal, k *kept, link string) seen {
			return r.included(p, k, func(k *kept) []string { return k.links[link] })
		}},
		{name: "_include of all", each: everyResource, ask: func(k *kept, _ string) query { return get(k.Type + "?_id=" + k.ID + "&_include=" + k.Type + ":*") },
			want: func(r reference, p *principal, k *kept, _ string) seen {
				return r.included(p, k, func(k *kept) []string { return slices.Concat(slices.Collect(maps.Values(k.links))...) })
			}},
		{name: "_revinclude", each: everyResource, links: true, ask: func(k *kept, link string) query {
			target, id, _ := strings.Cut(k.links[link][0], "/")
			return get(target + "?_id=" + id + "&_revinclude=" + k.Type + ":" + link)
		}, want: func(r reference, p *principal, k *kept, link string) seen {
			target := k.links[link][0]
			return r.included(p, r.target(target), func(*kept) []string {
				var list []string
				for ref, o := range r.all {
					if o.Type == k.Type && slices.Contains(o.links[link], target) {
						list = append(list, ref)
					}
				}
				return list
			})
		}},
		{name: "_include:iterate", each: everyResource, links: true, ask: func(k *kept, link string) query {
			target := targetType(k, link)
			q := url.Values{"_id": {k.ID}, "_include": {k.Type + ":" + link}}
			for _, next := range slices.Sorted(maps.Keys(linksOfType(target))) {
				q.Add("_include:iterate", target+":"+next)
			}
			return get(k.Type + "?" + q.Encode())
		}, want: iterated},
		{name: "$everything", each: everyPatient, ask: func(k *kept, _ string) query { return get(k.ref() + "/$everything?_count=50") }, want: wholeRecord},
		{name: "$match", each: everyPatient, ask: func(k *kept, _ string) query { return fhirBody("POST", "Patient/$match", asPatient(k)) },
			want: func(r reference, p *principal, k *kept, _ string) seen {
				if !p.covers("s", "Patient") {
					return status(http.StatusForbidden)
				}
				return seen{http.StatusOK, r.those(func(o *kept) bool { return o == k && r.finds(p, "s", o) }),
					r.those(func(o *kept) bool { return o.Type == "Patient" && r.finds(p, "s", o) })}
			}},
	}
}

func asPatient(k *kept) string {
	born := "1980-01-01"
	if k.ID == "self" {
		born = "2015-07-01"
	}
	return `{"resourceType":"Patient","identifier":[{"system":"urn:x:handle","value":"` + k.handle + `"}],"gender":"female","birthDate":"` + born + `"}`
}

// target is what a reference leads to, of which it may be that there is none.
func (r reference) target(ref string) *kept {
	if k := r.all[ref]; k != nil {
		return k
	}
	resourceType, id, _ := strings.Cut(ref, "/")
	return &kept{Type: resourceType, ID: id, kind: classOf(resourceType), deleted: true, versions: []version{{}}}
}

func targetType(k *kept, link string) string {
	resourceType, _, _ := strings.Cut(k.links[link][0], "/")
	return resourceType
}

// linksOfType are the search parameters that lead from a type.
func linksOfType(resourceType string) map[string]bool {
	names := map[string]bool{}
	for row := range strings.SplitSeq(moldOf(resourceType).links, "; ") {
		if name, _, _ := strings.Cut(row, " "); name != "" {
			names[name] = true
		}
	}
	return names
}

// chain asks for what points where k points first.
func chain(k *kept, link string) string {
	resourceType, id, _ := strings.Cut(k.links[link][0], "/")
	target := &kept{Type: resourceType, ID: id}
	if strings.Contains(moldOf(resourceType).rest, "HANDLE") {
		target.handle = strings.ToLower(resourceType) + "-" + id
	}
	return fmt.Sprintf("%s:%s.%s", link, resourceType, target.criteria())
}

// chained: each resource on the way must be found.
func chained(r reference, p *principal, k *kept, link string) seen {
	target := r.all[k.links[link][0]]
	switch {
	case !p.covers("s", k.Type), !p.covers("s", targetType(k, link)):
		return status(http.StatusForbidden)
	case !r.finds(p, "s", target):
		return exactly(set{})
	}
	return exactly(r.those(func(o *kept) bool {
		return o.Type == k.Type && r.finds(p, "s", o) && slices.Contains(o.links[link], target.ref())
	}))
}

// reverse is _has: what points must be found too.
func reverse(r reference, p *principal, k *kept, link string) seen {
	target := targetType(k, link)
	switch {
	case !p.covers("s", k.Type), !p.covers("s", target):
		return status(http.StatusForbidden)
	case !r.finds(p, "s", k):
		return exactly(set{})
	}
	return exactly(r.those(func(o *kept) bool {
		return o.Type == target && r.finds(p, "s", o) && slices.Contains(k.links[link], o.ref())
	}))
}

// included: what is found, and what of its links is.
func (r reference) included(p *principal, k *kept, links func(k *kept) []string) seen {
	switch {
	case !p.covers("s", k.Type):
		return status(http.StatusForbidden)
	case !r.finds(p, "s", k):
		return exactly(set{})
	}
	follow := links(k)
	return exactly(r.those(func(o *kept) bool { return o == k || slices.Contains(follow, o.ref()) && r.finds(p, "s", o) }))
}

// iterated: nothing is followed through what is hidden.
func iterated(r reference, p *principal, k *kept, link string) seen {
	first := r.included(p, k, func(k *kept) []string { return k.links[link] })
	if first.status != http.StatusOK || len(first.least) == 0 {
		return first
	}
	target := targetType(k, link)
	reached := map[string]bool{k.ref(): true}
	for _, ref := range k.links[link] {
		reached[ref] = r.finds(p, "s", r.all[ref])
	}
	for grew := true; grew; {
		grew = false
		for _, o := range r.all {
			if o.Type != target || !reached[o.ref()] {
				continue
			}
			for _, ref := range slices.Concat(slices.Collect(maps.Values(o.links))...) {
				if !reached[ref] && r.finds(p, "s", r.all[ref]) {
					reached[ref], grew = true, true
				}
			}
		}
	}
	return seen{http.StatusOK, first.least, r.those(func(o *kept) bool { return reached[o.ref()] && r.finds(p, "s", o) })}
}

// wholeRecord: the compartment as far as it is found, and of what it points to only what is found too.
func wholeRecord(r reference, p *principal, k *kept, _ string) seen {
	if status := r.read(p, k); status != http.StatusOK {
		return seen{status: status}
	}
	all := r.those(func(o *kept) bool { return r.finds(p, "s", o) })
	return seen{http.StatusOK, r.those(func(o *kept) bool {
		return o.kind != audited && r.finds(p, "s", o) && inCompartment(o, k.ref())
	}), all}
}
