package relational

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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

type paramKey struct{ resourceType, name string }

// param is a search parameter as rows know it.
type param struct {
	id  int64
	bit int64
}

// present is the parameter's flag in resource.present.
func (p param) present() int64 { return 1 << p.bit }

// catalog holds the dictionaries. It is loaded once and does not change.
type catalog struct {
	types   map[string]int64
	names   map[int64]string
	params  map[paramKey]param
	aliases map[paramKey]string // parameters whose postings are those of another, see aliasesOf
}

func (c *catalog) typeID(name string) (int64, error) {
	id, ok := c.types[name]
	if !ok {
		return 0, fhir.NewError(fhir.NotSupported, "resource type "+name+" is not served")
	}
	return id, nil
}

func (c *catalog) param(p *fhir.SearchParameter) (param, error) { return c.named(p.Type, p.Name) }

func (c *catalog) named(resourceType, name string) (param, error) {
	found, ok := c.params[paramKey{resourceType, name}]
	if !ok {
		return param{}, fhir.NewError(fhir.NotSupported, "search parameter is not served").At(name)
	}
	return found, nil
}

// posting returns the parameter under whose id the values of p are kept.
func (c *catalog) posting(p *fhir.SearchParameter) (param, error) {
	return c.postingNamed(p.Type, p.Name)
}

func (c *catalog) postingNamed(resourceType, name string) (param, error) {
	if same, ok := c.aliases[paramKey{resourceType, name}]; ok {
		name = same
	}
	return c.named(resourceType, name)
}

func newCatalog(registry *fhir.Registry) *catalog {
	c := &catalog{types: map[string]int64{}, names: map[int64]string{}, params: map[paramKey]param{}, aliases: map[paramKey]string{}}
	for _, t := range registry.Types() {
		c.addAliases(t)
	}
	return c
}

// addAliases finds parameters that would keep the same values twice: those that only narrow another one's by the type that a
// reference leads to, which its value states; and whose data a resource is, where a parameter selects that very reference.
func (c *catalog) addAliases(t *fhir.Type) {
	plain := map[string]string{}
	for _, p := range t.Params() {
		if p.Kind == fhir.KindReference && len(p.Paths) == 1 && p.Paths[0].Where == (fhir.Condition{}) {
			plain[p.Expression] = p.Name
		}
	}
	for _, p := range t.Params() {
		whole, _, narrowed := strings.Cut(p.Expression, ".where(resolve() is ")
		if same, ok := plain[whole]; ok && narrowed && len(p.Paths) == 1 {
			c.aliases[paramKey{t.Name, p.Name}] = same
		}
	}
	if same, ok := plain[t.Name+"."+t.Patient]; ok {
		c.aliases[paramKey{t.Name, patientParam}] = same
	}
}

// loadCatalog reads the dictionaries and adds what the registry has new. An entry once made is kept for ever.
func loadCatalog(ctx context.Context, db Database, registry *fhir.Registry) (*catalog, error) {
	c := newCatalog(registry)
	if err := c.read(ctx, db); err != nil {
		return nil, err
	}
	if changes, err := c.extend(registry); err != nil || len(changes) == 0 {
		return c, err
	}
	tx, err := db.Begin(ctx)
	if err != nil {
		return nil, err
	}
	c = newCatalog(registry) // another process may have been faster
	if err := c.fill(ctx, tx, registry); err != nil {
		return nil, errors.Join(err, tx.Rollback(ctx))
	}
	return c, tx.Commit(ctx)
}

func (c *catalog) fill(ctx context.Context, tx Transaction, registry *fhir.Registry) error {
	if err := c.read(ctx, tx); err != nil {
		return err
	}
	changes, err := c.extend(registry)
	if err != nil {
		return err
	}
	return tx.Apply(ctx, changes)
}

func (c *catalog) read(ctx context.Context, q querier) error {
	err := q.Query(ctx, "SELECT id, name FROM resource_type", nil, func(scan func(...any) error) error {
		var id int64
		var name string
		if err := scan(&id, &name); err != nil {
			return err
		}
		c.types[name], c.names[id] = id, name
		return nil
	})
	if err != nil {
		return err
	}
	return q.Query(ctx, "SELECT id, type, name, bit FROM search_param", nil, func(scan func(...any) error) error {
		var p param
		var resourceType int64
		var name string
		if err := scan(&p.id, &resourceType, &name, &p.bit); err != nil {
			return err
		}
		c.params[paramKey{c.names[resourceType], name}] = p
		return nil
	})
}

// extend adds to c what the registry has new, and returns the rows to insert.
func (c *catalog) extend(registry *fhir.Registry) ([]Change, error) {
	var types, params []entry
	for _, t := range registry.Types() {
		if _, ok := c.types[t.Name]; !ok {
			id := int64(len(c.types) + 1)
			c.types[t.Name], c.names[id] = id, t.Name
			types = append(types, entry{id: id, name: t.Name})
		}
		added, err := c.extendParams(t)
		if err != nil {
			return nil, err
		}
		params = append(params, added...)
	}
	all := []Change{
		{"resource_type", []Column{ints("id", types, entry.number), texts("name", types, entry.text)}, false},
		{"search_param", []Column{
			ints("id", params, entry.number),
			ints("type", params, func(e entry) int64 { return e.resourceType }),
			texts("name", params, entry.text),
			ints("bit", params, func(e entry) int64 { return e.bit }),
		}, false},
	}
	return slices.DeleteFunc(all, func(c Change) bool { return c.Rows() == 0 }), nil
}

// entry is a row of a dictionary.
type entry struct {
	id, resourceType, bit int64
	name                  string
}

func (e entry) number() int64 { return e.id }
func (e entry) text() string  { return e.name }

func (c *catalog) extendParams(t *fhir.Type) ([]entry, error) {
	var added []entry
	add := func(name string, bit int64) {
		key := paramKey{t.Name, name}
		if _, ok := c.params[key]; !ok {
			p := param{id: int64(len(c.params) + 1), bit: bit}
			c.params[key] = p
			added = append(added, entry{p.id, c.types[t.Name], bit, name})
		}
	}
	add(patientParam, noBit)
	add(ownerParam, noBit)
	bit := c.lastBit(t.Name)
	for _, p := range t.Params() {
		if _, ok := c.params[paramKey{t.Name, p.Name}]; !ok {
			bit++
		}
		if add(p.Name, bit); hasSystemPosting(p) {
			add(p.Name+systemSuffix, noBit)
		}
		if hasIdentifierPosting(p) {
			add(p.Name+identifierSuffix, noBit)
		}
	}
	if bit > maxBit {
		return nil, fmt.Errorf("store: more than %d search parameters of %s", maxBit+1, t.Name)
	}
	return added, nil
}

// noBit stands for what has no place in resource.present.
const noBit = -1

func (c *catalog) lastBit(resourceType string) int64 {
	last := int64(-1)
	for key, p := range c.params {
		if key.resourceType == resourceType {
			last = max(last, p.bit)
		}
	}
	return last
}
