package devissuer

import (
	"crypto/sha256"
	"net/http"
	"net/url"
)

// authenticate finds the client that calls and has it prove itself, by one of the ways that it is registered for (RFC 6749
// section 2.3). A public client only names itself.
func (i *Issuer) authenticate(r *http.Request, form url.Values) (Client, error) {
	basic, asserted, posted := r.Header.Get("Authorization") != "", isAsserted(form), form.Get("client_secret") != ""
	if basic && asserted || basic && posted || asserted && posted {
		return Client{}, refuse("invalid_request", "the client proves itself in more than one way")
	}
	switch {
	case basic:
		return i.byBasic(r, form)
	case asserted:
		return i.byAssertion(form)
	case posted:
		return i.bySecret(form.Get("client_id"), form.Get("client_secret"))
	}
	c, ok := i.config.client(form.Get("client_id"))
	if !ok || c.confidential() {
		return Client{}, badClient()
	}
	return c, nil
}

// isUnnamed reports whether a request says nothing of the client that makes it.
func isUnnamed(r *http.Request, form url.Values) bool {
	return r.Header.Get("Authorization") == "" && !isAsserted(form) && form.Get("client_id") == "" && form.Get("client_secret") == ""
}

// byBasic reads client_secret_basic, whose parts are encoded as in a form (RFC 6749 section 2.3.1).
func (i *Issuer) byBasic(r *http.Request, form url.Values) (Client, error) {
	id, secret, ok := r.BasicAuth()
	id, err := url.QueryUnescape(id)
	if err != nil || !ok || form.Has("client_id") && form.Get("client_id") != id {
		return Client{}, badClient()
	}
	if secret, err = url.QueryUnescape(secret); err != nil {
		return Client{}, badClient()
	}
	return i.bySecret(id, secret)
}

func (i *Issuer) bySecret(id, secret string) (Client, error) {
	c, ok := i.config.client(id)
	want, got := sha256.Sum256([]byte(c.Secret)), sha256.Sum256([]byte(secret))
	if !ok || c.Secret == "" || !same(string(want[:]), string(got[:])) {
		return Client{}, badClient()
	}
	return c, nil
}

// badClient does not tell unknown clients from those that do not prove themselves.
func badClient() error {
	return refuse("invalid_client", "the client is unknown or does not prove that it is the one")
}
