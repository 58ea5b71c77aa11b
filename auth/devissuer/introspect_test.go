package devissuer_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"lightbox/auth/devissuer"
)

const basic = "Basic secret:s%3Acr+t%25"

// forms runs a test with signed and with opaque access tokens.
func forms(t *testing.T, test func(t *testing.T, s *stand)) {
	for name, opaque := range map[string]bool{"signed": false, "opaque": true} {
		t.Run(name, func(t *testing.T) { test(t, newStand(t, func(c *devissuer.Config) { c.Opaque = opaque })) })
	}
}

func TestIntrospection(t *testing.T) {
	forms(t, func(t *testing.T, s *stand) {
		got := s.tokens("launch/patient openid fhirUser patient/*.rs")
		a := s.introspected(got.text("access_token"))
		var is map[string]any
		if err := json.Unmarshal([]byte(a.body), &is); err != nil {
			t.Fatal(err)
		}
		delete(is, "jti")
		now := float64(s.now.Load())
		id := claims(t, s.issuer, got.text("id_token"))
		want := map[string]any{
			"active": true, "token_type": "Bearer", "client_id": "public", "scope": got.text("scope"), "exp": now + 3600, "iat": now,
			"iss": id["iss"], "sub": id["sub"], "fhirUser": id["fhirUser"], "aud": fhirBase, "patient": "p1",
			"organization": "Organization/o1", "roles": []any{"radiologist"},
		}
		if diff := cmp.Diff(want, is); diff != "" {
			t.Error(diff)
		}
		if h := a.header; h.Get("Cache-Control") != "no-store" || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Content-Type") != "application/json" {
			t.Errorf("headers %v", h)
		}
	})
}

func TestOpaqueTokensSayNothing(t *testing.T) {
	s := newStand(t, func(c *devissuer.Config) { c.Opaque = true })
	made := must(s.issuer.Token(map[string]any{"sub": "x", "scope": 42}, time.Hour))
	for _, token := range []string{s.tokens("patient/*.rs").text("access_token"), made} {
		if strings.Contains(token, ".") || len(token) < 26 || !s.isActive(token) {
			t.Errorf("token %s", token)
		}
	}
	if got := s.introspected(made); got.json("scope") != 42.0 || got.json("sub") != "x" {
		t.Errorf("claims are not as given: %s", got.body)
	}
}

func TestInactive(t *testing.T) {
	forms(t, func(t *testing.T, s *stand) {
		got := s.tokens(offline)
		token := func(claims map[string]any) string { return must(s.issuer.Token(claims, time.Hour)) }
		signed := func(typ jose.ContentType, change map[string]any) string {
			payload := map[string]any{"iss": s.url, "aud": fhirBase, "exp": s.now.Load() + 60}
			for name, value := range change {
				payload[name] = value
			}
			return must(s.issuer.Sign(typ, must(json.Marshal(payload))))
		}
		tests := []struct{ name, token string }{
			{"invalid", "invalid_token_value"},
			{"ID token", got.text("id_token")},
			{"refresh token", got.text("refresh_token")},
			{"signature cut", got.text("access_token")[:len(got.text("access_token"))-6]},
			{"expired", must(s.issuer.Token(nil, -time.Second))},
			{"no exp", token(map[string]any{"exp": nil})},
			{"exp that is no time", token(map[string]any{"exp": "never"})},
			{"exp out of range", token(map[string]any{"exp": 1e300})},
			{"not valid yet", token(map[string]any{"nbf": s.now.Load() + 60})},
			{"another issuer", token(map[string]any{"iss": "https://evil.example"})},
			{"unknown grant", token(map[string]any{"grant": "x"})},
			{"another type", signed("JWT", nil)},
			{"no type", signed("", nil)},
			{"claims that are no object", must(s.issuer.Sign("at+jwt", []byte("[]")))},
		}
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				if a := s.introspected(test.token); a.body != `{"active":false}` {
					t.Error(a.body)
				}
			})
		}
		if !s.isActive(signed("at+jwt", nil)) || !s.isActive(got.text("access_token")) {
			t.Error("a token that holds is inactive")
		}
		s.pass(time.Hour)
		if s.isActive(got.text("access_token")) {
			t.Error("a token that expired is active")
		}
	})
}

