package devissuer

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"time"
)

// grant is what a user let a client have. Its code and its refresh tokens are "<id>.<secret>", and it is kept under a hash of the id,
// which its access tokens name: those who see an access token cannot make anything of it. Whoever shows the id with a secret that
// no longer holds has an old code or refresh token, and that ends the grant with all its tokens (RFC 6749 section 4.1.2, RFC
// 9700 section 4.14).
type grant struct {
	client      string
	redirectURI string
	challenge   string
	nonce       string
	code        string // secret of the code, empty once it was used
	refresh     string // secret of the one refresh token that holds, empty for none
	user        User
	scopes      []string
	patient     string
	encounter   string
	at          time.Time // of login
	until       time.Time // no token of it holds longer
}

const (
	codeLife    = time.Minute
	accessLife  = time.Hour
	backendLife = 5 * time.Minute // as SMART App Launch 2.2 backend-services.html advises
	onlineLife  = 12 * time.Hour
	offlineLife = 90 * 24 * time.Hour
)

// refreshLife is how long a grant with these scopes can be refreshed, zero for not at all.
func refreshLife(scopes []string) time.Duration {
	switch {
	case slices.Contains(scopes, "offline_access"):
		return offlineLife
	case slices.Contains(scopes, "online_access"):
		return onlineLife
	}
	return 0
}

// grantName is what a grant is kept under.
func grantName(id string) string {
	hash := sha256.Sum256([]byte(id))
	return base64.RawURLEncoding.EncodeToString(hash[:])
}

// begin keeps a grant and returns its code.
func (i *Issuer) begin(g grant) (code string) {
	id := rand.Text()
	g.code, g.at = rand.Text(), i.config.Clock()
	i.grants.put(grantName(id), g, g.at.Add(codeLife))
	return id + "." + g.code
}

// redeem gives what a code stands for, to the client that it was made for. Any attempt uses it up.
func (i *Issuer) redeem(c Client, form url.Values) (tokens, error) {
	id, secret, _ := strings.Cut(form.Get("code"), ".")
	var g grant
	holds := false
	i.grants.change(grantName(id), func(kept *grant, until *time.Time) bool {
		holds = same(kept.code, secret) && kept.client == c.ID && kept.redirectURI == form.Get("redirect_uri") &&
			proves(form.Get("code_verifier"), kept.challenge)
		if !holds {
			return false
		}
		kept.code, kept.until = "", i.config.Clock().Add(accessLife)
		if life := refreshLife(kept.scopes); life > 0 {
			kept.refresh, kept.until = rand.Text(), i.config.Clock().Add(life)
		}
		*until, g = kept.until, *kept
		return true
	})
	if !holds {
		return tokens{}, refuse("invalid_grant", "the code does not hold, or not for this client, redirect_uri and code_verifier")
	}
	return i.give(id, g, g.scopes)
}

// renew replaces a refresh token, and gives an access token for its scopes or fewer.
func (i *Issuer) renew(c Client, form url.Values) (tokens, error) {
	id, secret, _ := strings.Cut(form.Get("refresh_token"), ".")
	var g grant
	var scopes []string
	err := noRefresh()
	i.grants.change(grantName(id), func(kept *grant, _ *time.Time) bool {
		if kept.client != c.ID || !same(kept.refresh, secret) {
			return false
		}
		if scopes, err = narrowed(form.Get("scope"), kept.scopes); err != nil {
			return true
		}
		kept.refresh, kept.nonce = rand.Text(), "" // OpenID Connect Core 12.2: no nonce in the next ID tokens
		g = *kept
		return true
	})
	if err != nil {
		return tokens{}, err
	}
	return i.give(id, g, scopes)
}

// named adds the client that a refresh token was given to. A public one need not name itself to refresh (RFC 6749 section 6; SMART App
// Launch 2.2 app-launch.html#refresh-access-token); a confidential one still has to prove itself.
func (i *Issuer) named(form url.Values) (url.Values, error) {
	id, _, _ := strings.Cut(form.Get("refresh_token"), ".")
	g, ok := i.grants.get(grantName(id))
	if !ok {
		return nil, noRefresh()
	}
	form.Set("client_id", g.client)
	return form, nil
}

func noRefresh() error {
	return refuse("invalid_grant", "the refresh token does not hold, or not for this client")
}

// same compares secrets in constant time; an empty one is no secret.
func same(kept, given string) bool {
	return kept != "" && subtle.ConstantTimeCompare([]byte(kept), []byte(given)) == 1
}

// proves checks a verifier against its challenge (RFC 7636 sections 4.1 and 4.6).
func proves(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	hash := sha256.Sum256([]byte(verifier))
	return same(challenge, base64.RawURLEncoding.EncodeToString(hash[:]))
}
