package devissuer_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lightbox/auth"
	"lightbox/auth/devissuer"
)

func TestStandaloneLaunch(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		t.Run(method, func(t *testing.T) {
			s := newStand(t, nil)
			request := asks("scope", "launch/patient openid fhirUser profile offline_access patient/*.rs patient/*.cud patient/Nonsense.rs system/*.rs x/y launch/encounter")
			var page answer
			if method == http.MethodGet {
				page = s.get("/authorize?" + request.Encode())
			} else {
				page = s.post("/authorize", request, "")
			}
			code := s.sent(s.submit(s.submit(page, "Doctor"), "Patient <One>")).Get("code")
			got := s.want(http.StatusOK, "", s.post("/token", redeems(code), ""))
			for name, want := range map[string]any{
				"token_type": "Bearer", "expires_in": 3600.0, "patient": "p1", "encounter": nil,
				"scope": "launch/patient openid fhirUser profile offline_access patient/*.rs",
			} {
				if got.json(name) != want {
					t.Errorf("%s is %v, want %v", name, got.json(name), want)
				}
			}
			if h := got.header; h.Get("Cache-Control") != "no-store" || h.Get("Pragma") != "no-cache" ||
				h.Get("Content-Type") != "application/json" || h.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("headers %v", h)
			}
			checkTokens(s, got)
		})
	}
}

// checkTokens holds the tokens of a login against what they should say, and against what the hub makes of them.
func checkTokens(s *stand, got answer) {
	s.Helper()
	access, id := claims(s.TB, s.issuer, got.text("access_token")), claims(s.TB, s.issuer, got.text("id_token"))
	delete(access, "jti")
	delete(access, "grant")
	delete(id, "at_hash")
	now := float64(s.now.Load())
	want := map[string]any{
		"iss": s.url, "aud": fhirBase, "sub": "doctor", "client_id": "public", "iat": now, "exp": now + 3600, "scope": got.text("scope"),
		"patient": "p1", "fhirUser": fhirBase + "/Practitioner/d1", "organization": "Organization/o1", "roles": []any{"radiologist"},
	}
	if diff := cmp.Diff(want, access); diff != "" {
		s.Error(diff)
	}
	want = map[string]any{
		"iss": s.url, "aud": "public", "sub": "doctor", "nonce": "n1", "fhirUser": fhirBase + "/Practitioner/d1", "name": "Doctor",
		"iat": now, "exp": now + 3600, "auth_time": now,
	}
	if diff := cmp.Diff(want, id); diff != "" {
		s.Error(diff)
	}
	hub := must(auth.NewVerifier(auth.Config{
		Issuers: []string{s.url}, Audience: fhirBase, Base: fhirBase, Clock: func() time.Time { return time.Unix(s.now.Load(), 0) },
	}))
	verify := func(token string) (*auth.Principal, error) {
		return hub.Verify(context.Background(), &http.Request{Header: http.Header{"Authorization": {"Bearer " + token}}})
	}
	p, err := verify(got.text("access_token"))
	if err != nil {
		s.Fatal(err)
	}
	wantP := &auth.Principal{
		Issuer: s.url, Subject: "doctor", Client: "public", Patient: "Patient/p1", FHIRUser: "Practitioner/d1",
		Organization: "Organization/o1", Roles: []string{"radiologist"}, TokenID: p.TokenID, Scopes: []auth.Scope{{Context: "patient", Type: "*", Interactions: "rs"}},
	}
	if diff := cmp.Diff(wantP, p); diff != "" {
		s.Error(diff)
	}
	if _, err := verify(got.text("id_token")); err == nil {
		s.Error("the hub takes an ID token")
	}
}

// Every kind of client gets its tokens, in its own way.
func TestClientsProveThemselves(t *testing.T) {
	tests := []struct {
		name, client, credentials string
		more                      func(s *stand) []string
	}{
		{"none", "public", "", nil},
		{"client_secret_basic", "secret", "Basic secret:s%3Acr+t%25", func(*stand) []string { return []string{"client_id", ""} }},
		{"client_secret_post", "secret", "", func(*stand) []string { return []string{"client_secret", "s:cr t%"} }},
		{"private_key_jwt", "keys", "", func(s *stand) []string { return asserts(s.assertion("keys").sign()) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStand(t, nil)
			code := s.code(asks("client_id", test.client), "Parent", "p2")
			pairs := []string{"client_id", test.client}
			if test.more != nil {
				pairs = append(pairs, test.more(s)...)
			}
			got := s.want(http.StatusOK, "", s.post("/token", redeems(code, pairs...), test.credentials))
			if got.text("patient") != "p2" || got.text("refresh_token") != "" {
				t.Error(got.body)
			}
		})
	}
}

