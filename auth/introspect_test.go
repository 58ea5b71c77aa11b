package auth_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lightbox/auth"
	"lightbox/auth/devissuer"
	"lightbox/fhir"
)

// hubClient is the hub as its issuers know it: names that have to be encoded.
const hubSecret = "s:cr+t %"

// newOpaque is an issuer of tokens that say nothing, or of JWTs that can be revoked.
func newOpaque(t testing.TB, opaque bool) *provider {
	return newProviderOf(t, func(c *devissuer.Config) {
		c.Opaque = opaque
		c.Clients = []devissuer.Client{{ID: "the hub", Secret: hubSecret}, {ID: "app", Secret: "app"}}
	})
}

// asking is a verifier that asks the issuers.
func asking(t testing.TB, change func(*auth.Rules), issuers ...*provider) *auth.OIDC {
	t.Helper()
	c := auth.Config{Audience: base, Base: base, Clock: issuers[0].clock, Log: slog.New(slog.NewTextHandler(&issuers[0].log, nil))}
	for _, p := range issuers {
		r := auth.Rules{Issuer: p.url, Introspection: &auth.Introspection{ClientID: "the hub", Secret: hubSecret}}
		change(&r)
		c.Rules = append(c.Rules, r)
	}
	v, err := auth.NewVerifier(c)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func unchanged(*auth.Rules) {}

// says lets the issuer answer every question with a text.
func (p *provider) says(status int, body string) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", p.url+"/introspect?again")
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	})
	p.answer.Store(&answer)
}

func (p *provider) revoke(t *testing.T, token string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, p.url+"/revoke", strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("app", "app")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, err)
	}
	_ = resp.Body.Close()
}

