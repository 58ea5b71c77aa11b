package devissuer

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// tokens is the answer of the token endpoint (RFC 6749 section 5.1, with the launch context of SMART App Launch 2.2).
type tokens struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	ExpiresIn    int64  `json:"expires_in"` // s
	Scope        string `json:"scope"`
	Patient      string `json:"patient,omitempty"`
	Encounter    string `json:"encounter,omitempty"`
	IDToken      string `json:"id_token,omitempty"`
	RefreshToken string `json:"refresh_token,omitempty"`
}

// token answers the token endpoint.
func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	unstored(w.Header())
	answer, err := i.exchange(w, r)
	if err != nil {
		writeRefusal(w, r, err)
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// exchange gives tokens for a grant.
func (i *Issuer) exchange(w http.ResponseWriter, r *http.Request) (tokens, error) {
	types := i.grantTypes()
	if len(types) == 0 {
		return tokens{}, refuse("unsupported_grant_type", "the demo's issuer has no grants; make a token with: lightbox token")
	}
	form, err := readForm(w, r)
	if err != nil {
		return tokens{}, err
	}
	kind := form.Get("grant_type")
	if kind == "" {
		return tokens{}, refuse("invalid_request", "grant_type is missing")
	}
	if !slices.Contains(types, kind) {
		return tokens{}, refuse("unsupported_grant_type", "that grant is not known here")
	}
	if kind == "refresh_token" && isUnnamed(r, form) {
		if form, err = i.named(form); err != nil {
			return tokens{}, err
		}
	}
	client, err := i.authenticate(r, form)
	if err != nil {
		return tokens{}, err
	}
	switch kind {
	case "authorization_code":
		return i.redeem(client, form)
	case "refresh_token":
		return i.renew(client, form)
	}
	return i.serve(client, form)
}

// serve gives a backend service its token (SMART App Launch 2.2 backend-services.html).
func (i *Issuer) serve(c Client, form url.Values) (tokens, error) {
	if len(c.Keys.Keys) == 0 {
		return tokens{}, refuse("unauthorized_client", "client_credentials needs private_key_jwt")
	}
	scopes, err := systemScopes(form.Get("scope"), c.Scopes)
	if err != nil {
		return tokens{}, err
	}
	t := tokens{TokenType: "Bearer", ExpiresIn: int64(backendLife / time.Second), Scope: strings.Join(scopes, " ")}
	t.AccessToken, err = i.Token(Claims{Subject: c.ID, Client: c.ID, Scope: t.Scope, Organization: c.Organization}, backendLife)
	return t, err
}

// give signs what a grant gives: the scopes, which are all of it or fewer.
func (i *Issuer) give(id string, g grant, scopes []string) (tokens, error) {
	life := min(accessLife, g.until.Sub(i.config.Clock()))
	t := tokens{
		TokenType: "Bearer",
		ExpiresIn: int64(life / time.Second),
		Scope:     strings.Join(scopes, " "),
		Patient:   g.patient,
		Encounter: g.encounter,
	}
	if g.refresh != "" {
		t.RefreshToken = id + "." + g.refresh
	}
	var err error
	if t.AccessToken, err = i.Token(i.accessClaims(id, g, t.Scope), life); err != nil {
		return tokens{}, err
	}
	if slices.Contains(scopes, "openid") {
		t.IDToken, err = i.idToken(g, scopes, t.AccessToken)
	}
	return t, err
}

// accessClaims are those of an access token of a grant, which the grant's end ends.
func (i *Issuer) accessClaims(id string, g grant, scope string) any {
	return struct {
		Claims
		Encounter string `json:"encounter,omitempty"`
		Grant     string `json:"grant"`
	}{
		Claims: Claims{
			Subject: g.user.Subject, Client: g.client, Scope: scope, Patient: g.patient, FHIRUser: i.fhirUser(g.user),
			Organization: g.user.Organization, Roles: g.user.Roles,
		},
		Encounter: g.encounter,
		Grant:     grantName(id),
	}
}

// fhirUser is the absolute URL of who a user is.
func (i *Issuer) fhirUser(u User) string {
	if u.FHIRUser == "" {
		return ""
	}
	return i.config.Audience + "/" + u.FHIRUser
}

// idToken tells a client who logged in (OpenID Connect Core section 2; SMART App Launch 2.2
// scopes-and-launch-context.html#scopes-for-requesting-identity-data).
func (i *Issuer) idToken(g grant, scopes []string, accessToken string) (string, error) {
	hash := sha256.Sum256([]byte(accessToken))
	now := i.config.Clock()
	claims := map[string]any{
		"iss": i.config.URL, "sub": g.user.Subject, "aud": g.client,
		"iat": now.Unix(), "exp": now.Add(accessLife).Unix(), "auth_time": g.at.Unix(),
		"at_hash": base64.RawURLEncoding.EncodeToString(hash[:len(hash)/2]),
	}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	if slices.Contains(scopes, "fhirUser") && g.user.FHIRUser != "" {
		claims["fhirUser"] = i.fhirUser(g.user)
	}
	if slices.Contains(scopes, "profile") {
		claims["name"] = g.user.Name
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	return i.Sign("JWT", text)
}
