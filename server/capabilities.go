package server

import (
	"net/http"

	"lightbox/conformance"
	"lightbox/fhir"
)

// capabilities answers metadata with the CapabilityStatement, to anyone: a client reads it before it has a token.
// https://hl7.org/fhir/R4/http.html#capabilities
func (a *api) capabilities(c *call) error {
	if err := c.negotiate(c.query); err != nil {
		return err
	}
	if mode := c.query.Get("mode"); mode != "" && mode != "full" {
		return fhir.NewError(fhir.NotSupported, "full is served").At("mode")
	}
	statement, err := a.statement()
	if err != nil {
		return err
	}
	c.w.Header().Set("Cache-Control", "public, max-age=60")
	return c.send(http.StatusOK, statement)
}

// statement makes the CapabilityStatement from the registry and what is known of the authorization server.
func (a *api) statement() ([]byte, error) {
	smart := a.smartNow()
	return conformance.Statement(a.Registry, a.Base, a.Version, conformance.SMART{
		AuthorizationEndpoint: smart.AuthorizationEndpoint,
		TokenEndpoint:         smart.TokenEndpoint,
	})
}
