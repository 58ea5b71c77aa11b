package devissuer_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"lightbox/auth/devissuer"
)

const bound = 1 << 14 // of each kind of state

// A revocation that there is no room for is not told as done (RFC 7009 section 2.2.1), until earlier ones end.
func TestRevocationsAreBounded(t *testing.T) {
	s := newStand(t, func(c *devissuer.Config) { c.Opaque = true })
	revoke := func() (token string, status int) {
		token = must(s.issuer.Token(devissuer.Claims{Client: "public"}, time.Minute))
		return token, s.record(http.MethodPost, "/revoke", values("token", token, "client_id", "public").Encode()).Code
	}
	for range bound {
		if _, status := revoke(); status != http.StatusOK {
			t.Fatal(status)
		}
	}
	token, status := revoke()
	if status != http.StatusServiceUnavailable || !s.isActive(token) {
		t.Errorf("status %d", status)
	}
	s.pass(time.Minute)
	if token, status = revoke(); status != http.StatusOK || s.isActive(token) {
		t.Errorf("once there is room: status %d", status)
	}
}

// Of logins that nobody goes on with the oldest are forgotten.
func TestLoginsAreBounded(t *testing.T) {
	s := newStand(t, nil)
	first := s.get("/authorize?" + asks().Encode())
	s.pass(time.Second)
	last := ""
	for range bound {
		last = s.record(http.MethodPost, "/authorize", asks().Encode()).Body.String()
	}
	s.want(http.StatusBadRequest, "", s.submit(first, "Self"))
	if sent := s.sent(s.submit(answer{body: last}, "Self")); !sent.Has("code") {
		t.Error(sent)
	}
}

// Of opaque tokens those are forgotten that would end first, and are then inactive.
func TestOpaqueTokensAreBounded(t *testing.T) {
	s := newStand(t, func(c *devissuer.Config) { c.Opaque = true })
	first := must(s.issuer.Token(nil, time.Minute))
	var last string
	for range bound {
		last = must(s.issuer.Token(nil, time.Hour))
	}
	if s.isActive(first) || !s.isActive(last) {
		t.Error("another one than the first was forgotten")
	}
}

func TestFormsThatCannotBeRead(t *testing.T) {
	s := newStand(t, nil)
	for _, path := range []string{"/token", "/introspect", "/revoke", "/login", "/patient", "/authorize"} {
		for _, body := range []string{"a=%zz", strings.Repeat("x", 65<<10)} {
			if w := s.record(http.MethodPost, path, body); w.Code != http.StatusBadRequest {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	}
}
