package server

import (
	"net/http"
	"slices"

	"lightbox/auth"
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

// SMARTOf is what the hub's own smart-configuration repeats of an issuer's metadata. What the issuer does not state is not
// claimed for it.
func SMARTOf(m auth.Metadata) SMART {
	return SMART{
		Issuer:                m.Issuer,
		AuthorizationEndpoint: m.AuthorizationEndpoint,
		TokenEndpoint:         m.TokenEndpoint,
		JWKSURI:               m.JWKSURI,
		IntrospectionEndpoint: m.IntrospectionEndpoint,
		RevocationEndpoint:    m.RevocationEndpoint,
		GrantTypes:            append([]string{}, m.GrantTypes...),
		CodeChallengeMethods:  append([]string{}, m.ChallengeMethods...),
		TokenAuthMethods:      m.TokenAuthMethods,
		TokenAuthAlgorithms:   m.TokenAuthAlgorithms,
		Scopes:                m.Scopes,
		ResponseTypes:         append([]string{}, m.ResponseTypes...),
		Capabilities:          capabilities(m),
	}
}

// capabilities are those of SMART App Launch 2.2 that follow from what an issuer states, in the order of its conformance page.
func capabilities(m auth.Metadata) []string {
	logsIn := slices.Contains(m.GrantTypes, "authorization_code") && slices.Contains(m.ChallengeMethods, "S256")
	scope := func(name string) bool { return logsIn && slices.Contains(m.Scopes, name) }
	method := func(name string) bool { return slices.Contains(m.TokenAuthMethods, name) }
	var stated []string
	for _, one := range []struct {
		name string
		true bool
	}{
		{"launch-ehr", scope("launch")},
		{"launch-standalone", scope("launch/patient")},
		{"authorize-post", scope("openid")}, // which OpenID Connect Core 3.1.2.1 demands
		{"client-public", logsIn && method("none")},
		{"client-confidential-symmetric", method("client_secret_basic") || method("client_secret_post")},
		{"client-confidential-asymmetric", method("private_key_jwt")},
		{"sso-openid-connect", scope("openid") && scope("fhirUser") && m.JWKSURI != ""},
		{"context-ehr-patient", scope("launch")},
		{"context-standalone-patient", scope("launch/patient")},
		{"permission-offline", scope("offline_access")},
		{"permission-online", scope("online_access")},
		{"permission-patient", true},
		{"permission-user", true},
		{"permission-v1", true},
		{"permission-v2", true},
	} {
		if one.true {
			stated = append(stated, one.name)
		}
	}
	return stated
}

// imaging are the capabilities of SMART Imaging Access, where images are served beside FHIR under the same tokens: the interface, and by
// which ways the issuer gives tokens for it. https://build.fhir.org/ig/argonautproject/smart-imaging/specification.html
func (a *api) imaging(s SMART) []string {
	if a.HasObjects == nil {
		return nil
	}
	const mode = "http://fhir.org/argonaut/smart-imaging/capabilities/"
	stated := []string{"smart-imaging-access"}
	if slices.Contains(s.Capabilities, "launch-standalone") || slices.Contains(s.Capabilities, "launch-ehr") {
		stated = append(stated, mode+"app-launch")
	}
	if slices.Contains(s.GrantTypes, "client_credentials") && slices.Contains(s.Capabilities, "client-confidential-asymmetric") {
		stated = append(stated, mode+"backend-services")
	}
	return stated
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
	stated.Capabilities = append(slices.Clone(stated.Capabilities), a.imaging(stated)...)
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