func TestOpaqueToken(t *testing.T) {
	p := newOpaque(t, true)
	v := asking(t, unchanged, p)
	token := p.mustToken(t, devissuer.Claims{Subject: "s", Client: "app", Scope: "patient/*.rs", Patient: "p1", FHIRUser: base + "/Patient/p1"})
	got, err := verify(t, v, token)
	if err != nil {
		t.Fatal(err)
	}
	want := &auth.Principal{Issuer: p.url, Subject: "s", Client: "app", Patient: "Patient/p1", FHIRUser: "Patient/p1", TokenID: got.TokenID,
		Scopes: []auth.Scope{{Context: "patient", Type: "*", Interactions: "rs"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	p.revoke(t, token)
	got, err = verify(t, v, token)
	checkRefused(t, got, err)
	for _, unknown := range []string{"x", "AAAA.BBBB", "a.b.c", "a.b.c.d.e", "=", "p q", "é", "a%20b", strings.Repeat("x", auth.MaxToken+1)} {
		got, err = verify(t, v, unknown)
		checkRefused(t, got, err)
	}
}

// Each answer is refused for its own reason, or is no answer at all.
func TestIntrospectionAnswers(t *testing.T) {
	p := newOpaque(t, true)
	now := p.clock().Unix()
	answer := func(change string) string {
		return fmt.Sprintf(`{"active":true,"scope":"system/*.rs","exp":%d,"aud":%q,"iss":%q,"sub":"s"%s}`, now+60, base, p.url, change)
	}
	without := func(member string) string {
		return strings.Replace(answer(""), `"`+member+`":`, `"x-`+member+`":`, 1)
	}
	anyAudience := func(r *auth.Rules) { r.Introspection.AnyAudience = true }
	tests := []struct {
		name   string
		status int
		body   string
		rules  func(*auth.Rules)
		want   fhir.IssueType // none: it holds
		reason string
	}{
		{"holds", 200, answer(""), unchanged, "", ""},
		{"without an issuer", 200, without("iss"), unchanged, "", ""},
		{"for several audiences", 200, strings.Replace(answer(""), `"aud":"`+base+`"`, `"aud":["x","`+base+`"]`, 1), unchanged, "", ""},
		{"its kind", 200, answer(`,"token_type":"bearer","typ":"Bearer","token_use":"access_token"`), unchanged, "", ""},
		{"without an audience, which is allowed", 200, without("aud"), anyAudience, "", ""},
		{"inactive", 200, `{"active":false}`, unchanged, fhir.Login, "no issuer says that it is active"},
		{"inactive, with claims", 200, strings.Replace(answer(""), "true", "false", 1), unchanged, fhir.Login, "no issuer says"},
		{"active as a text", 200, strings.Replace(answer(""), "true", `"true"`, 1), unchanged, fhir.Login, "no issuer says"},
		{"active as a number", 200, strings.Replace(answer(""), "true", `1`, 1), unchanged, fhir.Login, "no issuer says"},
		{"of another issuer", 200, strings.Replace(answer(""), p.url, "https://other.example", 1), unchanged, fhir.Login, "issuer is not trusted"},
		{"without an end", 200, without("exp"), unchanged, fhir.Login, "no proper exp"},
		{"over", 200, strings.Replace(answer(""), fmt.Sprint(now+60), fmt.Sprint(now-61), 1), unchanged, fhir.Login, "expired"},
		{"not yet", 200, answer(fmt.Sprintf(`,"nbf":%d`, now+90)), unchanged, fhir.Login, "not valid yet"},
		{"without an audience", 200, without("aud"), unchanged, fhir.Login, "another audience"},
		{"for another audience", 200, strings.Replace(answer(""), base, "https://other.example", 1), unchanged, fhir.Login, "another audience"},
		{"for another audience, where none need be", 200, strings.Replace(answer(""), base, "https://other.example", 1), anyAudience, fhir.Login, "another audience"},
		{"without a scope", 200, without("scope"), unchanged, fhir.Login, "claim scope"},
		{"a scope that is none", 200, strings.Replace(answer(""), "*.rs", "*.sr", 1), unchanged, fhir.Login, "cruds"},
		{"a refresh token", 200, answer(`,"token_type":"refresh_token"`), unchanged, fhir.Login, "not an access token"},
		{"a refresh token of Keycloak", 200, answer(`,"typ":"Refresh"`), unchanged, fhir.Login, "not an access token"},
		{"an ID token", 200, answer(`,"token_use":"id"`), unchanged, fhir.Login, "not an access token"},
		{"no answer of RFC 7662", 200, `{}`, unchanged, fhir.Transient, "does not answer"},
		{"no JSON", 200, `<html>`, unchanged, fhir.Transient, "does not answer"},
		{"null", 200, `null`, unchanged, fhir.Transient, "does not answer"},
		{"too long", 200, answer(`,"x":"` + strings.Repeat("x", 64<<10) + `"`), unchanged, fhir.Transient, "does not answer"},
		{"a redirect", 307, "", unchanged, fhir.Transient, "does not answer"},
		{"our secret is wrong", 401, `{"error":"invalid_client"}`, unchanged, fhir.Transient, "does not answer"},
		{"a fault", 500, answer(""), unchanged, fhir.Transient, "does not answer"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p.says(test.status, test.body)
			before := p.asked.Load()
			got, err := verify(t, asking(t, test.rules, p), "token-1")
			if asked := p.asked.Load() - before; asked != 1 {
				t.Errorf("asked %d times", asked)
			}
			if test.want == "" {
				if err != nil || got.Issuer != p.url || got.Subject != "s" {
					t.Errorf("%v, %v", got, err)
				}
				return
			}
			if got != nil || fhir.IssueTypeOf(err) != test.want || !strings.Contains(err.Error(), test.reason) {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	if strings.Contains(p.log.String(), "token-1") || strings.Contains(p.log.String(), "s:cr") {
		t.Error("the log tells the token or the secret")
	}
}

// The one issuer that knows a token speaks for it. While one gives no answer, a token that no other knows may hold.
func TestOpaqueTokenOfSeveralIssuers(t *testing.T) {
	one, two := newOpaque(t, true), newOpaque(t, true)
	v := asking(t, unchanged, one, two)
	token := two.mustToken(t, devissuer.Claims{Subject: "s", Scope: "system/*.rs"})
	for _, down := range []bool{false, true} {
		one.down.Store(down)
		if got, err := verify(t, v, token); err != nil || got.Issuer != two.url {
			t.Errorf("down %v: %v, %v", down, got, err)
		}
	}
	if _, err := verify(t, v, "unknown"); fhir.IssueTypeOf(err) != fhir.Transient {
		t.Errorf("one issuer is down: %v", err)
	}
	one.down.Store(false)
	got, err := verify(t, v, "unknown")
	checkRefused(t, got, err)
}

// Only issuers that are to be asked are, and nothing is asked of a JWT but where it always is.
func TestWhoIsAsked(t *testing.T) {
	p := newOpaque(t, false)
	jwt := p.mustToken(t, devissuer.Claims{Client: "app", Subject: "s", Scope: "system/*.rs"})
	if _, err := verify(t, p.verifier(t), "opaque"); fhir.IssueTypeOf(err) != fhir.Login {
		t.Error(err)
	}
	if _, err := verify(t, asking(t, unchanged, p), jwt); err != nil || p.asked.Load() != 0 {
		t.Errorf("%d questions, %v", p.asked.Load(), err)
	}
	always := asking(t, func(r *auth.Rules) { r.Introspection.Always = true }, p)
	if _, err := verify(t, always, jwt); err != nil || p.asked.Load() != 1 {
		t.Errorf("%d questions, %v", p.asked.Load(), err)
	}
	forged := jwt[:strings.LastIndexByte(jwt, '.')] + ".AAAA"
	got, err := verify(t, always, forged)
	checkRefused(t, got, err)
	if p.asked.Load() != 1 {
		t.Error("a forged token is asked for")
	}
	p.revoke(t, jwt)
	got, err = verify(t, always, jwt)
	checkRefused(t, got, err)
	other := p.mustToken(t, devissuer.Claims{Client: "app", Subject: "s", Scope: "system/*.rs"})
	for name, body := range map[string]string{"another subject": `{"active":true,"sub":"t"}`, "another issuer": `{"active":true,"iss":"https://x.example"}`} {
		p.says(200, body)
		if got, err := verify(t, always, other); got != nil || !strings.Contains(err.Error(), "something else") {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	p.down.Store(true)
	if _, err := verify(t, always, other); fhir.IssueTypeOf(err) != fhir.Transient {
		t.Errorf("down: %v", err)
	}
}

// What was told is remembered for half a minute, and never past its end; what does not hold is asked for each time.
func TestRememberIntrospection(t *testing.T) {
	p := newOpaque(t, true)
	m := auth.Remember(asking(t, unchanged, p))
	long, short := p.mustToken(t, devissuer.Claims{Client: "app", Scope: "system/*.rs"}), ""
	short, err := p.Token(devissuer.Claims{Client: "app", Scope: "system/*.rs"}, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	holds := func(token string) bool {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, base+"/Patient", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		_, err := m.Verify(t.Context(), r)
		return err == nil
	}
	for _, step := range []struct {
		name      string
		do        func()
		token     string
		want      bool
		questions int64
	}{
		{"new", func() {}, long, true, 1},
		{"again", func() {}, long, true, 0},
		{"short", func() {}, short, true, 1},
		{"short, again", func() {}, short, true, 0},
		{"short, at its end", func() { p.advance(5 * time.Second) }, short, false, 1},
		{"unknown", func() {}, "unknown", false, 1},
		{"unknown, again", func() {}, "unknown", false, 1},
		{"revoked, within the memory", func() { p.revoke(t, long); p.advance(20 * time.Second) }, long, true, 0},
		{"revoked, beyond it", func() { p.advance(5 * time.Second) }, long, false, 1},
	} {
		step.do()
		before := p.asked.Load()
		if got := holds(step.token); got != step.want || p.asked.Load()-before != step.questions {
			t.Errorf("%s: holds %v with %d questions", step.name, got, p.asked.Load()-before)
		}
	}
}

// However many tokens are made up, few questions are under way at once. The issuer answers sixteen together.
func TestIntrospectionIsNoFlood(t *testing.T) {
	p := newOpaque(t, true)
	v := asking(t, func(r *auth.Rules) { r.Introspection.Endpoint = p.url + "/introspect" }, p)
	const together = 16
	var mu sync.Mutex
	waiting, full := 0, make(chan struct{})
	var now, most atomic.Int64
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		mu.Lock()
		mine := full
		if waiting++; waiting == together {
			waiting, full = 0, make(chan struct{})
			close(mine)
		}
		mu.Unlock()
		<-mine
		now.Add(-1)
		_, _ = fmt.Fprint(w, `{"active":false}`)
	})
	p.answer.Store(&slow)
	var all sync.WaitGroup
	for n := range 12 * together {
		all.Go(func() {
			if got, err := verify(t, v, fmt.Sprint("token-", n)); got != nil || fhir.IssueTypeOf(err) != fhir.Login {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	all.Wait()
	if n := most.Load(); n != together {
		t.Errorf("%d questions at once", n)
	}
}
