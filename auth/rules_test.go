package auth_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lightbox/auth"
	"lightbox/fhir"
)

func TestParseRules(t *testing.T) {
	got, err := auth.ParseRules([]byte(`[{"issuer":"https://id.example","audience":"https://hub.example","algorithms":["RS256"],
		"claims":{"patient":"patient","fhirUser":"fhirUser","organization":"org.id","roles":"realm_access.roles","scope":"scope","purpose":["https://id.example/a.b"]},
		"introspection":{"endpoint":"https://id.example/i","clientId":"hub","secret":"x","always":true,"anyAudience":true},
		"identify":[{"claim":"snils","type":"Patient","system":"urn:oid:1.2.643.100.3"},{"claim":["org","ogrn"],"type":"Organization","system":"urn:x:ogrn"}],
		"linked":true}, {"issuer":"http://localhost:1/x"}]`))
	if err != nil {
		t.Fatal(err)
	}
	want := []auth.Rules{{
		Issuer: "https://id.example", Audience: "https://hub.example", Algorithms: []string{"RS256"},
		Claims: auth.ClaimMap{Patient: auth.ClaimPath{"patient"}, FHIRUser: auth.ClaimPath{"fhirUser"}, Organization: auth.ClaimPath{"org", "id"},
			Roles: auth.ClaimPath{"realm_access", "roles"}, Scope: auth.ClaimPath{"scope"}, Purpose: auth.ClaimPath{"https://id.example/a.b"}},
		Introspection: &auth.Introspection{Endpoint: "https://id.example/i", ClientID: "hub", Secret: "x", Always: true, AnyAudience: true},
		Identify: []auth.Identify{{Claim: auth.ClaimPath{"snils"}, Type: "Patient", System: "urn:oid:1.2.643.100.3"},
			{Claim: auth.ClaimPath{"org", "ogrn"}, Type: "Organization", System: "urn:x:ogrn"}},
		Linked: true,
	}, {Issuer: "http://localhost:1/x"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseRulesRefuses(t *testing.T) {
	const id = `"issuer":"https://id.example"`
	for name, test := range map[string]struct{ text, reason string }{
		"no array":                      {`{` + id + `}`, "cannot unmarshal"},
		"cut off":                       {`[{` + id, "unexpected EOF"},
		"something behind":              {`[{` + id + `}] x`, "follows"},
		"unknown member":                {`[{` + id + `,"audiences":"x"}]`, `"audiences"`},
		"unknown claim":                 {`[{` + id + `,"claims":{"pacient":"x"}}]`, `"pacient"`},
		"unknown member of identify":    {`[{` + id + `,"identify":[{"claims":"x"}]}]`, `"claims"`},
		"no issuer":                     {`[{}]`, "is not an http(s) URL"},
		"an issuer that is none":        {`[{"issuer":"id.example"}]`, "is not an http(s) URL"},
		"an algorithm without a key":    {`[{` + id + `,"algorithms":["HS256"]}]`, "HS256"},
		"a claim that is a URL":         {`[{` + id + `,"claims":{"roles":"https://id.example/roles"}}]`, "array of names"},
		"a claim without a name":        {`[{` + id + `,"claims":{"roles":"a..b"}}]`, "empty name"},
		"a claim of no names":           {`[{` + id + `,"claims":{"roles":[]}}]`, "empty name"},
		"a claim that is a number":      {`[{` + id + `,"claims":{"roles":1}}]`, "array of names"},
		"identify without a claim":      {`[{` + id + `,"identify":[{"type":"Patient","system":"urn:x"}]}]`, "empty name"},
		"identify a study":              {`[{` + id + `,"identify":[{"claim":"x","type":"ImagingStudy","system":"urn:x"}]}]`, "ImagingStudy"},
		"identify without a system":     {`[{` + id + `,"identify":[{"claim":"x","type":"Patient"}]}]`, "absolute URI"},
		"introspection without a name":  {`[{` + id + `,"introspection":{"secret":"x"}}]`, "clientId"},
		"introspection without secret":  {`[{` + id + `,"introspection":{"clientId":"x"}}]`, "secret"},
		"introspection at no URL":       {`[{` + id + `,"introspection":{"clientId":"x","secret":"hidden","endpoint":"x"}}]`, "http(s) URL"},
		"introspection without TLS":     {`[{` + id + `,"introspection":{"clientId":"x","secret":"hidden","endpoint":"http://id.example/i"}}]`, "without TLS"},
		"introspection, unknown member": {`[{` + id + `,"introspection":{"clientId":"x","secret":"hidden","allways":true}}]`, "allways"},
	} {
		got, err := auth.ParseRules([]byte(test.text))
		if got != nil || err == nil || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
		if err != nil && strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: the error tells the secret", name)
		}
	}
}

// What parses is, written and read again, the same.
func FuzzParseRules(f *testing.F) {
	f.Add(`[{"issuer":"https://id.example","claims":{"roles":"a.b","scope":["x.y"]},"identify":[{"claim":"x","type":"Patient","system":"urn:x"}],"linked":true}]`)
	f.Add(`[{"issuer":"http://a","introspection":{"clientId":"a","secret":"b","always":true}}]`)
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := auth.ParseRules([]byte(text))
		if err != nil {
			if rules != nil {
				t.Fatalf("rules beside an error: %v", rules)
			}
			return
		}
		written, err := json.Marshal(rules)
		if err != nil {
			t.Fatal(err)
		}
		again, err := auth.ParseRules(written)
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if diff := cmp.Diff(rules, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// rules reads the tokens of a provider by rules as they stand in a file.
func (p *provider) rules(t *testing.T, text string, people *auth.People) *auth.OIDC {
	t.Helper()
	rules, err := auth.ParseRules([]byte(`[{"issuer":"` + p.url + `",` + text + `}]`))
	if err != nil {
		t.Fatal(err)
	}
	c := auth.Config{Rules: rules, Audience: base, Base: base, Clock: p.clock}
	if people != nil {
		c.Directory, c.Links = people, people
	}
	v, err := auth.NewVerifier(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestClaimsByRule(t *testing.T) {
	p := newProvider(t)
	const file = `"audience":"urn:hub","claims":{"patient":"ctx.patient","organization":"org.id","roles":"realm_access.roles","scope":["https://id.example/scope"],"purpose":"why"}`
	v := p.rules(t, file, nil)
	tests := []struct {
		name   string
		claims string // beside aud
		want   auth.Principal
		reason string // of a refusal
	}{
		{"all", `"ctx":{"patient":"p1"},"org":{"id":"Organization/o"},"realm_access":{"roles":["a","b"]},"https://id.example/scope":["patient/*.rs"],"why":"TREAT"`,
			auth.Principal{Patient: "Patient/p1", Organization: "Organization/o", Roles: []string{"a", "b"}, Purpose: []string{"TREAT"},
				Scopes: []auth.Scope{{Context: "patient", Type: "*", Interactions: "rs"}}}, ""},
		{"what stands elsewhere counts for nothing", `"https://id.example/scope":"patient/Patient.r","scope":"system/*.cruds","scp":"system/*.cruds","patient":"p2","organization":"Organization/x","roles":["auditor"],"role":"auditor","purpose_of_use":"BTG","extensions":{"ihe_iua":{"purpose_of_use":"BTG"}}`,
			auth.Principal{Scopes: []auth.Scope{{Context: "patient", Type: "Patient", Interactions: "r"}}}, ""},
		{"what has no rule is read as ever", `"https://id.example/scope":"patient/Patient.r","fhirUser":"Patient/p1"`,
			auth.Principal{FHIRUser: "Patient/p1", Scopes: []auth.Scope{{Context: "patient", Type: "Patient", Interactions: "r"}}}, ""},
		{"an object without the member", `"https://id.example/scope":"patient/Patient.r","realm_access":{},"ctx":{}`,
			auth.Principal{Scopes: []auth.Scope{{Context: "patient", Type: "Patient", Interactions: "r"}}}, ""},
		{"no scope", `"scope":"patient/Patient.r"`, auth.Principal{}, "claim scope"},
		{"an organization without an id", `"https://id.example/scope":"system/*.rs","org":{}`, auth.Principal{}, "organization"},
		{"an organization that is null", `"https://id.example/scope":"system/*.rs","org":null`, auth.Principal{}, "organization"},
		{"an organization whose id is null", `"https://id.example/scope":"system/*.rs","org":{"id":null}`, auth.Principal{}, "organization"},
		{"an organization that is no object", `"https://id.example/scope":"system/*.rs","org":"Organization/o"`, auth.Principal{}, "organization"},
		{"roles on the way to which is no object", `"https://id.example/scope":"system/*.rs","realm_access":["a"]`, auth.Principal{}, "roles"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := verify(t, v, p.mustToken(t, json.RawMessage(`{"aud":"urn:hub",`+test.claims+`}`)))
			if test.reason != "" {
				if got != nil || fhir.IssueTypeOf(err) != fhir.Login || !strings.Contains(err.Error(), test.reason) {
					t.Errorf("%v, %v", got, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			test.want.Issuer, test.want.TokenID = p.url, got.TokenID
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	got, err := verify(t, v, p.mustToken(t, json.RawMessage(`{"https://id.example/scope":"patient/Patient.r"}`)))
	checkRefused(t, got, err) // for the hub's audience, not the issuer's for the hub
	got, err = verify(t, p.rules(t, `"algorithms":["ES384"]`, nil), p.mustToken(t, json.RawMessage(`{"scope":"patient/Patient.r"}`)))
	checkRefused(t, got, err)
}

// A configuration that could only refuse, or trust too much, is none.
func TestNewVerifierRefusesRules(t *testing.T) {
	patient := []auth.Identify{{Claim: auth.ClaimPath{"x"}, Type: "Patient", System: "urn:x"}}
	for name, c := range map[string]auth.Config{
		"twice":                {Rules: []auth.Rules{{Issuer: "https://a.example"}, {Issuer: "https://a.example"}}},
		"twice, once plain":    {Issuers: []string{"https://a.example"}, Rules: []auth.Rules{{Issuer: "https://a.example"}}},
		"no directory":         {Rules: []auth.Rules{{Issuer: "https://a.example", Identify: patient}}},
		"no links":             {Rules: []auth.Rules{{Issuer: "https://a.example", Linked: true}}},
		"no secret":            {Rules: []auth.Rules{{Issuer: "https://a.example", Introspection: &auth.Introspection{ClientID: "x"}}}},
		"algorithm not signed": {Rules: []auth.Rules{{Issuer: "https://a.example", Algorithms: []string{"none"}}}},
	} {
		c.Audience = base
		if _, err := auth.NewVerifier(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
