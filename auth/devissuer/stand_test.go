package devissuer_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"lightbox/auth/devissuer"
)

const (
	fhirBase = "https://hub.example/fhir"
	callback = "https://app.example/callback?kept=yes"
	verifier = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJK"
)

var (
	rsaKey   = must(rsa.GenerateKey(rand.Reader, 2048))
	ecKey    = must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	otherKey = must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var keyFile string

// TestMain makes one key for all stands: making an RSA key takes long.
func TestMain(m *testing.M) {
	folder := must(os.MkdirTemp("", "issuer"))
	keyFile = filepath.Join(folder, "key.pem")
	status := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(status)
}

// stand is an issuer at a listener, with a clock that tests move.
type stand struct {
	testing.TB
	issuer *devissuer.Issuer
	url    string
	now    *atomic.Int64 // s
}

func newStand(t testing.TB, change func(*devissuer.Config)) *stand {
	t.Helper()
	mux := http.NewServeMux()
	listener := httptest.NewServer(mux)
	t.Cleanup(listener.Close)
	s := &stand{TB: t, url: listener.URL + "/issuer", now: new(atomic.Int64)}
	s.now.Store(1_800_000_000)
	c := devissuer.Config{
		URL: s.url, Audience: fhirBase, KeyFile: keyFile, Users: users, Clients: clients(),
		Clock: func() time.Time { return time.Unix(s.now.Load(), 0) },
	}
	if change != nil {
		change(&c)
	}
	s.issuer = must(devissuer.New(c))
	mux.Handle("/issuer/", s.issuer)
	return s
}

func (s *stand) pass(d time.Duration) { s.now.Add(int64(d / time.Second)) }

func users(context.Context) ([]devissuer.User, error) {
	both := []devissuer.Patient{{ID: "p1", Display: "Patient <One>"}, {ID: "p2"}}
	return []devissuer.User{
		{Name: "Doctor", Subject: "doctor", FHIRUser: "Practitioner/d1", Patients: both, Organization: "Organization/o1", Roles: []string{"radiologist"}},
		{Name: "Parent", Subject: "parent", FHIRUser: "RelatedPerson/r1", Patients: both},
		{Name: "Self", Subject: "self", FHIRUser: "Patient/p1", Patients: both[:1]},
		{Name: "Nobody's", Subject: "lonely"},
	}, nil
}

const appScopes = "launch launch/patient openid fhirUser profile offline_access online_access"

func clients() []devissuer.Client {
	scopes := append(strings.Fields(appScopes), "patient/*.rs", "user/*.rs", "user/Task.cu", "system/*.rs")
	keys := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: rsaKey.Public(), KeyID: "rsa", Algorithm: "RS384", Use: "sig"},
		{Key: ecKey.Public(), KeyID: "ec"},
	}}
	return []devissuer.Client{
		{ID: "public", Name: "The App", RedirectURIs: []string{callback, "app.example:/callback"}, Scopes: scopes},
		{ID: "other", RedirectURIs: []string{callback}, Scopes: scopes},
		{ID: "secret", Secret: "s:cr t%", RedirectURIs: []string{callback}, Scopes: scopes},
		{ID: "keys", Keys: keys, RedirectURIs: []string{callback}, Scopes: scopes},
		{ID: "backend", Keys: keys, Scopes: []string{"system/*.rs", "system/Task.cruds", "user/*.rs"}, Organization: "Organization/o2"},
		{ID: "backend2", Keys: keys, Scopes: []string{"system/*.rs"}},
	}
}

// values makes parameters of pairs; a later pair replaces an earlier one, and an empty value leaves the parameter out.
func values(pairs ...string) url.Values {
	v := url.Values{}
	for at := 0; at < len(pairs); at += 2 {
		if v.Set(pairs[at], pairs[at+1]); pairs[at+1] == "" {
			v.Del(pairs[at])
		}
	}
	return v
}

// asks makes an authorization request.
func asks(pairs ...string) url.Values {
	hash := sha256.Sum256([]byte(verifier))
	return values(append([]string{
		"response_type", "code", "client_id", "public", "redirect_uri", callback, "state", "st&te", "aud", fhirBase,
		"scope", "launch/patient openid fhirUser patient/*.rs", "nonce", "n1",
		"code_challenge", base64.RawURLEncoding.EncodeToString(hash[:]), "code_challenge_method", "S256",
	}, pairs...)...)
}

// answer is what the issuer answered.
type answer struct {
	status int
	header http.Header
	body   string
}

