package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"lightbox/fhir"
)

// Introspection says how an issuer is asked what a token says (RFC 7662; SMART App Launch 2.2, token-introspection.html).
//
// A token that is no JWT does not tell whose it is: it is shown to each issuer that is asked, in the order of the configuration. Ask
// issuers alone that may see each other's tokens.
type Introspection struct {
	Endpoint string `json:"endpoint,omitempty"` // default: what the issuer's discovery document names
	ClientID string `json:"clientId"`           // of the hub, for HTTP Basic
	Secret   string `json:"secret"`
	Always   bool   `json:"always,omitempty"` // JWTs are asked for as well, so that a revoked one ends
	// AnyAudience takes an answer that names no audience; one that names another is refused all the same.
	AnyAudience bool `json:"anyAudience,omitempty"`
}

// Bounds of the questions to one issuer. Tokens that were made up must not turn into a flood on it.
const (
	questionsAtOnce = 16
	questionTimeout = 5 * time.Second // waiting for a turn included
	maxAnswer       = 64 << 10
	endpointStale   = 10 * time.Minute
)

func (i Introspection) check(issuer string) error {
	if i.ClientID == "" || i.Secret == "" {
		return errors.New("clientId and secret are needed")
	}
	if i.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(i.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return errors.New("the endpoint is not an http(s) URL")
	}
	return sameSafety(issuer, i.Endpoint)
}

// sameSafety refuses an endpoint without TLS of an issuer with it.
func sameSafety(issuer, endpoint string) error {
	if strings.HasPrefix(issuer, "https:") && !strings.HasPrefix(endpoint, "https:") {
		return errors.New("an https issuer has an endpoint without TLS")
	}
	return nil
}

// introspector asks one issuer.
type introspector struct {
	Introspection
	issuer string
	client *http.Client
	clock  func() time.Time
	log    *slog.Logger
	turns  chan struct{}

	mu       sync.Mutex
	endpoint string
	found    time.Time
}

func newIntrospector(r Rules, c Config) *introspector {
	client := *bounded(c.HTTPClient)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &introspector{Introspection: *r.Introspection, issuer: r.Issuer, client: &client, clock: c.Clock, log: c.Log.With("issuer", r.Issuer),
		turns: make(chan struct{}, questionsAtOnce)}
}

// ask returns what the issuer says of a token, nil where it does not hold. Errors are *fhir.Error with Transient: the token may well hold.
func (i *introspector) ask(ctx context.Context, token string) (claims, error) {
	ctx, cancel := context.WithTimeout(ctx, questionTimeout)
	defer cancel()
	select {
	case i.turns <- struct{}{}:
		defer func() { <-i.turns }()
	case <-ctx.Done():
		return nil, noAnswer(ctx.Err())
	}
	answer, err := i.question(ctx, token)
	if err != nil {
		i.log.Warn("the issuer does not answer what a token says", "error", err)
		return nil, noAnswer(err)
	}
	if string(answer["active"]) != "true" {
		return nil, nil
	}
	return answer, nil
}

func noAnswer(err error) error {
	return fhir.NewError(fhir.Transient, "the token's issuer does not answer whether it holds").Because(err)
}

// question posts a token. The client's name and secret are encoded as RFC 6749 section 2.3.1 has it.
func (i *introspector) question(ctx context.Context, token string) (claims, error) {
	endpoint, err := i.where(ctx)
	if err != nil {
		return nil, err
	}
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, fmt.Errorf("introspection: %w", err)
	}
	r.SetBasicAuth(url.QueryEscape(i.ClientID), url.QueryEscape(i.Secret))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	resp, err := i.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("introspection: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("introspection: status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("introspection: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, errors.New("introspection: the answer is too long")
	}
	var answer claims
	if json.Unmarshal(body, &answer) != nil || answer["active"] == nil {
		return nil, errors.New("introspection: the answer is not that of RFC 7662")
	}
	return answer, nil
}

// where returns the endpoint: the one configured, or what discovery names now.
func (i *introspector) where(ctx context.Context) (string, error) {
	if i.Endpoint != "" {
		return i.Endpoint, nil
	}
	i.mu.Lock()
	known, found := i.endpoint, i.found
	i.mu.Unlock()
	if known != "" && i.clock().Sub(found) < endpointStale {
		return known, nil
	}
	m, err := Discover(ctx, i.client, i.issuer)
	if err != nil {
		return "", err
	}
	if m.IntrospectionEndpoint == "" {
		return "", errors.New("introspection: the issuer names no endpoint for it")
	}
	if err := sameSafety(i.issuer, m.IntrospectionEndpoint); err != nil {
		return "", fmt.Errorf("introspection: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.endpoint, i.found = m.IntrospectionEndpoint, i.clock()
	return i.endpoint, nil
}

// introspected finds the issuer that says that an opaque token holds, and what it says. Where none does and one gave no answer, the
// token may still hold.
func (o *OIDC) introspected(ctx context.Context, raw string) (*issuer, claims, error) {
	if len(o.asked) == 0 || !isToken68(raw) {
		return nil, nil, refused("it is not a signed JWT")
	}
	var silent error
	for _, from := range o.asked {
		answer, err := from.introspector.ask(ctx, raw)
		switch {
		case err != nil:
			silent = err
		case answer != nil:
			return from, answer, o.checkAnswer(from, answer)
		}
	}
	if silent != nil {
		return nil, nil, silent
	}
	return nil, nil, refused("no issuer says that it is active")
}

// isToken68 checks the characters of a bearer token (RFC 6750 section 2.1).
func isToken68(text string) bool {
	body := strings.TrimRight(text, "=")
	for i := range len(body) {
		c := body[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && strings.IndexByte("-._~+/", c) < 0 {
			return false
		}
	}
	return body != ""
}

// checkAnswer holds what an issuer says of an opaque token against what an access token for us must say.
func (o *OIDC) checkAnswer(from *issuer, c claims) error {
	if err := from.owns(c); err != nil {
		return err
	}
	for _, kind := range []struct{ name, want string }{{"token_type", "bearer"}, {"typ", "bearer"}, {"token_use", "access_token"}} {
		var said string // a refresh token is active, too
		if err := c.text(kind.name, &said); err != nil || said != "" && !strings.EqualFold(said, kind.want) {
			return refused("it is not an access token").Because(err)
		}
	}
	if c.has("aud") || !from.rules.Introspection.AnyAudience {
		if err := from.checkAudience(c); err != nil {
			return err
		}
	}
	return o.checkTimes(c)
}

// owns refuses an answer that is of another issuer's token.
func (i *issuer) owns(c claims) error {
	var iss string
	if err := c.text("iss", &iss); err != nil || c.has("iss") && iss != i.rules.Issuer {
		return refused("its issuer is not trusted here")
	}
	c["iss"], _ = json.Marshal(i.rules.Issuer)
	return nil
}

// stillHolds asks for a JWT that was verified, where the issuer is always to be asked: it may have been revoked.
func (i *issuer) stillHolds(ctx context.Context, raw string, c claims) error {
	if i.introspector == nil || !i.introspector.Always {
		return nil
	}
	answer, err := i.introspector.ask(ctx, raw)
	switch {
	case err != nil:
		return err
	case answer == nil:
		return refused("its issuer says that it is not active")
	}
	for _, name := range []string{"iss", "sub"} {
		var signed, said string
		if c.text(name, &signed) != nil || answer.text(name, &said) != nil || answer.has(name) && said != signed {
			return refused("its issuer says something else of it")
		}
	}
	return nil
}
