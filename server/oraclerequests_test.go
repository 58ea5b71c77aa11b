package server_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// attacker is a principal who may not see what is veil's.
type attacker struct {
	*principal
	mine party // whose data they may write
}

// attackers are those of the test. All that the reference knows of them is in the principals.
func attackers() []attacker {
	otherPatient, self, atEast, atReading := pointers[0], pointers[1], pointers[2], pointers[1]
	return []attacker{
		{&principal{name: "another patient", scope: "launch/patient patient/*.cruds", patient: "other"}, otherPatient},
		{&principal{name: "representative of another child", scope: "user/*.cruds", fhirUser: "RelatedPerson/mother", acts: "Patient/self"}, self},
		{&principal{name: "clinician of another organisation", scope: "user/*.cruds", fhirUser: "Practitioner/other", organization: south}, otherPatient},
		{&principal{name: "clinician with another's emergency", scope: "user/*.cruds", fhirUser: "Practitioner/visit", organization: south, emergency: "Patient/self"}, otherPatient},
		{&principal{name: "partner", scope: "system/*.cruds", organization: south}, otherPatient},
		{&principal{name: "app", scope: "launch/patient patient/Observation.cruds patient/ImagingStudy.rs patient/DiagnosticReport.rs patient/Patient.s", patient: "other"}, otherPatient},
		{&principal{name: "granular scope", scope: "user/Observation.cruds?code=open user/Patient.rs?_id=other user/ServiceRequest.rs?status=active user/Practitioner.rs",
			fhirUser: "Practitioner/self", organization: north}, veil},
		{&principal{name: "reading centre", scope: "user/*.cruds", fhirUser: "Practitioner/shared", organization: reading, referred: []string{"Patient/self", "Patient/other", "Patient/denied", "Patient/veiled"},
			denied: []string{"Patient/denied", "Patient/veiled"}}, atReading},
		{&principal{name: "denied clinician", scope: "user/*.cruds", fhirUser: "Practitioner/mate", organization: east, referred: []string{"Patient/veiled"},
			denied: []string{"Patient/denied", "Patient/veiled"}}, atEast},
	}
}

// question is one request of an attacker. What is asked of an id is asked of one that was never given too.
type question struct {
	way string
	query
	turns bool // to the next page as well
	of    func(id string) query
}

// asking makes the questions of one attacker about one secret.
type asking struct {
	attacker
	secret
	kind, id string
	list     []question
}

// topic is a way to go about it, and what asks.
type topic struct {
	name string
	ask  []func(*asking)
	once bool // it is about the resource, and not about the value of a secret
}

// topics are all that there is to ask about a secret; of what is not about its value only the first secret of a resource has it.
func topics(s secret, first bool) []topic {
	var searches, chains, conditions, sorts []func(*asking)
	for _, p := range s.params() {
		all := s.criteria(p)
		for _, c := range all {
			searches = append(searches, func(q *asking) { q.searches(c) })
		}
		for _, c := range pointed(p, all) {
			chains = append(chains, func(q *asking) { q.chains(c) }, func(q *asking) { q.reversed(c) })
			conditions = append(conditions, func(q *asking) { q.conditions(c) })
		}
		sorts = append(sorts, func(q *asking) { q.sorts(p) })
	}
	list := []topic{{name: "searches", ask: searches}, {name: "chains", ask: chains}, {name: "conditions", ask: conditions}, {name: "order", ask: sorts},
		{name: "contents", ask: []func(*asking){(*asking).contents}}}
	if s.isShape() {
		list = nil
	}
	if first {
		list = append(list, topic{"includes", []func(*asking){(*asking).included}, true}, topic{"id", []func(*asking){(*asking).byID, (*asking).writes}, true},
			topic{"operations", []func(*asking){(*asking).operations}, true})
	}
	return slices.DeleteFunc(list, func(t topic) bool { return len(t.ask) == 0 })
}

// pointed are the criteria that are followed over references too: by either value, and by whether there is one.
func pointed(p *fhir.SearchParameter, all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(c string) bool {
		name, value, _ := strings.Cut(c, "=")
		return name != p.Name && name != p.Name+":not" && !strings.HasSuffix(c, ":missing=true") || strings.HasPrefix(value, "%7C") || strings.ContainsAny(value, ",$") ||
			len(value) > 2 && slices.Contains([]string{"eq", "ne", "ge", "le", "sa", "eb", "ap"}, value[:2])
	})
}

