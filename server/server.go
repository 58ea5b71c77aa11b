// Package server is the HTTP face of Lightbox: FHIR R4 REST under OIDC, one file per interaction, routes made from the
// registry. A handler decodes, decides, stores and responds; every error is rendered in outcome.go alone.
//
// It refuses what it does not serve rather than ignore it, decides nothing about visibility itself (package auth states the
// filter, package store compiles it into each query), and never decodes a resource on its way out.
// https://hl7.org/fhir/R4/http.html
package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/mapping/match"
	"lightbox/server/links"
)

// Config is what a server is made of.
type Config struct {
	Registry *fhir.Registry
	Store    store.Store
	Verifier auth.Verifier // nil: refuse every request that needs a caller
	Fairness *auth.Fairness
	Audit    *audit.Log // nil: nothing is recorded, which is for measurements alone
	// Validate checks the structure of what enters as FHIR; nil checks nothing beyond fhir.Parse.
	Validate func(body []byte) []*fhir.Error
	Base     string // public base URL of the FHIR API, without trailing slash: "https://hub.example/fhir"
	// ConceptMaps are the code tables in force, served to anyone; nil: none.
	ConceptMaps func(base string) ([]fhir.Resource, error)
	// Withdraw takes back what the sender of a submission, a Task, sent, and returns once none of it is served; done is false where the Task is
	// no submission, or was withdrawn before. nil: nothing can be.
	Withdraw func(ctx context.Context, task fhir.Resource) (done bool, err error)
	// Written is told in its transaction of each ImagingStudy that a partner writes; nil: nobody asks.
	Written func(ctx context.Context, tx store.Tx, study fhir.Resource) error
	// Links hands out links to the images of a study; nil: there are none. HasObjects tells whether a caller sees any image of one.
	Links      *links.Links
	HasObjects func(ctx context.Context, by *auth.Principal, study string) (bool, error)
	// Match says what two records of a person are worth to each other.
	Match match.Rules
	// Beside are other surfaces, by the path that each is below: they have the log, the headers and the cross-origin rules of this one.
	Beside  map[string]http.Handler
	SMART   func() SMART // what is known of the authorization server now; nil: nothing
	Version string
	Log     *slog.Logger // nil: no log
	Limits  Limits
	Ready   func() error // nil: Store.Ping
}

// Limits bound one request; zero stands for the default.
type Limits struct {
	Body    int64         // bytes of a resource, after decompression; default 5 MiB
	Bundle  int64         // bytes of a batch or transaction, after decompression; default 64 MiB
	Entries int           // of a batch or transaction; default 5000
	Header  int           // bytes; default 64 KiB
	Timeout time.Duration // of one request; default 30 s
}

func (l Limits) withDefaults() Limits {
	if l.Body <= 0 {
		l.Body = 5 << 20
	}
	if l.Bundle <= 0 {
		l.Bundle = 64 << 20
	}
	if l.Entries <= 0 {
		l.Entries = 5000
	}
	if l.Header <= 0 {
		l.Header = 64 << 10
	}
	if l.Timeout <= 0 {
		l.Timeout = 30 * time.Second
	}
	return l
}

// api serves one Config.
type api struct {
	Config
	path    string         // of Base: "/fhir"
	buffers *sync.Pool     // of *bufio.Writer, for Bundles
	logins  audit.Throttle // of tokens that do not hold
	entries http.Handler   // the routes, for entries of Bundles: their caller is known, and what is said of a response is said once
}

// New returns the handler of the whole server: Base's path, /healthz and /readyz.
func New(c Config) (http.Handler, error) {
	if c.Registry == nil || c.Store == nil {
		return nil, errors.New("server: registry and store are needed")
	}
	base, err := url.Parse(c.Base)
	if err != nil {
		return nil, fmt.Errorf("server: base URL: %w", err)
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" || base.RawQuery != "" || base.Fragment != "" {
		return nil, fmt.Errorf("server: base URL %q is not an absolute http(s) URL without a query", c.Base)
	}
	c.Base = strings.TrimRight(c.Base, "/")
	c.Limits = c.Limits.withDefaults()
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	a := &api{Config: c, path: strings.TrimRight(base.EscapedPath(), "/")}
	a.buffers = &sync.Pool{New: func() any { return bufio.NewWriterSize(nil, bundleBuffer) }}
	if _, err := a.statement(); err != nil {
		return nil, err
	}
	return a.handler()
}

// smartNow is what SMART says.
func (a *api) smartNow() SMART {
	if a.SMART == nil {
		return SMART{}
	}
	return a.SMART()
}

// HTTPServer returns the server that cmd listens with. Time for a request's body and answer is bounded per request (a
// study may take long, a search may not); here stand the limits that hold before a handler runs.
func HTTPServer(h http.Handler, l Limits) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    l.withDefaults().Header,
	}
}
