package devissuer_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"lightbox/auth/devissuer"
)

// assertion is a client assertion that tests put together wrongly.
type assertion struct {
	algorithm jose.SignatureAlgorithm
	key       any
	header    map[string]any
	claims    map[string]any
}

// assertion makes one that holds.
func (s *stand) assertion(client string) *assertion {
	return &assertion{
		algorithm: jose.ES384, key: ecKey, header: map[string]any{"typ": "JWT", "kid": "ec"},
		claims: map[string]any{"iss": client, "sub": client, "aud": s.url + "/token", "exp": s.now.Load() + 300, "jti": uuid.NewString()},
	}
}

func (a *assertion) sign() string {
	o := new(jose.SignerOptions)
	for name, value := range a.header {
		o = o.WithHeader(jose.HeaderKey(name), value)
	}
	signer := must(jose.NewSigner(jose.SigningKey{Algorithm: a.algorithm, Key: a.key}, o))
	return must(must(signer.Sign(must(json.Marshal(a.claims)))).CompactSerialize())
}

const jwtBearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

func asserts(token string) []string {
	return []string{"client_assertion_type", jwtBearer, "client_assertion", token}
}

// serves asks for a backend service's token.
func (s *stand) serves(token string, pairs ...string) answer {
	s.Helper()
	form := append([]string{"grant_type", "client_credentials", "scope", "system/*.rs user/*.rs system/Task.cruds openid"}, asserts(token)...)
	return s.post("/token", values(append(form, pairs...)...), "")
}

func TestClientCredentials(t *testing.T) {
	tests := []struct {
		name   string
		change func(s *stand, a *assertion)
	}{
		{"ES384", func(*stand, *assertion) {}},
		{"RS384", func(_ *stand, a *assertion) { a.algorithm, a.key, a.header["kid"] = jose.RS384, rsaKey, "rsa" }},
		{"aud names the issuer", func(s *stand, a *assertion) { a.claims["aud"] = []string{"x", s.url} }},
		{"fraction of a second", func(s *stand, a *assertion) { a.claims["exp"] = float64(s.now.Load()) + 299.5 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStand(t, nil)
			a := s.assertion("backend")
			test.change(s, a)
			got := s.want(http.StatusOK, "", s.serves(a.sign()))
			if got.text("scope") != "system/*.rs system/Task.cruds" || got.json("expires_in") != 300.0 || got.text("token_type") != "Bearer" ||
				got.text("refresh_token") != "" || got.text("id_token") != "" {
				t.Error(got.body)
			}
			c := claims(t, s.issuer, got.text("access_token"))
			if c["sub"] != "backend" || c["client_id"] != "backend" || c["organization"] != "Organization/o2" || c["scope"] != got.text("scope") {
				t.Error(c)
			}
		})
	}
}

// The forged assertions that no public suite tries.
func TestForgedAssertions(t *testing.T) {
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: must(x509.MarshalPKIXPublicKey(rsaKey.Public()))})
	tests := []struct {
		name  string
		forge func(s *stand, a *assertion) string
	}{
		{"bad signature", func(_ *stand, a *assertion) string { a.key = otherKey; return a.sign() }},
		{"signature cut", func(_ *stand, a *assertion) string { text := a.sign(); return text[:len(text)-8] }},
		{"wrong aud", func(_ *stand, a *assertion) string { a.claims["aud"] = fhirBase; return a.sign() }},
		{"no aud", func(_ *stand, a *assertion) string { delete(a.claims, "aud"); return a.sign() }},
		{"expired", func(s *stand, a *assertion) string { a.claims["exp"] = s.now.Load() - 11; return a.sign() }},
		{"no exp", func(_ *stand, a *assertion) string { delete(a.claims, "exp"); return a.sign() }},
		{"exp out of range", func(_ *stand, a *assertion) string { a.claims["exp"] = 1e300; return a.sign() }},
		{"exp more than 5 min ahead", func(s *stand, a *assertion) string { a.claims["exp"] = s.now.Load() + 311; return a.sign() }},
		{"not valid yet", func(s *stand, a *assertion) string { a.claims["nbf"] = s.now.Load() + 60; return a.sign() }},
		{"replayed jti", func(s *stand, a *assertion) string {
			s.want(http.StatusOK, "", s.serves(a.sign()))
			return a.sign() // signed anew, so not the same text
		}},
		{"no jti", func(_ *stand, a *assertion) string { delete(a.claims, "jti"); return a.sign() }},
		{"wrong iss", func(_ *stand, a *assertion) string { a.claims["iss"] = "backend2"; return a.sign() }},
		{"unknown sub", func(_ *stand, a *assertion) string {
			a.claims["iss"], a.claims["sub"] = "evil", "evil"
			return a.sign()
		}},
		{"client without keys", func(_ *stand, a *assertion) string {
			a.claims["iss"], a.claims["sub"] = "secret", "secret"
			return a.sign()
		}},
		{"unknown kid", func(_ *stand, a *assertion) string { a.header["kid"] = "evil"; return a.sign() }},
		{"no kid", func(_ *stand, a *assertion) string { delete(a.header, "kid"); return a.sign() }},
		{"kid of the other key", func(_ *stand, a *assertion) string { a.header["kid"] = "rsa"; return a.sign() }},
		{"jku not whitelisted", func(_ *stand, a *assertion) string {
			a.header["jku"] = "https://evil.example/jwks"
			return a.sign()
		}},
		{"key brought along", func(_ *stand, a *assertion) string {
			a.key, a.header["jwk"] = otherKey, jose.JSONWebKey{Key: otherKey.Public()}
			return a.sign()
		}},
		{"typ of an access token", func(_ *stand, a *assertion) string { a.header["typ"] = "at+jwt"; return a.sign() }},
		{"alg none", func(_ *stand, a *assertion) string {
			encode := base64.RawURLEncoding.EncodeToString
			return encode([]byte(`{"alg":"none","typ":"JWT","kid":"ec"}`)) + "." + encode(must(json.Marshal(a.claims))) + "."
		}},
		{"alg HS256 signed with the public key", func(_ *stand, a *assertion) string {
			a.algorithm, a.key, a.header["kid"] = jose.HS256, public, "rsa"
			return a.sign()
		}},
		{"alg RS256", func(_ *stand, a *assertion) string {
			a.algorithm, a.key, a.header["kid"] = jose.RS256, rsaKey, "rsa"
			return a.sign()
		}},
		{"claims that are no object", func(_ *stand, a *assertion) string { a.claims = nil; return a.sign() }},
		{"nonsense", func(*stand, *assertion) string { return "x.y.z" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStand(t, nil)
			s.want(http.StatusUnauthorized, "invalid_client", s.serves(test.forge(s, s.assertion("backend"))))
		})
	}
}