func newAsking(a attacker, s secret) *asking {
	q := &asking{attacker: a, secret: s}
	q.kind, q.id, _ = strings.Cut(s.of, "/")
	return q
}

func (q *asking) ask(way string, list ...query) {
	for _, one := range list {
		q.list = append(q.list, question{way: way, query: one})
	}
}

// about asks of the hidden id.
func (q *asking) about(way string, of func(id string) query) {
	q.list = append(q.list, question{way: way, query: of(q.id), of: of})
}

// searched is a value as a search has it: with the text that it stands in.
func (s secret) searched(value string) string {
	before, after, _ := strings.Cut(hiddenBody(s.of), "<"+s.name+">")
	if before[len(before)-1] == ':' { // no text
		return value
	}
	return before[strings.LastIndex(before, `"`)+1:] + value + after[:strings.Index(after, `"`)]
}

// criteria are what a parameter is asked by, with each modifier and prefix that it has, and with those that are not served.
func (s secret) criteria(p *fhir.SearchParameter) (list []string) {
	if p.Kind == fhir.KindComposite {
		return s.composed(p)
	}
	for _, value := range []string{s.was, s.is} {
		v := url.QueryEscape(s.searched(value))
		list = append(list, p.Name+"="+v)
		for _, m := range search.Modifiers(p) {
			if m != search.Missing {
				list = append(list, p.Name+":"+string(m)+"="+v)
			}
		}
		switch p.Kind {
		case fhir.KindString:
			list = append(list, p.Name+"="+v[:3])
		case fhir.KindDate, fhir.KindNumber, fhir.KindQuantity:
			for _, prefix := range []string{"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"} {
				list = append(list, p.Name+"="+prefix+v)
			}
		case fhir.KindReference:
			kind, id, _ := strings.Cut(s.searched(value), "/")
			list = append(list, p.Name+":"+kind+"="+id, p.Name+"._id="+id, p.Name+"="+id)
		case fhir.KindToken:
			list = append(list, p.Name+"=%7C"+v, p.Name+"=urn:x:number%7C"+v)
		}
	}
	for _, modifier := range []string{"in", "above", "below"} {
		list = append(list, p.Name+":"+modifier+"="+url.QueryEscape(s.was))
	}
	return append(list, p.Name+":missing=true", p.Name+":missing=false", p.Name+"="+url.QueryEscape(s.was)+","+url.QueryEscape(s.is))
}

func (s secret) composed(p *fhir.SearchParameter) (list []string) {
	for _, value := range []string{s.was, s.is} {
		for _, other := range []string{"x", "41.73", "52.39"} {
			list = append(list, p.Name+"="+url.QueryEscape(value)+"$"+other, p.Name+"="+other+"$"+url.QueryEscape(value))
		}
	}
	return list
}

// searches are those on the type itself, and within compartments.
func (q *asking) searches(c string) {
	form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
	name, value, _ := strings.Cut(c, "=")
	pages := func(path string) { q.list = append(q.list, question{way: "pages", query: get(path), turns: true}) }
	q.ask("search", get(q.kind+"?"+c), query{"POST", q.kind + "/_search", form, c}, get(q.kind+"?_id="+q.id+"&"+c), query{"GET", q.kind + "?" + c, map[string]string{"Prefer": "handling=strict"}, ""})
	q.ask("count", get(q.kind+"?_summary=count&"+c), get(q.kind+"?_total=accurate&_count=1&"+c), get(q.kind+"?_total=estimate&_count=0&"+c))
	q.ask("system", get("?_type="+q.kind+"&"+c), get("?_type="+q.kind+",Patient&_summary=count&"+c))
	q.ask("_filter", get(q.kind+"?_filter="+url.QueryEscape(name+" eq ")+value))
	q.ask("compartment", get("Patient/"+q.id+"/"+q.kind+"?"+c), get(q.mine.patient+"/"+q.kind+"?"+c), get("Practitioner/other/"+q.kind+"?"+c),
		get("Encounter/veiled/"+q.kind+"?"+c), get("Device/veiled/"+q.kind+"?"+c), query{"POST", "Patient/veiled/" + q.kind + "/_search", form, c})
	pages(q.kind + "?_count=1&" + c)
	q.ask("entry of a search", inBundle("batch", "GET", q.kind+"?"+c, ""), inBundle("transaction", "GET", q.kind+"?_summary=count&"+c, ""))
}

