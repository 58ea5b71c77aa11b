package devissuer

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// claimSet is the payload of an access token.
type claimSet map[string]json.RawMessage

// introspect tells what an access token says, if it holds (RFC 7662; SMART App Launch 2.2 token-introspection.html). Of one that
// does not nothing is told.
func (i *Issuer) introspect(w http.ResponseWriter, r *http.Request) {
	unstored(w.Header())
	form, err := readForm(w, r)
	if err == nil {
		err = i.mayIntrospect(r, form)
	}
	if err == nil && form.Get("token") == "" {
		err = refuse("invalid_request", "token is missing")
	}
	if err != nil {
		writeRefusal(w, r, err)
		return
	}
	claims, ok := i.active(form.Get("token"))
	if !ok {
		writeJSON(w, http.StatusOK, map[string]bool{"active": false})
		return
	}
	delete(claims, "grant")
	claims["active"], claims["token_type"] = json.RawMessage("true"), json.RawMessage(`"Bearer"`)
	writeJSON(w, http.StatusOK, claims)
}

// mayIntrospect lets those ask who prove themselves: by an access token that holds, or as a confidential client.
func (i *Issuer) mayIntrospect(r *http.Request, form url.Values) error {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		if _, ok := i.active(strings.TrimSpace(token)); !ok {
			return refuse("invalid_token", "the access token does not hold")
		}
		return nil
	}
	c, err := i.authenticate(r, form)
	if err == nil && !c.confidential() {
		return badClient()
	}
	return err
}

// active returns what an access token says, if it holds now.
func (i *Issuer) active(token string) (claimSet, bool) {
	payload, ok := i.opaque.get(token)
	if !ok {
		payload, ok = i.verify(token)
	}
	if _, revoked := i.revoked.get(revocationID(token)); !ok || revoked {
		return nil, false
	}
	var claims claimSet
	if json.Unmarshal(payload, &claims) != nil {
		return nil, false
	}
	return claims, i.holds(claims)
}

// verify returns the payload of an access token that the current key signed. ID tokens have another typ.
func (i *Issuer) verify(token string) ([]byte, bool) {
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil || jws.Signatures[0].Header.ExtraHeaders[jose.HeaderType] != accessType {
		return nil, false
	}
	payload, err := jws.Verify(i.PublicKey())
	return payload, err == nil
}

// holds checks issuer and times, and that the grant, if it is of one, has not ended.
func (i *Issuer) holds(c claimSet) bool {
	now := i.config.Clock()
	exp, ok := c.instant("exp")
	if !ok || !now.Before(exp) || c.text("iss") != i.config.URL {
		return false
	}
	for _, name := range []string{"iat", "nbf"} {
		if at, ok := c.instant(name); ok && at.After(now) {
			return false
		}
	}
	if _, of := c["grant"]; !of {
		return true
	}
	_, live := i.grants.get(c.text("grant"))
	return live
}

// text reads a claim that is a string.
func (c claimSet) text(name string) string {
	var s string
	_ = json.Unmarshal(c[name], &s) // otherwise it stays empty
	return s
}

// instant reads a claim that is a time.
func (c claimSet) instant(name string) (time.Time, bool) {
	var seconds *float64
	if json.Unmarshal(c[name], &seconds) != nil || seconds == nil {
		return time.Time{}, false
	}
	return instant(*seconds), true
}

// revoke ends a token of the client that asks (RFC 7009): an access token alone, a refresh token with all of its grant. A token that
// is unknown, or of another client, changes nothing and is not told.
func (i *Issuer) revoke(w http.ResponseWriter, r *http.Request) {
	unstored(w.Header())
	form, err := readForm(w, r)
	var c Client
	if err == nil {
		c, err = i.authenticate(r, form)
	}
	if err == nil && form.Get("token") == "" {
		err = refuse("invalid_request", "token is missing")
	}
	if err == nil {
		err = i.end(c, form.Get("token"))
	}
	if err != nil {
		writeRefusal(w, r, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// end revokes what a token is; errFull when that cannot be remembered.
func (i *Issuer) end(c Client, token string) error {
	id, _, _ := strings.Cut(token, ".")
	i.grants.change(grantName(id), func(g *grant, _ *time.Time) bool { return g.client != c.ID })
	claims, ok := i.active(token)
	if !ok || claims.text("client_id") != c.ID {
		return nil
	}
	exp, _ := claims.instant("exp")
	if err := i.revoked.add(revocationID(token), struct{}{}, exp); !errors.Is(err, errKnown) {
		return err
	}
	return nil
}

// revocationID is the hash of what is signed of a token: another spelling of the signature is the same token.
func revocationID(token string) [sha256.Size]byte {
	if at := strings.LastIndexByte(token, '.'); at >= 0 {
		token = token[:at]
	}
	return sha256.Sum256([]byte(token))
}
