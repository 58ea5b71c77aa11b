package devissuer_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"lightbox/auth/devissuer"
)

const issuerURL = "http://127.0.0.1:8080/issuer"

func clock() time.Time { return time.Unix(1_000_000, 0) }

func newIssuer(t *testing.T, path string) *devissuer.Issuer {
	t.Helper()
	i, err := devissuer.New(devissuer.Config{URL: issuerURL, Audience: "aud", KeyFile: path, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// claims verifies a token with the issuer's published key and returns what it says.
func claims(t testing.TB, i *devissuer.Issuer, token string) map[string]any {
	t.Helper()
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	payload, err := jws.Verify(i.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(payload, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTokenHoldsJustTheClaims(t *testing.T) {
	i := newIssuer(t, "")
	standard := map[string]any{"iss": issuerURL, "aud": "aud", "iat": 1e6, "exp": 1e6 + 3600}
	tests := []struct {
		name   string
		claims any
		want   map[string]any
	}{
		{"none", nil, nil},
		{"struct", devissuer.Claims{Scope: "patient/*.rs", Patient: "p"}, map[string]any{"scope": "patient/*.rs", "patient": "p"}},
		{"nonsense", map[string]any{"scope": 42, "x": []any{"y"}}, map[string]any{"scope": 42.0, "x": []any{"y"}}},
		{"others in place of the standard ones", map[string]any{"iss": "evil", "exp": "never"}, map[string]any{"iss": "evil", "exp": "never"}},
		{"null elsewhere", map[string]any{"organization": nil}, map[string]any{"organization": nil}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			token, err := i.Token(test.claims, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			got := claims(t, i, token)
			if got["jti"] == nil {
				t.Error("no jti")
			}
			delete(got, "jti")
			want := map[string]any{}
			for _, m := range []map[string]any{standard, test.want} {
				for name, value := range m {
					want[name] = value
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTokenWithoutStandardClaim(t *testing.T) {
	i := newIssuer(t, "")
	token, err := i.Token(map[string]any{"exp": nil, "jti": nil}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"iss": issuerURL, "aud": "aud", "iat": 1e6}
	if diff := cmp.Diff(want, claims(t, i, token)); diff != "" {
		t.Error(diff)
	}
}

func TestTokenRefusesClaimsThatAreNoObject(t *testing.T) {
	if _, err := newIssuer(t, "").Token([]string{"x"}, time.Hour); err == nil {
		t.Error("no error")
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "issuer.pem")
	one := newIssuer(t, path)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, want 0600", info.Mode().Perm())
	}
	// Another process with the file signs what the first one's keys verify.
	token, err := newIssuer(t, path).Token(nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	claims(t, one, token)
	if err := one.Rotate(); err != nil {
		t.Fatal(err)
	}
	if got, want := newIssuer(t, path).PublicKey().KeyID, one.PublicKey().KeyID; got != want {
		t.Errorf("after rotation the file holds key %s, want %s", got, want)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v", entries, err)
	}
}

func TestKeyFileRefused(t *testing.T) {
	folder := t.TempDir()
	open, junk := filepath.Join(folder, "open.pem"), filepath.Join(folder, "junk.pem")
	newIssuer(t, open)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(junk, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{open, junk, filepath.Join(folder, "absent", "key.pem")} {
		if _, err := devissuer.New(devissuer.Config{URL: issuerURL, KeyFile: path}); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
}

func TestDocuments(t *testing.T) {
	i := newIssuer(t, "")
	tests := []struct {
		name, method, path string
		status             int
		contains           string
	}{
		{"discovery", http.MethodGet, "/issuer/.well-known/openid-configuration", http.StatusOK, `"issuer":"` + issuerURL + `"`},
		{"keys", http.MethodGet, "/issuer/jwks", http.StatusOK, i.PublicKey().KeyID},
		{"authorize", http.MethodGet, "/issuer/authorize", http.StatusNotImplemented, "lightbox token"},
		{"token", http.MethodPost, "/issuer/token", http.StatusBadRequest, `"unsupported_grant_type"`},
		{"elsewhere", http.MethodGet, "/jwks", http.StatusNotFound, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			i.ServeHTTP(w, httptest.NewRequest(test.method, test.path, nil))
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.contains) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	w := httptest.NewRecorder()
	i.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/issuer/jwks", nil))
	if strings.Contains(w.Body.String(), `"d":`) {
		t.Error("the private key is published")
	}
}

func TestNewRefuses(t *testing.T) {
	for _, bad := range []string{"", "issuer", "http://127.0.0.1/", "://"} {
		if _, err := devissuer.New(devissuer.Config{URL: bad}); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
