package server

import (
	"net/http"
	"slices"

	"lightbox/fhir"
)

// SMART is what .well-known/smart-configuration states of the authorization server in use: what its own discovery document
// said, and nothing that it did not. https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html
type SMART struct {
	Issuer, AuthorizationEndpoint, TokenEndpoint, JWKSURI string
	Capabilities                                          []string

	IntrospectionEndpoint, RevocationEndpoint, RegistrationEndpoint, ManagementEndpoint string

	GrantTypes           []string // nil: authorization_code when there is an authorization endpoint
	CodeChallengeMethods []string // nil: S256 when there is an authorization endpoint; plain is never stated
	TokenAuthMethods     []string
	TokenAuthAlgorithms  []string // of private_key_jwt
	Scopes               []string
	ResponseTypes        []string
}

// smartConfiguration is that document's JSON.
type smartConfiguration struct {
	Issuer                string   `json:"issuer,omitempty"`
	JWKSURI               string   `json:"jwks_uri,omitempty"`
	AuthorizationEndpoint string   `json:"authorization_endpoint,omitempty"`
	TokenEndpoint         string   `json:"token_endpoint"`
	IntrospectionEndpoint string   `json:"introspection_endpoint,omitempty"`
	RevocationEndpoint    string   `json:"revocation_endpoint,omitempty"`
	RegistrationEndpoint  string   `json:"registration_endpoint,omitempty"`
	ManagementEndpoint    string   `json:"management_endpoint,omitempty"`
	GrantTypes            []string `json:"grant_types_supported"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported,omitempty"`
	TokenAuthAlgorithms   []string `json:"token_endpoint_auth_signing_alg_values_supported,omitempty"`
	Scopes                []string `json:"scopes_supported,omitempty"`
	ResponseTypes         []string `json:"response_types_supported,omitempty"`
	CodeChallengeMethods  []string `json:"code_challenge_methods_supported"`
	Capabilities          []string `json:"capabilities"`
}

// smart answers .well-known/smart-configuration, to anyone.
func (a *api) smart(c *call) error {
	stated := a.smartNow()
	if stated.TokenEndpoint == "" {
		return fhir.NewError(fhir.NotFound, "no authorization server of this server is known now")
	}
	body := encode(stated.document())
	h := c.w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Cache-Control", "public, max-age=60")
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(body)
	return nil
}

func (s SMART) document() smartConfiguration {
	d := smartConfiguration{
		AuthorizationEndpoint: s.AuthorizationEndpoint,
		TokenEndpoint:         s.TokenEndpoint,
		IntrospectionEndpoint: s.IntrospectionEndpoint,
		RevocationEndpoint:    s.RevocationEndpoint,
		RegistrationEndpoint:  s.RegistrationEndpoint,
		ManagementEndpoint:    s.ManagementEndpoint,
		GrantTypes:            orElse(s.GrantTypes, s.AuthorizationEndpoint != "", "authorization_code"),
		TokenAuthMethods:      s.TokenAuthMethods,
		TokenAuthAlgorithms:   s.TokenAuthAlgorithms,
		Scopes:                s.Scopes,
		ResponseTypes:         orElse(s.ResponseTypes, s.AuthorizationEndpoint != "", "code"),
		CodeChallengeMethods:  orElse(s.CodeChallengeMethods, s.AuthorizationEndpoint != "", "S256"),
		Capabilities:          orElse(s.Capabilities, false, ""),
	}
	d.CodeChallengeMethods = slices.DeleteFunc(d.CodeChallengeMethods, func(m string) bool { return m == "plain" })
	if slices.Contains(s.Capabilities, "sso-openid-connect") { // both are conditional on it
		d.Issuer, d.JWKSURI = s.Issuer, s.JWKSURI
	}
	return d
}

// orElse returns a copy of what is stated, else the default where it applies; never nil, since the members are required.
func orElse(stated []string, applies bool, value string) []string {
	switch {
	case stated != nil:
		return slices.Clone(stated)
	case applies:
		return []string{value}
	}
	return []string{}
}