func TestPatientOfALaunch(t *testing.T) {
	tests := []struct {
		name    string
		request url.Values
		choices []string
		patient any
	}{
		{"a single one is not asked for", asks(), []string{"Self"}, "p1"},
		{"patient/ scopes need one", asks("scope", "patient/Patient.rs"), []string{"Parent", "p2"}, "p2"},
		{"user/ scopes do not", asks("scope", "user/Patient.rs"), []string{"Doctor"}, nil},
		{"nor does identity", asks("scope", "openid"), []string{"Nobody's"}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStand(t, nil)
			got := s.want(http.StatusOK, "", s.post("/token", redeems(s.code(test.request, test.choices...)), ""))
			if got.json("patient") != test.patient {
				t.Errorf("patient %v, want %v", got.json("patient"), test.patient)
			}
		})
	}
}

func TestEHRLaunch(t *testing.T) {
	tests := []struct {
		name    string
		launch  devissuer.LaunchContext
		more    []string
		choices []string
		want    [3]string // patient, encounter, sub
		problem string
	}{
		{"user known", devissuer.LaunchContext{Patient: "p2", Encounter: "e1", User: "doctor"}, nil, nil, [3]string{"p2", "e1", "doctor"}, ""},
		{"user logs in", devissuer.LaunchContext{Patient: "p2"}, nil, []string{"Parent"}, [3]string{"p2", "", "parent"}, ""},
		{"user logs in again", devissuer.LaunchContext{Patient: "p1", User: "doctor"}, []string{"prompt", "login"}, []string{"Doctor"}, [3]string{"p1", "", "doctor"}, ""},
		{"patient chosen", devissuer.LaunchContext{User: "doctor"}, nil, []string{"p2"}, [3]string{"p2", "", "doctor"}, ""},
		{"silent", devissuer.LaunchContext{Patient: "p2", User: "doctor"}, []string{"prompt", "none"}, nil, [3]string{"p2", "", "doctor"}, ""},
		{"silent without patient", devissuer.LaunchContext{User: "doctor"}, []string{"prompt", "none"}, nil, [3]string{}, "interaction_required"},
		{"another user", devissuer.LaunchContext{Patient: "p1", User: "doctor"}, []string{"prompt", "login"}, []string{"Parent"}, [3]string{}, "access_denied"},
		{"unknown user", devissuer.LaunchContext{Patient: "p1", User: "evil"}, nil, nil, [3]string{}, "access_denied"},
		{"a patient that is not the user's", devissuer.LaunchContext{Patient: "p2", User: "self"}, nil, nil, [3]string{}, "access_denied"},
		{"without its scope", devissuer.LaunchContext{Patient: "p2", User: "doctor"}, []string{"scope", "openid"}, nil, [3]string{}, "invalid_request"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newStand(t, nil)
			request := asks(append([]string{"scope", "launch openid patient/*.rs", "launch", s.issuer.Launch(test.launch)}, test.more...)...)
			if test.problem != "" {
				a := s.get("/authorize?" + request.Encode())
				for _, choice := range test.choices {
					a = s.submit(a, choice)
				}
				if sent := s.sent(a); sent.Get("error") != test.problem || sent.Has("code") {
					t.Errorf("sent back %v", sent)
				}
				return
			}
			got := s.want(http.StatusOK, "", s.post("/token", redeems(s.code(request, test.choices...)), ""))
			sub, _ := claims(t, s.issuer, got.text("id_token"))["sub"].(string)
			if is := [3]string{got.text("patient"), got.text("encounter"), sub}; is != test.want {
				t.Errorf("got %v, want %v", is, test.want)
			}
			if sent := s.sent(s.get("/authorize?" + request.Encode())); sent.Get("error") != "invalid_request" {
				t.Errorf("the launch holds twice: %v", sent)
			}
		})
	}
}

func TestLaunchEnds(t *testing.T) {
	s := newStand(t, nil)
	request := asks("scope", "launch openid", "launch", s.issuer.Launch(devissuer.LaunchContext{Patient: "p1"}))
	page := s.get("/authorize?" + request.Encode())
	s.pass(9 * time.Minute)
	late := s.get("/authorize?" + request.Encode())
	s.pass(2 * time.Minute)
	if sent := s.sent(s.submit(late, "Doctor")); sent.Get("error") != "invalid_request" {
		t.Errorf("sent back %v", sent)
	}
	s.want(http.StatusBadRequest, "", s.submit(page, "Doctor")) // its own time is over, so nothing is known of the client
	first := s.issuer.Launch(devissuer.LaunchContext{Patient: "p1"})
	s.pass(time.Second)
	for range 1 << 14 {
		s.issuer.Launch(devissuer.LaunchContext{})
	}
	if sent := s.sent(s.get("/authorize?" + asks("scope", "launch", "launch", first).Encode())); sent.Get("error") != "invalid_request" {
		t.Errorf("launches are not bounded: %v", sent)
	}
}

