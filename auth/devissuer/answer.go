package devissuer

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
)

// refusal is an error answer of OAuth 2.0 (RFC 6749 sections 4.1.2.1 and 5.2).
type refusal struct {
	code, description string
}

func (r *refusal) Error() string { return r.code + ": " + r.description }

func refuse(code, description string) error { return &refusal{code, description} }

// asRefusal keeps to itself what an unknown error says.
func asRefusal(err error) *refusal {
	var r *refusal
	if errors.As(err, &r) {
		return r
	}
	if errors.Is(err, errFull) {
		return &refusal{"temporarily_unavailable", "too much is going on here; try later"}
	}
	return &refusal{"server_error", "internal error"}
}

func (r *refusal) status() int {
	switch r.code {
	case "invalid_client", "invalid_token":
		return http.StatusUnauthorized
	case "temporarily_unavailable":
		return http.StatusServiceUnavailable
	case "server_error":
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// writeRefusal answers an error as JSON. Who tried by the Authorization header is told how to (RFC 6749 section 5.2, RFC 6750 section 3).
func writeRefusal(w http.ResponseWriter, r *http.Request, err error) {
	why := asRefusal(err)
	switch {
	case why.code == "invalid_token":
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	case why.code == "invalid_client" && r.Header.Get("Authorization") != "":
		w.Header().Set("WWW-Authenticate", `Basic realm="issuer"`)
	}
	writeJSON(w, why.status(), map[string]string{"error": why.code, "error_description": why.description})
}

// unstored keeps answers with tokens out of caches (RFC 6749 section 5.1).
func unstored(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Pragma", "no-cache")
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

const maxForm = 64 << 10

// readForm returns the parameters of a request's form, or of the query of a GET. A parameter may be there once (RFC 6749 sections
// 3.1 and 3.2); the values are returned even then, for the error to be told where it should be.
func readForm(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return url.Values{}, refuse("invalid_request", "the parameters cannot be read")
	}
	form := r.PostForm
	if r.Method == http.MethodGet {
		form = r.Form
	}
	for _, values := range form {
		if len(values) > 1 {
			return form, refuse("invalid_request", "a parameter is there more than once")
		}
	}
	return form, nil
}

// anyOrigin opens an endpoint to applications in browsers (CORS). There are no cookies here that could be sent along.
func anyOrigin(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		h(w, r)
	}
}

// preflight answers what browsers ask beforehand.
func preflight(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}
