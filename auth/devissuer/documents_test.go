package devissuer_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/auth"
	"lightbox/auth/devissuer"
)

func TestDiscovery(t *testing.T) {
	s := newStand(t, nil)
	a := s.get("/.well-known/openid-configuration")
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%d %v", a.status, a.header)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	list := func(texts ...any) any { return texts }
	want := map[string]any{
		"issuer":                                s.url,
		"authorization_endpoint":                s.url + "/authorize",
		"token_endpoint":                        s.url + "/token",
		"introspection_endpoint":                s.url + "/introspect",
		"revocation_endpoint":                   s.url + "/revoke",
		"jwks_uri":                              s.url + "/jwks",
		"grant_types_supported":                 list("authorization_code", "refresh_token", "client_credentials"),
		"code_challenge_methods_supported":      list("S256"),
		"response_types_supported":              list("code"),
		"response_modes_supported":              list("query"),
		"subject_types_supported":               list("public"),
		"id_token_signing_alg_values_supported": list("RS256"),
		"scopes_supported": list("fhirUser", "launch", "launch/patient", "offline_access", "online_access", "openid", "patient/*.rs", "profile",
			"system/*.rs", "system/Task.cruds", "user/*.rs", "user/Task.cu"),
		"token_endpoint_auth_methods_supported":            list("none", "client_secret_basic", "client_secret_post", "private_key_jwt"),
		"revocation_endpoint_auth_methods_supported":       list("none", "client_secret_basic", "client_secret_post", "private_key_jwt"),
		"token_endpoint_auth_signing_alg_values_supported": list("RS384", "ES384"),
		"prompt_values_supported":                          list("none", "login", "consent", "select_account"),
		"claims_supported":                                 list("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "name", "fhirUser"),
		"request_parameter_supported":                      false,
		"request_uri_parameter_supported":                  false,
		"claims_parameter_supported":                       false,
		"authorization_response_iss_parameter_supported":   true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	discovered, err := auth.Discover(context.Background(), nil, s.url)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.issuer.Metadata(), discovered); diff != "" {
		t.Error(diff)
	}
}

// What nobody is registered for is not stated.
func TestDiscoveryStatesNoMoreThanIsTrue(t *testing.T) {
	pick := func(ids ...string) []devissuer.Client {
		var some []devissuer.Client
		for _, c := range clients() {
			for _, id := range ids {
				if c.ID == id {
					c.Scopes = []string{"openid"}
					some = append(some, c)
				}
			}
		}
		return some
	}
	tests := []struct {
		name                        string
		change                      func(*devissuer.Config)
		grants, methods, challenges []string
	}{
		{"nothing", func(c *devissuer.Config) { c.Users, c.Clients = nil, nil }, []string{}, nil, []string{}},
		{"users without clients", func(c *devissuer.Config) { c.Clients = nil }, []string{}, nil, []string{}},
		{"clients without users", func(c *devissuer.Config) { c.Users, c.Clients = nil, pick("public") }, []string{}, []string{"none"}, []string{}},
		{"backend services", func(c *devissuer.Config) { c.Clients = pick("backend") }, []string{"client_credentials"}, []string{"private_key_jwt"}, []string{}},
		{"nothing to refresh", func(c *devissuer.Config) { c.Clients = pick("public") }, []string{"authorization_code"}, []string{"none"}, []string{"S256"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStand(t, test.change)
			m := s.issuer.Metadata()
			for _, pair := range [][2][]string{{test.grants, m.GrantTypes}, {test.methods, m.TokenAuthMethods}, {test.challenges, m.ChallengeMethods}} {
				if diff := cmp.Diff(pair[0], pair[1]); diff != "" {
					t.Error(diff)
				}
			}
			if len(test.challenges) == 0 {
				s.want(http.StatusNotImplemented, "", s.get("/authorize?"+asks().Encode()))
			}
			if len(test.grants) == 0 {
				s.want(http.StatusBadRequest, "unsupported_grant_type", s.post("/token", redeems("x"), ""))
			}
		})
	}
}

func TestAnyOrigin(t *testing.T) {
	s := newStand(t, nil)
	for path, method := range map[string]string{
		"/.well-known/openid-configuration": http.MethodGet, "/jwks": http.MethodGet,
		"/token": http.MethodPost, "/introspect": http.MethodPost, "/revoke": http.MethodPost,
	} {
		t.Run(path, func(t *testing.T) {
			ask := must(http.NewRequest(http.MethodOptions, s.url+path, nil))
			ask.Header.Set("Access-Control-Request-Method", method)
			for _, a := range []answer{s.do(ask), s.do(must(http.NewRequest(method, s.url+path, nil)))} {
				if a.header.Get("Access-Control-Allow-Origin") != "*" || a.header.Get("Access-Control-Allow-Credentials") != "" {
					t.Errorf("%d %v", a.status, a.header)
				}
			}
		})
	}
	a := s.get("/authorize?" + asks().Encode())
	if a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Error("the login page is open to scripts of others")
	}
}
