package devissuer

import (
	"net/http"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"lightbox/auth"
)

// discovery is the provider's metadata (OpenID Connect Discovery 1.0 section 3, RFC 8414), no more than is true.
func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	m := i.Metadata()
	writeJSON(w, http.StatusOK, struct {
		auth.Metadata
		ResponseModes  []string `json:"response_modes_supported"`
		Prompts        []string `json:"prompt_values_supported,omitempty"`
		Claims         []string `json:"claims_supported,omitempty"`
		RevocationAuth []string `json:"revocation_endpoint_auth_methods_supported,omitempty"`
		Request        bool     `json:"request_parameter_supported"`
		RequestURI     bool     `json:"request_uri_parameter_supported"` // true where it is not said
		ClaimsAsked    bool     `json:"claims_parameter_supported"`
		NamesItself    bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
	}{
		Metadata:       m,
		ResponseModes:  []string{"query"},
		Prompts:        i.whenUsers("none", "login", "consent", "select_account"),
		Claims:         i.whenUsers("iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "name", "fhirUser"),
		RevocationAuth: m.TokenAuthMethods,
		NamesItself:    true,
	})
}

// Metadata is what discovery states of the provider.
func (i *Issuer) Metadata() auth.Metadata {
	m := auth.Metadata{
		Issuer:                i.config.URL,
		AuthorizationEndpoint: i.config.URL + "/authorize",
		TokenEndpoint:         i.config.URL + "/token",
		IntrospectionEndpoint: i.config.URL + "/introspect",
		JWKSURI:               i.config.URL + "/jwks",
		GrantTypes:            i.grantTypes(),
		ChallengeMethods:      append([]string{}, i.whenUsers("S256")...),
		Scopes:                i.scopes(),
		ResponseTypes:         []string{"code"},
		SubjectTypes:          []string{"public"},
		IDTokenAlgorithms:     []string{string(jose.RS256)},
		TokenAuthMethods:      i.authMethods(),
	}
	if i.config.any(func(c Client) bool { return len(c.Keys.Keys) > 0 }) {
		for _, a := range assertionAlgorithms() {
			m.TokenAuthAlgorithms = append(m.TokenAuthAlgorithms, string(a))
		}
	}
	if len(i.config.Clients) > 0 {
		m.RevocationEndpoint = i.config.URL + "/revoke"
	}
	return m
}

// grantTypes are the grants that somebody here can have.
func (i *Issuer) grantTypes() []string {
	types := append([]string{}, i.whenUsers("authorization_code")...)
	if len(types) > 0 && i.config.any(func(c Client) bool { return refreshLife(c.Scopes) > 0 }) {
		types = append(types, "refresh_token")
	}
	if i.config.any(func(c Client) bool { return len(c.Keys.Keys) > 0 }) {
		types = append(types, "client_credentials")
	}
	return types
}

// whenUsers returns the values if anybody can log in for any client.
func (i *Issuer) whenUsers(values ...string) []string {
	if i.config.Users == nil || !i.config.any(func(c Client) bool { return len(c.RedirectURIs) > 0 }) {
		return nil
	}
	return values
}

// authMethods are those by which the clients here prove themselves.
func (i *Issuer) authMethods() []string {
	var methods []string
	if i.config.any(func(c Client) bool { return !c.confidential() }) {
		methods = append(methods, "none")
	}
	if i.config.any(func(c Client) bool { return c.Secret != "" }) {
		methods = append(methods, "client_secret_basic", "client_secret_post")
	}
	if i.config.any(func(c Client) bool { return len(c.Keys.Keys) > 0 }) {
		methods = append(methods, "private_key_jwt")
	}
	return methods
}

// scopes are those that some client may have.
func (i *Issuer) scopes() []string {
	var scopes []string
	for _, c := range i.config.Clients {
		scopes = append(scopes, c.Scopes...)
	}
	slices.Sort(scopes)
	return slices.Compact(scopes)
}

func (i *Issuer) jwks(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{i.PublicKey()}})
}
