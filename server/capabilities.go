package server

import (
	"net/http"

	"lightbox/fhir"
)

// capabilities answers metadata with the CapabilityStatement, to anyone: a client reads it before it has a token.
// https://hl7.org/fhir/R4/http.html#capabilities
func (a *api) capabilities(c *call) error {
	query := c.r.URL.Query()
	if err := c.negotiate(query); err != nil {
		return err
	}
	if mode := query.Get("mode"); mode != "" && mode != "full" {
		return fhir.NewError(fhir.NotSupported, "full is served").At("mode")
	}
	c.w.Header().Set("Cache-Control", "public, max-age=60")
	return c.send(http.StatusOK, a.statement)
}
