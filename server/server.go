// Package server is the HTTP face of Lightbox: FHIR R4 REST under OIDC, one file per interaction, routes made from the
// registry. A handler decodes, decides, stores and responds; every error is rendered in outcome.go alone.
// https://hl7.org/fhir/R4/http.html
package server

import (
	"log/slog"
	"net/http"
	"time"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/store"
)

// Config is what a server is made of.
type Config struct {
	Registry *fhir.Registry
	Store    store.Store
	Verifier auth.Verifier // nil: refuse every request that needs a caller
	// Validate checks the structure of what enters as FHIR; nil checks nothing beyond fhir.Parse.
	Validate func(body []byte) []*fhir.Error
	Base     string // public base URL of the FHIR API, without trailing slash: "https://hub.example/fhir"
	SMART    SMART
	Version  string
	Log      *slog.Logger
	Limits   Limits
	Ready    func() error // nil: Store.Ping
}

// SMART is what .well-known/smart-configuration states of the authorization server in use.
type SMART struct {
	Issuer, AuthorizationEndpoint, TokenEndpoint, JWKSURI string
	Capabilities                                          []string
}

// Limits bound one request; zero stands for the default.
type Limits struct {
	Body    int64         // bytes; default 5 MiB
	Header  int           // bytes; default 64 KiB
	Timeout time.Duration // of one request; default 30 s
}

// New returns the handler of the whole server: Base's path, /healthz and /readyz.
func New(c Config) (http.Handler, error) { panic("server.New") }
