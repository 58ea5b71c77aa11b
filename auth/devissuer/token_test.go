package devissuer_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"lightbox/auth/devissuer"
)

func TestTokenRefuses(t *testing.T) {
	challenge := asks().Get("code_challenge")
	twice := func(code string) url.Values { v := redeems(code); v.Add("code_verifier", verifier); return v }
	tests := []struct {
		name        string
		form        func(code string) url.Values
		credentials string
		status      int
		problem     string
	}{
		{"PKCE: no verifier", func(code string) url.Values { return redeems(code, "code_verifier", "") }, "", 400, "invalid_grant"},
		{"PKCE: blank verifier", func(code string) url.Values { v := redeems(code); v["code_verifier"] = []string{""}; return v }, "", 400, "invalid_grant"},
		{"PKCE: wrong verifier", func(code string) url.Values { return redeems(code, "code_verifier", verifier+"x") }, "", 400, "invalid_grant"},
		{"PKCE: verifier equal to the challenge", func(code string) url.Values { return redeems(code, "code_verifier", challenge) }, "", 400, "invalid_grant"},
		{"BAD_CODE", func(string) url.Values { return redeems("BAD_CODE") }, "", 400, "invalid_grant"},
		{"no code", func(string) url.Values { return redeems("") }, "", 400, "invalid_grant"},
		{"code with another secret", func(code string) url.Values { return redeems(code[:len(code)-1] + "x") }, "", 400, "invalid_grant"},
		{"BAD_CLIENT_ID", func(code string) url.Values { return redeems(code, "client_id", "BAD_CLIENT_ID") }, "", 401, "invalid_client"},
		{"no client", func(code string) url.Values { return redeems(code, "client_id", "") }, "", 401, "invalid_client"},
		{"another client", func(code string) url.Values { return redeems(code, "client_id", "other") }, "", 400, "invalid_grant"},
		{"another redirect URI", func(code string) url.Values { return redeems(code, "redirect_uri", "app.example:/callback") }, "", 400, "invalid_grant"},
		{"no redirect URI", func(code string) url.Values { return redeems(code, "redirect_uri", "") }, "", 400, "invalid_grant"},
		{"invalid grant type", func(code string) url.Values { return redeems(code, "grant_type", "not_a_grant_type") }, "", 400, "unsupported_grant_type"},
		{"password grant", func(code string) url.Values { return redeems(code, "grant_type", "password") }, "", 400, "unsupported_grant_type"},
		{"no grant type", func(code string) url.Values { return redeems(code, "grant_type", "") }, "", 400, "invalid_request"},
		{"parameter twice", twice, "", 400, "invalid_request"},
		{"confidential client that says only its name", func(code string) url.Values { return redeems(code, "client_id", "secret") }, "", 401, "invalid_client"},
		{"wrong secret", func(code string) url.Values { return redeems(code, "client_id", "secret", "client_secret", "x") }, "", 401, "invalid_client"},
		{"wrong secret in the header", func(code string) url.Values { return redeems(code, "client_id", "") }, "Basic secret:x", 401, "invalid_client"},
		{"secret that is not encoded", func(code string) url.Values { return redeems(code, "client_id", "") }, "Basic secret:s:cr t%", 401, "invalid_client"},
		{"secret for a public client", func(code string) url.Values { return redeems(code, "client_secret", "x") }, "", 401, "invalid_client"},
		{"client with keys by an empty secret", func(code string) url.Values { return redeems(code, "client_id", "") }, "Basic keys:", 401, "invalid_client"},
		{"header for another client", redeemsAny, "Basic secret:s%3Acr+t%25", 401, "invalid_client"},
		{"bearer token", redeemsAny, "Bearer x", 401, "invalid_client"},
		{"secret twice", func(code string) url.Values { return redeems(code, "client_id", "secret", "client_secret", "s:cr t%") }, "Basic secret:s%3Acr+t%25", 400, "invalid_request"},
		{"too long", func(code string) url.Values { return redeems(code, "x", strings.Repeat("x", 64<<10)) }, "", 400, "invalid_request"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStand(t, nil)
			got := s.want(test.status, test.problem, s.post("/token", test.form(s.code(asks(), "Self")), test.credentials))
			if got.header.Get("Cache-Control") != "no-store" || got.header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("headers %v", got.header)
			}
			if challenged := got.header.Get("WWW-Authenticate") != ""; challenged != (got.status == 401 && test.credentials != "") {
				t.Errorf("headers %v", got.header)
			}
		})
	}
}

func redeemsAny(code string) url.Values { return redeems(code) }

