package server_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"lightbox/auth"
	"lightbox/auth/devissuer"
	"lightbox/server"
)

// visit is what a person does at a browser: the page that they open, and the forms that they fill in on the way to the app's page.
type visit struct {
	Open  string `json:"open"`
	Forms []form `json:"forms,omitempty"`
}

type form struct {
	Fill  map[string]string `json:"fill,omitempty"` // by selector
	Click string            `json:"click"`
}

// shown is what testdata/clients/app.html shows at the end: ids, or the status of a refusal.
type shown struct {
	Error           string `json:"error"`
	Patient         string `json:"patient"` // of the launch
	Record          string `json:"record"`  // of that patient, as read
	Studies         string `json:"studies"` // all that a search without a patient finds
	User            string `json:"user"`
	Boris           string `json:"boris"` // who is somebody else to everyone here
	BorisStudy      string `json:"borisStudy"`
	NotGranted      string `json:"notGranted"` // scopes
	Refresh         string `json:"refresh"`
	AfterRefresh    string `json:"afterRefresh"`
	Revoked         string `json:"revoked"`
	AfterRevocation string `json:"afterRevocation"` // of a refresh
	Token           string `json:"token"`           // the last access token
	IDToken         string `json:"idToken"`
}

// TestLaunch has people log in at an issuer and launch an app that is made with SMART Health IT's client, all in a browser.
func TestLaunch(t *testing.T) {
	needBrowser(t)
	l := newLaunches(t, nil)
	login := func(user string) form { return form{map[string]string{"select[name=user]": user}, "text=Go on"} }
	pick := func(patient string) form {
		return form{map[string]string{"select[name=patient]": patient}, "text=Go on"}
	}
	fromEHR := func(c devissuer.LaunchContext) string { return l.launch(url.Values{"launch": {l.issuer.Launch(c)}}) }
	grown := own("grown", "403", "403")
	grown.Record, grown.Boris, grown.BorisStudy = "403", "403", "403"
	tests := []struct {
		name  string
		open  string
		forms []form
		want  shown
	}{
		{"a patient", l.launch(nil), []form{login("anna")}, own("anna", "Patient/anna", "a1 a2 a3")},
		{"a parent who picks the child", l.launch(nil), []form{login("mother"), pick("child")}, own("child", "RelatedPerson/mother", "c1")},
		{"a parent who picks a child that is of age", l.launch(nil), []form{login("mother"), pick("grown")}, grown},
		{"a clinician who picks a patient", l.launch(nil), []form{login("doc"), pick("anna")}, own("anna", "Practitioner/doc", "a1 a2 a3")},
		{"an EHR that knows patient and user", fromEHR(devissuer.LaunchContext{Patient: "anna", User: "doc"}), nil, own("anna", "Practitioner/doc", "a1 a2 a3")},
		{"an EHR that knows the patient", fromEHR(devissuer.LaunchContext{Patient: "anna"}), []form{login("doc")}, own("anna", "Practitioner/doc", "a1 a2 a3")},
		{"an EHR whose launch is unknown", l.launch(url.Values{"launch": {"unknown"}}), nil, shown{Error: "launch is missing, unknown or over"}},
		{"somebody who does not go on", l.launch(nil), []form{{Click: "text=Cancel"}}, shown{Error: "the user cancelled"}},
	}
	var visits []visit
	for _, test := range tests {
		visits = append(visits, visit{test.open, test.forms})
	}
	seen := browse(t, visits)
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := seen[i]
			l.takesNoIDToken(t, got)
			l.outlives(t, got.Token)
			got.Token, got.IDToken = "", ""
			if test.want.Error != "" && strings.Contains(got.Error, test.want.Error) {
				got.Error = test.want.Error
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// own is what the app shows of a patient: their data and nobody else's.
func own(patient, user, studies string) shown {
	return shown{Patient: patient, Record: patient, User: user, Studies: studies, Boris: "404", BorisStudy: "404",
		Refresh: "another", AfterRefresh: studies, Revoked: "200", AfterRevocation: "400"}
}

// launches is a hub, an issuer with users beside it, and an app on another origin.
type launches struct {
	*hub
	app   string
	ahead atomic.Int64 // by how much the hub's clock is, a time.Duration
}

// newLaunches starts them; introspection says how the hub asks of tokens, nil for not at all.
func newLaunches(t *testing.T, introspection *auth.Introspection) *launches {
	t.Helper()
	l := &launches{app: serveApp(t)}
	web := []string{"openid", "fhirUser", "launch", "launch/patient", "offline_access", "patient/*.rs"}
	key := jose.JSONWebKey{Key: must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)).Public(), KeyID: "1"}
	l.hub = newHubOf(t, openSQLite(t), devissuer.Config{
		Clients: []devissuer.Client{
			{ID: "app", RedirectURIs: []string{l.app}, Scopes: web},
			{ID: "site", Secret: "synthetic", RedirectURIs: []string{l.app}, Scopes: web},
			{ID: "service", Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key}}, Scopes: []string{"system/*.rs"}},
		},
		Users: func(context.Context) ([]devissuer.User, error) {
			return []devissuer.User{
				{Name: "Anna", Subject: "anna", FHIRUser: "Patient/anna", Patients: []devissuer.Patient{{ID: "anna"}}},
				{Name: "Mother", Subject: "mother", FHIRUser: "RelatedPerson/mother", Patients: []devissuer.Patient{{ID: "child"}, {ID: "grown"}}},
				{Name: "Mother as a person", Subject: "person", FHIRUser: "Person/mother", Patients: []devissuer.Patient{{ID: "child"}, {ID: "grown"}}},
				{Name: "Doctor", Subject: "doc", FHIRUser: "Practitioner/doc", Organization: "Organization/north", Patients: []devissuer.Patient{{ID: "boris"}, {ID: "anna"}}},
			}, nil
		},
	}, func(c *server.Config) {
		l.trust(c, auth.Rules{Issuer: strings.TrimSuffix(c.Base, "/fhir") + "/issuer", Introspection: introspection})
	})
	l.settle(t)
	for label, body := range map[string]string{
		"Patient/child":          `{"resourceType":"Patient","id":"child","birthDate":"` + time.Now().AddDate(-10, 0, 0).Format(time.DateOnly) + `"}`,
		"ImagingStudy/c1":        `{"resourceType":"ImagingStudy","id":"c1","status":"available","subject":{"reference":"Patient/child"}}`,
		"Patient/grown":          `{"resourceType":"Patient","id":"grown","birthDate":"1990-01-01"}`,
		"RelatedPerson/mother":   `{"resourceType":"RelatedPerson","id":"mother","patient":{"reference":"Patient/child"},"relationship":[{"coding":[{"code":"MTH"}]}]}`,
		"RelatedPerson/mother-2": `{"resourceType":"RelatedPerson","id":"mother-2","patient":{"reference":"Patient/grown"},"relationship":[{"coding":[{"code":"MTH"}]}]}`,
		"Person/mother":          `{"resourceType":"Person","id":"mother","link":[{"target":{"reference":"RelatedPerson/mother"}}]}`,
		"Practitioner/doc":       `{"resourceType":"Practitioner","id":"doc"}`,
	} {
		l.put(t, label, []byte(body))
	}
	return l
}

