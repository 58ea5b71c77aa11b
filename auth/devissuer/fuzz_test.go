package devissuer_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// record asks the issuer without a network between.
func (s *stand) record(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "/issuer"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	s.issuer.ServeHTTP(w, r)
	return w
}

// Whatever an authorization request says, nobody is sent to where no client is registered, and no code is made without a login.
func FuzzAuthorize(f *testing.F) {
	f.Add(asks().Encode())
	f.Add(asks("redirect_uri", "https://evil.example/").Encode())
	f.Add(asks("redirect_uri", callback+"@evil.example", "aud", "x", "state", "\r\nLocation: x").Encode())
	f.Add(asks("prompt", "none", "launch", "x", "scope", "launch").Encode())
	f.Add("client_id=public&client_id=other;%zz")
	s := newStand(f, nil)
	f.Fuzz(func(t *testing.T, body string) {
		w := s.record(http.MethodPost, "/authorize", body)
		to, sent := w.Result().Header["Location"]
		switch {
		case w.Code != http.StatusOK && w.Code != http.StatusBadRequest && w.Code != http.StatusSeeOther, sent != (w.Code == http.StatusSeeOther):
			t.Fatalf("%d %v", w.Code, w.Header())
		case !sent:
			return
		}
		answer, here := strings.CutPrefix(to[0], callback+"&")
		if !here {
			answer, here = strings.CutPrefix(to[0], "app.example:/callback?")
		}
		values, err := url.ParseQuery(answer)
		if !here || err != nil || values.Has("code") || !values.Has("error") {
			t.Fatalf("sent to %s", to[0])
		}
	})
}

// No assertion holds that the client's key did not sign.
func FuzzAssertion(f *testing.F) {
	s := newStand(f, nil)
	a := s.assertion("backend")
	a.key = otherKey
	f.Add(a.sign())
	a.algorithm, a.key, a.header["kid"] = jose.HS256, []byte("01234567890123456789012345678901"), "rsa"
	f.Add(a.sign())
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add(`{"payload":"e30","signatures":[]}`)
	f.Fuzz(func(t *testing.T, token string) {
		form := values(append(asserts(token), "grant_type", "client_credentials", "scope", "system/*.rs")...)
		if w := s.record(http.MethodPost, "/token", form.Encode()); w.Code != http.StatusUnauthorized && w.Code != http.StatusBadRequest {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	})
}
