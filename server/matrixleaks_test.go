package server_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// as makes a principal beside those of the matrix.
func (m *matrix) as(p principal) *principal {
	if p.name == "" {
		p.name = p.scope
	}
	p.login(m.t, m.hub)
	return &p
}

// found asks for a Bundle to its last page and returns what is in it, as often as it is.
func (m *matrix) found(t *testing.T, p *principal, q query) []string {
	t.Helper()
	var refs []string
	for {
		got := m.ask(p, q)
		if got.status != http.StatusOK {
			t.Fatalf("%s %s: status %d: %s", q.method, q.path, got.status, got.body)
		}
		for _, one := range gjson.Get(got.body, "entry.#.resource").Array() {
			if one.Get("resourceType").Str != "OperationOutcome" {
				refs = append(refs, one.Get("resourceType").Str+"/"+one.Get("id").Str)
			}
		}
		next := gjson.Get(got.body, `link.#(relation=="next").url`).Str
		if next == "" {
			slices.Sort(refs)
			return refs
		}
		q = get(next)
	}
}

func (m *matrix) wantFound(t *testing.T, p *principal, path string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if diff := cmp.Diff(append([]string{}, want...), append([]string{}, m.found(t, p, get(path))...)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func (m *matrix) wantStatus(t *testing.T, p *principal, q query, want ...int) {
	t.Helper()
	if got := m.ask(p, q); !slices.Contains(want, got.status) {
		t.Errorf("%s: %s %s: status %d, want %v: %s", p.name, q.method, q.path, got.status, want, got.body)
	}
}

// The ways in which other servers gave away what is not the caller's: patient/ scopes for Patient/self, and Patient/other beside.
func TestAccessLeaks(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(testing.TB) store.Store) {
		m := newMatrix(t, open(t), matrixSeed)
		self := m.as(principal{scope: "patient/*.rs", patient: "self"})
		for _, leak := range []struct {
			name string
			test func(t *testing.T)
		}{
			{"1 search by id, and being in focus", func(t *testing.T) {
				m.wantFound(t, self, "Patient?_id=other")
				m.wantFound(t, self, "Observation?_id=other") // its focus is self
				m.wantFound(t, self, "Observation?focus=Patient/self")
			}},
			{"2 _include of another's result", func(t *testing.T) {
				m.wantFound(t, self, "DiagnosticReport?_id=self&_include=DiagnosticReport:result", "DiagnosticReport/self", "Observation/self")
			}},
			{"3 _revinclude by focus", func(t *testing.T) {
				m.wantFound(t, self, "Patient?_id=self&_revinclude=Observation:focus", "Patient/self")
			}},
			{"4 _include from a study", func(t *testing.T) {
				m.wantFound(t, self, "ImagingStudy?_id=self&_include=ImagingStudy:basedon&_include=ImagingStudy:encounter&_include=ImagingStudy:performer"+
					"&_include=ImagingStudy:interpreter&_include=ImagingStudy:endpoint", "ImagingStudy/self", "Practitioner/self", "Endpoint/self")
			}},
			{"5 _revinclude of another's report", func(t *testing.T) {
				m.wantFound(t, self, "Observation?_id=self&_revinclude=DiagnosticReport:result", "Observation/self", "DiagnosticReport/self")
			}},
			{"6 iterating through what is hidden", func(t *testing.T) { // report -> order of other -> order of self
				m.wantFound(t, self, "DiagnosticReport?_id=self&_include=DiagnosticReport:based-on&_include:iterate=ServiceRequest:based-on", "DiagnosticReport/self")
				m.wantFound(t, self, "ServiceRequest?_id=self&_revinclude=ServiceRequest:based-on&_revinclude:iterate=ServiceRequest:based-on", "ServiceRequest/self")
			}},
			{"7 wildcards and sorting", func(t *testing.T) { leakWildcards(t, m) }},
			{"8 pages of another", func(t *testing.T) { leakPages(t, m) }},
			{"9 devices", func(t *testing.T) {
				m.wantFound(t, self, "Device?_sort=_id", "Device/secret", "Device/self", "Device/shared", "Device/visit")
				m.wantFound(t, self, "Device?_include=Device:patient", "Device/secret", "Device/self", "Device/shared", "Device/visit", "Patient/self")
				m.wantFound(t, self, "Device?patient:missing=true", "Device/shared")
				m.wantFound(t, self, "Device?patient:missing=false", "Device/secret", "Device/self", "Device/visit")
				m.wantFound(t, self, "Device?patient=other")
			}},
			{"10 chains through types without a scope", func(t *testing.T) { leakChains(t, m) }},
			{"11 another's record by every way", func(t *testing.T) { leakRecord(t, m, self) }},
			{"12 each letter alone", func(t *testing.T) { leakLetters(t, m) }},
			{"13 membership in the compartment", func(t *testing.T) { leakMembership(t, m) }},
			{"patient in every spelling", func(t *testing.T) { leakSpellings(t, m, self) }},
			{"hidden, deleted and absent are the same", func(t *testing.T) { leakOracle(t, m) }},
		} {
			t.Run(leak.name, leak.test)
		}
		m.report()
	})
}