// referrer is a type with a parameter that may lead to another.
type referrer struct {
	kind  string
	param *fhir.SearchParameter
}

// referrers are those that may lead to a type.
func referrers(to string) []referrer { return allReferrers()[to] }

var allReferrers = sync.OnceValue(func() map[string][]referrer {
	all := map[string][]referrer{}
	for _, kind := range fhir.R4().Types() {
		for _, p := range kind.Params() {
			for _, to := range served(p) {
				all[to] = append(all[to], referrer{kind.Name, p})
			}
		}
	}
	return all
})

// chains are those from whatever may refer to the type, over one reference and over two, and what is included by them.
func (q *asking) chains(c string) {
	for n, r := range referrers(q.kind) {
		one := r.param.Name + ":" + q.kind + "." + c
		q.ask("chain", get(r.kind+"?"+one), get(r.kind+"?_summary=count&"+one), get(r.kind+"?"+r.param.Name+"."+c))
		far := referrers(r.kind)
		if len(far) > 0 {
			f := far[n%len(far)]
			q.ask("chain of two", get(f.kind+"?"+f.param.Name+":"+r.kind+"."+one))
		}
		q.ask("conditional chain", q.write("POST", r.kind, "", one), q.write("PUT", r.kind, one, ""), q.write("PATCH", r.kind, one, ""), q.write("DELETE", r.kind, one, ""))
		q.ask("_revinclude", get(q.kind+"?"+c+"&_revinclude="+r.kind+":"+r.param.Name), get(q.kind+"?"+c+"&_revinclude:iterate="+r.kind+":"+r.param.Name))
	}
}

// reversed are those the other way.
func (q *asking) reversed(c string) {
	kind, _ := fhir.R4().Type(q.kind)
	for _, p := range kind.Params() {
		for n, target := range served(p) {
			one := "_has:" + q.kind + ":" + p.Name + ":" + c
			q.ask("_has", get(target+"?"+one), get(target+"?_summary=count&"+one), get(target+"?_sort=-_lastUpdated&_total=accurate&"+one))
			far, _ := fhir.R4().Type(target)
			over := slices.DeleteFunc(far.Params(), func(p *fhir.SearchParameter) bool { return len(served(p)) == 0 })
			if len(over) > 0 {
				f := over[n%len(over)]
				q.ask("_has of two", get(served(f)[0]+"?_has:"+target+":"+f.Name+":"+one))
			}
			if from := referrers(target); len(from) > 0 {
				f := from[n%len(from)]
				q.ask("chain to _has", get(f.kind+"?"+f.param.Name+":"+target+"."+one))
			}
			q.ask("conditional _has", q.write("POST", target, "", one), q.write("DELETE", target, one, ""))
		}
	}
}

// served are the types that a parameter may lead to.
func served(p *fhir.SearchParameter) (list []string) {
	for _, kind := range fhir.R4().Types() {
		if p.Kind == fhir.KindReference && (slices.Contains(p.Targets, kind.Name) || slices.Contains(p.Targets, "Any")) {
			list = append(list, kind.Name)
		}
	}
	return list
}

// body is what the attacker writes of a type.
func (q *asking) body(kind string) string {
	return moldOf(kind).cast(q.mine, "written", "fresh", false)
}

// write is a conditional interaction on a type: of POST with ifNoneExist.
func (q *asking) write(method, kind, criteria, ifNoneExist string) query {
	path := strings.TrimSuffix(kind+"?"+criteria, "?")
	switch method {
	case http.MethodDelete:
		return query{method: method, path: path}
	case http.MethodPatch:
		return fhirBody(method, path, fhirPathPatch(&kept{Type: kind}))
	}
	made := fhirBody(method, path, q.body(kind))
	if ifNoneExist != "" {
		made.header["If-None-Exist"] = ifNoneExist
	}
	return made
}

