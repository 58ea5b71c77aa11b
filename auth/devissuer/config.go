package devissuer

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"lightbox/auth"
)

// Config says who the issuer is, who logs in there and which applications it knows. Without users and clients it has no grant:
// its tokens are those that Token signs.
type Config struct {
	URL      string           // the issuer's URL, without trailing slash; the handler answers below its path
	Audience string           // aud of the tokens: the FHIR base URL, which authorization requests must name as their aud
	KeyFile  string           // PEM file with the signing key, made with mode 0600 when absent; empty: a key in memory
	Clock    func() time.Time // default time.Now

	Users   func(context.Context) ([]User, error) // those who can log in, asked at each login; nil: nobody
	Clients []Client
	Opaque  bool // access tokens are random strings, known by introspection only
}

// User is one who can log in: by being chosen, there are no passwords.
type User struct {
	Name         string    // shown
	Subject      string    // sub, unique here
	FHIRUser     string    // "Type/<id>", a resource below the FHIR base
	Patients     []Patient // of whom one can be the launch patient
	Organization string    // "Organization/<id>", empty for none
	Roles        []string
}

// Patient is a choice of the patient picker.
type Patient struct {
	ID      string
	Display string
}

// Client is a registered application. One with a secret or keys is confidential; keys are for private_key_jwt, by the web as well
// as for backend services (SMART App Launch 2.2, client-confidential-asymmetric.html).
type Client struct {
	ID           string
	Name         string // shown; default the ID
	Secret       string // for client_secret_basic and client_secret_post
	Keys         jose.JSONWebKeySet
	RedirectURIs []string // compared character by character; a client without any has no users
	Scopes       []string // it may be granted these, and clinical ones that they cover
	Organization string   // "Organization/<id>" that a backend service acts for, empty for none
}

func (c Client) confidential() bool { return c.Secret != "" || len(c.Keys.Keys) > 0 }

// title is what users see of the client.
func (c Client) title() string {
	if c.Name != "" {
		return c.Name
	}
	return c.ID
}

// check refuses what could only fail later, or be unsafe.
func (c Config) check() error {
	if !isAbsolute(c.URL) || strings.HasSuffix(c.URL, "/") {
		return errors.New("URL must be absolute and have no trailing slash")
	}
	if len(c.Clients) > 0 && !isAbsolute(c.Audience) {
		return errors.New("with clients the audience must be the FHIR base URL")
	}
	known := map[string]bool{}
	for _, client := range c.Clients {
		if client.ID == "" || known[client.ID] {
			return fmt.Errorf("client id %q is empty or there twice", client.ID)
		}
		known[client.ID] = true
		if err := client.check(); err != nil {
			return fmt.Errorf("client %s: %w", client.ID, err)
		}
	}
	return nil
}

func (c Client) check() error {
	for _, text := range c.RedirectURIs {
		u, err := url.Parse(text)
		if err != nil || u.Scheme == "" || u.Opaque != "" || strings.Contains(text, "#") {
			return fmt.Errorf("redirect URI %q is not absolute or has a fragment", text) // RFC 6749 section 3.1.2
		}
	}
	for _, k := range c.Keys.Keys {
		if !k.Valid() || !k.IsPublic() || k.KeyID == "" {
			return errors.New("a key is not public or has no kid")
		}
	}
	for _, scope := range c.Scopes {
		if _, err := auth.ParseScopes(scope); err != nil || strings.Contains(scope, " ") {
			return fmt.Errorf("scope %q cannot be granted", scope)
		}
	}
	return nil
}

func isAbsolute(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Scheme != "" && u.Host != ""
}

// path is that of the issuer's URL, which was checked.
func (c Config) path() string {
	u, _ := url.Parse(c.URL)
	return u.Path
}

// client finds a registered client.
func (c Config) client(id string) (Client, bool) {
	at := slices.IndexFunc(c.Clients, func(c Client) bool { return c.ID == id })
	if at < 0 {
		return Client{}, false
	}
	return c.Clients[at], true
}

// any reports whether some client is as asked.
func (c Config) any(is func(Client) bool) bool { return slices.ContainsFunc(c.Clients, is) }

// user finds one who can log in.
func (c Config) user(ctx context.Context, subject string) (User, bool, error) {
	users, err := c.Users(ctx)
	if err != nil {
		return User{}, false, err
	}
	at := slices.IndexFunc(users, func(u User) bool { return u.Subject == subject })
	if at < 0 || subject == "" {
		return User{}, false, nil
	}
	return users[at], true, nil
}
