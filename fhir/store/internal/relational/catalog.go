package relational

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"lightbox/fhir"
)

// Parameters of the store's own, beside those of the registry, one of each for each type: whose data a resource is and who
// submitted it, so that either can drive a search.
const (
	patientParam = "_patient"
	ownerParam   = "_owner"
)

// maxBit is the last place in resource.present that leaves its sign alone.
const maxBit = 62

// noBit stands for what has no place in resource.present.
const noBit = -1

type paramKey struct{ resourceType, name string }

// param is a search parameter as rows know it: the present generation of its index.
type param struct {
	id         int64
	bit        int64
	definition int64
	building   bool // rows from before this generation are missing
	percent    int64
	rare       bool // its postings are in sorted runs, see isRare
}

// present is the parameter's flag in resource.present.
func (p param) present() int64 { return 1 << p.bit }

// catalog holds the dictionaries. All but the generations is loaded once and does not change.
type catalog struct {
	types       map[string]int64
	names       map[int64]string
	aliases     map[paramKey]alias // parameters whose postings are those of another, see addAliases
	clocks      map[paramKey]bool  // parameters whose values are the clinical time, which the resource's row has
	rare        map[paramKey]bool
	identifiers map[string]*fhir.SearchParameter // of each type that logical references may lead to
	definitions map[paramKey]int64               // as the registry has them
	generations *atomic.Pointer[generations]
	forWriters  *catalog // finds what is being built too; nil in that one itself
}

// alias is another parameter, whose values are the same, or with narrowed some more.
type alias struct {
	name     string
	narrowed bool
}

func (c *catalog) typeID(name string) (int64, error) {
	id, ok := c.types[name]
	if !ok {
		return 0, fhir.NewError(fhir.NotSupported, "resource type "+name+" is not served")
	}
	return id, nil
}

func (c *catalog) param(p *fhir.SearchParameter) (param, error) { return c.named(p.Type, p.Name) }

// named returns the present generation of a parameter. Whoever searches by one that is being built would miss resources.
func (c *catalog) named(resourceType, name string) (param, error) {
	key := paramKey{resourceType, name}
	wanted, ok := c.definitions[key]
	if !ok {
		return param{}, fhir.NewError(fhir.NotSupported, "search parameter is not served").At(name)
	}
	found, ok := c.generations.Load().active[key]
	switch {
	case !ok || found.definition != wanted:
		return param{}, errSuperseded.At(name)
	case found.building && c.forWriters != nil:
		detail := fmt.Sprintf("the index of this parameter is being built: %d %%", found.percent)
		return param{}, fhir.NewError(fhir.Transient, detail).At(name)
	}
	found.rare = c.rare[key]
	return found, nil
}

// posting returns the parameter under whose id the values of p are kept.
func (c *catalog) posting(p *fhir.SearchParameter) (param, error) {
	return c.postingNamed(p.Type, p.Name)
}

func (c *catalog) postingNamed(resourceType, name string) (param, error) {
	if same, ok := c.aliases[paramKey{resourceType, name}]; ok {
		name = same.name
	}
	return c.named(resourceType, name)
}

// narrowed reports whether the postings of p hold more than its values.
func (c *catalog) narrowed(p *fhir.SearchParameter) bool {
	return c.aliases[paramKey{p.Type, p.Name}].narrowed
}

// isAlias reports whether p shares the postings of another parameter.
func (c *catalog) isAlias(p *fhir.SearchParameter) bool {
	_, ok := c.aliases[paramKey{p.Type, p.Name}]
	return ok
}

// tellsPatient reports whether p selects the reference by which a resource is a patient's data.
func (c *catalog) tellsPatient(p *fhir.SearchParameter) bool {
	whose, ok := c.aliases[paramKey{p.Type, patientParam}]
	return ok && (whose.name == p.Name || c.aliases[paramKey{p.Type, p.Name}] == alias{name: whose.name})
}

