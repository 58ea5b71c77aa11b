package server

import (
	"strconv"

	"github.com/go-chi/chi/v5"
)

// vread returns one version of a resource. https://hl7.org/fhir/R4/http.html#vread
func (a *api) vread(c *call) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	version, err := strconv.ParseInt(chi.URLParam(c.r, "vid"), 10, 64)
	if err != nil || version < 1 {
		return errNotFound()
	}
	part, err := partOf(a.Registry, c.kind.Name, c.query)
	if err != nil {
		return err
	}
	res, err := a.Store.VRead(c.ctx(), c.visible, c.kind.Name, id, version)
	if err != nil {
		return gone(err, res)
	}
	return c.sendVersion(part.of(res))
}