func TestAuthorizeSendsNobodyElsewhere(t *testing.T) {
	s := newStand(t, nil)
	tests := []struct {
		name    string
		request url.Values
	}{
		{"nothing", url.Values{}},
		{"unknown client", asks("client_id", "BAD_CLIENT_ID")},
		{"no client", asks("client_id", "")},
		{"no redirect URI", asks("redirect_uri", "")},
		{"other redirect URI", asks("redirect_uri", "https://evil.example/callback")},
		{"more path", asks("redirect_uri", callback+"/x")},
		{"other letter case", asks("redirect_uri", strings.ToUpper(callback))},
		{"another client's redirect URI", asks("client_id", "other", "redirect_uri", "app.example:/callback")},
		{"client without users", asks("client_id", "backend")},
		{"two redirect URIs", func() url.Values { v := asks(); v.Add("redirect_uri", "https://evil.example"); return v }()},
		{"too long", asks("state", strings.Repeat("x", 9<<10))},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, a := range []answer{s.get("/authorize?" + test.request.Encode()), s.post("/authorize", test.request, "")} {
				if a.status != http.StatusBadRequest || a.header.Get("Location") != "" || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
					t.Errorf("%d %v", a.status, a.header)
				}
			}
		})
	}
}

func TestAuthorizeRefuses(t *testing.T) {
	s := newStand(t, nil)
	twice := asks()
	twice.Add("scope", "openid")
	tests := []struct {
		name    string
		request url.Values
		problem string
	}{
		{"invalid aud", asks("aud", "https://inferno.healthit.gov/invalid_aud"), "invalid_request"},
		{"no aud", asks("aud", ""), "invalid_request"},
		{"no challenge", asks("code_challenge", ""), "invalid_request"},
		{"plain", asks("code_challenge_method", "plain", "code_challenge", verifier), "invalid_request"},
		{"no method, which is plain", asks("code_challenge_method", ""), "invalid_request"},
		{"challenge that is no hash", asks("code_challenge", "short"), "invalid_request"},
		{"no response type", asks("response_type", ""), "invalid_request"},
		{"implicit", asks("response_type", "token"), "unsupported_response_type"},
		{"fragment", asks("response_mode", "fragment"), "invalid_request"},
		{"request object", asks("request", "x.y.z"), "request_not_supported"},
		{"request URI", asks("request_uri", "https://app.example/r"), "request_uri_not_supported"},
		{"no scope", asks("scope", ""), "invalid_scope"},
		{"no scope that is known", asks("scope", "patient/Nonsense.rs patient/Patient.x user/*.cruds nonsense"), "invalid_scope"},
		{"granular scope with a modifier", asks("scope", "patient/Observation.rs?category:not=laboratory"), "invalid_scope"},
		{"scope of a backend service", asks("scope", "system/*.rs"), "invalid_scope"},
		{"v1 and v2", asks("scope", "patient/Patient.read patient/Observation.rs"), "invalid_scope"},
		{"repeated", twice, "invalid_request"},
		{"nobody logged in", asks("prompt", "none"), "login_required"},
		{"none and login", asks("prompt", "none login"), "invalid_request"},
		{"launch scope without launch", asks("scope", "launch openid"), "invalid_request"},
		{"unknown launch", asks("scope", "launch openid", "launch", "x"), "invalid_request"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, a := range []answer{s.get("/authorize?" + test.request.Encode()), s.post("/authorize", test.request, "")} {
				if sent := s.sent(a); sent.Get("error") != test.problem || sent.Has("code") {
					t.Errorf("sent back %v, want %s", sent, test.problem)
				}
			}
		})
	}
}

func TestStateIsNeeded(t *testing.T) {
	s := newStand(t, nil)
	a := s.get("/authorize?" + asks("state", "").Encode())
	if to := must(url.Parse(a.header.Get("Location"))).Query(); to.Get("error") != "invalid_request" || to.Has("state") {
		t.Error(to)
	}
}

func TestScopesGranted(t *testing.T) {
	tests := []struct{ asked, want string }{
		{"patient/Patient.r patient/Patient.r patient/Observation.rs", "patient/Patient.r patient/Observation.rs"},
		{"patient/Patient.read patient/Patient.write", "patient/Patient.read"},
		{"user/Task.crus user/Task.cruds user/Patient.c", "user/Task.crus"},
		{"openid  user/*.cruds email user/Patient.s", "openid user/Patient.s"},
		{"patient%2F*.rs openid", "openid"},
	}
	for _, test := range tests {
		t.Run(test.asked, func(t *testing.T) {
			s := newStand(t, nil)
			got := s.post("/token", redeems(s.code(asks("scope", test.asked, "login_hint", "self"), "Self")), "")
			if got.text("scope") != test.want {
				t.Errorf("%s, want %s", got.body, test.want)
			}
		})
	}
}