// A token of a key that was replaced no longer holds.
func TestInactiveAfterRotation(t *testing.T) {
	s := newStand(t, func(c *devissuer.Config) { c.KeyFile = "" })
	token := s.tokens("patient/*.rs").text("access_token")
	if err := s.issuer.Rotate(); err != nil {
		t.Fatal(err)
	}
	if s.isActive(token) {
		t.Error("active")
	}
}

func TestIntrospectionIsNotForAnyone(t *testing.T) {
	s := newStand(t, nil)
	token := s.tokens("patient/*.rs").text("access_token")
	ended := must(s.issuer.Token(nil, -time.Second))
	tests := []struct {
		name, credentials string
		form              url.Values
		status            int
		problem           string
	}{
		{"by secret", basic, values("token", token), 200, ""},
		{"by secret in the form", "", values("token", token, "client_id", "secret", "client_secret", "s:cr t%"), 200, ""},
		{"by assertion", "", values(append(asserts(s.assertion("backend").sign()), "token", token)...), 200, ""},
		{"by bearer token", "Bearer " + must(s.issuer.Token(nil, time.Hour)), values("token", token), 200, ""},
		{"nobody", "", values("token", token), 401, "invalid_client"},
		{"public client", "", values("token", token, "client_id", "public"), 401, "invalid_client"},
		{"wrong secret", "Basic secret:x", values("token", token), 401, "invalid_client"},
		{"bearer token that has expired", "Bearer " + ended, values("token", token), 401, "invalid_token"},
		{"no token", basic, url.Values{}, 400, "invalid_request"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := s.want(test.status, test.problem, s.post("/introspect", test.form, test.credentials))
			if (a.json("active") == true) != (test.status == 200) {
				t.Error(a.body)
			}
			if challenged := a.header.Get("WWW-Authenticate") != ""; challenged != (test.status == 401 && test.credentials != "") {
				t.Errorf("headers %v", a.header)
			}
		})
	}
}

func TestRevocation(t *testing.T) {
	public := func(token string) url.Values { return values("token", token, "client_id", "public") }
	tests := []struct {
		name                string
		form                func(access, refresh string) url.Values
		credentials         string
		status              int
		problem             string
		access, refreshable bool // afterwards
	}{
		{"access token", func(access, _ string) url.Values { return public(access) }, "", 200, "", false, true},
		{"refresh token", func(_, refresh string) url.Values { return public(refresh) }, "", 200, "", false, false},
		{"with a hint", func(_, refresh string) url.Values {
			return values("token", refresh, "client_id", "public", "token_type_hint", "access_token")
		}, "", 200, "", false, false},
		{"unknown token", func(string, string) url.Values { return public("x") }, "", 200, "", true, true},
		{"another client, access token", func(access, _ string) url.Values { return values("token", access) }, basic, 200, "", true, true},
		{"another client, refresh token", func(_, refresh string) url.Values { return values("token", refresh) }, basic, 200, "", true, true},
		{"nobody", func(access, _ string) url.Values { return values("token", access) }, "", 401, "invalid_client", true, true},
		{"wrong secret", func(access, _ string) url.Values { return values("token", access) }, "Basic secret:x", 401, "invalid_client", true, true},
		{"no token", func(string, string) url.Values { return values("client_id", "public") }, "", 400, "invalid_request", true, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			forms(t, func(t *testing.T, s *stand) {
				got := s.tokens(offline)
				for range 2 { // the second time as the first
					a := s.want(test.status, test.problem, s.post("/revoke", test.form(got.text("access_token"), got.text("refresh_token")), test.credentials))
					if a.header.Get("Access-Control-Allow-Origin") != "*" {
						t.Errorf("headers %v", a.header)
					}
				}
				if s.isActive(got.text("access_token")) != test.access {
					t.Errorf("the access token is active: %v", !test.access)
				}
				status := map[bool]int{true: http.StatusOK, false: http.StatusBadRequest}[test.refreshable]
				if a := s.post("/token", refreshes(got.text("refresh_token")), ""); a.status != status {
					t.Errorf("refresh: %d %s", a.status, a.body)
				}
			})
		})
	}
}

// The last letter of a signature has bits that say nothing: with others it is the same token.
func TestRevokedTokenSpeltOtherwise(t *testing.T) {
	s := newStand(t, nil)
	token := s.tokens("patient/*.rs").text("access_token")
	s.want(http.StatusOK, "", s.post("/revoke", values("token", token, "client_id", "public"), ""))
	for _, last := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		if s.isActive(token[:len(token)-1] + string(last)) {
			t.Errorf("active with %c at the end", last)
		}
	}
}
