package relational

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// A parameter's index has generations, each with an id of its own, which its entries carry. When a program opens the database
// whose registry defines a parameter otherwise, it begins a new generation: writers make entries of that at once, the reindex
// adds those of what was there before, and then the old ones go. The states of search_param.
const (
	stateLive     = "live"
	stateBuilding = "building"
	stateDead     = "dead" // its entries are still there
	stateGone     = "gone" // kept so that its id is not given again
)

// generations are the present ones of all parameters. They are read anew when another process has changed them, which
// head.dictionary tells: writers look at it under their lock, readers once a second.
type generations struct {
	dictionary int64
	active     map[paramKey]param // live and building
	bits       map[paramKey]int64 // of every name that there ever was
	last       int64              // id
	building   bool
	superseded bool // another registry than ours decides
}

// errSuperseded is what a process gets that indexes otherwise than the one which opened the database last: what it wrote
// would not be found.
var errSuperseded = fhir.NewError(fhir.Transient, "another version of the program has changed the index; this one must be restarted")

// loadCatalog reads the dictionaries and brings them to the registry.
func loadCatalog(ctx context.Context, db Database, registry *fhir.Registry) (*catalog, error) {
	c := newCatalog(registry)
	if err := c.load(ctx, db); err != nil {
		return nil, err
	}
	if c.knows(registry) && !c.generations.Load().superseded {
		return c, nil
	}
	tx, err := db.Begin(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.adapt(ctx, tx, registry); err != nil {
		return nil, errors.Join(err, tx.Rollback(ctx))
	}
	if err := tx.Commit(ctx); err != nil {
		return nil, errors.Join(err, tx.Rollback(ctx))
	}
	return c, c.load(ctx, db)
}

func (c *catalog) knows(registry *fhir.Registry) bool {
	return !slices.ContainsFunc(registry.Types(), func(t *fhir.Type) bool { return c.types[t.Name] == 0 })
}

func (c *catalog) load(ctx context.Context, q querier) error {
	names, err := typeNames(ctx, q)
	if err != nil {
		return err
	}
	for id, name := range names {
		c.types[name], c.names[id] = id, name
	}
	return c.reload(ctx, q)
}

// reload reads the generations. The number that tells of changes comes first, so that they are at least as new as it says.
func (c *catalog) reload(ctx context.Context, q querier) error {
	g := &generations{active: map[paramKey]param{}, bits: map[paramKey]int64{}}
	err := q.Query(ctx, "SELECT dictionary FROM head", nil, func(scan func(...any) error) error { return scan(&g.dictionary) })
	if err != nil {
		return err
	}
	query := "SELECT id, type, name, bit, definition, state, percent FROM search_param"
	err = q.Query(ctx, query, nil, func(scan func(...any) error) error { return c.take(g, scan) })
	if err != nil {
		return err
	}
	for key, hash := range c.definitions {
		g.superseded = g.superseded || g.active[key].definition != hash
	}
	for {
		known := c.generations.Load()
		if known != nil && known.dictionary > g.dictionary || c.generations.CompareAndSwap(known, g) {
			return nil
		}
	}
}

// take reads one row. What another registry has of a type that ours serves supersedes ours: we do not index it.
func (c *catalog) take(g *generations, scan func(...any) error) error {
	var p param
	var typeID int64
	var name, state string
	if err := scan(&p.id, &typeID, &name, &p.bit, &p.definition, &state, &p.percent); err != nil {
		return err
	}
	key := paramKey{c.names[typeID], name}
	g.bits[key], g.last = p.bit, max(g.last, p.id)
	if state != stateLive && state != stateBuilding {
		return nil
	}
	p.building = state == stateBuilding
	g.active[key], g.building = p, g.building || p.building
	_, ours := c.definitions[key]
	_, served := c.definitions[paramKey{key.resourceType, ownerParam}]
	g.superseded = g.superseded || served && !ours
	return nil
}

// follow reads the generations again if they have changed, for a writer that holds the lock.
func (c *catalog) follow(ctx context.Context, q querier, dictionary int64) error {
	if c.generations.Load().dictionary != dictionary {
		if err := c.reload(ctx, q); err != nil {
			return err
		}
	}
	if c.generations.Load().superseded {
		return errSuperseded
	}
	return nil
}

// watchEvery is how long a reader may go on by generations that another process has ended.
const watchEvery = time.Second

// watch keeps the generations up to date until ctx ends.
func (s *Store) watch(ctx context.Context) {
	for tick := time.NewTicker(watchEvery); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		if err := s.lookAround(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("cannot read the search parameters of the database", "error", err)
		}
	}
}

func (s *Store) lookAround(ctx context.Context) error {
	ctx, cancel := statementContext(ctx, readTimeout)
	defer cancel()
	var dictionary int64
	err := s.db.Look(ctx, "SELECT dictionary FROM head", nil, func(scan func(...any) error) error { return scan(&dictionary) })
	if known := s.catalog.generations.Load(); err != nil || known.dictionary == dictionary && !known.building {
		return err
	}
	return s.catalog.reload(ctx, s.db)
}

