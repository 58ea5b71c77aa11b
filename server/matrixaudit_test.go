package server_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/conformance/validate"
	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/server"
)

// What is recorded of a request is shown to the patient whose record it was about, and must not tell of another: not by what was asked
// for, nor by whom it was found with.
func TestAccessRecorded(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(testing.TB) store.Store) {
		m := newMatrixWith(t, open(t), matrixSeed, func(*server.Config) {})
		doctor, emr, patient := m.principal("doctor"), m.principal("emr"), m.principal("patient")
		name := func(ref string) string { return m.world.all[ref].current().canary }
		form := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}
		for _, asked := range []query{ // each finds data of self, and names or finds that of others
			get("Patient?family=" + name("Patient/self") + "," + name("Patient/mate")),
			{"POST", "Patient/_search", form, "family=" + name("Patient/self") + "," + name("Patient/mate")},
			get("Observation?patient:Patient.family=" + name("Patient/self") + "," + name("Patient/mate")),
			get("ImagingStudy?description=" + name("ImagingStudy/self") + "," + name("ImagingStudy/mate")),
			inBundle("batch", "GET", "Patient?family="+name("Patient/self")+","+name("Patient/mate"), ""),
		} {
			for _, p := range []*principal{doctor, emr} {
				m.wantStatus(t, p, asked, http.StatusOK)
			}
		}
		m.wantStatus(t, doctor, get("Patient?family="+url.QueryEscape(name("Patient/self"))), http.StatusOK)
		for _, path := range []string{"AuditEvent?_count=1000", "Patient/self/AuditEvent?_count=1000", "Patient/self/$everything?_type=AuditEvent&_count=1000"} {
			got := m.ask(patient, get(path))
			if n := len(gjson.Get(got.body, "entry").Array()); n < 6 {
				t.Errorf("%s: %d events, want those of the searches: %s", path, n, got.body)
			}
		}
		for _, p := range []*principal{m.principal("other patient"), m.principal("doctor"), m.principal("partner"), m.principal("emr")} {
			for _, one := range gjson.Get(m.ask(p, get("AuditEvent?_count=1000")).body, "entry.#.resource").Array() {
				if who := one.Get(`entity.#(role.code=="1").what.reference`).Str; p.patient == "" || who != "Patient/"+p.patient {
					t.Errorf("%s: sees an event about %q", p.name, who)
				}
			}
		}
		for _, asked := range []query{ // what is more than normally confidential is not told of to who acts for the patient
			get("ImagingStudy/secret"), get("ImagingStudy?description=" + name("ImagingStudy/secret")),
		} {
			m.wantStatus(t, patient, asked, http.StatusOK)
			m.wantStatus(t, doctor, asked, http.StatusOK)
		}
		for _, p := range []*principal{m.principal("parent"), m.principal("parent's app")} {
			got := m.ask(p, get("AuditEvent?_count=1000")) // searched for what was asked as well
			for _, one := range gjson.Get(got.body, "entry.#.resource").Array() {
				if one.Get("id").Str != "visit" && strings.Contains(one.Raw, "ImagingStudy/secret") {
					t.Errorf("%s: sees an event about ImagingStudy/secret: %s", p.name, one.Raw)
				}
			}
		}
		m.report()
	})
}

// The molds are those of all types that are served, and make resources as R4 has them.
func TestAccessMolds(t *testing.T) {
	check := validate.New()
	var served []string
	for _, kind := range fhir.R4().Types() {
		served = append(served, kind.Name)
	}
	var made []string
	for _, m := range molds {
		made = append(made, m.resourceType)
		body := m.cast(parties[0], "canary", "handle", true)
		for _, issue := range check([]byte(body)) {
			t.Errorf("%s: %v: %s", m.resourceType, issue, body)
		}
		kind, _ := fhir.R4().Type(m.resourceType)
		for name := range linksOfType(m.resourceType) {
			if p, ok := kind.Param(name); !ok || p.Kind != fhir.KindReference {
				t.Errorf("%s has no reference parameter %s", m.resourceType, name)
			}
			if len(m.linksOf(body)[name]) == 0 && name != "link" {
				t.Errorf("%s: %s leads nowhere", m.resourceType, name)
			}
		}
		if strings.Contains(body, "@") {
			t.Errorf("%s: not filled: %s", m.resourceType, body)
		}
	}
	if !slices.Equal(served, made) {
		t.Errorf("molds of %q, and %q are served", made, served)
	}
}
