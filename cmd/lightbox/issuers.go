package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"lightbox/auth"
	"lightbox/fhir/store"
	"lightbox/server"
)

// readIssuers reads the file of --issuers.
func (c *serveCommand) readIssuers() error {
	if c.Issuers == "" {
		return nil
	}
	text, err := os.ReadFile(c.Issuers)
	if err != nil {
		return fmt.Errorf("--issuers: %w", err)
	}
	if c.rules, err = auth.ParseRules(text); err != nil {
		return fmt.Errorf("--issuers %s: %w", c.Issuers, err)
	}
	return nil
}

// trusted are the URLs of all issuers, the one that clients are sent to first.
func (c *serveCommand) trusted() []string {
	all := slices.Clone(c.Issuer)
	for _, r := range c.rules {
		all = append(all, r.Issuer)
	}
	return all
}

// verifier returns what tells callers apart; nil, which refuses everyone, where no issuer is configured.
func (o serverOptions) verifier(st store.Store) (auth.Verifier, error) {
	if len(o.issuers)+len(o.rules) == 0 {
		return nil, nil
	}
	audience := o.audience
	if audience == "" {
		audience = o.base
	}
	people := auth.NewPeople(st)
	oidc, err := auth.NewVerifier(auth.Config{Issuers: o.issuers, Rules: o.rules, Audience: audience, Base: o.base, Log: o.log,
		Directory: people, Links: people})
	if err != nil {
		return nil, err
	}
	return &auth.Access{Verifier: auth.Remember(oidc), Store: st, Majority: o.majority, Zone: o.zone}, nil
}

// discovery asks the first issuer what clients need to know of it, when somebody asks and it is not known yet. An issuer that is
// down is no reason not to serve.
func (c *serveCommand) discovery(log *slog.Logger) func() server.SMART {
	trusted := c.trusted()
	if len(trusted) == 0 {
		return nil
	}
	var mu sync.Mutex
	var known server.SMART
	var tried time.Time
	return func() server.SMART {
		mu.Lock()
		defer mu.Unlock()
		if known.TokenEndpoint != "" || time.Since(tried) < discoverEvery {
			return known
		}
		tried = time.Now()
		m, err := auth.Discover(context.Background(), nil, trusted[0])
		if err != nil {
			log.Warn("the issuer does not answer: smart-configuration is empty meanwhile", "issuer", trusted[0], "cause", err)
			return known
		}
		known = smart(m)
		return known
	}
}

// discoverEvery keeps questions to an issuer that is down apart.
const discoverEvery = 10 * time.Second

// smart is what the hub's own smart-configuration repeats of an issuer's metadata. What the issuer does not state is not
// claimed for it.
func smart(m auth.Metadata) server.SMART {
	return server.SMART{
		Issuer:                m.Issuer,
		AuthorizationEndpoint: m.AuthorizationEndpoint,
		TokenEndpoint:         m.TokenEndpoint,
		JWKSURI:               m.JWKSURI,
		IntrospectionEndpoint: m.IntrospectionEndpoint,
		RevocationEndpoint:    m.RevocationEndpoint,
		GrantTypes:            append([]string{}, m.GrantTypes...),
		CodeChallengeMethods:  append([]string{}, m.ChallengeMethods...),
		TokenAuthMethods:      m.TokenAuthMethods,
		TokenAuthAlgorithms:   m.TokenAuthAlgorithms,
		Scopes:                m.Scopes,
		ResponseTypes:         append([]string{}, m.ResponseTypes...),
		Capabilities:          capabilities(m),
	}
}

// capabilities are those of SMART App Launch 2.2 that follow from what an issuer states, in the order of its conformance page.
func capabilities(m auth.Metadata) []string {
	logsIn := slices.Contains(m.GrantTypes, "authorization_code") && slices.Contains(m.ChallengeMethods, "S256")
	scope := func(name string) bool { return logsIn && slices.Contains(m.Scopes, name) }
	method := func(name string) bool { return slices.Contains(m.TokenAuthMethods, name) }
	var stated []string
	for _, one := range []struct {
		name string
		true bool
	}{
		{"launch-ehr", scope("launch")},
		{"launch-standalone", scope("launch/patient")},
		{"client-public", logsIn && method("none")},
		{"client-confidential-symmetric", method("client_secret_basic") || method("client_secret_post")},
		{"client-confidential-asymmetric", method("private_key_jwt")},
		{"sso-openid-connect", scope("openid") && scope("fhirUser") && m.JWKSURI != ""},
		{"context-ehr-patient", scope("launch")},
		{"context-standalone-patient", scope("launch/patient")},
		{"permission-offline", scope("offline_access")},
		{"permission-online", scope("online_access")},
		{"permission-patient", true},
		{"permission-user", true},
		{"permission-v1", true},
		{"permission-v2", true},
	} {
		if one.true {
			stated = append(stated, one.name)
		}
	}
	return stated
}