func TestParametersInTheURLCountForNothing(t *testing.T) {
	s := newStand(t, nil)
	s.want(http.StatusBadRequest, "invalid_request", s.post("/token?"+redeems(s.code(asks(), "Self")).Encode(), url.Values{}, ""))
	s.want(http.StatusMethodNotAllowed, "", s.get("/token?"+redeems("x").Encode()))
}

func TestCodeEnds(t *testing.T) {
	s := newStand(t, nil)
	in, late := s.code(asks(), "Self"), s.code(asks(), "Self")
	s.pass(59 * time.Second)
	s.want(http.StatusOK, "", s.post("/token", redeems(in), ""))
	s.pass(time.Second)
	s.want(http.StatusBadRequest, "invalid_grant", s.post("/token", redeems(late), ""))
}

// A code that is shown again is in two hands: what it gave ends.
func TestCodeOnce(t *testing.T) {
	for _, opaque := range []bool{false, true} {
		s := newStand(t, func(c *devissuer.Config) { c.Opaque = opaque })
		code := s.code(asks("scope", "launch/patient offline_access patient/*.rs"), "Self")
		got := s.want(http.StatusOK, "", s.post("/token", redeems(code), ""))
		next := s.want(http.StatusOK, "", s.post("/token", refreshes(got.text("refresh_token")), ""))
		s.want(http.StatusBadRequest, "invalid_grant", s.post("/token", redeems(code), ""))
		if s.isActive(got.text("access_token")) || s.isActive(next.text("access_token")) {
			t.Error("what the code gave holds still")
		}
		s.want(http.StatusBadRequest, "invalid_grant", s.post("/token", refreshes(next.text("refresh_token")), ""))
	}
}

// A verifier cannot be guessed: the first wrong one uses the code up.
func TestCodeIsUsedUpByAnyAttempt(t *testing.T) {
	s := newStand(t, nil)
	code := s.code(asks(), "Self")
	s.want(http.StatusBadRequest, "invalid_grant", s.post("/token", redeems(code, "code_verifier", verifier+"x"), ""))
	s.want(http.StatusBadRequest, "invalid_grant", s.post("/token", redeems(code), ""))
}

func refreshes(token string, pairs ...string) url.Values {
	return values(append([]string{"grant_type", "refresh_token", "client_id", "public", "refresh_token", token}, pairs...)...)
}

const offline = "launch/patient openid fhirUser offline_access patient/*.rs"

func TestRefresh(t *testing.T) {
	s := newStand(t, nil)
	first := s.tokens(offline)
	s.pass(2 * time.Hour)
	second := s.want(http.StatusOK, "", s.post("/token", refreshes(first.text("refresh_token")), ""))
	if second.text("scope") != offline || second.text("patient") != "p1" || second.json("expires_in") != 3600.0 || second.header.Get("Pragma") != "no-cache" {
		t.Error(second.body)
	}
	if s.isActive(first.text("access_token")) || !s.isActive(second.text("access_token")) {
		t.Error("of two access tokens the new one should hold")
	}
	id := claims(t, s.issuer, second.text("id_token"))
	if id["sub"] != "doctor" || id["nonce"] != nil || id["auth_time"] != float64(s.now.Load()-7200) {
		t.Error(id)
	}
	fewer := s.want(http.StatusOK, "", s.post("/token", refreshes(second.text("refresh_token"), "scope", "launch/patient patient/ImagingStudy.r"), ""))
	if fewer.text("scope") != "launch/patient patient/ImagingStudy.r" || fewer.text("id_token") != "" {
		t.Error(fewer.body)
	}
	again := s.want(http.StatusOK, "", s.post("/token", refreshes(fewer.text("refresh_token")), ""))
	if again.text("scope") != offline {
		t.Errorf("what was not asked for once is lost: %s", again.body)
	}
}

// A granular scope is within the plain one that a client may have, and gives nothing beyond itself.
func TestGranularScopes(t *testing.T) {
	const granular = "patient/Observation.rs?category=http://x|laboratory&status=final"
	s := newStand(t, nil)
	got := s.tokens("launch/patient offline_access " + granular)
	if got.text("scope") != "launch/patient offline_access "+granular {
		t.Error(got.body)
	}
	token := got.text("refresh_token")
	for _, wider := range []string{"patient/Observation.rs", "patient/Observation.rs?category=http://x|laboratory", "patient/Observation.cs?status=final&category=http://x|laboratory"} {
		s.want(http.StatusBadRequest, "invalid_scope", s.post("/token", refreshes(token, "scope", wider), ""))
	}
	const same = "patient/Observation.r?status=final&category=http://x|laboratory"
	if got := s.want(http.StatusOK, "", s.post("/token", refreshes(token, "scope", same), "")); got.text("scope") != same {
		t.Error(got.body)
	}
}