func leakWildcards(t *testing.T, m *matrix) {
	for _, scope := range []string{"patient/*.rs", "patient/DiagnosticReport.rs patient/Observation.rs"} {
		p := m.as(principal{scope: scope, patient: "self"})
		for _, wild := range []string{"_include=*", "_include=DiagnosticReport:*", "_include=*:*", "_revinclude=*", "_include=*&_include:iterate=*&_revinclude=*"} {
			path := "DiagnosticReport?_sort=-_id&_count=1&" + wild
			got := m.ask(p, get(path))
			if got.status == http.StatusBadRequest { // refused is safe
				continue
			}
			refs := m.found(t, p, get("DiagnosticReport?_sort=-_id&"+wild))
			if distinct := slices.Compact(slices.Clone(refs)); len(distinct) != len(refs) {
				t.Errorf("%s: %s: twice on one page: %q", scope, wild, refs)
			}
			for _, ref := range refs {
				if k := m.world.all[ref]; !m.rules.finds(p, "s", k) {
					t.Errorf("%s: %s: shows %s", scope, path, ref)
				}
			}
			if !slices.Contains(refs, "DiagnosticReport/self") {
				t.Errorf("%s: %s: does not show the report: %q", scope, path, refs)
			}
		}
	}
}

func leakPages(t *testing.T, m *matrix) {
	self := m.as(principal{name: "self", scope: "patient/*.rs", patient: "self"})
	others := []*principal{
		m.as(principal{name: "other", scope: "patient/*.rs", patient: "other"}),
		m.as(principal{name: "self with fewer scopes", scope: "patient/Observation.rs", patient: "self"}),
		m.as(principal{name: "self with more scopes", scope: "patient/*.cruds", patient: "self"}),
	}
	first := m.ask(self, get("Observation?_count=1&_include=Observation:has-member"))
	next := gjson.Get(first.body, `link.#(relation=="next").url`).Str
	if next == "" {
		t.Fatalf("one page: %s", first.body)
	}
	for _, p := range others {
		m.wantStatus(t, p, get(next), http.StatusBadRequest)
	}
	m.wantStatus(t, m.principal("anonymous"), get(next), http.StatusUnauthorized)
	matches := `entry.#(search.mode=="match")#`
	for page := first; next != ""; { // what is hidden takes no place on a page
		page = m.ask(self, get(next))
		if n := len(gjson.Get(page.body, matches).Array()); n != 1 {
			t.Errorf("%d matches on a page of 1", n)
		}
		next = gjson.Get(page.body, `link.#(relation=="next").url`).Str
	}
}

func leakChains(t *testing.T, m *matrix) {
	observations := m.as(principal{scope: "patient/Observation.rs", patient: "self"})
	both := m.as(principal{scope: "patient/Observation.rs patient/Patient.rs", patient: "self"})
	patients := m.as(principal{scope: "patient/Patient.rs", patient: "self"})
	chained, has := "Observation?subject:Patient.gender=female", "Patient?_has:Observation:subject:status=final"
	m.wantStatus(t, observations, get(chained), http.StatusForbidden, http.StatusBadRequest)
	m.wantStatus(t, patients, get(has), http.StatusForbidden, http.StatusBadRequest)
	m.wantFound(t, both, chained, "Observation/freed", "Observation/moved", "Observation/past", "Observation/secret", "Observation/self", "Observation/visit")
	m.wantFound(t, both, has, "Patient/self")
	// the answer does not depend on whether there is anything
	for _, value := range []string{"female", "male"} {
		if a, b := m.ask(observations, get(chained)), m.ask(observations, get("Observation?subject:Patient.gender="+value)); a.status != b.status {
			t.Errorf("gender=%s: status %d and %d", value, a.status, b.status)
		}
	}
	// focus and performer lead to another patient
	m.wantFound(t, both, "Observation?performer:Patient.identifier=urn:x:handle|patient-other")
	m.wantFound(t, both, "Patient?_has:Observation:performer:_id=other")
}

