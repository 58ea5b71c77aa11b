package server_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/auth"
	"lightbox/auth/devissuer"
	"lightbox/fhir"
)

// TestSMART asks, from outside, what the public test kits for SMART App Launch 2.2 and for ONC (g)(10) ask of a resource server; each
// part has the kit's name for it. What they ask of an authorization server is asked of package devissuer.
func TestSMART(t *testing.T) {
	k := smartKit{newLaunches(t, nil)}
	for name, part := range map[string]func(*testing.T){
		"well_known_endpoint":                k.wellKnown,
		"well_known_capabilities_stu1":       k.capabilitiesSTU1,
		"well_known_capabilities_stu2":       k.capabilitiesSTU2,
		"required_capabilities":              k.requiredCapabilities,
		"smart_cors_well_known_endpoint":     func(t *testing.T) { k.cors(t, "/.well-known/smart-configuration", "") },
		"smart_cors_metadata_request":        func(t *testing.T) { k.cors(t, "/metadata", "") },
		"smart_openid_fhir_user_claim":       k.fhirUser,
		"smart_cors_openid_fhir_user_claim":  k.fhirUserCORS,
		"g10_unauthorized_access":            k.unauthorized,
		"g10_patient_context":                k.patientContext,
		"g10_restricted_access_test":         k.restricted,
		"g10_patient_scope":                  k.patientScope,
		"g10_smart_granular_scope_selection": k.granularScope,
		"token_revocation":                   k.revocation,
	} {
		t.Run(name, part)
	}
}

const (
	smartOrigin = "https://app.example"
	smartScopes = "launch/patient openid fhirUser offline_access patient/*.rs"
)

// smartKit asks a hub with an issuer whose users log in.
type smartKit struct{ *launches }

// get asks as a web page does, with a token or none.
func (k smartKit) get(t *testing.T, path, token string) (*http.Response, string) {
	t.Helper()
	r := must(http.NewRequest(http.MethodGet, k.base+path, nil))
	r.Header.Set("Origin", smartOrigin)
	r.Header.Set("Accept", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return resp, string(must(io.ReadAll(resp.Body)))
}

// stated is the hub's smart-configuration.
func (k smartKit) stated(t *testing.T) gjson.Result {
	t.Helper()
	resp, body := k.get(t, "/.well-known/smart-configuration", "")
	if resp.StatusCode != http.StatusOK || !gjson.Valid(body) {
		t.Fatal(resp.Status, body)
	}
	return gjson.Parse(body)
}

func (k smartKit) wellKnown(t *testing.T) {
	resp, _ := k.get(t, "/.well-known/smart-configuration", "")
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		t.Errorf("%q, %v", kind, err)
	}
	k.stated(t)
}

func (k smartKit) capabilitiesSTU1(t *testing.T) {
	stated := k.stated(t)
	for _, name := range []string{"authorization_endpoint", "token_endpoint"} {
		if u, err := url.Parse(stated.Get(name).Str); err != nil || !u.IsAbs() {
			t.Errorf("%s: %s", name, stated.Get(name))
		}
	}
	all := stated.Get("capabilities")
	if !all.IsArray() || len(all.Array()) == 0 {
		t.Errorf("capabilities: %s", all)
	}
	for _, one := range all.Array() {
		if one.Type != gjson.String || one.Str == "" {
			t.Errorf("capability %s", one.Raw)
		}
	}
}

func (k smartKit) capabilitiesSTU2(t *testing.T) {
	k.capabilitiesSTU1(t)
	stated := k.stated(t)
	if !slices.Contains(texts(stated.Get("grant_types_supported")), "authorization_code") {
		t.Error(stated.Get("grant_types_supported"))
	}
	if methods := texts(stated.Get("code_challenge_methods_supported")); !slices.Contains(methods, "S256") || slices.Contains(methods, "plain") {
		t.Error(methods)
	}
	known := stated.Get("issuer").Type == gjson.String && stated.Get("jwks_uri").Type == gjson.String
	if sso := slices.Contains(texts(stated.Get("capabilities")), "sso-openid-connect"); sso != known {
		t.Errorf("sso-openid-connect: %v; issuer and jwks_uri: %v", sso, known)
	}
}

// requiredCapabilities are those of (g)(10) for SMART 2, all of which follow from what the issuer states.
func (k smartKit) requiredCapabilities(t *testing.T) {
	stated := texts(k.stated(t).Get("capabilities"))
	for _, required := range []string{
		"launch-standalone", "launch-ehr", "authorize-post", "client-public", "client-confidential-symmetric", "client-confidential-asymmetric",
		"sso-openid-connect", "context-standalone-patient", "context-ehr-patient", "permission-offline", "permission-patient", "permission-user",
		"permission-v1", "permission-v2",
	} {
		if !slices.Contains(stated, required) {
			t.Errorf("%s is not stated", required)
		}
	}
}

