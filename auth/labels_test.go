package auth_test

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// Codes of the tables below.
const (
	conf = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	act  = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
)

func labels(t testing.TB, table string) *auth.Labels {
	t.Helper()
	l, err := auth.ParseLabels([]byte(strings.ReplaceAll(table, "ACT", act)))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// sees reports which of some labels, and "" for none, a caller sees on a type: all of the grants say the same, or nothing is hidden.
func sees(t testing.TB, p *auth.Principal, resourceType string) string {
	t.Helper()
	seen := map[string]bool{}
	for _, g := range p.Visible(auth.Search, resourceType).Grants {
		for _, label := range []string{"", conf + "|U", conf + "|L", conf + "|M", conf + "|N", conf + "|R", conf + "|V", act + "|PSY", act + "|SDV", "urn:x|a,b"} {
			body := `{"resourceType":"` + resourceType + `","id":"x","meta":{"security":[SECURITY]}}`
			system, code, _ := strings.Cut(label, "|")
			security := `{"system":"` + system + `","code":"` + code + `"}`
			if label == "" {
				security = ""
			}
			res, err := fhir.Parse([]byte(strings.Replace(strings.Replace(body, "SECURITY", security, 1), `"security":[]`, `"versionId":"1"`, 1)))
			if err != nil {
				t.Fatal(err)
			}
			doc, err := search.Index(fhir.R4(), res)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(g.Where, func(c search.Clause) bool { return !c.Match(search.Indexed{Document: doc}) }) {
				seen[code] = true
			}
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(seen)), " ")
}

func TestLabels(t *testing.T) {
	const everything = " L M N PSY R SDV U V a,b"
	representative := func(age int) auth.Principal {
		return auth.Principal{FHIRUser: "RelatedPerson/r", Represents: []string{"Patient/p"}, Ages: map[string]int{"Patient/p": age}}
	}
	clinician := func(roles ...string) auth.Principal {
		return auth.Principal{FHIRUser: "Practitioner/d", Organization: "Organization/o", Roles: roles, Emergency: []string{"Patient/q"}}
	}
	const byRole = `[{"who":"clinician","role":"psychiatrist"},{"who":"clinician","role":"nurse","confidentiality":"N"},
		{"who":"clinician","confidentiality":"R","except":["ACT|PSY"]}]`
	const byAge = `[{"who":"representative","from":18,"confidentiality":"R"},{"who":"representative","from":12,"except":["ACT|SDV"]}]`
	for _, test := range []struct {
		name, table, scope string
		who                auth.Principal
		want               string
	}{
		{"defaults of a patient", ``, "patient/*.rs", auth.Principal{Patient: "Patient/p"}, everything},
		{"defaults of a representative", ``, "user/*.rs", representative(3), " L M N PSY SDV U a,b"},
		{"defaults of a clinician", ``, "user/*.rs", clinician(), everything},
		{"defaults of a partner", ``, "system/*.rs", auth.Principal{Organization: "Organization/o"}, everything},
		{"defaults of a program", ``, "system/*.rs", auth.Principal{}, everything},
		{"a table about others", `[{"who":"clinician","confidentiality":"N"}]`, "user/*.rs", representative(3), " L M N PSY SDV U a,b"},
		{"an empty table", `[]`, "user/*.rs", representative(3), " L M N PSY SDV U a,b"},
		{"patient", `[{"who":"patient","confidentiality":"R","except":["urn:x|a,b"]}]`, "patient/*.rs", auth.Principal{Patient: "Patient/p"}, " L M N PSY R SDV U"},
		{"representative, all", `[{"who":"representative","confidentiality":"V"}]`, "user/*.rs", representative(3), everything},
		{"representative of a patient who sees less", `[{"who":"representative","confidentiality":"V"},{"who":"patient","except":["ACT|SDV"]}]`,
			"user/*.rs", representative(3), " L M N PSY R U V a,b"},
		{"clinician", byRole, "user/*.rs", clinician(), " L M N R SDV U a,b"},
		{"clinician with a role", byRole, "user/*.rs", clinician("nurse"), " L M N PSY SDV U a,b"},
		{"clinician with another", byRole, "user/*.rs", clinician("x", "nurse", "psychiatrist"), everything},
		{"clinician's app", byRole, "patient/*.rs", auth.Principal{Patient: "Patient/p", FHIRUser: "Practitioner/d", Organization: "Organization/o"}, " L M N R SDV U a,b"},
		{"partner", `[{"who":"partner","confidentiality":"N"}]`, "system/*.rs", auth.Principal{Organization: "Organization/o"}, " L M N PSY SDV U a,b"},
		{"partner with a role", `[{"who":"partner","confidentiality":"N"},{"who":"partner","role":"lab","confidentiality":"V"}]`,
			"system/*.rs", auth.Principal{Organization: "Organization/o", Roles: []string{"lab"}}, everything},
		{"program", `[{"who":"program","except":["ACT|PSY"]}]`, "system/*.rs", auth.Principal{}, " L M N R SDV U V a,b"},
		{"less than normal: nor what has no label", `[{"who":"program","confidentiality":"L"}]`, "system/*.rs", auth.Principal{}, "L U"},
		{"a child", byAge, "user/*.rs", representative(11), " L M N PSY SDV U a,b"},
		{"an adolescent", byAge, "user/*.rs", representative(12), " L M N PSY U a,b"},
		{"of age", byAge, "user/*.rs", representative(18), " L M N PSY R SDV U a,b"},
		{"of unknown age", byAge, "user/*.rs", auth.Principal{FHIRUser: "RelatedPerson/r", Represents: []string{"Patient/p"}}, " L M N PSY R SDV U a,b"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := principal(t, test.who, test.scope)
			if test.table != "" {
				p.Labels = labels(t, test.table)
			}
			if got := sees(t, p, "ImagingStudy"); got != test.want {
				t.Errorf("sees%s, want%s", got, test.want)
			}
			if test.name == "an adolescent" {
				if got := sees(t, p, "Organization"); got != everything {
					t.Errorf("of the directory sees%s", got)
				}
			}
		})
	}
}