// conditions are the conditional interactions, alone and in a Bundle, and conditional references.
func (q *asking) conditions(c string) {
	for _, w := range []query{q.write("POST", q.kind, "", c), q.write("PUT", q.kind, c, ""), q.write("PATCH", q.kind, c, ""), q.write("DELETE", q.kind, c, "")} {
		way := "conditional " + w.method
		q.ask(way, w)
		if w.method == http.MethodPost {
			for _, prefer := range []string{"return=minimal", "return=representation", "return=OperationOutcome"} {
				preferring := q.write("POST", q.kind, "", c)
				preferring.header["Prefer"] = prefer
				q.ask(way, preferring)
			}
		}
		for _, kind := range []string{"batch", "transaction"} {
			entry := inBundle(kind, w.method, w.path, w.body)
			if w.method == http.MethodPost {
				entry.body = strings.Replace(entry.body, `"url":"`+w.path+`"`, `"url":"`+w.path+`","ifNoneExist":"`+c+`"`, 1)
			}
			q.ask(way+" in a "+kind, entry)
		}
	}
	list := `{"resourceType":"List","status":"current","mode":"working","subject":{"reference":"` + q.mine.patient + `"},"entry":[{"item":{"reference":"` + q.kind + "?" + c + `"}}]}`
	q.ask("conditional reference", inBundle("transaction", "POST", "List", list), inBundle("batch", "POST", "List", list), fhirBody("POST", "List", list))
	if q.kind == "Patient" {
		about := strings.Replace(q.body("Observation"), `"`+q.mine.patient+`"`, `"Patient?`+c+`"`, 1)
		q.ask("conditional reference", inBundle("transaction", "POST", "Observation", about), fhirBody("POST", "Observation", about))
	}
}

// sorts are by the attribute, page by page.
func (q *asking) sorts(p *fhir.SearchParameter) {
	for _, by := range []string{p.Name, "-" + p.Name} {
		for _, more := range []string{"_count=1", "_count=3&_total=accurate", "_count=50", "_count=2&_revinclude=Provenance:target"} {
			q.list = append(q.list, question{way: "_sort", query: get(q.kind + "?_sort=" + by + "&" + more), turns: true})
		}
		for n, r := range referrers(q.kind) {
			if n%5 == 0 {
				q.ask("_sort", get(r.kind+"?_sort="+by+"&_include="+r.kind+":"+r.param.Name), get(r.kind+"?_sort="+r.param.Name+":"+q.kind+"."+p.Name))
			}
		}
	}
}

// included is what comes with what refers to the hidden resource. An id that the attacker's own data names is no secret to them: by it they find
// what names it, also within its compartment, so these are not held against an id that was never given.
func (q *asking) included() {
	for _, r := range referrers(q.kind) {
		include := r.kind + "?_include=" + r.kind + ":" + r.param.Name
		q.ask("_include", get(include), get(include+":"+q.kind), get(include+"&_include:iterate="+q.kind+":*"), get(r.kind+"?"+r.param.Name+"="+q.of+"&_include=*"),
			get(r.kind+"?_include=*&_include:iterate=*&_count=2"))
		q.ask("search by reference", get(r.kind+"?"+r.param.Name+"="+q.of), get(r.kind+"?"+r.param.Name+":identifier=urn:x:handle%7C"+strings.ToLower(q.kind)+"-"+q.id))
	}
	q.ask("compartment", get("Patient/"+q.id+"/"+q.kind), get("Patient/"+q.id+"/*"), get("Encounter/"+q.id+"/"+q.kind))
	q.list = append(q.list, question{way: "history", query: get(q.kind + "/_history?_count=3"), turns: true}, question{way: "history", query: get("_history?_count=7"), turns: true})
	q.ask("history", get("_history?_since=2020-01-01T00:00:00Z&_count=100"), get(q.kind+"/_history?_at=2030"), get(q.kind+"/_history?_since="+oracleStart.Format("2006-01-02T15:04:05Z")),
		get(q.kind+"?_lastUpdated=gt2020-01-01&_total=accurate"), get(q.kind+"?_sort=-_lastUpdated"), get("?_type="+q.kind+"&_sort=-_lastUpdated&_count=5"))
}

