package relational

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// Search answers one page.
func (s *Store) Search(ctx context.Context, q search.Query, by store.Caller) (store.Result, error) {
	l := s.listing(q, by)
	if len(l.parts) == 0 {
		return store.Result{Total: 0, Exact: true}, nil
	}
	ctx, cancel := statementContext(ctx, readTimeout)
	defer cancel()
	result := store.Result{}
	var err error
	if !l.countOnly() {
		result, err = l.answer(ctx)
	}
	if err == nil {
		result.Total, result.Exact, err = l.total(ctx)
	}
	return result, s.failure(ctx, err)
}

// listing is the work on one page of a search, over one type or several.
type listing struct {
	store  *Store
	query  search.Query
	caller store.Caller
	parts  []*page // of the types that the caller may see something of
}

// page is the part of a listing that is of one type.
type page struct {
	store    *Store
	query    search.Query // Type, Where and Sort of it
	filter   search.Filter
	caller   store.Caller
	source   querier
	back     bool // walk against the order
	resolved *condition
}

func (s *Store) listing(q search.Query, by store.Caller) *listing {
	l := &listing{store: s, query: q, caller: by}
	for _, part := range q.Parts() {
		if filter := by.Access(part.Type); len(filter.Grants) > 0 {
			l.parts = append(l.parts, &page{store: s, query: part, filter: filter, caller: by, source: s.db})
		}
	}
	return l
}

// countOnly reports whether the number is all that is wanted (_summary=count, _count=0).
func (l *listing) countOnly() bool { return l.query.Summary == "count" || l.query.Count == 0 }

// from gives the parts a source to read.
func (l *listing) from(source querier) {
	for _, p := range l.parts {
		p.source, p.resolved = source, nil
	}
}

// single reports whether one statement answers the page.
func (l *listing) single() bool {
	if len(l.parts) > 1 || len(l.query.Include)+len(l.query.RevInclude) > 0 {
		return false
	}
	for _, c := range l.parts[0].query.Where {
		if c.Chain != nil || c.Has != nil || c.Lists != nil || l.store.catalog.isRare(c) {
			return false
		}
	}
	return true
}

// answer reads one page, with what it includes from the same state of the database.
func (l *listing) answer(ctx context.Context) (store.Result, error) {
	if !l.single() {
		tx, err := l.store.db.Snapshot(ctx)
		if err != nil {
			return store.Result{}, err
		}
		defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // it only read
		l.from(tx)
	}
	result := store.Result{}
	if err := l.matches(ctx, &result); err != nil {
		return store.Result{}, err
	}
	return result, l.include(ctx, &result)
}

// hit is one match with its place in the order.
type hit struct {
	resource fhir.Resource
	at       position
}

func (l *listing) matches(ctx context.Context, result *store.Result) error {
	keys, err := l.store.statement().order(l.parts[0].query, false)
	if err != nil {
		return err
	}
	from, err := l.store.openCursor(l.query, l.caller.ID, keys)
	if err != nil {
		return err
	}
	back := from != nil && from.back
	for _, p := range l.parts {
		p.back = back
	}
	hits, err := l.walk(ctx, from, keys)
	if err != nil {
		return err
	}
	more := len(hits) > l.query.Count
	hits = hits[:min(len(hits), l.query.Count)]
	if back {
		slices.Reverse(hits)
	}
	for _, h := range hits {
		result.Matches = append(result.Matches, h.resource)
	}
	return l.links(hits, from, more, result)
}

// links seals where the pages beside this one begin: what was found behind the walk tells of one side, and where it came from of
// the other.
func (l *listing) links(hits []hit, from *position, more bool, result *store.Result) (err error) {
	if len(hits) == 0 {
		return nil
	}
	first, last := hits[0].at, hits[len(hits)-1].at
	back := from != nil && from.back
	if more || back {
		if result.Next, err = l.store.sealCursor(l.query, l.caller.ID, last); err != nil {
			return err
		}
	}
	if from != nil && !back || more && back {
		first.back = true
		result.Previous, err = l.store.sealCursor(l.query, l.caller.ID, first)
	}
	return err
}

