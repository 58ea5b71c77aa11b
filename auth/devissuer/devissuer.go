// Package devissuer is an OpenID provider for the demo and for tests: discovery, keys, and tokens that whoever holds its key
// file signs at will. It knows no users and no passwords, so it must never stand where real data is; only the demo starts it.
// https://openid.net/specs/openid-connect-discovery-1_0.html
package devissuer

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// Config says who the issuer is.
type Config struct {
	URL      string           // the issuer's URL, without trailing slash; the handler answers below its path
	Audience string           // aud of the tokens
	KeyFile  string           // PEM file with the signing key, made with mode 0600 when absent; empty: a key in memory
	Clock    func() time.Time // default time.Now
}

// Issuer serves the provider's documents and signs tokens.
type Issuer struct {
	config Config
	mux    *http.ServeMux

	mu  sync.Mutex
	key *rsa.PrivateKey
}

// New makes an issuer; its key is read from or written to the key file.
func New(c Config) (*Issuer, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || strings.HasSuffix(c.URL, "/") {
		return nil, errors.New("devissuer: URL must be absolute and have no trailing slash")
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	key, err := loadKey(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("devissuer: %w", err)
	}
	i := &Issuer{config: c, mux: http.NewServeMux(), key: key}
	i.mux.HandleFunc("GET "+u.Path+"/.well-known/openid-configuration", i.discovery)
	i.mux.HandleFunc("GET "+u.Path+"/jwks", i.jwks)
	i.mux.HandleFunc("GET "+u.Path+"/authorize", i.authorize)
	i.mux.HandleFunc("POST "+u.Path+"/token", i.token)
	return i, nil
}

// ServeHTTP answers below the path of the issuer's URL; mount it there without stripping the path.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) { i.mux.ServeHTTP(w, r) }

// Claims are those that the hub reads. Token takes any other set of claims as well.
type Claims struct {
	Subject      string   `json:"sub,omitempty"`
	Client       string   `json:"client_id,omitempty"`
	Scope        string   `json:"scope,omitempty"`
	Patient      string   `json:"patient,omitempty"`
	FHIRUser     string   `json:"fhirUser,omitempty"`
	Organization string   `json:"organization,omitempty"`
	Roles        []string `json:"roles,omitempty"`
}

// Token signs an access token with just the given claims (Claims, or anything that becomes a JSON object, nonsense included), and
// iss, aud, iat, exp and jti. One of those five that is given is taken as it is; null leaves it out.
func (i *Issuer) Token(claims any, ttl time.Duration) (string, error) {
	text, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("devissuer: %w", err)
	}
	var given map[string]json.RawMessage // raw, so that a claim is signed as it was given
	if err := json.Unmarshal(text, &given); err != nil {
		return "", fmt.Errorf("devissuer: claims are not an object: %w", err)
	}
	now := i.config.Clock()
	payload := map[string]any{
		"iss": i.config.URL, "aud": i.config.Audience, "iat": now.Unix(), "exp": now.Add(ttl).Unix(), "jti": uuid.NewString(),
	}
	for name, value := range given {
		if _, standard := payload[name]; standard && string(value) == "null" {
			delete(payload, name)
			continue
		}
		payload[name] = value
	}
	text, err = json.Marshal(payload)
	if err != nil {
		return "", fmt.Errorf("devissuer: %w", err)
	}
	return i.Sign("at+jwt", text)
}

// Sign signs any payload with the current key; typ is the header's, empty for none.
func (i *Issuer) Sign(typ jose.ContentType, payload []byte) (string, error) {
	i.mu.Lock()
	key := i.key
	i.mu.Unlock()
	o := new(jose.SignerOptions)
	if typ != "" {
		o = o.WithType(typ)
	}
	jwk := jose.JSONWebKey{Key: key, KeyID: keyID(key)}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jwk}, o)
	if err != nil {
		return "", fmt.Errorf("devissuer: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("devissuer: %w", err)
	}
	return signed.CompactSerialize()
}

// Rotate replaces the key, in its file too. Tokens of the old one no longer hold once the hub has seen the new set.
func (i *Issuer) Rotate() error {
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return fmt.Errorf("devissuer: %w", err)
	}
	if err := replaceKey(i.config.KeyFile, key); err != nil {
		return fmt.Errorf("devissuer: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.key = key
	return nil
}

// PublicKey returns the current key as JWKS has it.
func (i *Issuer) PublicKey() jose.JSONWebKey {
	i.mu.Lock()
	defer i.mu.Unlock()
	return jose.JSONWebKey{Key: i.key.Public(), KeyID: keyID(i.key), Algorithm: string(jose.RS256), Use: "sig"}
}