func (k smartKit) cors(t *testing.T, path, token string) {
	t.Helper()
	resp, _ := k.get(t, path, token)
	if allowed := resp.Header.Get("Access-Control-Allow-Origin"); resp.StatusCode != http.StatusOK || allowed != "*" && allowed != smartOrigin {
		t.Errorf("%s: %s, Access-Control-Allow-Origin %q", path, resp.Status, allowed)
	}
}

// fhirUser: whoever logs in, the app reads what the ID token says that they are.
func (k smartKit) fhirUser(t *testing.T) {
	for user, patient := range map[string]string{"anna": "", "mother": "child", "doc": "anna", "person": "child"} {
		t.Run(user, func(t *testing.T) {
			got := k.logIn(t, user, patient, smartScopes)
			path := k.userOf(t, got)
			resp, body := k.get(t, path, got.Access)
			kind, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
			if !slices.Contains([]string{"Patient", "Practitioner", "RelatedPerson", "Person"}, kind) || resp.StatusCode != http.StatusOK ||
				gjson.Get(body, "resourceType").Str != kind {
				t.Errorf("%s: %s %s", path, resp.Status, body)
			}
		})
	}
}

func (k smartKit) fhirUserCORS(t *testing.T) {
	got := k.logIn(t, "anna", "", smartScopes)
	k.cors(t, k.userOf(t, got), got.Access)
}

// userOf is the path of the ID token's fhirUser, below the base URL.
func (k smartKit) userOf(t *testing.T, got granted) string {
	t.Helper()
	payload := strings.Split(got.ID+"..", ".")[1]
	user := gjson.GetBytes(must(base64.RawURLEncoding.DecodeString(payload)), "fhirUser").Str
	path, ours := strings.CutPrefix(user, k.base)
	if !ours {
		t.Fatalf("fhirUser %q", user)
	}
	return path
}

func (k smartKit) unauthorized(t *testing.T) {
	if resp, body := k.get(t, "/Patient/anna", ""); resp.StatusCode != http.StatusUnauthorized || resp.Header.Get("WWW-Authenticate") == "" {
		t.Error(resp.Status, body)
	}
}

func (k smartKit) patientContext(t *testing.T) {
	k.patientOf(t, k.logIn(t, "mother", "child", smartScopes))
}

// patientOf reads the launch patient.
func (k smartKit) patientOf(t *testing.T, got granted) {
	t.Helper()
	if resp, body := k.get(t, "/Patient/"+got.Patient, got.Access); resp.StatusCode != http.StatusOK || gjson.Get(body, "resourceType").Str != "Patient" {
		t.Error(resp.Status, body)
	}
}

// restricted: of the types that are served, a token opens those that it has a scope for. What those who run the hub keep of its
// sources no patient sees, whatever the scope says.
func (k smartKit) restricted(t *testing.T) {
	var all []string
	for _, one := range fhir.R4().Types() {
		all = append(all, one.Name)
	}
	token := func(types []string) string {
		scope := "launch/patient patient/" + strings.Join(types, ".rs patient/") + ".rs"
		return must(k.issuer.Token(devissuer.Claims{Client: "app", Scope: scope, Patient: "anna", FHIRUser: "Patient/anna"}, time.Hour))
	}
	for _, one := range fhir.R4().Types() {
		t.Run(one.Name, func(t *testing.T) {
			path := "/" + one.Name
			if _, has := one.Param("patient"); has && one.Patient != "" {
				path += "?patient=anna"
			}
			want := http.StatusOK
			if slices.Contains([]string{"Provenance", "Person", "Group"}, one.Name) {
				want = http.StatusForbidden
			}
			if resp, body := k.get(t, path, token([]string{one.Name})); resp.StatusCode != want {
				t.Errorf("with its scope: %s %s", resp.Status, body)
			}
			others := slices.DeleteFunc(slices.Clone(all), func(name string) bool { return name == one.Name })
			for _, path := range []string{path, "/" + one.Name + "/anna", "/" + one.Name + "/nothing"} {
				if resp, body := k.get(t, path, token(others)); resp.StatusCode != http.StatusForbidden {
					t.Errorf("%s with every scope but its own: %s %s", path, resp.Status, body)
				}
			}
		})
	}
}

// patientScope: the patient's own record, by scopes of either version.
func (k smartKit) patientScope(t *testing.T) {
	for _, scope := range []string{"patient/Patient.read", "patient/Patient.rs"} {
		t.Run(scope, func(t *testing.T) {
			got := k.logIn(t, "anna", "", "launch/patient "+scope)
			if !slices.Contains(strings.Fields(got.Scope), scope) {
				t.Errorf("granted: %s", got.Scope)
			}
			for path, want := range map[string]int{"/Patient/anna": 200, "/Patient?_id=anna": 200, "/ImagingStudy?patient=anna": 403} {
				if resp, body := k.get(t, path, got.Access); resp.StatusCode != want {
					t.Errorf("%s: %s %s", path, resp.Status, body)
				}
			}
		})
	}
}