// isClock reports whether p's values are the clinical time.
func (c *catalog) isClock(p *fhir.SearchParameter) bool { return c.clocks[paramKey{p.Type, p.Name}] }

func newCatalog(registry *fhir.Registry) *catalog {
	c := &catalog{types: map[string]int64{}, names: map[int64]string{}, aliases: map[paramKey]alias{}, clocks: map[paramKey]bool{},
		rare: map[paramKey]bool{}, identifiers: map[string]*fhir.SearchParameter{}, definitions: map[paramKey]int64{}, generations: new(atomic.Pointer[generations])}
	for _, t := range registry.Types() {
		c.addAliases(t)
		c.addClock(t)
		c.addRare(t)
		c.addLogical(t)
		for _, d := range c.define(t) {
			c.definitions[paramKey{t.Name, d.name}] = d.hash
		}
	}
	writers := *c
	c.forWriters = &writers
	return c
}

// addAliases finds parameters that would keep the same values twice: those that only narrow another one's, by the type that a
// reference leads to, which its value states, or by what the candidate itself tells; those that have another one's expression; and whose
// data a resource is, where a parameter selects that very reference.
func (c *catalog) addAliases(t *fhir.Type) {
	plain := map[string]*fhir.SearchParameter{}
	for _, p := range t.Params() {
		if p.Kind == fhir.KindComposite || len(p.Paths) == 1 && p.Paths[0].Where != (fhir.Condition{}) {
			continue
		}
		if same, ok := plain[p.Expression]; ok && same.Kind == p.Kind {
			c.aliases[paramKey{t.Name, p.Name}] = alias{name: same.Name} // phonetic is name
			continue
		}
		plain[p.Expression] = p
	}
	for _, p := range t.Params() {
		whole, condition, narrowed := strings.Cut(p.Expression, ".where(")
		if same, ok := plain[whole]; ok && narrowed && len(p.Paths) == 1 && same.Kind == p.Kind {
			c.aliases[paramKey{t.Name, p.Name}] = alias{same.Name, !strings.HasPrefix(condition, "resolve()")}
		}
	}
	if same, ok := plain[t.Name+"."+t.Patient]; ok && same.Kind == fhir.KindReference {
		c.aliases[paramKey{t.Name, patientParam}] = alias{name: same.Name}
	}
}

// addRare finds the parameters of which few resources share a value: UIDs, identifiers, and references to what is made for one
// study or patient. Their postings come in random order and are never walked in time order (see package runs).
func (c *catalog) addRare(t *fhir.Type) {
	for _, p := range t.Params() {
		if !fromRow(p) {
			c.rare[paramKey{t.Name, p.Name}] = isRare(p)
		}
		if hasIdentifierPosting(p) {
			c.rare[paramKey{t.Name, p.Name + identifierSuffix}] = true
		}
	}
}

// shared are the types that many resources refer to.
var shared = []string{"Any", "Patient", "Group", "Practitioner", "PractitionerRole", "Organization", "Location", "Device", "Endpoint",
	"RelatedPerson", "CareTeam", "HealthcareService", "Substance"}

func isRare(p *fhir.SearchParameter) bool {
	switch {
	case p.Kind == fhir.KindToken:
		return p.Datatypes[0] == "Identifier" || p.Datatypes[0] == "id"
	case p.Kind == fhir.KindReference && p.Datatypes[0] == "Reference":
		return !slices.ContainsFunc(p.Targets, func(t string) bool { return slices.Contains(shared, t) })
	}
	return false
}

// addClock finds the parameter that selects the element which is a type's clinical time, where that is a point of time.
func (c *catalog) addClock(t *fhir.Type) {
	if len(t.Time) == 0 {
		return
	}
	for _, p := range t.Params() {
		if p.Kind == fhir.KindDate && len(p.Paths) == 1 && slices.Equal(p.Paths[0].Members, t.Time[:1]) && p.Paths[0].Datatype != "Period" {
			c.clocks[paramKey{t.Name, p.Name}] = true
		}
	}
}
