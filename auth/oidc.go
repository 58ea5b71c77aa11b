package auth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"lightbox/fhir"
)

// Config says whose access tokens are taken.
type Config struct {
	Issuers    []string // exact issuer URLs; their keys come from OIDC discovery
	Rules      []Rules  // of further issuers, whose tokens are read otherwise
	Audience   string   // what a token's aud must name; without it a token for any other service would do
	Base       string   // our FHIR base URL without trailing slash: references below it in claims are ours
	Algorithms []string // default: RS, ES and PS with 256, 384 and 512 bits; none and HS* are never taken
	Clock      func() time.Time
	HTTPClient *http.Client  // for discovery and keys; default: 10 s, no redirects
	Leeway     time.Duration // between the issuer's clock and ours; default 60 s
	Log        *slog.Logger

	Directory Directory // needed where Rules identify callers
	Links     Links     // needed where Rules go by links
}

// MaxToken is the longest access token that is looked at, in bytes. SMART asks issuers for headers below 8 kB.
const MaxToken = 16 << 10

// ErrNoToken is the cause of the error for a request without a bearer token.
var ErrNoToken = errors.New("no bearer token")

// OIDC verifies access tokens of OpenID Connect issuers: JWTs (RFC 9068 and what providers made before it), and of issuers that are asked
// what a token says, any others.
type OIDC struct {
	config  Config
	issuers map[string]*issuer
	asked   []*issuer // those that tell of opaque tokens
}

// NewVerifier checks the configuration. It reaches no issuer: one that is down now is asked again when a token of it comes.
func NewVerifier(c Config) (*OIDC, error) {
	if len(c.Issuers)+len(c.Rules) == 0 || c.Audience == "" {
		return nil, errors.New("auth: at least one issuer and an audience are needed")
	}
	c = c.withDefaults()
	for _, a := range c.Algorithms {
		if !slices.Contains(asymmetric(), a) {
			return nil, fmt.Errorf("auth: signature algorithm %q is not allowed", a)
		}
	}
	o := &OIDC{config: c, issuers: make(map[string]*issuer)}
	for _, text := range c.Issuers {
		if err := o.trust(Rules{Issuer: text}); err != nil {
			return nil, err
		}
	}
	for _, r := range c.Rules {
		if _, twice := o.issuers[r.Issuer]; twice {
			return nil, fmt.Errorf("auth: issuer %q is configured twice", r.Issuer)
		}
		if err := o.trust(r); err != nil {
			return nil, err
		}
	}
	return o, nil
}

// trust adds an issuer.
func (o *OIDC) trust(r Rules) error {
	if err := r.check(); err != nil {
		return err
	}
	if len(r.Identify) > 0 && o.config.Directory == nil || r.Linked && o.config.Links == nil {
		return fmt.Errorf("auth: nothing tells who the subjects of issuer %q are", r.Issuer)
	}
	from := newIssuer(r, o.config)
	o.issuers[r.Issuer] = from
	if from.introspector != nil {
		o.asked = append(o.asked, from)
	}
	return nil
}