// byID are the interactions with the hidden resource.
func (q *asking) byID() {
	ref := func(id string) string { return q.kind + "/" + id }
	with := func(w query, name, value string) query {
		headers := map[string]string{name: value}
		for n, v := range w.header {
			headers[n] = v
		}
		w.header = headers
		return w
	}
	put := func(id string) query { return fhirBody("PUT", ref(id), identifiedAs(id, q.body(q.kind))) }
	patch := func(id string) query {
		return query{"PATCH", ref(id), map[string]string{"Content-Type": mediaJSONPatch}, jsonPatch}
	}
	remove := func(id string) query { return query{method: "DELETE", path: ref(id)} }
	read := func(id string) query { return get(ref(id)) }
	for _, version := range []string{`W/"1"`, `W/"2"`, `W/"9"`, "*"} {
		for _, header := range []string{"If-Match", "If-None-Match"} {
			for _, w := range []func(string) query{put, patch, remove, read} {
				q.about(w("").method+" "+header, func(id string) query { return with(w(id), header, version) })
			}
		}
	}
	rest := map[string]func(string) query{
		"PUT": put, "PATCH": patch, "DELETE": remove, "GET": read,
		"HEAD":    func(id string) query { return query{method: "HEAD", path: ref(id)} },
		"vread":   func(id string) query { return get(ref(id) + "/_history/1") },
		"vread 2": func(id string) query { return get(ref(id) + "/_history/2") },
		"history": func(id string) query { return get(ref(id) + "/_history") },
		"since":   func(id string) query { return with(read(id), "If-Modified-Since", "Thu, 01 Jan 2032 00:00:00 GMT") },
		"part":    func(id string) query { return get(ref(id) + "?_elements=id&_summary=true") },
		"raw":     func(id string) query { return with(read(id), "Accept", "text/plain") },
		"OPTIONS": func(id string) query { return query{method: "OPTIONS", path: ref(id)} },
		"FHIRPath patch": func(id string) query {
			return fhirBody("PATCH", ref(id), fhirPathPatch(&kept{Type: q.kind}))
		},
		"_id":       func(id string) query { return get(q.kind + "?_id=" + id + "&_total=accurate") },
		"batch GET": func(id string) query { return inBundle("batch", "GET", ref(id), "") },
		"batch PUT": func(id string) query { return inBundle("batch", "PUT", ref(id), identifiedAs(id, q.body(q.kind))) },
		"entry GET": func(id string) query { return inBundle("transaction", "GET", ref(id), "") },
		"entry PUT": func(id string) query {
			return inBundle("transaction", "PUT", ref(id), identifiedAs(id, q.body(q.kind)))
		},
		"entry PATCH": func(id string) query {
			return inBundle("transaction", "PATCH", ref(id), fhirPathPatch(&kept{Type: q.kind}))
		},
		"entry DELETE": func(id string) query { return inBundle("transaction", "DELETE", ref(id), "") },
	}
	for _, way := range slices.Sorted(maps.Keys(rest)) {
		q.about(way, rest[way])
	}
}