// json returns a member of the body.
func (a answer) json(name string) any {
	var members map[string]any
	if json.Unmarshal([]byte(a.body), &members) != nil {
		return nil
	}
	return members[name]
}

func (a answer) text(name string) string {
	s, _ := a.json(name).(string)
	return s
}

// sent returns what the redirect carries back to the client, which must be where it is registered.
func (s *stand) sent(a answer) url.Values {
	s.Helper()
	rest, ok := strings.CutPrefix(a.header.Get("Location"), callback+"&")
	if a.status != http.StatusSeeOther || !ok {
		s.Fatalf("no redirect to the client: %d %v %s", a.status, a.header, a.body)
	}
	sent := must(url.ParseQuery(rest))
	if sent.Get("state") != "st&te" || sent.Get("iss") != s.url {
		s.Errorf("sent back %v", sent)
	}
	return sent
}

func (s *stand) do(r *http.Request) answer {
	s.Helper()
	r.Header.Set("Origin", "https://app.example")
	resp, err := http.DefaultTransport.RoundTrip(r) // follows no redirect
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	return answer{resp.StatusCode, resp.Header, string(must(io.ReadAll(resp.Body)))}
}

func (s *stand) get(path string) answer {
	s.Helper()
	return s.do(must(http.NewRequest(http.MethodGet, s.url+path, nil)))
}

// post sends a form; credentials are "", "Basic id:secret" as it goes into a form, or "Bearer token".
func (s *stand) post(path string, form url.Values, credentials string) answer {
	s.Helper()
	r := must(http.NewRequest(http.MethodPost, s.url+path, strings.NewReader(form.Encode())))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if plain, ok := strings.CutPrefix(credentials, "Basic "); ok {
		credentials = "Basic " + base64.StdEncoding.EncodeToString([]byte(plain))
	}
	if credentials != "" {
		r.Header.Set("Authorization", credentials)
	}
	return s.do(r)
}

var (
	action = regexp.MustCompile(`<form method="post" action="([^"]+)"`)
	hidden = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]+)"`)
	choose = regexp.MustCompile(`<select id="choice" name="([^"]+)"`)
	option = regexp.MustCompile(`<option value="([^"]+)"( selected)?>([^<]*)</option>`)
)

// submit sends a page's form with the choice of that text.
func (s *stand) submit(page answer, choice string) answer {
	s.Helper()
	to, input, name := action.FindStringSubmatch(page.body), hidden.FindStringSubmatch(page.body), choose.FindStringSubmatch(page.body)
	if to == nil || input == nil || name == nil {
		s.Fatalf("no form: %d %v %s", page.status, page.header, page.body)
	}
	for _, o := range option.FindAllStringSubmatch(page.body, -1) {
		if html.UnescapeString(o[3]) == choice {
			return s.post(strings.TrimPrefix(html.UnescapeString(to[1]), s.url), values(input[1], input[2], name[1], html.UnescapeString(o[1])), "")
		}
	}
	s.Fatalf("no choice %q: %s", choice, page.body)
	return answer{}
}

// code follows the forms of a login.
func (s *stand) code(request url.Values, choices ...string) string {
	s.Helper()
	a := s.get("/authorize?" + request.Encode())
	for _, choice := range choices {
		a = s.submit(a, choice)
	}
	code := s.sent(a).Get("code")
	if code == "" {
		s.Fatalf("no code: %v", a.header)
	}
	return code
}

// redeems makes a token request for a code.
func redeems(code string, pairs ...string) url.Values {
	return values(append([]string{
		"grant_type", "authorization_code", "client_id", "public", "redirect_uri", callback, "code", code, "code_verifier", verifier,
	}, pairs...)...)
}

// tokens logs the doctor in and redeems the code.
func (s *stand) tokens(scope string) answer {
	s.Helper()
	code := s.code(asks("scope", scope), "Doctor", "Patient <One>")
	return s.want(http.StatusOK, "", s.post("/token", redeems(code), ""))
}

// want checks the status, and the error of OAuth 2.0.
func (s *stand) want(status int, problem string, a answer) answer {
	s.Helper()
	if a.status != status || a.text("error") != problem {
		s.Fatalf("%d %s, want %d %s", a.status, a.body, status, problem)
	}
	return a
}

// introspected asks as a confidential client.
func (s *stand) introspected(token string) answer {
	s.Helper()
	return s.want(http.StatusOK, "", s.post("/introspect", values("token", token), "Basic secret:s%3Acr+t%25"))
}

func (s *stand) isActive(token string) bool {
	s.Helper()
	return s.introspected(token).json("active") == true
}