// A jti is one client's, and is used up only by those who have the key.
func TestJTI(t *testing.T) {
	s := newStand(t, nil)
	one, two := s.assertion("backend"), s.assertion("backend2")
	two.claims["jti"] = one.claims["jti"]
	forged := s.assertion("backend")
	forged.claims["jti"], forged.key = one.claims["jti"], otherKey
	s.want(http.StatusUnauthorized, "invalid_client", s.serves(forged.sign()))
	s.want(http.StatusOK, "", s.serves(one.sign()))
	s.want(http.StatusOK, "", s.serves(two.sign()))
	s.want(http.StatusUnauthorized, "invalid_client", s.serves(two.sign()))
	s.now.Add(309) // to the last second that the assertion's exp gives it
	s.want(http.StatusUnauthorized, "invalid_client", s.serves(two.sign()))
}

func TestClientCredentialsRefused(t *testing.T) {
	tests := []struct {
		name    string
		send    func(s *stand) answer
		status  int
		problem string
	}{
		{"invalid grant type", func(s *stand) answer {
			return s.serves(s.assertion("backend").sign(), "grant_type", "not_a_grant_type")
		}, http.StatusBadRequest, "unsupported_grant_type"},
		{"invalid assertion type", func(s *stand) answer {
			return s.serves(s.assertion("backend").sign(), "client_assertion_type", "not_an_assertion_type")
		}, http.StatusUnauthorized, "invalid_client"},
		{"no assertion type", func(s *stand) answer {
			return s.serves(s.assertion("backend").sign(), "client_assertion_type", "")
		}, http.StatusUnauthorized, "invalid_client"},
		{"another client_id", func(s *stand) answer {
			return s.serves(s.assertion("backend").sign(), "client_id", "backend2")
		}, http.StatusUnauthorized, "invalid_client"},
		{"assertion and secret", func(s *stand) answer {
			return s.serves(s.assertion("backend").sign(), "client_secret", "x")
		}, http.StatusBadRequest, "invalid_request"},
		{"no scope", func(s *stand) answer {
			return s.serves(s.assertion("backend").sign(), "scope", "")
		}, http.StatusBadRequest, "invalid_scope"},
		{"scopes of users", func(s *stand) answer {
			return s.serves(s.assertion("backend").sign(), "scope", "user/*.rs")
		}, http.StatusBadRequest, "invalid_scope"},
		{"scope of others", func(s *stand) answer {
			return s.serves(s.assertion("backend2").sign(), "scope", "system/Task.cruds")
		}, http.StatusBadRequest, "invalid_scope"},
		{"by secret", func(s *stand) answer {
			return s.post("/token", values("grant_type", "client_credentials", "scope", "system/*.rs"), "Basic secret:s%3Acr+t%25")
		}, http.StatusBadRequest, "unauthorized_client"},
		{"public", func(s *stand) answer {
			return s.post("/token", values("grant_type", "client_credentials", "scope", "system/*.rs", "client_id", "public"), "")
		}, http.StatusBadRequest, "unauthorized_client"},
		{"nobody", func(s *stand) answer {
			return s.post("/token", values("grant_type", "client_credentials", "scope", "system/*.rs"), "")
		}, http.StatusUnauthorized, "invalid_client"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStand(t, nil)
			s.want(test.status, test.problem, test.send(s))
		})
	}
}

func TestConfigRefused(t *testing.T) {
	private := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: ecKey, KeyID: "k"}}}
	unnamed := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: ecKey.Public()}}}
	for at, bad := range [][]devissuer.Client{
		{{}},
		{{ID: "a"}, {ID: "a"}},
		{{ID: "a", RedirectURIs: []string{"/callback"}}},
		{{ID: "a", RedirectURIs: []string{"https://app.example/#x"}}},
		{{ID: "a", RedirectURIs: []string{"javascript:alert(1)"}}},
		{{ID: "a", Scopes: []string{"patient/*.rsx"}}},
		{{ID: "a", Scopes: []string{"openid fhirUser"}}},
		{{ID: "a", Keys: private}},
		{{ID: "a", Keys: unnamed}},
	} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			if _, err := devissuer.New(devissuer.Config{URL: issuerURL, Audience: fhirBase, Clients: bad}); err == nil {
				t.Error("no error")
			}
		})
	}
	if _, err := devissuer.New(devissuer.Config{URL: issuerURL, Clients: clients()}); err == nil {
		t.Error("clients without audience: no error")
	}
}
