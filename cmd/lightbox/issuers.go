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

// readReadingCentres reads the file of --reading-centres.
func (c *serveCommand) readReadingCentres() error {
	if c.Reading == "" {
		return nil
	}
	text, err := os.ReadFile(c.Reading)
	if err != nil {
		return fmt.Errorf("--reading-centres: %w", err)
	}
	if c.reading, err = auth.ParseReadingCentres(text); err != nil {
		return fmt.Errorf("--reading-centres %s: %w", c.Reading, err)
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
	return &auth.Access{Verifier: auth.Remember(oidc), Store: st, Majority: o.majority, Zone: o.zone, Reading: o.reading, Labels: o.labels, Hold: o.hold}, nil
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
		known = server.SMARTOf(m)
		return known
	}
}

// discoverEvery keeps questions to an issuer that is down apart.
const discoverEvery = 10 * time.Second
