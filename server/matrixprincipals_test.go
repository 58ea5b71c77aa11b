package server_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lightbox/auth/devissuer"
)

// principal is a row of the access matrix: who asks. The fields say to the reference what the token says to the hub.
type principal struct {
	name         string
	scope        string
	patient      string // launch patient
	fhirUser     string
	organization string
	roles        []string
	acts         string   // the patient whom a RelatedPerson acts for now
	emergency    string   // the patient whom a clinician sees by having broken the glass
	referred     []string // patients whom orders and tasks refer to the organisation, or to its specialty
	denied       []string // patients who deny their care to the organisation

	hidden map[string][]string // codes of labels that hide, by the context of a scope

	forged func(t testing.TB, h *hub, genuine string) string // the token that is sent instead; "" sends none
	token  string
}

// principals are the rows. What is theirs alone is a line in within.
func principals() []*principal {
	everything := principal{scope: "system/*.cruds user/*.cruds patient/*.cruds", patient: "self", roles: []string{"auditor"}}
	forged := func(name string, by func(testing.TB, *hub, string) string) *principal {
		p := everything
		p.name, p.forged = name, by
		return &p
	}
	list := []*principal{
		forged("anonymous", func(testing.TB, *hub, string) string { return "" }),
		forged("expired", func(t testing.TB, h *hub, _ string) string {
			return must(h.issuer.Token(everything.claims(nil), -time.Hour))
		}),
		forged("wrong audience", func(t testing.TB, h *hub, _ string) string {
			return must(h.issuer.Token(everything.claims(map[string]any{"aud": "https://elsewhere.example/fhir"}), time.Hour))
		}),
		forged("wrong issuer", wrongIssuer(everything)),
		forged("stranger with our issuer's name", func(t testing.TB, h *hub, _ string) string {
			stranger := must(devissuer.New(devissuer.Config{URL: h.root + "/issuer", Audience: audience}))
			return must(stranger.Token(everything.claims(nil), time.Hour))
		}),
		forged("alg none", algNone),

		{name: "patient", scope: "launch/patient patient/*.cruds", patient: "self"},
		{name: "other patient", scope: "launch/patient patient/*.cruds", patient: "other"},
		{name: "doctor", scope: "user/*.cruds", fhirUser: "Practitioner/self", organization: north},
		{name: "other doctor", scope: "user/*.cruds", fhirUser: "Practitioner/other", organization: south},
		{name: "emr", scope: "system/*.cruds"},
		{name: "granular", scope: "system/ImagingStudy.rs"},
		{name: "partner", scope: "system/*.cruds", organization: north},
		{name: "other partner", scope: "system/*.cruds", organization: south},
		{name: "auditor", scope: "system/*.rs user/*.rs", roles: []string{"auditor"}},
		{name: "no clinical scope", scope: "openid fhirUser launch/patient", patient: "self"},

		{name: "parent", scope: "user/*.cruds", fhirUser: "RelatedPerson/mother", acts: "Patient/self"},
		{name: "parent's app", scope: "launch/patient patient/*.rs", patient: "self", fhirUser: "RelatedPerson/mother", acts: "Patient/self"},
		{name: "parent's app for another", scope: "launch/patient patient/*.rs", patient: "other", fhirUser: "RelatedPerson/mother", acts: "Patient/self"},
		{name: "revoked parent", scope: "user/*.cruds", fhirUser: "RelatedPerson/revoked"},
		{name: "revoked parent's app", scope: "launch/patient patient/*.rs", patient: "self", fhirUser: "RelatedPerson/revoked"},
		{name: "parent after majority", scope: "user/*.cruds", fhirUser: "RelatedPerson/grown"},
		{name: "representative", scope: "user/*.cruds", fhirUser: "RelatedPerson/delegate", acts: "Patient/mate"},
		{name: "former representative", scope: "user/*.cruds", fhirUser: "RelatedPerson/former"},
		{name: "emergency doctor", scope: "user/*.cruds", fhirUser: "Practitioner/visit", organization: south, emergency: "Patient/self"},
		{name: "reading centre", scope: "user/*.cruds", fhirUser: "Practitioner/shared", organization: reading,
			referred: []string{"Patient/self", "Patient/denied", "Patient/other"}, denied: []string{"Patient/denied"}},
		{name: "reading centre by specialty", scope: "user/*.cruds", fhirUser: "Practitioner/shared", organization: special,
			referred: []string{"Patient/mate", "Patient/denied"}, denied: []string{"Patient/denied"}},
		{name: "denied doctor", scope: "user/*.cruds", fhirUser: "Practitioner/mate", organization: east, denied: []string{"Patient/denied"}},
	}
	for _, p := range list {
		if p.isRelative() { // who acts for a patient does not see what is more than normally confidential
			p.hidden = map[string][]string{"user": {"R", "V"}, "patient": {"R", "V"}}
		}
	}
	return list
}

// withScopes are the principals with a token that holds.
func withScopes(all []*principal) (list []*principal) {
	for _, p := range all {
		if p.forged == nil {
			list = append(list, p)
		}
	}
	return list
}

func (p principal) claims(more map[string]any) map[string]any {
	c := map[string]any{"client_id": strings.ReplaceAll(p.name, " ", "-"), "sub": p.name, "scope": p.scope}
	for name, value := range map[string]string{"patient": p.patient, "fhirUser": p.fhirUser, "organization": p.organization} {
		if value != "" {
			c[name] = value
		}
	}
	if len(p.roles) > 0 {
		c["roles"] = p.roles
	}
	if p.emergency != "" {
		c["purpose_of_use"] = "BTG"
	}
	for name, value := range more {
		c[name] = value
	}
	return c
}

// login gives the principal its token.
func (p *principal) login(t testing.TB, h *hub) {
	t.Helper()
	p.token = must(h.issuer.Token(p.claims(nil), 10*time.Hour))
	if p.forged != nil {
		p.token = p.forged(t, h, p.token)
	}
}

func wrongIssuer(as principal) func(testing.TB, *hub, string) string {
	return func(t testing.TB, _ *hub, _ string) string {
		mux := http.NewServeMux()
		listener := httptest.NewServer(mux)
		t.Cleanup(listener.Close)
		other := must(devissuer.New(devissuer.Config{URL: listener.URL + "/issuer", Audience: audience}))
		mux.Handle("/issuer/", other)
		return must(other.Token(as.claims(nil), time.Hour))
	}
}

// algNone is the genuine token with a header that asks for no signature, and none.
func algNone(_ testing.TB, _ *hub, genuine string) string {
	header, err := json.Marshal(map[string]string{"alg": "none", "typ": "at+jwt"})
	if err != nil {
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(header) + "." + strings.Split(genuine, ".")[1] + "."
}