// writes are the attacker's own, which name what is hidden.
func (q *asking) writes() {
	ref := func(id string) string { return q.kind + "/" + id }
	q.about("reference to", func(id string) query {
		return fhirBody("POST", "Observation", strings.Replace(q.body("Observation"), "{", `{"focus":[{"reference":"`+ref(id)+`"}],`, 1))
	})
	q.about("reference to, in a transaction", func(id string) query {
		return inBundle("transaction", "POST", "Observation", strings.Replace(q.body("Observation"), "{", `{"focus":[{"reference":"`+ref(id)+`"}],`, 1))
	})
	q.about("the same identifier", func(id string) query {
		return fhirBody("POST", q.kind, strings.ReplaceAll(q.body(q.kind), `"fresh"`, `"`+strings.ToLower(q.kind)+"-"+id+`"`))
	})
	q.about("If-None-Exist", func(id string) query {
		w := fhirBody("POST", q.kind, q.body(q.kind))
		w.header["If-None-Exist"] = "_id=" + id
		return w
	})
	for _, criteria := range []func(id string) string{func(id string) string { return "_id=" + id }, func(id string) string {
		return "identifier=urn:x:handle%7C" + strings.ToLower(q.kind) + "-" + id
	}} {
		for _, method := range []string{"PUT", "PATCH", "DELETE"} {
			q.about("conditional "+method+" by id", func(id string) query { return q.write(method, q.kind, criteria(id), "") })
		}
	}
	if q.kind == "Patient" {
		q.about("subject by identifier", func(id string) query {
			return fhirBody("POST", "Observation", strings.Replace(q.body("Observation"), `"reference":"`+q.mine.patient+`"`, `"identifier":{"system":"urn:x:handle","value":"patient-`+id+`"}`, 1))
		})
		q.about("subject", func(id string) query {
			return fhirBody("POST", "Observation", strings.Replace(q.body("Observation"), q.mine.patient, "Patient/"+id, 1))
		})
	}
}

// contents are writes whose success would tell what the hidden resource says.
func (q *asking) contents() {
	for _, value := range []string{q.was, q.is} {
		for _, path := range []string{"/" + q.name, "/status", "/id"} {
			q.ask("JSON patch test", query{"PATCH", q.of, map[string]string{"Content-Type": mediaJSONPatch}, `[{"op":"test","path":"` + path + `","value":"` + value + `"}]`})
		}
		claimed := strings.ReplaceAll(q.body(q.kind), `{"system":"urn:x:handle","value":"fresh"}`, `{"system":"urn:x:handle","value":"fresh"},{"system":"urn:x:number","value":"`+value+`"},{"value":"`+value+`"}`)
		q.ask("the same number", fhirBody("POST", q.kind, claimed), inBundle("transaction", "POST", q.kind, claimed))
	}
}

// operations are those on the hidden resource, and by what it says.
func (q *asking) operations() {
	op := func(way, path, body string) {
		q.about(way, func(id string) query {
			if body == "" {
				return get(strings.ReplaceAll(path, "ID", id))
			}
			return fhirBody("POST", strings.ReplaceAll(path, "ID", id), strings.ReplaceAll(body, "ID", id))
		})
	}
	op("$everything", "Patient/ID/$everything", "")
	op("$everything", "Patient/ID/$everything?_type="+q.kind+"&_count=1", "")
	op("$dose", "Patient/ID/$dose", "")
	op("$link", "ImagingStudy/ID/$link", `{"resourceType":"Parameters"}`)
	op("$links", "ImagingStudy/ID/$links", "")
	op("$revoke-link", "ImagingStudy/ID/$revoke-link", `{"resourceType":"Parameters","parameter":[{"name":"id","valueId":"x"}]}`)
	op("$withdraw", "Task/ID/$withdraw", `{"resourceType":"Parameters"}`)
	if q.emergency == "" { // who has one may have another: what it shows then is no secret to them
		op("$break-glass", "Patient/$break-glass", `{"resourceType":"Parameters","parameter":[{"name":"patient","valueString":"Patient/ID"},{"name":"reason","valueString":"found unconscious"}]}`)
	}
	own := strings.TrimPrefix(q.mine.patient, "Patient/")
	q.ask("own $everything", get("Patient/"+own+"/$everything?_count=100"), get("Patient/"+own+"/$everything?_total=accurate&_count=1&_type="+q.kind), get("Patient/"+own+"/$dose"))
	if q.kind == "Patient" || q.kind == "Person" {
		q.matches()
	}
}

// matches are $match with the demographics of the one world and of the other.
func (q *asking) matches() {
	for _, turned := range []bool{false, true} {
		person := oraclePerson(turned)
		q.ask("$match", fhirBody("POST", "Patient/$match", person),
			fhirBody("POST", "Patient/$match", `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":`+person+`},{"name":"onlyCertainMatches","valueBoolean":true}]}`),
			fhirBody("POST", "Patient/$match", `{"resourceType":"Parameters","parameter":[{"name":"resource","resource":`+person+`},{"name":"count","valueInteger":1}]}`),
			inBundle("batch", "POST", "Patient/$match", person))
	}
}
