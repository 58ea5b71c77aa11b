package server_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"lightbox/auth"
	"lightbox/auth/devissuer"
	"lightbox/server"
)

// TestOpenIDProvider has a provider that nobody here wrote say who asks.
func TestOpenIDProvider(t *testing.T) {
	needBrowser(t)
	l := &launches{app: serveApp(t)}
	var p *openIDProvider
	l.hub = newHubOf(t, openSQLite(t), devissuer.Config{}, func(c *server.Config) {
		p = startProvider(t, c.Base, l.app+"?named")
		l.trust(c, auth.Rules{Issuer: p.url})
	})
	l.settle(t)
	s := providerStand{l, p}
	t.Run("what a backend service gets", s.service)
	t.Run("an opaque token, by introspection", s.tellsOfTokens)
	t.Run("rotation without downtime", s.rotates)
	t.Run("while it is down", s.isDown)
	t.Run("a launch in a browser", s.opensApp) // last: it leaves the hub with keys of a time to come
}

// providerStand is a hub that trusts the provider.
type providerStand struct {
	*launches
	issuer *openIDProvider
}

// service: scopes are those of the token; what is for somebody else, or cannot be read, is refused.
func (s providerStand) service(t *testing.T) {
	for _, test := range []struct {
		name, scope, resource string
		status                map[string]int // by path
	}{
		{"all that it asks for", "system/*.rs", "", map[string]int{"/Patient": 200, "/Patient/boris": 200, "/ImagingStudy": 200}},
		{"one type", "system/Patient.rs", "", map[string]int{"/Patient": 200, "/ImagingStudy": 403, "/ImagingStudy/a1": 403}},
		{"one letter", "system/ImagingStudy.r", "", map[string]int{"/ImagingStudy/a1": 200, "/ImagingStudy": 403}},
		{"another audience", "system/*.rs", "https://other.example/", map[string]int{"/Patient": 401}},
		{"an opaque token", "system/*.rs", "https://opaque.example/", map[string]int{"/Patient": 401}},
	} {
		t.Run(test.name, func(t *testing.T) {
			token := s.issuer.token(t, test.scope, test.resource)
			for path, want := range test.status {
				if got := s.status(t, path, token); got != want {
					t.Errorf("%s: %d, want %d", path, got, want)
				}
			}
		})
	}
}