// granularScope: a scope with a query opens what the query finds.
func (k smartKit) granularScope(t *testing.T) {
	const scope = "patient/ImagingStudy.rs?modality=http://dicom.nema.org/resources/ontology/DCM|MR"
	got := k.logIn(t, "anna", "", "launch/patient patient/Patient.rs "+scope)
	if !slices.Contains(strings.Fields(got.Scope), scope) {
		t.Errorf("granted: %s", got.Scope)
	}
	for path, want := range map[string]int{"/ImagingStudy/a2": 200, "/ImagingStudy/a1": 404, "/DiagnosticReport/report-a": 403} {
		if resp, body := k.get(t, path, got.Access); resp.StatusCode != want {
			t.Errorf("%s: %s %s", path, resp.Status, body)
		}
	}
	if _, body := k.get(t, "/ImagingStudy?patient=anna", got.Access); !slices.Equal(texts(gjson.Get(body, "entry.#.resource.id")), []string{"a2"}) {
		t.Error(body)
	}
}

// revocation: what was revoked is not refreshed. The hub takes a JWT at its word, so that the last one holds until it expires: an hour
// after it was given at the latest, and the minute that clocks may differ by. Where it asks the issuer, half a minute is all.
func (k smartKit) revocation(t *testing.T) {
	t.Run("a JWT at its word", func(t *testing.T) { k.endsWithin(t, k.revoked(t), time.Hour+time.Minute) })
	t.Run("by introspection", func(t *testing.T) {
		asking := smartKit{newLaunches(t, &auth.Introspection{ClientID: "site", Secret: "synthetic", Always: true})}
		asking.endsWithin(t, asking.revoked(t), 31*time.Second)
	})
}

// revoked is an access token that was used and whose grant was then revoked.
func (k smartKit) revoked(t *testing.T) string {
	t.Helper()
	got := k.logIn(t, "anna", "", smartScopes)
	k.patientOf(t, got)
	if resp, _ := k.post(t, "/revoke", url.Values{"token": {got.Refresh}, "client_id": {"app"}}); resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	resp, body := k.post(t, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {got.Refresh}, "client_id": {"app"}})
	if resp.StatusCode != http.StatusBadRequest && resp.StatusCode != http.StatusUnauthorized {
		t.Error(resp.Status, body)
	}
	return got.Access
}

// granted is what a login gives.
type granted struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	ID      string `json:"id_token"`
	Patient string `json:"patient"`
	Scope   string `json:"scope"`
}

var transactionField = regexp.MustCompile(`name="transaction" value="([^"]+)"`)

// logIn has a user of the issuer log in and pick a patient, "" where there is nothing to pick, without a browser.
func (k smartKit) logIn(t *testing.T, user, patient, scope string) (got granted) {
	t.Helper()
	verifier := rand.Text() + rand.Text()
	challenge := sha256.Sum256([]byte(verifier))
	resp, page := k.post(t, "/authorize", url.Values{
		"response_type": {"code"}, "client_id": {"app"}, "redirect_uri": {k.app}, "scope": {scope}, "state": {"s"}, "aud": {k.base},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	})
	for _, form := range []struct{ path, field, value string }{{"/login", "user", user}, {"/patient", "patient", patient}} {
		if field := transactionField.FindStringSubmatch(page); field != nil {
			resp, page = k.post(t, form.path, url.Values{"transaction": {field[1]}, form.field: {form.value}})
		}
	}
	back, err := resp.Location()
	if err != nil || back.Query().Get("code") == "" {
		t.Fatalf("%v: %s %v", err, resp.Status, back)
	}
	resp, body := k.post(t, "/token", url.Values{
		"grant_type": {"authorization_code"}, "client_id": {"app"}, "redirect_uri": {k.app}, "code": {back.Query().Get("code")}, "code_verifier": {verifier},
	})
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Access == "" {
		t.Fatal(resp.Status, body)
	}
	return got
}

// post sends a form to the issuer, and follows nothing.
func (k smartKit) post(t *testing.T, path string, form url.Values) (*http.Response, string) {
	t.Helper()
	r := must(http.NewRequest(http.MethodPost, k.root+"/issuer"+path, strings.NewReader(form.Encode())))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return resp, string(must(io.ReadAll(resp.Body)))
}

func texts(list gjson.Result) (all []string) {
	for _, one := range list.Array() {
		all = append(all, one.String())
	}
	return all
}
