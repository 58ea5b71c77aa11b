package auth_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"lightbox/auth"
	"lightbox/auth/devissuer"
	"lightbox/fhir"
)

const base = "https://hub.example/fhir"

// provider is a development issuer behind a real server that can be down, and a clock that tests move.
type provider struct {
	*devissuer.Issuer
	url     string
	down    atomic.Bool
	answer  atomic.Pointer[http.HandlerFunc] // in place of introspection
	asked   atomic.Int64                     // what tokens say
	fetches atomic.Int64                     // of keys
	now     atomic.Int64                     // Unix seconds
	log     bytes.Buffer
}

func (p *provider) clock() time.Time        { return time.Unix(p.now.Load(), 0) }
func (p *provider) advance(d time.Duration) { p.now.Add(int64(d / time.Second)) }

func newProvider(t testing.TB) *provider {
	t.Helper()
	return newProviderOf(t, func(*devissuer.Config) {})
}

func newProviderOf(t testing.TB, change func(*devissuer.Config)) *provider {
	t.Helper()
	p := new(provider)
	p.now.Store(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Unix())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.down.Load() {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/jwks") {
			p.fetches.Add(1)
		}
		if strings.HasSuffix(r.URL.Path, "/introspect") {
			p.asked.Add(1)
			if answer := p.answer.Load(); answer != nil {
				(*answer)(w, r)
				return
			}
		}
		p.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL + "/issuer"
	c := devissuer.Config{URL: p.url, Audience: base, Clock: p.clock}
	change(&c)
	issuer, err := devissuer.New(c)
	if err != nil {
		t.Fatal(err)
	}
	p.Issuer = issuer
	return p
}