// What a page's form says counts only for the page's own transaction, and once.
func TestForms(t *testing.T) {
	s := newStand(t, nil)
	login := s.get("/authorize?" + asks().Encode())
	transaction := hidden.FindStringSubmatch(login.body)[2]
	picker := s.submit(login, "Doctor")
	chosen := hidden.FindStringSubmatch(picker.body)[2]
	fresh := func() string { return hidden.FindStringSubmatch(s.get("/authorize?" + asks().Encode()).body)[2] }
	atPicker := func(user string) string {
		return hidden.FindStringSubmatch(s.submit(s.get("/authorize?"+asks().Encode()), user).body)[2]
	}
	tests := []struct {
		name, path string
		form       url.Values
		problem    string // empty: nobody is sent anywhere
	}{
		{"used transaction", "/login", values("transaction", transaction, "user", "doctor"), ""},
		{"unknown transaction", "/patient", values("transaction", "x", "patient", "p1"), ""},
		{"no transaction", "/login", values("user", "doctor"), ""},
		{"unknown user", "/login", values("transaction", fresh(), "user", "evil"), "access_denied"},
		{"no user", "/login", values("transaction", fresh()), "access_denied"},
		{"user without patients", "/login", values("transaction", fresh(), "user", "lonely"), "access_denied"},
		{"cancelled", "/login", values("transaction", fresh(), "cancel", "yes"), "access_denied"},
		{"picker before login", "/patient", values("transaction", fresh(), "patient", "p1"), "access_denied"},
		{"another's patient", "/patient", values("transaction", chosen, "patient", "p3"), "access_denied"},
		{"no patient", "/patient", values("transaction", atPicker("Parent")), "access_denied"},
		{"cancelled at the picker", "/patient", values("transaction", atPicker("Parent"), "cancel", "yes"), "access_denied"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := s.post(test.path, test.form, "")
			if test.problem == "" {
				if a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
					t.Errorf("%d %v", a.status, a.header)
				}
				return
			}
			if sent := s.sent(a); sent.Get("error") != test.problem || sent.Has("code") {
				t.Errorf("sent back %v", sent)
			}
		})
	}
}

func TestPages(t *testing.T) {
	s := newStand(t, nil)
	login := s.get("/authorize?" + asks("login_hint", "parent").Encode())
	picker := s.submit(login, "Doctor")
	for _, page := range []answer{login, picker} {
		policy := page.header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "form-action 'self' https://app.example;", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("policy %s lacks %s", policy, want)
			}
		}
		if page.status != http.StatusOK || strings.Contains(page.body, "<script") || strings.Contains(page.body, "<One>") || page.header.Get("Set-Cookie") != "" ||
			page.header.Get("Cache-Control") != "no-store" || page.header.Get("Access-Control-Allow-Origin") != "" || page.header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%d %v %s", page.status, page.header, page.body)
		}
	}
	if !strings.Contains(login.body, `<option value="parent" selected>`) || strings.Count(login.body, " selected") != 1 {
		t.Errorf("the hint does not count: %s", login.body)
	}
	if policy := s.get("/authorize?" + asks("redirect_uri", "app.example:/callback").Encode()).header.Get("Content-Security-Policy"); !strings.Contains(policy, "'self' app.example:;") {
		t.Errorf("policy %s", policy)
	}
}

func TestUsersNotToBeHad(t *testing.T) {
	s := newStand(t, func(c *devissuer.Config) {
		c.Users = func(context.Context) ([]devissuer.User, error) { return nil, errors.New("secret of the database") }
	})
	a := s.get("/authorize?" + asks().Encode())
	if sent := s.sent(a); sent.Get("error") != "server_error" || strings.Contains(a.header.Get("Location"), "database") {
		t.Errorf("sent back %v", sent)
	}
}

func TestOneOfManyRedeemsACode(t *testing.T) {
	s := newStand(t, nil)
	code := s.code(asks(), "Self")
	statuses := make(chan int, 20)
	var all sync.WaitGroup
	for range cap(statuses) {
		all.Go(func() { statuses <- s.post("/token", redeems(code), "").status })
	}
	all.Wait()
	close(statuses)
	count := map[int]int{}
	for status := range statuses {
		count[status]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusBadRequest] != 19 {
		t.Error(count)
	}
}
