package server

import "lightbox/fhir"

// conceptMap answers one code table by which the hub maps, as it is in force, to anyone: it says nothing of anybody.
// https://hl7.org/fhir/R4/conceptmap.html
func (a *api) conceptMap(c *call) error {
	all, err := a.codeTables(c)
	if err != nil {
		return err
	}
	return c.sendOne(all)
}

// conceptMaps answers all of them, or those that the parameters select.
func (a *api) conceptMaps(c *call) error {
	all, err := a.codeTables(c)
	if err != nil {
		return err
	}
	return a.sendSelected(c, "ConceptMap", all)
}

func (a *api) codeTables(c *call) ([]fhir.Resource, error) {
	if err := c.negotiate(c.query); err != nil || a.ConceptMaps == nil {
		return nil, err
	}
	c.w.Header().Set("Cache-Control", definitionsLive)
	return a.ConceptMaps(a.Base)
}