func leakRecord(t *testing.T, m *matrix, self *principal) {
	for _, path := range []string{"Patient/other", "Patient/other/_history", "Patient/other/_history/1", "Patient/other/$everything", "Patient/other/$dose"} {
		m.wantStatus(t, self, get(path), http.StatusNotFound)
	}
	for _, r := range m.found(t, self, get("Patient/other/*")) { // self's own data may name other
		if k := m.world.all[r]; !m.rules.finds(self, "s", k) {
			t.Errorf("Patient/other/*: shows %s", r)
		}
	}
	m.wantFound(t, self, "Patient/other/Observation", "Observation/freed", "Observation/moved", "Observation/past", "Observation/secret",
		"Observation/self") // performed by other, of self
	m.wantFound(t, self, "Patient/other/ImagingStudy")
	for _, r := range m.found(t, self, get("?_type=Observation,Patient,ImagingStudy")) {
		if k := m.world.all[r]; k.patient() != "Patient/self" {
			t.Errorf("the system: shows %s", r)
		}
	}
	byDoctor := m.found(t, self, get("DiagnosticReport?performer=Practitioner/self"))
	if diff := cmp.Diff(byDoctor, m.found(t, self, get("Practitioner/self/DiagnosticReport"))); diff != "" {
		t.Errorf("a practitioner's compartment: %s", diff)
	}
}

func leakLetters(t *testing.T, m *matrix) {
	body := moldOf("Observation").cast(parties[0], "written", "letters", false)
	for _, letters := range []string{"c", "r", "u", "d", "s", "cr", "cs", "rs", "ru", "cu", "ud", "cud", "cruds"} {
		scope := "patient/Observation." + letters
		m.wantStatus(t, m.as(principal{scope: scope, patient: "self"}), get("Patient/self"), http.StatusForbidden)
		p := m.as(principal{scope: scope, patient: "self"})
		want := func(letter string, status int) int {
			if !strings.Contains(letters, letter) {
				return http.StatusForbidden
			}
			return status
		}
		made := m.ask(p, fhirBody("POST", "Observation", body))
		if made.status != want("c", http.StatusCreated) {
			t.Errorf("%s: create: status %d", letters, made.status)
		}
		m.wantStatus(t, p, get("Observation/moved"), want("r", http.StatusOK))
		m.wantStatus(t, p, get("Observation/moved/_history"), want("r", http.StatusOK))
		m.wantStatus(t, p, get("Observation/moved/_history/2"), want("r", http.StatusOK))
		m.wantStatus(t, p, get("Observation"), want("s", http.StatusOK))
		m.wantStatus(t, p, get("Patient/self/Observation"), want("s", http.StatusOK))
		m.wantStatus(t, p, get("Observation/_history"), want("s", http.StatusOK)) // SMART App Launch 2.2 has s for it
		m.wantStatus(t, p, fhirBody("PUT", "Observation/visit", identifiedAs("visit", body)), want("u", http.StatusOK))
		m.wantStatus(t, p, query{method: "DELETE", path: "Observation/visit"}, want("d", http.StatusNoContent))
		m.world.restore(t, m.store, m.catchUp()...)
		m.catchUp()
	}
	// a granular scope is enforced or refused, but never widened
	for _, prefix := range []string{"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"} {
		p := m.as(principal{name: prefix, scope: "patient/Observation.rs?date=" + prefix + "2031-01-01", patient: "self"})
		if got := m.ask(p, get("Observation")); got.status == http.StatusOK && len(spotted(got.body)) > 0 {
			t.Errorf("%s: a granular scope shows what it does not name: %s", prefix, got.body)
		}
	}
}

