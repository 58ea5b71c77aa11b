package auth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"

	"lightbox/fhir"
)

// issuer verifies the tokens of one OpenID provider.
type issuer struct {
	rules        Rules
	audience     string
	keys         *keySet
	verifier     *oidc.IDTokenVerifier
	introspector *introspector // nil: it is not asked
}

func newIssuer(r Rules, c Config) *issuer {
	if len(r.Algorithms) > 0 {
		c.Algorithms = r.Algorithms
	}
	client := bounded(c.HTTPClient)
	keys := &keySet{
		fetch:      func(ctx context.Context) ([]jose.JSONWebKey, error) { return fetchKeys(ctx, client, r.Issuer) },
		algorithms: c.Algorithms,
		clock:      c.Clock,
		log:        c.Log.With("issuer", r.Issuer),
	}
	// Audience and times are checked in OIDC.check: go-oidc knows the audience of ID tokens only, and no leeway.
	i := &issuer{rules: r, audience: cmp.Or(r.Audience, c.Audience), keys: keys, verifier: oidc.NewVerifier(r.Issuer, keys, &oidc.Config{
		SkipClientIDCheck: true, SkipExpiryCheck: true, SupportedSigningAlgs: c.Algorithms, Now: c.Clock,
	})}
	if r.Introspection != nil {
		i.introspector = newIntrospector(r, c)
	}
	return i
}

// verify checks signature, algorithm and issuer.
func (i *issuer) verify(ctx context.Context, raw string) (*oidc.IDToken, error) {
	if err := i.keys.ready(ctx); err != nil {
		return nil, fhir.NewError(fhir.Transient, "the keys of the token's issuer are not to be had now").Because(err)
	}
	t, err := i.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, refused("it does not verify").Because(err)
	}
	return t, nil
}

// Metadata is what a provider's discovery document says that others here need to know (OpenID Connect Discovery 1.0 section 3).
type Metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	IntrospectionEndpoint string   `json:"introspection_endpoint,omitempty"` // RFC 8414 section 2, as the next one
	RevocationEndpoint    string   `json:"revocation_endpoint,omitempty"`
	JWKSURI               string   `json:"jwks_uri"`
	GrantTypes            []string `json:"grant_types_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	Scopes                []string `json:"scopes_supported,omitempty"`
	ResponseTypes         []string `json:"response_types_supported,omitempty"`
	SubjectTypes          []string `json:"subject_types_supported,omitempty"`
	IDTokenAlgorithms     []string `json:"id_token_signing_alg_values_supported,omitempty"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported,omitempty"`
	TokenAuthAlgorithms   []string `json:"token_endpoint_auth_signing_alg_values_supported,omitempty"`
}

// Discover asks an issuer for its metadata; a nil client stands for the default one.
func Discover(ctx context.Context, client *http.Client, issuerURL string) (Metadata, error) {
	if client == nil {
		client = defaultClient()
	}
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, bounded(client)), issuerURL)
	if err != nil {
		return Metadata{}, fmt.Errorf("discovery: %w", err)
	}
	var m Metadata
	if err := provider.Claims(&m); err != nil {
		return Metadata{}, fmt.Errorf("discovery: %w", err)
	}
	return m, nil
}

// fetchKeys reads the issuer's keys anew, from where its discovery document now says that they are.
func fetchKeys(ctx context.Context, client *http.Client, issuerURL string) ([]jose.JSONWebKey, error) {
	m, err := Discover(ctx, client, issuerURL)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(issuerURL, "https:") && !strings.HasPrefix(m.JWKSURI, "https:") {
		return nil, errors.New("keys: an https issuer names a jwks_uri without TLS")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.JWKSURI, nil)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("keys: status %d", resp.StatusCode)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&set); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return usable(set.Keys)
}

// usable keeps the public signature keys that go-jose understands; RFC 7517 section 5 says to pass over others.
func usable(raw []json.RawMessage) ([]jose.JSONWebKey, error) {
	var keys []jose.JSONWebKey
	for _, text := range raw {
		var k jose.JSONWebKey
		if err := k.UnmarshalJSON(text); err != nil || !k.IsPublic() || k.Use == "enc" {
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		return nil, errors.New("keys: none that can verify a signature")
	}
	return keys, nil
}

// defaultClient follows no redirect: an issuer is where the operator said that it is.
func defaultClient() *http.Client {
	return &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// bounded returns the client with the size of what it reads limited.
func bounded(client *http.Client) *http.Client {
	c := *client
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	c.Transport = boundedTransport{c.Transport}
	return &c
}

type boundedTransport struct{ http.RoundTripper }

const maxMetadata = 1 << 20

func (t boundedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(resp.Body, maxMetadata), resp.Body}
	return resp, nil
}