// What labels hide is no different by which way a caller came, so it decides with the rest whose pages are whose.
func TestCallerIDByLabels(t *testing.T) {
	ids := map[string]string{}
	for name, p := range map[string]auth.Principal{
		"defaults":      {},
		"a table":       {Labels: labels(t, `[{"who":"representative","from":12,"except":["ACT|SDV"]}]`)},
		"another":       {Labels: labels(t, `[{"who":"representative","from":12,"except":["ACT|PSY"]}]`)},
		"an adolescent": {Labels: labels(t, `[{"who":"representative","from":12,"except":["ACT|SDV"]}]`), Ages: map[string]int{"Patient/p": 12}},
		"a child":       {Labels: labels(t, `[{"who":"representative","from":12,"except":["ACT|SDV"]}]`), Ages: map[string]int{"Patient/p": 11}},
	} {
		p.FHIRUser, p.Represents = "RelatedPerson/r", []string{"Patient/p"}
		id := principal(t, p, "user/*.rs").Caller().ID
		if twin, taken := ids[id]; taken && name != "a table" && twin != "a table" { // of unknown age is as an adolescent
			t.Errorf("%s and %s share an ID", name, twin)
		}
		ids[id] = name
	}
	if len(ids) != 4 {
		t.Errorf("%d IDs", len(ids))
	}
}