// leakMembership indexes one resource for each row of the table of the Patient compartment, and finds it there.
func leakMembership(t *testing.T, m *matrix) {
	bodies := map[string]string{
		"Condition.asserter":       `"asserter":{"reference":"Patient/shared"}`,
		"DocumentReference.author": `"author":[{"reference":"Patient/shared"}]`,
		"Group.member":             `"member":[{"entity":{"reference":"Patient/shared"}}]`,
		"List.source":              `"source":{"reference":"Patient/shared"}`,
		"Observation.performer":    `"performer":[{"reference":"Patient/shared"}]`,
		"Patient.link":             `"link":[{"other":{"reference":"Patient/shared"},"type":"refer"}]`,
		"Person.patient":           `"link":[{"target":{"reference":"Patient/shared"}}]`,
		"Procedure.performer":      `"performer":[{"actor":{"reference":"Patient/shared"}}]`,
		"Provenance.patient":       `"target":[{"reference":"Patient/shared"}]`,
		"ServiceRequest.performer": `"performer":[{"reference":"Patient/shared"}]`,
	}
	auditor := m.principal("auditor")
	var stored []string
	for _, kind := range fhir.R4().Types() {
		by, _ := kind.Compartment("Patient")
		for _, p := range by {
			body, stated := bodies[kind.Name+"."+p.Name]
			if !stated { // by the patient whose data it is
				body = strings.NewReplacer("@p", "shared", "@x", "self").Replace(moldOf(kind.Name).subject)
			}
			id := "member-" + p.Name
			m.put(t, kind.Name+"/"+id, []byte(strings.TrimSuffix(`{"resourceType":"`+kind.Name+`","id":"`+id+`",`+body, ",")+"}"))
			stored = append(stored, kind.Name+"/"+id)
			if refs := m.found(t, auditor, get("Patient/shared/"+kind.Name)); !slices.Contains(refs, kind.Name+"/"+id) {
				t.Errorf("%s is not in the compartment by %s: %q", kind.Name, p.Name, refs)
			}
		}
	}
	m.world.restore(t, m.store, stored...)
	m.catchUp()
}

func leakSpellings(t *testing.T, m *matrix, self *principal) {
	for _, resourceType := range []string{"Observation", "ImagingStudy", "Device", "Task", "DocumentReference"} {
		for _, value := range []string{
			"patient=Patient/other", "patient=other", "patient=self,other", "patient=other,self", "patient=self&patient=other", "patient=Patient%2fother", "patient=Patient%2Fother",
			"patient=" + m.base + "/Patient/other", "patient=Patient/other/_history/1", "patient=Patient/other|1", "patient:Patient=other",
			"patient:identifier=urn:x:handle|patient-other", "patient.identifier=urn:x:handle|patient-other", "patient:not=Patient/self", "patient:missing=false",
			"patient=https://elsewhere.example/Patient/other", "patient=", "patient:missing=true", "_id=other", "_id=self,other", "identifier:not=x", "_security:not=x",
			"_security:not=http://terminology.hl7.org/CodeSystem/v3-ObservationValue%7CAIAST", "_security=http://terminology.hl7.org/CodeSystem/v3-ObservationValue%7CAIAST",
		} {
			got := m.ask(self, get(resourceType+"?"+value))
			for _, one := range gjson.Get(got.body, "entry.#.resource").Array() {
				if k := m.world.all[one.Get("resourceType").Str+"/"+one.Get("id").Str]; k != nil && !m.rules.finds(self, "s", k) {
					t.Errorf("%s?%s: shows %s", resourceType, value, k.ref())
				}
			}
		}
	}
	for _, path := range []string{"Patient%2fother", "Patient/%6fther", "Patient/self/../other", "Patient/self%2f..%2fother", "Patient//other", "./Patient/other", "Patient/other/", "Patient/other?_format=json"} {
		if got := m.ask(self, get(path)); got.status == http.StatusOK {
			t.Errorf("%s: status 200: %s", path, got.body)
		}
	}
}