// walk returns one hit more than the page holds, if there are as many: the first of what the parts give.
func (l *listing) walk(ctx context.Context, from *position, keys []sortKey) ([]hit, error) {
	limit := l.query.Count + 1
	var all []hit
	for _, p := range l.parts {
		hits, err := p.walk(ctx, from, limit)
		if err != nil {
			return nil, err
		}
		all = append(all, hits...)
	}
	if len(l.parts) > 1 {
		slices.SortFunc(all, func(a, b hit) int { return l.parts[0].compare(a.at, b.at, keys) })
	}
	return all[:min(limit, len(all))], nil
}

// walk returns the first hits behind a position, at most limit. What the index does not decide is looked at in chunks.
func (p *page) walk(ctx context.Context, from *position, limit int) ([]hit, error) {
	if err := p.resolve(ctx); err != nil {
		return nil, err
	}
	keys, err := p.store.statement().order(p.query, p.back)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(keys, func(k sortKey) bool { return k.own != nil }) {
		return p.sorted(ctx, from, limit)
	}
	if len(p.resolved.rest) == 0 {
		return p.candidates(ctx, from, limit)
	}
	var all []hit
	for len(all) < limit {
		hits, err := p.candidates(ctx, from, chunk)
		if err != nil {
			return nil, err
		}
		sound, err := p.sieve(ctx, hits)
		if err != nil {
			return nil, err
		}
		all = append(all, sound...)
		if len(hits) < chunk {
			break
		}
		from = &hits[len(hits)-1].at
	}
	return all[:min(limit, len(all))], nil
}

// candidates returns the first that meet every term.
func (p *page) candidates(ctx context.Context, from *position, limit int) ([]hit, error) {
	pl, err := p.plan(ctx)
	if err != nil {
		return nil, err
	}
	if !pl.walkSort {
		return pl.hits(ctx, p.source, pl.candidates(from, limit))
	}
	return p.walkSort(ctx, pl, from, limit)
}

// walkSort walks what has a value of the sort key, then what has none; against the order, the other way round.
func (p *page) walkSort(ctx context.Context, pl *plan, from *position, limit int) ([]hit, error) {
	stages := []func(*position, int) string{pl.withValue, pl.withoutValue}
	at := 0
	if from != nil && from.keys[0] == nil {
		at = 1
	}
	if !pl.keys[0].nullable {
		stages = stages[:1]
	} else if p.back {
		slices.Reverse(stages)
		at = 1 - at
	}
	if from == nil {
		at = 0
	}
	var all []hit
	for _, stage := range stages[at:] {
		hits, err := pl.hits(ctx, p.source, stage(from, limit-len(all)))
		if err != nil {
			return nil, err
		}
		if all, from = append(all, hits...), nil; len(all) == limit {
			break
		}
	}
	return all, nil
}

// hits reads the candidates that a statement selects, in its order.
func (pl *plan) hits(ctx context.Context, q querier, candidates string) ([]hit, error) {
	var columnsOfKeys strings.Builder
	for i := range pl.keys {
		fmt.Fprintf(&columnsOfKeys, "c.k%d, ", i)
	}
	text := fmt.Sprintf("SELECT %s, %s c.row FROM (%s) c CROSS JOIN resource r WHERE r.row = c.row ORDER BY %s",
		columns("r", versionTable), &columnsOfKeys, candidates, orderBy(pl.keys, "c"))
	var all []hit
	err := pl.statement.query(ctx, q, text, func(scan func(...any) error) error {
		h, err := pl.scan(scan)
		all = append(all, h)
		return err
	})
	return all, err
}

func (pl *plan) scan(scan func(...any) error) (hit, error) {
	keys := make([]any, len(pl.keys))
	for i, k := range pl.keys {
		switch k.kind {
		case keyText:
			keys[i] = new(*string)
		case keyFloat:
			keys[i] = new(*float64)
		default:
			keys[i] = new(*int64)
		}
	}
	h := hit{at: position{keys: make([]any, len(pl.keys))}}
	dest := append(slices.Clone(keys), &h.at.row)
	r, err := scanVersion(pl.resourceType, func(version ...any) error { return scan(append(version, dest...)...) })
	h.resource = r
	for i, k := range keys {
		h.at.keys[i] = valueOf(k)
	}
	return h, err
}

// valueOf returns what was scanned, nil for NULL.
func valueOf(scanned any) any {
	switch v := scanned.(type) {
	case **string:
		if *v != nil {
			return **v
		}
	case **float64:
		if *v != nil {
			return **v
		}
	case **int64:
		if *v != nil {
			return **v
		}
	}
	return nil
}