// tellsOfTokens: a hub that asks what a token says takes one that is no JWT, and ends it soon after it was revoked.
func (s providerStand) tellsOfTokens(t *testing.T) {
	asking := new(launches)
	asking.hub = newHubOf(t, openSQLite(t), devissuer.Config{}, func(c *server.Config) {
		asking.trust(c, auth.Rules{Issuer: s.issuer.url, Audience: s.base, Introspection: &auth.Introspection{ClientID: "hub", Secret: "synthetic"}})
	})
	asking.settle(t)
	token := s.issuer.token(t, "system/Organization.rs", "https://opaque.example/")
	for path, want := range map[string]int{"/Organization/north": 200, "/ImagingStudy": 403} {
		if got := asking.status(t, path, token); got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if got := asking.status(t, "/Organization", "made-up"); got != http.StatusUnauthorized {
		t.Errorf("a token that was made up: %d", got)
	}
	s.issuer.post(t, "/token/revocation", url.Values{"token": {token}})
	asking.endsWithin(t, token, 31*time.Second)
}

// rotates: a key that is published before it signs is known when it does.
func (s providerStand) rotates(t *testing.T) {
	defer s.ahead.Store(0)
	first := s.issuer.token(t, "system/*.rs", "")
	var second string
	for _, step := range []struct {
		name          string
		do            func()
		first, second int
	}{
		{"the first key signs", func() { second = first }, 200, 200},
		{"the next one is published", func() {
			s.issuer.tell(t, "announce")
			s.ahead.Add(int64(11 * time.Minute)) // the hub asks every ten, beside its requests
		}, 200, 200},
		{"the next one signs", func() { s.issuer.tell(t, "sign"); second = s.issuer.token(t, "system/*.rs", "") }, 200, 200},
		{"the old one is gone, which the hub has not seen", func() { s.issuer.tell(t, "withdraw") }, 200, 200},
		{"which it sees when it asks again", func() {
			s.ahead.Add(int64(11 * time.Minute))
			s.untilRefused(t, first)
		}, 401, 200},
	} {
		step.do()
		if got := s.status(t, "/Patient", first); got != step.first {
			t.Errorf("%s: the old key's token: %d, want %d", step.name, got, step.first)
		}
		if got := s.status(t, "/Patient", second); got != step.second {
			t.Errorf("%s: the new key's token: %d, want %d", step.name, got, step.second)
		}
	}
}

// isDown: keys that are known go on to hold, for tokens that were not seen before too.
func (s providerStand) isDown(t *testing.T) {
	defer s.ahead.Store(0)
	known, unseen := s.issuer.token(t, "system/*.rs", ""), s.issuer.token(t, "system/Patient.rs", "")
	s.issuer.tell(t, "down")
	for _, after := range []time.Duration{0, 2 * time.Minute, 50 * time.Minute} {
		s.ahead.Store(int64(after))
		for _, token := range []string{known, unseen} {
			if got := s.status(t, "/Patient", token); got != http.StatusOK {
				t.Errorf("after %v: %d", after, got)
			}
		}
	}
	s.issuer.tell(t, "up")
	if got := s.status(t, "/Patient", s.issuer.token(t, "system/*.rs", "")); got != http.StatusOK {
		t.Errorf("up again: %d", got)
	}
}

// opensApp has somebody log in there, in a browser.
func (s providerStand) opensApp(t *testing.T) {
	login := form{map[string]string{"input[name=login]": "anna", "input[name=password]": "none"}, `button:has-text("Sign-in")`}
	open := s.launch(url.Values{"named": {""}})
	got := browse(t, []visit{{open, []form{login, {Click: `button:has-text("Continue")`}}}})[0]
	s.takesNoIDToken(t, got)
	s.outlives(t, got.Token)
	got.Token, got.IDToken = "", ""
	want := own("anna", "Patient/anna", "a1 a2 a3")
	want.NotGranted = "openid" // which it grants, and does not count among the scopes of an access token for somebody else
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// status is how the hub answers a token.
func (h *hub) status(t *testing.T, path, token string) int {
	t.Helper()
	h.tokens["given"] = token
	resp, _ := h.do(t, http.MethodGet, path, "given", nil, nil)
	return resp.StatusCode
}

// untilRefused waits for the hub, which asks for keys beside its requests. What it remembers of a token is over by then.
func (l *launches) untilRefused(t *testing.T, token string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for range 500 {
		if l.status(t, "/Patient", token) == http.StatusUnauthorized {
			return
		}
		l.ahead.Add(int64(31 * time.Second))
		<-tick.C
	}
	t.Error("a token of a withdrawn key holds still")
}

// openIDProvider is a running testdata/clients/oidc-provider.mjs.
type openIDProvider struct {
	url   string
	key   jose.JSONWebKey // of the service
	in    io.Writer
	lines *bufio.Scanner
}

func startProvider(t *testing.T, audience, app string) *openIDProvider {
	t.Helper()
	watchScripts(t)
	private := must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	p := &openIDProvider{key: jose.JSONWebKey{Key: private, KeyID: "service", Algorithm: string(jose.ES384), Use: "sig"}}
	settings := must(json.Marshal(map[string]any{
		"audience": audience, "app": app, "service": p.key.Public(),
		"users": map[string]any{"anna": map[string]string{"patient": "anna", "fhirUser": "Patient/anna"}},
	}))
	node := exec.Command("node", "oidc-provider.mjs")
	node.Dir = filepath.Join("testdata", "clients")
	node.Env = append(os.Environ(), "LIGHTBOX_PROVIDER="+string(settings))
	var problems buffer
	node.Stderr = &problems
	in, out := must(node.StdinPipe()), must(node.StdoutPipe())
	p.in, p.lines = in, bufio.NewScanner(out)
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // at whose end it ends
		_ = node.Wait()
		if t.Failed() {
			t.Log(problems.String())
		}
	})
	p.url = p.line(t)
	return p
}

// line is what the provider prints next.
func (p *openIDProvider) line(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatal("the provider says nothing", p.lines.Err())
	}
	return p.lines.Text()
}

// tell has the provider do something.
func (p *openIDProvider) tell(t *testing.T, what string) {
	t.Helper()
	if _, err := io.WriteString(p.in, what+"\n"); err != nil {
		t.Fatal(err)
	}
	if got := p.line(t); got != what {
		t.Fatalf("told to %s, the provider says %s", what, got)
	}
}

// token is one that the service gets (SMART App Launch 2.2 backend-services.html); an empty resource is the hub.
func (p *openIDProvider) token(t *testing.T, scope, resource string) string {
	t.Helper()
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {scope}}
	if resource != "" {
		form.Set("resource", resource)
	}
	body := p.post(t, "/token", form)
	token := gjson.GetBytes(body, "access_token").Str
	if token == "" {
		t.Fatalf("%s", body)
	}
	return token
}

// post sends a form in the name of the service, which proves itself.
func (p *openIDProvider) post(t *testing.T, path string, form url.Values) []byte {
	t.Helper()
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: jose.ES384, Key: p.key}, new(jose.SignerOptions).WithType("JWT")))
	now := time.Now()
	assertion := must(jwt.Signed(signer).Claims(jwt.Claims{
		Issuer: "service", Subject: "service", Audience: jwt.Audience{p.url + "/token"}, ID: rand.Text(),
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(5 * time.Minute)),
	}).Serialize())
	form.Set("client_assertion", assertion)
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	resp, err := http.Post(p.url+path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body := must(io.ReadAll(resp.Body))
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s", path, resp.Status, body)
	}
	return body
}