// A Consent that permits less than everything opens no more than it says to who acts for the patient by it: what the hub does not weigh
// opens nothing.
func TestAccessNarrowConsent(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(testing.TB) store.Store) {
		m := newMatrix(t, open(t), matrixSeed)
		p := m.principal("representative")
		m.wantStatus(t, p, get("Observation/mate"), http.StatusOK)
		actor := `"actor":[{"role":{"text":"x"},"reference":{"reference":"RelatedPerson/delegate"}}]`
		for name, more := range map[string]string{
			"one resource":            `,"data":[{"meaning":"instance","reference":{"reference":"ImagingStudy/mate"}}]`,
			"one type":                `,"class":[{"system":"http://hl7.org/fhir/resource-types","code":"ImagingStudy"}]`,
			"a label":                 `,"securityLabel":[{"system":"` + confidentiality + `","code":"L"}]`,
			"an action":               `,"action":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentaction","code":"correct"}]}]`,
			"a time of the data":      `,"dataPeriod":{"end":"1999-12-31"}`,
			"what nobody knows":       `,"modifierExtension":[{"url":"urn:x:unless","valueBoolean":true}]`,
			"a purpose":               `,"purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HRESCH"}]`,
			"with a word against":     `,"provision":[{"type":"deny",` + actor + `}]`,
			"with a word against all": `,"provision":[{"type":"deny"}]`,
			"the past":                `,"period":{"end":"1999-12-31"}`,
		} {
			t.Run(name, func(t *testing.T) {
				m.put(t, "Consent/delegate owner="+north, []byte(`{"resourceType":"Consent","id":"delegate","status":"active","scope":{"text":"x"},"category":[{"text":"x"}],`+
					`"patient":{"reference":"Patient/mate"},"policyRule":{"text":"x"},"provision":{"type":"permit",`+actor+more+`}}`))
				m.wantStatus(t, p, get("Observation/mate"), http.StatusForbidden, http.StatusNotFound)
			})
		}
	})
}

// An organisation that a patient was referred to decides nothing about who sees that patient: neither against those who care for the patient,
// nor for somebody who would go on to see the data when the referral has ended.
func TestAccessDecidedByReferred(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(testing.TB) store.Store) {
		m := newMatrix(t, open(t), matrixSeed)
		consent := func(kind, actor string) query {
			return fhirBody("POST", "Consent", `{"resourceType":"Consent","status":"active","scope":{"text":"x"},"category":[{"text":"x"}],"patient":{"reference":"Patient/self"},`+
				`"policyRule":{"text":"x"},"provision":{"type":"`+kind+`","actor":[{"role":{"text":"x"},"reference":{"reference":"`+actor+`"}}]}}`)
		}
		uncle := m.as(principal{name: "uncle", scope: "user/*.rs", fhirUser: "RelatedPerson/visit"})
		m.wantStatus(t, uncle, get("Observation/visit"), http.StatusForbidden)
		for _, by := range []string{"reading centre", "emergency doctor", "denied doctor"} {
			for _, decision := range []query{consent("deny", north), consent("permit", "RelatedPerson/visit"),
				fhirBody("POST", "RelatedPerson", `{"resourceType":"RelatedPerson","active":true,"patient":{"reference":"Patient/self"},"relationship":[{"coding":[{"code":"MTH"}]}]}`)} {
				m.wantStatus(t, m.principal(by), decision, http.StatusUnprocessableEntity, http.StatusForbidden)
			}
			m.wantStatus(t, m.principal("doctor"), get("Observation/visit"), http.StatusOK)
			m.wantStatus(t, uncle, get("Observation/visit"), http.StatusForbidden)
		}
	})
}