// A public client need not say who it is: the token was given to it. That is no way around a secret, and an old token ends the grant
// here too.
func TestRefreshUnnamed(t *testing.T) {
	s := newStand(t, nil)
	first := s.tokens(offline).text("refresh_token")
	second := s.want(http.StatusOK, "", s.post("/token", refreshes(first, "client_id", ""), ""))
	s.want(http.StatusBadRequest, "invalid_grant", s.post("/token", refreshes("x", "client_id", ""), ""))
	s.want(http.StatusBadRequest, "invalid_grant", s.post("/token", refreshes(first, "client_id", ""), ""))
	s.want(http.StatusBadRequest, "invalid_grant", s.post("/token", refreshes(second.text("refresh_token"), "client_id", ""), ""))

	code := s.code(asks("client_id", "secret", "scope", offline), "Doctor", "Patient <One>")
	got := s.want(http.StatusOK, "", s.post("/token", redeems(code, "client_id", ""), "Basic secret:s%3Acr+t%25"))
	s.want(http.StatusUnauthorized, "invalid_client", s.post("/token", refreshes(got.text("refresh_token"), "client_id", ""), ""))
}

func TestRefreshRefused(t *testing.T) {
	s := newStand(t, nil)
	token := s.tokens(offline).text("refresh_token")
	tests := []struct {
		name    string
		form    url.Values
		status  int
		problem string
	}{
		{"random", refreshes("x"), 400, "invalid_grant"},
		{"none", refreshes(""), 400, "invalid_grant"},
		{"wider scope", refreshes(token, "scope", offline+" patient/*.cruds"), 400, "invalid_scope"},
		{"another context", refreshes(token, "scope", "user/Patient.rs"), 400, "invalid_scope"},
		{"nonsense in the scope", refreshes(token, "scope", "patient/*.rs nonsense"), 400, "invalid_scope"},
		{"unknown client", refreshes(token, "client_id", "BAD_CLIENT_ID"), 401, "invalid_client"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { s.want(test.status, test.problem, s.post("/token", test.form, "")) })
	}
	s.want(http.StatusOK, "", s.post("/token", refreshes(token), "")) // none of them used it up
}

// A refresh token in the hands of two, or of another client, ends the grant (RFC 9700 section 4.14.2).
func TestRefreshTokenStolen(t *testing.T) {
	t.Run("used twice", func(t *testing.T) {
		s := newStand(t, nil)
		first := s.tokens(offline).text("refresh_token")
		second := s.want(http.StatusOK, "", s.post("/token", refreshes(first), ""))
		s.want(http.StatusBadRequest, "invalid_grant", s.post("/token", refreshes(first), ""))
		s.want(http.StatusBadRequest, "invalid_grant", s.post("/token", refreshes(second.text("refresh_token")), ""))
		if s.isActive(second.text("access_token")) {
			t.Error("the access token holds still")
		}
	})
	t.Run("by another client", func(t *testing.T) {
		s := newStand(t, nil)
		first := s.tokens(offline)
		s.want(http.StatusBadRequest, "invalid_grant", s.post("/token", refreshes(first.text("refresh_token"), "client_id", "other"), ""))
		if s.isActive(first.text("access_token")) {
			t.Error("the access token holds still")
		}
	})
}

func TestRefreshEnds(t *testing.T) {
	tests := []struct {
		scope string
		life  time.Duration
	}{
		{"online_access", 12 * time.Hour},
		{"offline_access", 90 * 24 * time.Hour},
	}
	for _, test := range tests {
		t.Run(test.scope, func(t *testing.T) {
			s := newStand(t, nil)
			got := s.tokens("launch/patient " + test.scope)
			s.pass(test.life - time.Minute)
			got = s.want(http.StatusOK, "", s.post("/token", refreshes(got.text("refresh_token")), ""))
			if got.json("expires_in") != 60.0 {
				t.Errorf("the access token outlives its grant: %s", got.body)
			}
			s.pass(time.Minute)
			s.want(http.StatusBadRequest, "invalid_grant", s.post("/token", refreshes(got.text("refresh_token")), ""))
		})
	}
	s := newStand(t, nil)
	if got := s.tokens("launch/patient patient/*.rs"); got.text("refresh_token") != "" {
		t.Error("a refresh token that nobody asked for")
	}
}

// A verifier that could be guessed is none (RFC 7636 section 4.1), even if the challenge was made of it.
func TestVerifierTooShort(t *testing.T) {
	for _, verifier := range []string{"x", verifier[:42], strings.Repeat("x", 129)} {
		s := newStand(t, nil)
		hash := sha256.Sum256([]byte(verifier))
		code := s.code(asks("code_challenge", base64.RawURLEncoding.EncodeToString(hash[:])), "Self")
		s.want(http.StatusBadRequest, "invalid_grant", s.post("/token", redeems(code, "code_verifier", verifier), ""))
	}
}
