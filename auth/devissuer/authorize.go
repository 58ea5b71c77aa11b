package devissuer

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxRequest bounds what a login under way keeps, in bytes.
const maxRequest = 8 << 10

// request is an authorization request that is in order.
type request struct {
	client      Client
	redirectURI string
	state       string
	nonce       string
	challenge   string // S256
	scopes      []string
	prompt      []string
	hint        string // login_hint
	launch      string // id of the launch, empty for a standalone one
	context     LaunchContext
}

// authorize starts a login (RFC 6749 section 4.1.1, SMART App Launch 2.2 app-launch.html#obtain-authorization-code).
func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	if len(i.whenUsers("login")) == 0 {
		noLogin(w)
		return
	}
	form, problem := readForm(w, r)
	client, err := i.caller(form)
	if err == nil && len(form.Encode()) > maxRequest {
		err = refuse("invalid_request", "the request is too long")
	}
	if err != nil { // nothing is sent where the client may not be
		errorPage(w, err)
		return
	}
	q := request{client: client, redirectURI: form.Get("redirect_uri"), state: form.Get("state")}
	if problem == nil {
		problem = i.read(&q, form)
	}
	if problem != nil {
		i.sendBack(w, q, url.Values{}, problem)
		return
	}
	i.start(w, r, q)
}

// caller finds the client, and that it may be answered where it says.
func (i *Issuer) caller(form url.Values) (Client, error) {
	if len(form["client_id"]) != 1 || len(form["redirect_uri"]) != 1 {
		return Client{}, refuse("invalid_request", "client_id and redirect_uri are needed, once")
	}
	client, ok := i.config.client(form.Get("client_id"))
	if !ok {
		return Client{}, refuse("invalid_request", "the application is not registered here")
	}
	if !slices.Contains(client.RedirectURIs, form.Get("redirect_uri")) {
		return Client{}, refuse("invalid_request", "the redirect URI is not registered for the application")
	}
	return client, nil
}

// read holds the other parameters against what is asked of them.
func (i *Issuer) read(q *request, form url.Values) error {
	if err := i.checkParameters(form); err != nil {
		return err
	}
	scopes, err := userScopes(form.Get("scope"), q.client.Scopes)
	if err != nil {
		return err
	}
	q.scopes, q.nonce, q.challenge = scopes, form.Get("nonce"), form.Get("code_challenge")
	q.prompt, q.hint, q.launch = strings.Fields(form.Get("prompt")), form.Get("login_hint"), form.Get("launch")
	if slices.Contains(q.prompt, "none") && len(q.prompt) > 1 {
		return refuse("invalid_request", "prompt has none beside others") // OpenID Connect Core 3.1.2.1
	}
	return i.readLaunch(q)
}

// checkParameters checks those whose value is not free.
func (i *Issuer) checkParameters(form url.Values) error {
	mode := form.Get("response_mode")
	switch {
	case form.Get("request") != "":
		return refuse("request_not_supported", "request objects are not supported")
	case form.Get("request_uri") != "":
		return refuse("request_uri_not_supported", "request objects are not supported")
	case form.Get("response_type") == "":
		return refuse("invalid_request", "response_type is missing")
	case form.Get("response_type") != "code":
		return refuse("unsupported_response_type", "response_type must be code")
	case mode != "" && mode != "query":
		return refuse("invalid_request", "response_mode must be query")
	case form.Get("state") == "":
		return refuse("invalid_request", "state is missing")
	case form.Get("aud") != i.config.Audience:
		return refuse("invalid_request", "aud must be the FHIR base URL")
	case form.Get("code_challenge_method") != "S256":
		return refuse("invalid_request", "code_challenge_method must be S256")
	case !isChallenge(form.Get("code_challenge")):
		return refuse("invalid_request", "code_challenge is missing or is no SHA-256 in base64url")
	}
	return nil
}

// isChallenge reports whether a text can be an S256 challenge (RFC 7636 section 4.2).
func isChallenge(text string) bool {
	hash, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(hash) == 32 && !strings.ContainsAny(text, "\r\n")
}

// LaunchContext is what an EHR knows when it launches an application.
type LaunchContext struct {
	Patient   string // id; empty: the user chooses
	Encounter string // id, or empty
	User      string // Subject of who works there and need not log in again; empty: who logs in
}

const launchLife = 10 * time.Minute

// Launch returns the value of the launch parameter that hands a context to an application, for one login within ten minutes
// (SMART App Launch 2.2 app-launch.html#launch-app-ehr-launch). The patient must be one whom the user may choose.
func (i *Issuer) Launch(c LaunchContext) string {
	id := rand.Text()
	i.launches.put(id, c, i.config.Clock().Add(launchLife))
	return id
}

// readLaunch finds the context of an EHR launch. The launch scope and the launch parameter go together.
func (i *Issuer) readLaunch(q *request) error {
	scope := slices.Contains(q.scopes, "launch")
	if !scope && q.launch == "" {
		return nil
	}
	context, ok := i.launches.get(q.launch)
	if !ok {
		return refuse("invalid_request", "launch is missing, unknown or over")
	}
	if !scope {
		return refuse("invalid_request", "launch needs the scope launch")
	}
	q.context = context
	return nil
}

// sendBack answers the client where it is registered, with a code or an error (RFC 6749 section 4.1.2), and who says so (RFC 9207).
func (i *Issuer) sendBack(w http.ResponseWriter, q request, answer url.Values, err error) {
	if err != nil {
		why := asRefusal(err)
		answer.Set("error", why.code)
		answer.Set("error_description", why.description)
	}
	if q.state != "" {
		answer.Set("state", q.state)
	}
	answer.Set("iss", i.config.URL)
	separator := "?"
	if strings.Contains(q.redirectURI, "?") {
		separator = "&"
	}
	pageHeaders(w.Header(), q.redirectURI)
	w.Header().Set("Location", q.redirectURI+separator+answer.Encode())
	w.WriteHeader(http.StatusSeeOther) // RFC 9700 section 4.12: never 307
}