// leakOracle compares the answers about a resource that is hidden, one that is hidden and deleted, and one that never was.
func leakOracle(t *testing.T, m *matrix) {
	m.put(t, "Observation/hidden-deleted owner=Organization/south",
		[]byte(`{"resourceType":"Observation","id":"hidden-deleted","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/other"},"identifier":[{"system":"urn:x:handle","value":"observation-hidden-deleted"}]}`))
	err := m.store.Write(t.Context(), func(tx store.Tx) error {
		_, err := tx.Delete(t.Context(), store.Delete{Type: "Observation", ID: "hidden-deleted"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	m.catchUp()
	mine := func(id string) string {
		return strings.Replace(`{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/self"}}`, "{", `{`+id, 1)
	}
	for _, p := range []*principal{m.principal("patient"), m.principal("doctor"), m.principal("partner")} {
		for name, ask := range map[string]func(id string) query{
			"read":    func(id string) query { return get("Observation/" + id) },
			"vread":   func(id string) query { return get("Observation/" + id + "/_history/1") },
			"history": func(id string) query { return get("Observation/" + id + "/_history") },
			"HEAD":    func(id string) query { return query{method: "HEAD", path: "Observation/" + id} },
			"read if none match": func(id string) query {
				return query{"GET", "Observation/" + id, map[string]string{"If-None-Match": `W/"1"`}, ""}
			},
			"update": func(id string) query { return fhirBody("PUT", "Observation/"+id, mine(`"id":"`+id+`",`)) },
			"update if match": func(id string) query {
				q := fhirBody("PUT", "Observation/"+id, mine(`"id":"`+id+`",`))
				q.header["If-Match"] = `W/"9"`
				return q
			},
			"update if none": func(id string) query {
				q := fhirBody("PUT", "Observation/"+id, mine(`"id":"`+id+`",`))
				q.header["If-None-Match"] = `*`
				return q
			},
			"patch": func(id string) query {
				return query{"PATCH", "Observation/" + id, map[string]string{"Content-Type": mediaJSONPatch}, `[{"op":"test","path":"/status","value":"x"}]`}
			},
			"delete": func(id string) query { return query{method: "DELETE", path: "Observation/" + id} },
			"delete if match": func(id string) query {
				return query{"DELETE", "Observation/" + id, map[string]string{"If-Match": `W/"9"`}, ""}
			},
			"conditional create": func(id string) query {
				q := fhirBody("POST", "Observation", mine(""))
				q.header["If-None-Exist"] = "identifier=urn:x:handle%7Cobservation-" + id
				return q
			},
			"conditional update": func(id string) query {
				return fhirBody("PUT", "Observation?identifier=urn:x:handle%7Cobservation-"+id, mine(""))
			},
			"conditional patch": func(id string) query {
				return fhirBody("PATCH", "Observation?identifier=urn:x:handle%7Cobservation-"+id, fhirPathPatch(&kept{Type: "Observation"}))
			},
			"conditional delete": func(id string) query {
				return query{method: "DELETE", path: "Observation?identifier=urn:x:handle%7Cobservation-" + id}
			},
			"search": func(id string) query { return get("Observation?_id=" + id) },
			"count":  func(id string) query { return get("Observation?_summary=count&_id=" + id) },
			"sorted": func(id string) query { return get("Observation?_sort=status&_id=" + id) },
			"chain":  func(id string) query { return get("DiagnosticReport?result._id=" + id) },
			"_has":   func(id string) query { return get("Patient?_has:Observation:focus:_id=" + id) },
			"conditional reference": func(id string) query {
				return inBundle("transaction", "POST", "List", listOf(&kept{Type: "Observation", ID: id, handle: "observation-" + id}))
			},
			"subject by reference": func(id string) query {
				return fhirBody("POST", "Observation", strings.Replace(mine(""), "Patient/self", "Patient/"+id, 1))
			},
			"subject by identifier": func(id string) query {
				return fhirBody("POST", "Observation", strings.Replace(mine(""), `"reference":"Patient/self"`, `"identifier":{"system":"urn:x:handle","value":"patient-`+id+`"}`, 1))
			},
		} {
			absent := outline(m.ask(p, ask("absent")), "absent")
			for _, id := range []string{"other", "hidden-deleted"} {
				if diff := cmp.Diff(absent, outline(m.ask(p, ask(id)), id)); diff != "" {
					t.Errorf("%s: %s of %s is not as of what is absent (-absent +hidden):\n%s", p.name, name, id, diff)
				}
			}
			m.world.restore(t, m.store, slices.DeleteFunc(m.catchUp(), func(ref string) bool { return ref == "Observation/hidden-deleted" })...)
			m.catchUp()
		}
	}
}

// outline is what a client can tell answers apart by, but for what is new each time.
func outline(got answered, id string) string {
	text := fmt.Sprintf("%d\n", got.status)
	for _, name := range []string{"Content-Type", "ETag", "Allow", "Cache-Control", "Www-Authenticate", "Items-Deleted", "Vary"} {
		text += name + ": " + strings.Join(got.header[name], ",") + "\n"
	}
	if got.status == http.StatusCreated || got.status == http.StatusOK && gjson.Get(got.body, "type").Str == "" {
		return text + "(new)"
	}
	return text + strings.ReplaceAll(strings.ReplaceAll(got.body, url.QueryEscape(id), "ID"), id, "ID")
}