func (p *provider) verifier(t testing.TB) *auth.OIDC {
	t.Helper()
	v, err := auth.NewVerifier(auth.Config{
		Issuers: []string{p.url}, Audience: base, Base: base, Clock: p.clock, Log: slog.New(slog.NewTextHandler(&p.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (p *provider) mustToken(t *testing.T, claims any) string {
	t.Helper()
	token, err := p.Token(claims, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func verify(t *testing.T, v *auth.OIDC, token string) (*auth.Principal, error) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, base+"/Patient", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return v.Verify(t.Context(), r)
}

func TestPrincipal(t *testing.T) {
	p := newProvider(t)
	v := p.verifier(t)
	patient := []auth.Scope{{Context: "patient", Type: "*", Interactions: "rs"}}
	tests := []struct {
		name   string
		claims map[string]any
		want   auth.Principal
	}{
		{"everything", map[string]any{"sub": "s", "client_id": "c", "scope": "patient/*.rs launch/patient", "patient": "p1", "fhirUser": "Practitioner/d", "organization": "Organization/o", "roles": []string{"a", "b"}},
			auth.Principal{Subject: "s", Client: "c", Patient: "Patient/p1", FHIRUser: "Practitioner/d", Organization: "Organization/o", Roles: []string{"a", "b"}, Scopes: patient}},
		{"references, absolute and ours", map[string]any{"scope": "patient/*.rs", "patient": base + "/Patient/p1", "fhirUser": base + "/Patient/p1", "organization": base + "/Organization/o"},
			auth.Principal{Patient: "Patient/p1", FHIRUser: "Patient/p1", Organization: "Organization/o", Scopes: patient}},
		{"reference", map[string]any{"scope": "patient/*.rs", "patient": "Patient/p1"}, auth.Principal{Patient: "Patient/p1", Scopes: patient}},
		{"a user of another server", map[string]any{"scope": "patient/*.rs", "fhirUser": "https://other.example/fhir/Patient/p1"},
			auth.Principal{FHIRUser: "https://other.example/fhir/Patient/p1", Scopes: patient}},
		{"a server whose name begins as ours", map[string]any{"scope": "patient/*.rs", "fhirUser": base + ".evil.example/Patient/p1"},
			auth.Principal{FHIRUser: base + ".evil.example/Patient/p1", Scopes: patient}},
		{"scope as an array", map[string]any{"scope": []string{"patient/*.rs", "openid"}}, auth.Principal{Scopes: patient}},
		{"scp as an array, azp, role", map[string]any{"scp": []string{"patient/*.rs"}, "azp": "c", "role": "a"}, auth.Principal{Client: "c", Roles: []string{"a"}, Scopes: patient}},
		{"scp as a string", map[string]any{"scp": "patient/*.rs"}, auth.Principal{Scopes: patient}},
		{"no clinical scope", map[string]any{"scope": "openid"}, auth.Principal{}},
		{"null where it harms nobody", map[string]any{"scope": "patient/*.rs", "patient": nil, "fhirUser": nil, "roles": nil}, auth.Principal{Scopes: patient}},
		{"several audiences", map[string]any{"scope": "patient/*.rs", "aud": []string{"https://other.example", base}}, auth.Principal{Scopes: patient}},
		{"times within the leeway", map[string]any{"scope": "patient/*.rs", "exp": p.now.Load() - 30, "nbf": p.now.Load() + 30, "iat": float64(p.now.Load()) + 30.5}, auth.Principal{Scopes: patient}},
		{"claims in other letter case are other claims", map[string]any{"scope": "patient/*.rs", "Patient": "p2", "Organization": "Organization/o"}, auth.Principal{Scopes: patient}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.want.Issuer = p.url
			got, err := verify(t, v, p.mustToken(t, test.claims))
			if err != nil {
				t.Fatal(err)
			}
			if test.want.TokenID = got.TokenID; got.TokenID == "" {
				t.Error("its jti is lost")
			}
			if diff := cmp.Diff(&test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if n := p.fetches.Load(); n != 1 {
		t.Errorf("keys were fetched %d times, want once", n)
	}
}

// forger makes tokens that must not hold.
type forger struct {
	*provider
	t   *testing.T
	own *rsa.PrivateKey // not the issuer's
}

// claims are those of a token that would hold.
func (f forger) claims(change map[string]any) []byte {
	claims := map[string]any{
		"iss": f.url, "aud": base, "sub": "s", "scope": "system/*.cruds", "iat": f.now.Load(), "exp": f.now.Load() + 3600,
	}
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == "absent" })
	text, err := json.Marshal(claims)
	if err != nil {
		f.t.Fatal(err)
	}
	return text
}

// issued is signed by the issuer itself.
func (f forger) issued(typ jose.ContentType, change map[string]any) string {
	token, err := f.Sign(typ, f.claims(change))
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

// signed is signed by the forger with the headers given.
func (f forger) signed(key jose.SigningKey, headers map[jose.HeaderKey]any) string {
	o := new(jose.SignerOptions)
	for name, value := range headers {
		o = o.WithHeader(name, value)
	}
	signer, err := jose.NewSigner(key, o)
	if err != nil {
		f.t.Fatal(err)
	}
	jws, err := signer.Sign(f.claims(nil))
	if err != nil {
		f.t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

func (f forger) withOwnKey(headers map[jose.HeaderKey]any) string {
	return f.signed(jose.SigningKey{Algorithm: jose.RS256, Key: f.own}, headers)
}

func (f forger) unsigned(alg string) string {
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"` + alg + `"}`))
	return header + "." + base64.RawURLEncoding.EncodeToString(f.claims(nil)) + "."
}

// hmacWith is the confusion of RS256 with HS256: the secret is what everybody can read in the JWKS, in one form or another.
func (f forger) hmacWith(public []byte) string {
	return f.signed(jose.SigningKey{Algorithm: jose.HS256, Key: public}, map[jose.HeaderKey]any{"kid": f.PublicKey().KeyID})
}

func (f forger) publicDER() []byte {
	der, err := x509.MarshalPKIXPublicKey(f.PublicKey().Key)
	if err != nil {
		f.t.Fatal(err)
	}
	return der
}

func (f forger) publicPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: f.publicDER()})
}

func (f forger) publicJWK() []byte {
	text, err := f.PublicKey().MarshalJSON()
	if err != nil {
		f.t.Fatal(err)
	}
	return text
}

// flipped changes one bit of the signature.
func (f forger) flipped() string {
	parts := strings.Split(f.issued("JWT", nil), ".")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		f.t.Fatal(err)
	}
	signature[len(signature)/2] ^= 1
	parts[2] = base64.RawURLEncoding.EncodeToString(signature)
	return strings.Join(parts, ".")
}

// changed replaces the payload and keeps the signature.
func (f forger) changed() string {
	parts := strings.Split(f.issued("JWT", map[string]any{"scope": "patient/*.rs"}), ".")
	parts[1] = base64.RawURLEncoding.EncodeToString(f.claims(nil))
	return strings.Join(parts, ".")
}

func TestForgedTokens(t *testing.T) {
	p := newProvider(t)
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := forger{p, t, own}
	var visited atomic.Int64
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		visited.Add(1)
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: own.Public(), KeyID: "k"}, {Key: own.Public(), KeyID: p.PublicKey().KeyID}}})
	}))
	defer evil.Close()
	kid := p.PublicKey().KeyID
	good := f.issued("JWT", nil)
	now := p.now.Load()
	tests := []struct{ name, token, detail string }{
		{"alg none", f.unsigned("none"), "verify"},
		{"alg None", f.unsigned("None"), "verify"},
		{"alg empty", f.unsigned(""), "verify"},
		{"HS256 with the public key", f.hmacWith(f.publicDER()), "verify"},
		{"HS256 with the public key as PEM", f.hmacWith(f.publicPEM()), "verify"},
		{"HS256 with the public key as JWK", f.hmacWith(f.publicJWK()), "verify"},
		{"bad signature", f.flipped(), "verify"},
		{"jku under the issuer's kid", f.withOwnKey(map[jose.HeaderKey]any{"kid": kid, "jku": evil.URL}), "verify"},
		{"another key, its kid unknown", f.withOwnKey(map[jose.HeaderKey]any{"kid": "unknown"}), "verify"},
		{"another key under the issuer's kid", f.withOwnKey(map[jose.HeaderKey]any{"kid": kid}), "verify"},
		{"another key without kid", f.withOwnKey(nil), "verify"},
		{"kid as a path", f.withOwnKey(map[jose.HeaderKey]any{"kid": "../../../../dev/null"}), "verify"},
		{"kid as SQL", f.withOwnKey(map[jose.HeaderKey]any{"kid": "' UNION SELECT 'key' --"}), "verify"},
		{"jku", f.withOwnKey(map[jose.HeaderKey]any{"kid": "k", "jku": evil.URL}), "verify"},
		{"x5u", f.withOwnKey(map[jose.HeaderKey]any{"kid": "k", "x5u": evil.URL}), "verify"},
		{"jwk", f.withOwnKey(map[jose.HeaderKey]any{"jwk": jose.JSONWebKey{Key: own.Public()}}), "verify"},
		{"crit unknown", f.withOwnKey(map[jose.HeaderKey]any{"kid": kid, "crit": []string{"x"}, "x": 1}), "verify"},
		{"payload changed", f.changed(), "verify"},
		{"signature cut", good[:len(good)-10], "verify"},
		{"no signature", good[:strings.LastIndexByte(good, '.')+1], "verify"},
		{"wrong audience", f.issued("JWT", map[string]any{"aud": "https://other.example/fhir"}), "audience"},
		{"audience of which ours is a part", f.issued("JWT", map[string]any{"aud": base + "/x"}), "audience"},
		{"no audience", f.issued("JWT", map[string]any{"aud": "absent"}), "audience"},
		{"audience empty", f.issued("JWT", map[string]any{"aud": []string{}}), "audience"},
		{"audience a number", f.issued("JWT", map[string]any{"aud": 1}), "verify"},
		{"wrong issuer", f.issued("JWT", map[string]any{"iss": "https://evil.example"}), "issuer"},
		{"issuer with a slash more", f.issued("JWT", map[string]any{"iss": p.url + "/"}), "issuer"},
		{"no issuer", f.issued("JWT", map[string]any{"iss": "absent"}), "issuer"},
		{"issuer in another letter case", f.issued("JWT", map[string]any{"iss": "absent", "ISS": p.url}), "issuer"},
		{"expired", f.issued("JWT", map[string]any{"exp": now - 61}), "expired"},
		{"expires now, less the leeway", f.issued("JWT", map[string]any{"exp": now - 60}), "expired"},
		{"no exp", f.issued("JWT", map[string]any{"exp": "absent"}), "exp"},
		{"exp null", f.issued("JWT", map[string]any{"exp": nil}), ""},
		{"exp a string", f.issued("JWT", map[string]any{"exp": fmt.Sprint(now + 3600)}), "exp"},
		{"exp beyond all years", f.issued("JWT", map[string]any{"exp": 1e300}), "exp"},
		{"exp negative", f.issued("JWT", map[string]any{"exp": -1}), "exp"},
		{"nbf ahead", f.issued("JWT", map[string]any{"nbf": now + 61}), "not valid yet"},
		{"iat ahead", f.issued("JWT", map[string]any{"iat": now + 61}), "not valid yet"},
		{"nbf an object", f.issued("JWT", map[string]any{"nbf": map[string]any{}}), ""},
		{"ID token, by nonce", f.issued("JWT", map[string]any{"nonce": "n"}), "not an access token"},
		{"ID token, by at_hash", f.issued("", map[string]any{"at_hash": "h"}), "not an access token"},
		{"ID token, by the type in it", f.issued("JWT", map[string]any{"typ": "ID"}), "not an access token"},
		{"refresh token", f.issued("JWT", map[string]any{"typ": "Refresh"}), "not an access token"},
		{"logout token", f.issued("logout+jwt", nil), "not an access token"},
		{"no scope", f.issued("JWT", map[string]any{"scope": "absent"}), "scope"},
		{"scope a number", f.issued("JWT", map[string]any{"scope": 1}), "scope"},
		{"scope with holes", f.issued("JWT", map[string]any{"scope": []any{"system/*.cruds", 1}}), "scope"},
		{"scope malformed", f.issued("JWT", map[string]any{"scope": "system/*.cruds patient/Patient.rsXYZ"}), "scope"},
		{"patient of another type", f.issued("JWT", map[string]any{"patient": "Practitioner/1"}), "patient"},
		{"patient of another server", f.issued("JWT", map[string]any{"patient": "https://other.example/Patient/1"}), "patient"},
		{"patient with a version", f.issued("JWT", map[string]any{"patient": "Patient/1/_history/1"}), "patient"},
		{"patient as a list", f.issued("JWT", map[string]any{"patient": []string{"1", "2"}}), "patient"},
		{"two patients", f.issued("JWT", map[string]any{"patient": "1,2"}), "patient"},
		{"fhirUser nonsense", f.issued("JWT", map[string]any{"fhirUser": "me"}), "fhirUser"},
		{"fhirUser no person", f.issued("JWT", map[string]any{"fhirUser": "Device/1"}), "fhirUser"},
		{"organization null", f.issued("JWT", map[string]any{"organization": nil}), "organization"},
		{"organization empty", f.issued("JWT", map[string]any{"organization": ""}), "organization"},
		{"organization bare", f.issued("JWT", map[string]any{"organization": "o"}), "organization"},
		{"organization of another server", f.issued("JWT", map[string]any{"organization": "https://other.example/Organization/o"}), "organization"},
		{"organization a list", f.issued("JWT", map[string]any{"organization": []string{"Organization/o"}}), "organization"},
		{"roles a number", f.issued("JWT", map[string]any{"roles": 1}), "roles"},
		{"sub a number", f.issued("JWT", map[string]any{"sub": 1}), ""},
		{"huge", f.issued("JWT", map[string]any{"sub": strings.Repeat("a", auth.MaxToken)}), "too long"},
		{"empty", "", "JWT"},
		{"dots", "..", "JWT"},
		{"five parts", good + ".a.b", "JWT"},
		{"JSON", `{"payload":"e30","signatures":[]}`, "JWT"},
		{"not base64", "%.%.%", "JWT"},
		{"with a line end", strings.Replace(good, ".", ".\n", 1), "JWT"},
		{"payload no object", "e30.W10.e30", "JWT"},
	}
	v := p.verifier(t)
	if _, err := verify(t, v, good); err != nil {
		t.Fatalf("the token that the others are made from: %v", err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := verify(t, v, test.token)
			checkRefused(t, got, err)
			var typed *fhir.Error
			if errors.As(err, &typed) && !strings.Contains(typed.Detail, test.detail) {
				t.Errorf("detail %q does not say %q", typed.Detail, test.detail)
			}
		})
	}
	if visited.Load() != 0 {
		t.Errorf("a URL of a token's header was visited %d times", visited.Load())
	}
	if n := p.fetches.Load(); n > 1 {
		t.Errorf("forged tokens made %d fetches of the keys within a minute", n)
	}
}

func checkRefused(t *testing.T, got *auth.Principal, err error) {
	t.Helper()
	var typed *fhir.Error
	if got != nil || !errors.As(err, &typed) || typed.Type != fhir.Login {
		t.Fatalf("got %v, %v", got, err)
	}
}

func TestBearer(t *testing.T) {
	p := newProvider(t)
	v := p.verifier(t)
	token := p.mustToken(t, devissuer.Claims{Scope: "system/*.rs"})
	tests := []struct {
		name    string
		headers []string
		holds   bool
		noToken bool
	}{
		{"as it should be", []string{"Bearer " + token}, true, false},
		{"scheme in another letter case", []string{"bearer " + token}, true, false},
		{"two spaces", []string{"Bearer  " + token}, true, false},
		{"no header", nil, false, true},
		{"empty header", []string{""}, false, true},
		{"another scheme", []string{"Basic dXNlcjpwYXNz"}, false, true},
		{"token alone", []string{token}, false, true},
		{"scheme alone", []string{"Bearer"}, false, false},
		{"twice", []string{"Bearer " + token, "Bearer " + token}, false, false},
		{"two in one", []string{"Bearer " + token + ", Bearer " + token}, false, false},
		{"something behind", []string{"Bearer " + token + " x"}, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, base+"/Patient?access_token="+token, nil)
			r.Header["Authorization"] = test.headers
			got, err := v.Verify(t.Context(), r)
			if test.holds {
				if err != nil {
					t.Error(err)
				}
				return
			}
			checkRefused(t, got, err)
			if errors.Is(err, auth.ErrNoToken) != test.noToken {
				t.Errorf("ErrNoToken: %v, want %v", !test.noToken, test.noToken)
			}
		})
	}
}

func TestRotation(t *testing.T) {
	p := newProvider(t)
	v := p.verifier(t)
	claims := devissuer.Claims{Scope: "system/*.rs"}
	old := p.mustToken(t, claims)
	if _, err := verify(t, v, old); err != nil {
		t.Fatal(err)
	}
	if err := p.Rotate(); err != nil {
		t.Fatal(err)
	}
	p.advance(61 * time.Second)
	if _, err := verify(t, v, p.mustToken(t, claims)); err != nil {
		t.Errorf("a token of the new key: %v", err)
	}
	got, err := verify(t, v, old)
	checkRefused(t, got, err)
}

// A key that the issuer withdrew without using another is forgotten, though no token asks for it.
func TestWithdrawnKey(t *testing.T) {
	p := newProvider(t)
	v := p.verifier(t)
	old := p.mustToken(t, devissuer.Claims{Scope: "system/*.rs"})
	if _, err := verify(t, v, old); err != nil {
		t.Fatal(err)
	}
	if err := p.Rotate(); err != nil {
		t.Fatal(err)
	}
	p.advance(11 * time.Minute)
	verify(t, v, old) // starts the renewal and may or may not wait for it
	// A token of the new key waits for the renewal, or comes after it.
	if _, err := verify(t, v, p.mustToken(t, devissuer.Claims{Scope: "system/*.rs"})); err != nil {
		t.Fatal(err)
	}
	got, err := verify(t, v, old)
	checkRefused(t, got, err)
}

func TestUnknownKeyFlood(t *testing.T) {
	p := newProvider(t)
	v := p.verifier(t)
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := forger{p, t, own}
	for i := range 200 {
		got, err := verify(t, v, f.withOwnKey(map[jose.HeaderKey]any{"kid": fmt.Sprint("k", i)}))
		checkRefused(t, got, err)
		if i == 99 {
			p.advance(61 * time.Second)
		}
	}
	if n := p.fetches.Load(); n != 2 {
		t.Errorf("200 tokens within two minutes made %d fetches, want 2", n)
	}
}

func TestIssuerDown(t *testing.T) {
	p := newProvider(t)
	p.down.Store(true)
	v := p.verifier(t) // which is no error
	claims := devissuer.Claims{Scope: "system/*.rs"}
	token := p.mustToken(t, claims)
	if _, err := verify(t, v, token); fhir.IssueTypeOf(err) != fhir.Transient {
		t.Errorf("keys never had: %v", err)
	}
	if !strings.Contains(p.log.String(), "keys of the issuer are not to be had") {
		t.Error("the log does not say that the issuer is down")
	}
	p.down.Store(false)
	p.advance(6 * time.Second)
	if _, err := verify(t, v, token); err != nil {
		t.Errorf("issuer back: %v", err)
	}
	p.down.Store(true)
	p.advance(30 * time.Minute)
	for range 3 {
		if _, err := verify(t, v, token); err != nil {
			t.Errorf("issuer down again, keys known: %v", err)
		}
	}
}

func TestSeveralIssuers(t *testing.T) {
	one, two := newProvider(t), newProvider(t)
	v, err := auth.NewVerifier(auth.Config{Issuers: []string{one.url, two.url}, Audience: base, Clock: one.clock})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []*provider{one, two} {
		got, err := verify(t, v, p.mustToken(t, devissuer.Claims{Subject: "s", Scope: "system/*.rs"}))
		if err != nil || got.Issuer != p.url {
			t.Errorf("got %v, %v", got, err)
		}
	}
	// One issuer's word is not another's.
	got, err := verify(t, v, two.mustToken(t, map[string]any{"iss": one.url, "scope": "system/*.rs"}))
	checkRefused(t, got, err)
}

func TestNewVerifierRefuses(t *testing.T) {
	good := auth.Config{Issuers: []string{"https://id.example"}, Audience: base}
	for name, change := range map[string]func(*auth.Config){
		"no issuer":        func(c *auth.Config) { c.Issuers = nil },
		"no audience":      func(c *auth.Config) { c.Audience = "" },
		"issuer no URL":    func(c *auth.Config) { c.Issuers = []string{"id.example"} },
		"issuer a file":    func(c *auth.Config) { c.Issuers = []string{"file:///etc/passwd"} },
		"issuer and query": func(c *auth.Config) { c.Issuers = []string{"https://id.example?x=y"} },
		"none":             func(c *auth.Config) { c.Algorithms = []string{"RS256", "none"} },
		"HS256":            func(c *auth.Config) { c.Algorithms = []string{"HS256"} },
	} {
		c := good
		change(&c)
		if _, err := auth.NewVerifier(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := auth.NewVerifier(good); err != nil {
		t.Error(err)
	}
}

func TestAlgorithmOutsideTheList(t *testing.T) {
	p := newProvider(t)
	v, err := auth.NewVerifier(auth.Config{Issuers: []string{p.url}, Audience: base, Clock: p.clock, Algorithms: []string{"ES384"}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := verify(t, v, p.mustToken(t, devissuer.Claims{Scope: "system/*.rs"}))
	checkRefused(t, got, err)
}

// Nothing of the token, and nobody's name, is in what a client or the log is told.
func TestErrorsHoldNothingOfTheToken(t *testing.T) {
	p := newProvider(t)
	v := p.verifier(t)
	const canary = "Kanareykin"
	for _, claim := range []string{"aud", "exp", "nbf", "iat", "scope", "patient", "fhirUser", "organization"} {
		token := p.mustToken(t, map[string]any{"scope": "system/*.rs", claim: canary + "/" + canary + "?" + canary + "\""})
		_, err := verify(t, v, token)
		var typed *fhir.Error
		if !errors.As(err, &typed) {
			t.Errorf("%s: %v", claim, err)
			continue
		}
		if strings.Contains(typed.Detail+typed.Expression, canary) || strings.Contains(p.log.String(), canary) {
			t.Errorf("%s: shown in %q or the log", claim, typed.Detail)
		}
		if parts := strings.Split(token, "."); slices.ContainsFunc(parts, func(s string) bool { return strings.Contains(err.Error(), s) }) {
			t.Errorf("%s: the error quotes the token", claim)
		}
	}
}

// Whatever stands in the header, Verify gives either a Principal or an error, never both, and no panic.
func FuzzVerify(f *testing.F) {
	p := newProvider(f)
	v := p.verifier(f)
	token, err := p.Token(devissuer.Claims{Scope: "system/*.rs"}, time.Hour)
	if err != nil {
		f.Fatal(err)
	}
	f.Add("Bearer " + token)
	f.Add("Bearer e30.e30.e30")
	f.Add("Bearer " + token[:len(token)-1])
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, base+"/Patient", nil)
		r.Header.Set("Authorization", header)
		got, err := v.Verify(t.Context(), r)
		if (got == nil) == (err == nil) {
			t.Fatalf("got %v, %v", got, err)
		}
		if got != nil && strings.TrimSpace(strings.TrimLeft(header[len("bearer"):], " ")) != token {
			t.Fatal("another token holds")
		}
	})
}
