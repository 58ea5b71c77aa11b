package devissuer

import (
	"encoding/json"
	"errors"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// assertionAlgorithms are those that SMART names; neither none nor an HMAC, for which the public key would be the secret.
func assertionAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS384, jose.ES384}
}

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	assertionLife = 5 * time.Minute
	skew          = 10 * time.Second // between the client's clock and ours
)

func isAsserted(form url.Values) bool {
	return form.Get("client_assertion") != "" || form.Get("client_assertion_type") != ""
}

// assertion is what a client says of itself (RFC 7523 section 3).
type assertion struct {
	Issuer    string   `json:"iss"`
	Subject   string   `json:"sub"`
	Audience  audience `json:"aud"`
	ID        string   `json:"jti"`
	Expires   *float64 `json:"exp"`
	IssuedAt  *float64 `json:"iat"`
	NotBefore *float64 `json:"nbf"`
}

// audience is a string or an array of strings.
type audience []string

// UnmarshalJSON implements json.Unmarshaler.
func (a *audience) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// byAssertion reads private_key_jwt (SMART App Launch 2.2 client-confidential-asymmetric.html#authenticating-to-the-token-endpoint).
func (i *Issuer) byAssertion(form url.Values) (Client, error) {
	if form.Get("client_assertion_type") != assertionType {
		return Client{}, refuse("invalid_client", "client_assertion_type is not "+assertionType)
	}
	c, a, err := i.verifyAssertion(form.Get("client_assertion"))
	if err != nil {
		return Client{}, refuse("invalid_client", "the client assertion does not hold: "+err.Error())
	}
	if form.Has("client_id") && form.Get("client_id") != c.ID {
		return Client{}, badClient()
	}
	// Last of all, so that nobody else can use up an id. Ids are kept until their assertion could not be used anyway.
	err = i.seen.add(c.ID+"\x00"+a.ID, struct{}{}, instant(*a.Expires).Add(skew))
	if errors.Is(err, errKnown) {
		return Client{}, refuse("invalid_client", "the client assertion does not hold: its jti was used before")
	}
	return c, err
}

// verifyAssertion finds whose an assertion is and that it is theirs, made for us and now. The errors tell nothing of it.
func (i *Issuer) verifyAssertion(text string) (Client, assertion, error) {
	jws, err := jose.ParseSignedCompact(text, assertionAlgorithms())
	if err != nil {
		return Client{}, assertion{}, errors.New("it is not a JWT signed with RS384 or ES384")
	}
	var a assertion
	if err := json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &a); err != nil {
		return Client{}, assertion{}, errors.New("its claims cannot be read")
	}
	c, _ := i.config.client(a.Subject)
	key, err := c.signer(jws.Signatures[0].Header)
	if err != nil {
		return Client{}, assertion{}, err
	}
	if _, err := jws.Verify(key); err != nil {
		return Client{}, assertion{}, errors.New("its signature is not by the client's key")
	}
	return c, a, i.checkAssertion(a)
}

// signer finds the registered key of a header. Keys that an assertion brings along or points to count for nothing: jku would have
// to be registered, and here no client has one.
func (c Client) signer(h jose.Header) (jose.JSONWebKey, error) {
	if _, there := h.ExtraHeaders["jku"]; there {
		return jose.JSONWebKey{}, errors.New("its jku is not registered")
	}
	if typ, _ := h.ExtraHeaders[jose.HeaderType].(string); !strings.EqualFold(typ, "JWT") {
		return jose.JSONWebKey{}, errors.New("its typ is not JWT")
	}
	for _, k := range c.Keys.Key(h.KeyID) {
		if k.Use != "enc" && (k.Algorithm == "" || k.Algorithm == h.Algorithm) {
			return k, nil
		}
	}
	return jose.JSONWebKey{}, errors.New("its kid is not that of a key registered for the client")
}

// checkAssertion checks the claims of an assertion whose signature is right.
func (i *Issuer) checkAssertion(a assertion) error {
	now := i.config.Clock()
	ahead := func(t *float64) bool { return t != nil && instant(*t).After(now.Add(skew)) }
	switch {
	case a.Issuer != a.Subject:
		return errors.New("its iss is not its sub")
	case !slices.Contains(a.Audience, i.config.URL+"/token") && !slices.Contains(a.Audience, i.config.URL):
		return errors.New("its aud is not the token endpoint")
	case a.Expires == nil || !now.Before(instant(*a.Expires).Add(skew)):
		return errors.New("it has no exp or has expired")
	case instant(*a.Expires).After(now.Add(assertionLife + skew)):
		return errors.New("its exp is more than five minutes ahead")
	case ahead(a.IssuedAt) || ahead(a.NotBefore):
		return errors.New("it is not valid yet")
	case a.ID == "" || len(a.ID) > 255:
		return errors.New("it has no proper jti")
	}
	return nil
}

// instant is the time of a NumericDate (RFC 7519 section 2); what is out of range is long past.
func instant(seconds float64) time.Time {
	if math.Abs(seconds) > 1<<40 {
		return time.Time{}
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9))
}
