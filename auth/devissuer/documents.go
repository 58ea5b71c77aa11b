package devissuer

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/go-jose/go-jose/v4"

	"lightbox/auth"
)

// discovery is the provider's metadata (OpenID Connect Discovery 1.0 section 3), no more than is true: it has endpoints that
// say how tokens are made here, and no grant.
func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		auth.Metadata
		ResponseTypes []string `json:"response_types_supported"`
		SubjectTypes  []string `json:"subject_types_supported"`
		Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	}{
		Metadata:      i.Metadata(),
		ResponseTypes: []string{"code"},
		SubjectTypes:  []string{"public"},
		Algorithms:    []string{string(jose.RS256)},
	})
}

// Metadata is what discovery states of the provider.
func (i *Issuer) Metadata() auth.Metadata {
	return auth.Metadata{
		Issuer:                i.config.URL,
		AuthorizationEndpoint: i.config.URL + "/authorize",
		TokenEndpoint:         i.config.URL + "/token",
		JWKSURI:               i.config.URL + "/jwks",
		GrantTypes:            []string{},
		ChallengeMethods:      []string{},
	}
}

func (i *Issuer) jwks(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{i.PublicKey()}})
}

// authorize has nobody to log in.
func (i *Issuer) authorize(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusNotImplemented)
	_, _ = io.WriteString(w, "This is the demo's issuer: it has no login. Make a token with: lightbox token --dir DIR --scope SCOPE\n")
}

// token knows no grant (RFC 6749 section 5.2).
func (i *Issuer) token(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
	writeJSON(w, http.StatusBadRequest, map[string]string{
		"error":             "unsupported_grant_type",
		"error_description": "the demo's issuer has no grants; make a token with: lightbox token",
	})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