func TestParseLabelsRefuses(t *testing.T) {
	for name, test := range map[string]struct{ text, reason string }{
		"nothing":                 {``, "EOF"},
		"no array":                {`{"who":"patient"}`, "cannot unmarshal"},
		"something behind":        {`[] x`, "follows"},
		"unknown member":          {`[{"who":"patient","excpt":[]}]`, `"excpt"`},
		"unknown kind":            {`[{"who":"patient"},{"who":"nurse"}]`, `row 2: who "nurse" is none of clinician, partner`},
		"no kind":                 {`[{}]`, `who "" is none`},
		"unknown confidentiality": {`[{"who":"patient","confidentiality":"X"}]`, `"X"`},
		"a code without a system": {`[{"who":"patient","except":["PSY"]}]`, "system|code"},
		"a system without a code": {`[{"who":"patient","except":["urn:x|"]}]`, "system|code"},
		"a relative system":       {`[{"who":"patient","except":["x|PSY"]}]`, "absolute URI"},
		"two bars":                {`[{"who":"patient","except":["urn:x|a|b"]}]`, "system|code"},
		"an age of others":        {`[{"who":"patient","from":12}]`, "representatives alone"},
		"no age":                  {`[{"who":"representative","from":-1}]`, "no age"},
		"half an age":             {`[{"who":"representative","from":1.5}]`, "cannot unmarshal"},
		"a role of a patient":     {`[{"who":"patient","role":"x"}]`, "no role"},
		"the same twice":          {`[{"who":"clinician"},{"who":"clinician","confidentiality":"N"}]`, "row 2: another row"},
		"the same age twice":      {`[{"who":"representative","from":12},{"who":"representative","from":12}]`, "row 2: another row"},
	} {
		if got, err := auth.ParseLabels([]byte(test.text)); got != nil || err == nil || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// as is a Verifier of one caller.
type as struct{ *auth.Principal }

func (a as) Verify(context.Context, *http.Request) (*auth.Principal, error) { return a.Principal, nil }

// A patient's age is that of the moment, as majority is: a birthday begins at midnight in the zone. A birth date that is known in part counts
// from its beginning.
func TestAges(t *testing.T) {
	zone := time.FixedZone("", 3*60*60)
	eachTown(t, func(t *testing.T, st store.Store) {
		write(t, st, func(tx store.Tx) error {
			for _, body := range []string{
				`{"resourceType":"RelatedPerson","id":"mother","patient":{"reference":"Patient/child"},"relationship":[{"coding":[{"code":"MTH"}]}]}`,
				`{"resourceType":"Consent","id":"delegate","status":"active","scope":{"text":"x"},"category":[{"text":"x"}],"patient":{"reference":"Patient/child"},"policyRule":{"text":"x"},
					"provision":{"type":"permit","actor":[{"role":{"text":"x"},"reference":{"reference":"RelatedPerson/mother"}}]}}`,
			} {
				if err := put(t, tx, body); err != nil {
					return err
				}
			}
			return nil
		})
		for _, test := range []struct {
			born string
			at   time.Time
			want map[string]int
		}{
			{`,"birthDate":"2014-05-01"`, time.Date(2026, 4, 30, 23, 59, 59, 0, zone), map[string]int{"Patient/child": 11}},
			{`,"birthDate":"2014-05-01"`, time.Date(2026, 4, 30, 21, 0, 0, 0, time.UTC), map[string]int{"Patient/child": 12}},
			{`,"birthDate":"2014-05"`, time.Date(2026, 5, 1, 0, 0, 0, 0, zone), map[string]int{"Patient/child": 12}},
			{`,"birthDate":"2014"`, time.Date(2026, 1, 1, 0, 0, 0, 0, zone), map[string]int{"Patient/child": 12}},
			{`,"birthDate":"2004-02-29"`, time.Date(2026, 2, 28, 0, 0, 0, 0, zone), map[string]int{"Patient/child": 21}},
			{``, time.Date(2026, 1, 1, 0, 0, 0, 0, zone), nil},
		} {
			write(t, st, func(tx store.Tx) error { return put(t, tx, `{"resourceType":"Patient","id":"child"`+test.born+`}`) })
			access := &auth.Access{Verifier: as{&auth.Principal{FHIRUser: "RelatedPerson/mother"}}, Store: st, Zone: zone, Clock: func() time.Time { return test.at },
				Labels: labels(t, `[]`)}
			p, err := access.Verify(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, p.Ages); diff != "" || !slices.Equal(p.Represents, []string{"Patient/child"}) || p.Labels != access.Labels {
				t.Errorf("born%s, at %s: %v, %s", test.born, test.at, p.Represents, diff)
			}
		}
		access := &auth.Access{Verifier: as{&auth.Principal{FHIRUser: "Practitioner/d"}}, Store: st, Labels: labels(t, `[]`)}
		if p, err := access.Verify(t.Context(), nil); err != nil || p.Labels != access.Labels {
			t.Errorf("a clinician has no table: %v", err)
		}
	})
}

func put(t *testing.T, tx store.Tx, body string) error {
	r, err := fhir.Parse([]byte(body))
	if err == nil {
		_, _, err = tx.Put(t.Context(), store.Write{Resource: r})
	}
	return err
}
