// Package devissuer is an OpenID provider and SMART authorization server for the demo and for tests, in memory: discovery and
// keys (documents.go), login and patient picker (authorize.go, login.go, pages.go), the token endpoint with its three grants
// (token.go, grant.go) and how clients prove themselves there (client.go, assertion.go), introspection and revocation
// (introspect.go). Beside that, tokens that whoever holds its key file signs at will.
//
// It knows no passwords: who logs in is whoever one chooses to be, and consent is implied. So it must never stand where real data
// is; only the demo starts it.
//
// https://hl7.org/fhir/smart-app-launch/STU2.2/ and https://openid.net/specs/openid-connect-discovery-1_0.html
package devissuer

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"
)

// Issuer is the provider. It is safe for concurrent use.
type Issuer struct {
	config Config
	mux    *http.ServeMux

	mu  sync.Mutex
	key *rsa.PrivateKey

	transactions *expiring[string, transaction]
	launches     *expiring[string, LaunchContext]
	grants       *expiring[string, grant]
	opaque       *expiring[string, []byte]              // payloads of access tokens
	seen         *expiring[string, struct{}]            // jti of client assertions
	revoked      *expiring[[sha256.Size]byte, struct{}] // access tokens
}

// New makes an issuer; its key is read from or written to the key file.
func New(c Config) (*Issuer, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("devissuer: %w", err)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	key, err := loadKey(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("devissuer: %w", err)
	}
	i := &Issuer{
		config: c, mux: http.NewServeMux(), key: key,
		transactions: newExpiring[string, transaction](c.Clock),
		launches:     newExpiring[string, LaunchContext](c.Clock),
		grants:       newExpiring[string, grant](c.Clock),
		opaque:       newExpiring[string, []byte](c.Clock),
		seen:         newExpiring[string, struct{}](c.Clock),
		revoked:      newExpiring[[sha256.Size]byte, struct{}](c.Clock),
	}
	i.route()
	return i, nil
}

// route says what is answered where, below the path of the issuer's URL.
func (i *Issuer) route() {
	path := i.config.path()
	for _, open := range []struct {
		method, path string
		handler      http.HandlerFunc
	}{
		{http.MethodGet, "/.well-known/openid-configuration", i.discovery},
		{http.MethodGet, "/jwks", i.jwks},
		{http.MethodPost, "/token", i.token},
		{http.MethodPost, "/introspect", i.introspect},
		{http.MethodPost, "/revoke", i.revoke},
	} {
		i.mux.HandleFunc(open.method+" "+path+open.path, anyOrigin(open.handler))
		i.mux.HandleFunc("OPTIONS "+path+open.path, anyOrigin(preflight))
	}
	i.mux.HandleFunc("GET "+path+"/authorize", i.authorize)
	i.mux.HandleFunc("POST "+path+"/authorize", i.authorize)
	i.mux.HandleFunc("POST "+path+"/login", i.login)
	i.mux.HandleFunc("POST "+path+"/patient", i.choosePatient)
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

// Token makes an access token with just the given claims (Claims, or anything that becomes a JSON object, nonsense included), and
// iss, aud, iat, exp and jti. One of those five that is given is taken as it is; null leaves it out. It is a
// signed JWT or, with Config.Opaque, a random string that only this issuer's introspection knows.
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
	if i.config.Opaque {
		token := rand.Text()
		i.opaque.put(token, text, now.Add(ttl))
		return token, nil
	}
	return i.Sign(accessType, text)
}

// accessType is the header's typ of access tokens (RFC 9068 section 2.1).
const accessType = "at+jwt"

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
