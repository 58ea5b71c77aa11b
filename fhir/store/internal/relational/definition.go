package relational

import (
	"fmt"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// indexVersion is part of every definition. Whoever changes what the program makes of a value (how texts are folded, tokens
// hashed, units converted) raises it, and every index is built anew.
const indexVersion = 1

// definition is what decides the index entries of a parameter.
type definition struct {
	name  string
	bit   bool // it has a place in resource.present
	built bool // it has entries, or that place
	hash  int64
}

// define returns the definitions of a type's parameters, the store's own among them. The elements that tell the clinical time
// are part of each: they decide the time key of postings.
func (c *catalog) define(t *fhir.Type) []definition {
	all := []definition{
		c.definition(t, patientParam, t.Patient),
		c.definition(t, ownerParam),
	}
	for _, p := range t.Params() {
		parts := []string{string(p.Kind), p.Expression, strings.Join(p.Datatypes, ","), strings.Join(p.Targets, ","), p.System}
		if p.Choice {
			parts = append(parts, "choice")
		}
		d := c.definition(t, p.Name, parts...)
		d.bit, d.built = true, !fromRow(p) && p.Kind != fhir.KindComposite
		all = append(all, d)
		if hasSystemPosting(p) {
			all = append(all, beside(d, systemSuffix))
		}
		if hasIdentifierPosting(p) {
			all = append(all, beside(d, identifierSuffix))
		}
	}
	return all
}

func (c *catalog) definition(t *fhir.Type, name string, parts ...string) definition {
	key := paramKey{t.Name, name}
	parts = append([]string{fmt.Sprint(indexVersion, c.aliases[key], c.clocks[key], c.rare[key]), strings.Join(t.Time, ",")}, parts...)
	return definition{name: name, built: true, hash: search.Hash(strings.Join(parts, "\n"))}
}

// beside is a parameter of the store's own beside one of the registry.
func beside(d definition, suffix string) definition {
	return definition{name: d.name + suffix, built: true, hash: d.hash}
}

// fromRow reports whether a parameter is answered from the resource's row.
func fromRow(p *fhir.SearchParameter) bool { return p.Name == "_id" || p.Name == "_lastUpdated" }