func (c Config) withDefaults() Config {
	if len(c.Algorithms) == 0 {
		c.Algorithms = asymmetric()
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.HTTPClient == nil {
		c.HTTPClient = defaultClient()
	}
	if c.Leeway == 0 {
		c.Leeway = time.Minute
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func asymmetric() []string {
	return []string{
		oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512,
	}
}

func checkIssuer(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("auth: issuer %q is not an http(s) URL without query", text)
	}
	return nil
}

// Verify implements Verifier.
func (o *OIDC) Verify(ctx context.Context, r *http.Request) (*Principal, error) {
	raw, err := bearer(r.Header)
	if err != nil {
		return nil, err
	}
	p, _, err := o.verify(ctx, raw)
	return p, err
}

// verify returns who a token speaks of, and when it stops to hold.
func (o *OIDC) verify(ctx context.Context, raw string) (*Principal, time.Time, error) {
	from, c, expires, err := o.said(ctx, raw)
	if err != nil {
		return nil, time.Time{}, err
	}
	named, err := from.rules.standard(c)
	if err != nil {
		return nil, time.Time{}, err
	}
	p, err := named.principal(o.config.Base)
	if err != nil {
		return nil, time.Time{}, err
	}
	if err := o.identify(ctx, from.rules, c, p); err != nil {
		return nil, time.Time{}, err
	}
	return p, expires, nil
}

// said returns whose a token is, what it says, and until when that may be remembered.
func (o *OIDC) said(ctx context.Context, raw string) (*issuer, claims, time.Time, error) {
	t, err := parseToken(raw)
	if err != nil {
		from, c, err := o.introspected(ctx, raw)
		if err != nil {
			return nil, nil, time.Time{}, err
		}
		expires, _, err := c.instant("exp")
		return from, c, expires, err
	}
	from, known := o.issuers[t.issuer]
	if !known {
		return nil, nil, time.Time{}, refused("its issuer is not trusted here")
	}
	verified, err := from.verify(ctx, raw)
	if err != nil {
		return nil, nil, time.Time{}, err
	}
	var c claims
	if err := verified.Claims(&c); err != nil {
		return nil, nil, time.Time{}, refused("its claims cannot be read").Because(err)
	}
	if err := o.check(from, t, c); err != nil {
		return nil, nil, time.Time{}, err
	}
	return from, c, verified.Expiry.Add(o.config.Leeway), from.stillHolds(ctx, raw, c)
}

// check holds the claims of a token whose signature is right against what an access token for us must say.
func (o *OIDC) check(from *issuer, t token, c claims) error {
	// What go-oidc matched may have been spelt in another letter case; what counts is the claim of this very name.
	var iss string
	if err := c.text("iss", &iss); err != nil || iss != t.issuer {
		return refused("its issuer is not trusted here")
	}
	if !t.isAccessToken(c) {
		return refused("it is not an access token")
	}
	if err := from.checkAudience(c); err != nil {
		return err
	}
	return o.checkTimes(c)
}

func (i *issuer) checkAudience(c claims) error {
	audience, err := c.texts("aud")
	if err != nil || !slices.Contains(audience, i.audience) {
		return refused("it is meant for another audience").Because(err)
	}
	return nil
}

// checkTimes: exp is required, nbf and iat must not lie ahead, all within the leeway.
func (o *OIDC) checkTimes(c claims) error {
	now := o.config.Clock()
	exp, present, err := c.instant("exp")
	switch {
	case err != nil || !present:
		return refused("it has no proper exp").Because(err)
	case !now.Before(exp.Add(o.config.Leeway)):
		return refused("it has expired")
	}
	for _, name := range []string{"nbf", "iat"} {
		at, _, err := c.instant(name)
		if err != nil {
			return refused("it has no proper " + name).Because(err)
		}
		if at.After(now.Add(o.config.Leeway)) {
			return refused("it is not valid yet")
		}
	}
	return nil
}

// bearer takes the token from the one Authorization header (RFC 6750 section 2.1). A token in a URL or a form is not looked for:
// those end up in logs.
func bearer(h http.Header) (string, error) {
	values := h.Values("Authorization")
	switch len(values) {
	case 0:
		return "", fhir.NewError(fhir.Login, "a bearer token is required").Because(ErrNoToken)
	case 1:
	default:
		return "", fhir.NewError(fhir.Login, "there is more than one Authorization header")
	}
	scheme, raw, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", fhir.NewError(fhir.Login, "a bearer token is required").Because(ErrNoToken)
	}
	raw = strings.TrimLeft(raw, " ")
	if len(raw) > MaxToken {
		return "", refused("it is too long")
	}
	return raw, nil
}

// refused is the error for a token that does not hold, with the reason in words that hold nothing of it.
func refused(reason string) *fhir.Error {
	return fhir.NewError(fhir.Login, "the access token does not hold: "+reason)
}