// trust has the hub take the tokens of an issuer, by a clock that the test moves, and say of it what it says of itself.
func (l *launches) trust(c *server.Config, issuer auth.Rules) {
	clock := func() time.Time { return time.Now().Add(time.Duration(l.ahead.Load())) }
	c.Verifier.(*auth.Access).Verifier = auth.Remember(must(auth.NewVerifier(auth.Config{Rules: []auth.Rules{issuer}, Audience: c.Base, Base: c.Base, Clock: clock})))
	c.SMART = func() server.SMART {
		return server.SMARTOf(must(auth.Discover(context.Background(), nil, issuer.Issuer)))
	}
}

// launch is the URL that launches the app.
func (l *launches) launch(more url.Values) string {
	q := url.Values{"iss": {l.base}}
	for name, values := range more {
		q[name] = values
	}
	return l.app + "?" + q.Encode()
}

// outlives: the hub takes a JWT at its word. One of a grant that was revoked holds until it expires, and no longer.
func (l *launches) outlives(t *testing.T, token string) {
	t.Helper()
	if token != "" {
		l.endsWithin(t, token, time.Hour+time.Minute)
	}
}

// endsWithin: a token that was revoked holds now, being remembered or taken at its word, and no longer after some time.
func (l *launches) endsWithin(t *testing.T, token string, end time.Duration) {
	t.Helper()
	defer l.ahead.Store(0)
	if status := l.status(t, "/Organization/north", token); status == http.StatusUnauthorized {
		t.Error("a token that was revoked ends at once")
	}
	l.ahead.Store(int64(end))
	if status := l.status(t, "/Organization/north", token); status != http.StatusUnauthorized {
		t.Errorf("%v after revocation: %d", end, status)
	}
}

// takesNoIDToken: what tells the app who logged in opens nothing.
func (l *launches) takesNoIDToken(t *testing.T, seen shown) {
	t.Helper()
	if seen.Error != "" {
		return
	}
	if status := l.status(t, "/Organization/north", seen.IDToken); strings.Count(seen.IDToken, ".") != 2 || status != http.StatusUnauthorized {
		t.Errorf("an ID token is answered with %d", status)
	}
}

// serveApp serves the app on an origin of its own, and returns its URL.
func serveApp(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	for path, file := range map[string]string{"/app.html": "app.html", "/fhir-client.js": "node_modules/fhirclient/build/fhir-client.js"} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			http.ServeFile(w, r, filepath.Join("testdata", "clients", file))
		})
	}
	listener := httptest.NewServer(mux)
	t.Cleanup(listener.Close)
	return listener.URL + "/app.html"
}

func needBrowser(t *testing.T) {
	t.Helper()
	needClients(t)
	if _, err := exec.LookPath("chromium"); err != nil {
		t.Fatal("chromium (Debian package chromium) is missing: run make peers")
	}
}

// browse does visits one by one, each as somebody new, and returns what the app showed.
func browse(t *testing.T, visits []visit) (seen []shown) {
	t.Helper()
	watchScripts(t)
	chromium := must(exec.LookPath("chromium"))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "browser.mjs")
	node.Dir = filepath.Join("testdata", "clients")
	node.Env = append(os.Environ(), "LIGHTBOX_CHROMIUM="+chromium, "LIGHTBOX_VISITS="+string(must(json.Marshal(visits))))
	var out, problems bytes.Buffer
	node.Stdout, node.Stderr = &out, &problems
	if err := node.Run(); err != nil {
		t.Fatalf("%v\n%s%s", err, &out, &problems)
	}
	for line := range strings.Lines(out.String()) {
		var one shown
		if err := json.Unmarshal([]byte(line), &one); err != nil {
			t.Fatalf("%v\n%s%s", err, line, &problems)
		}
		seen = append(seen, one)
	}
	if len(seen) != len(visits) {
		t.Fatalf("%d visits, %d pages\n%s", len(visits), len(seen), &problems)
	}
	t.Logf("the browser's console:\n%s", &problems)
	return seen
}
