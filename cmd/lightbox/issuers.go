package main

import (
	"context"
	"errors"
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

// readFiles reads the files that flags name, and the rule of --release. All that is wrong is told.
func (c *serveCommand) readFiles() error {
	var ofRules, ofReading, ofLabels, ofRelease error
	c.rules, ofRules = parseFile("--issuers", c.Issuers, auth.ParseRules)
	c.reading, ofReading = parseFile("--reading-centres", c.Reading, auth.ParseReadingCentres)
	c.labels, ofLabels = parseFile("--labels", c.Labels, auth.ParseLabels)
	if c.hold, ofRelease = auth.ParseHold(c.Release); ofRelease != nil {
		ofRelease = fmt.Errorf("--release: %w", ofRelease)
	}
	return errors.Join(ofRules, ofReading, ofLabels, ofRelease)
}

// parseFile returns what the file of a flag says; the zero value where the flag names none.
func parseFile[T any](flag, name string, parse func(text []byte) (T, error)) (said T, err error) {
	if name == "" {
		return said, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return said, fmt.Errorf("%s: %w", flag, err)
	}
	if said, err = parse(text); err != nil {
		return said, fmt.Errorf("%s %s: %w", flag, name, err)
	}
	return said, nil
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