// adapt brings the dictionaries of the database to the registry. It has the writers' lock.
func (c *catalog) adapt(ctx context.Context, tx Transaction, registry *fhir.Registry) error {
	if err := c.load(ctx, tx); err != nil { // another process may have been faster
		return err
	}
	return c.begin(ctx, tx, registry, false)
}

// begin makes new generations of what the registry defines otherwise than the database, or of everything.
func (c *catalog) begin(ctx context.Context, tx Transaction, registry *fhir.Registry, renew bool) error {
	known := *c.generations.Load() // others read that one
	known.bits = maps.Clone(known.bits)
	a := adaptation{catalog: c, generations: &known, renew: renew}
	for _, t := range registry.Types() {
		if err := a.add(ctx, tx, t); err != nil {
			return err
		}
	}
	return a.write(ctx, tx)
}

// adaptation is the rows of the dictionaries that change.
type adaptation struct {
	*catalog
	*generations
	renew     bool
	types     []entry
	params    []entry
	dead      []int64 // ids
	deadState []string
}

// entry is a new row of a dictionary.
type entry struct {
	id, resourceType, bit, definition int64
	name, state                       string
}

// add takes what is new of a type, and what is no longer so.
func (a *adaptation) add(ctx context.Context, q querier, t *fhir.Type) error {
	typeID, filled := a.catalog.types[t.Name], false
	if typeID == 0 {
		typeID = int64(len(a.catalog.types) + 1)
		a.catalog.types[t.Name], a.names[typeID] = typeID, t.Name
		a.types = append(a.types, entry{id: typeID, name: t.Name})
	} else if err := q.Query(ctx, "SELECT 1 FROM resource WHERE type = $1 LIMIT 1", []any{typeID},
		func(func(...any) error) error { filled = true; return nil }); err != nil {
		return err
	}
	state, former := stateLive, stateGone
	if filled {
		state, former = stateBuilding, stateDead
	}
	for _, d := range a.define(t) {
		old, ok := a.active[paramKey{t.Name, d.name}]
		if ok && old.definition == d.hash && !(a.renew && d.built) {
			continue
		}
		if ok {
			a.end(old.id, former)
		}
		e := entry{resourceType: typeID, name: d.name, definition: d.hash, state: state}
		if !d.built {
			e.state = stateLive
		}
		if err := a.number(e, paramKey{t.Name, d.name}, d.bit); err != nil {
			return err
		}
	}
	for key, p := range a.active {
		if _, ours := a.definitions[key]; key.resourceType == t.Name && !ours {
			a.end(p.id, former)
		}
	}
	return nil
}

func (a *adaptation) end(id int64, state string) {
	a.dead, a.deadState = append(a.dead, id), append(a.deadState, state)
}

// number gives a generation its id. Its place in resource.present is that of its name.
func (a *adaptation) number(e entry, key paramKey, hasBit bool) error {
	a.last++
	bit, known := a.bits[key]
	switch {
	case known:
	case !hasBit:
		bit = noBit
	default:
		bit = a.lastBit(key.resourceType) + 1
	}
	if bit > maxBit {
		return fmt.Errorf("store: more than %d search parameters of %s", maxBit+1, key.resourceType)
	}
	e.id, e.bit, a.bits[key] = a.last, bit, bit
	a.params = append(a.params, e)
	return nil
}

func (a *adaptation) lastBit(resourceType string) int64 {
	last := int64(noBit)
	for key, bit := range a.bits {
		if key.resourceType == resourceType {
			last = max(last, bit)
		}
	}
	return last
}

func (a *adaptation) write(ctx context.Context, tx Transaction) error {
	if len(a.dead)+len(a.types)+len(a.params) == 0 {
		return nil
	}
	for i, dead := range a.dead {
		if _, err := tx.Exec(ctx, "UPDATE search_param SET state = $1 WHERE id = $2", a.deadState[i], dead); err != nil {
			return err
		}
	}
	id, text := func(e entry) int64 { return e.id }, func(e entry) string { return e.name }
	all := []Change{
		{"resource_type", []Column{ints("id", a.types, id), texts("name", a.types, text)}, false},
		{"search_param", []Column{
			ints("id", a.params, id),
			ints("type", a.params, func(e entry) int64 { return e.resourceType }),
			texts("name", a.params, text),
			ints("bit", a.params, func(e entry) int64 { return e.bit }),
			ints("definition", a.params, func(e entry) int64 { return e.definition }),
			texts("state", a.params, func(e entry) string { return e.state }),
		}, false},
	}
	if err := tx.Apply(ctx, slices.DeleteFunc(all, func(c Change) bool { return c.Rows() == 0 })); err != nil {
		return err
	}
	return renumber(ctx, tx)
}

// renumber tells every process that generations have changed.
func renumber(ctx context.Context, tx store.SQL) error {
	_, err := tx.Exec(ctx, "UPDATE head SET dictionary = dictionary + 1")
	return err
}
