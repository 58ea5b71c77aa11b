package relational

import (
	"context"
	"fmt"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// Search answers one page.
func (s *Store) Search(ctx context.Context, q search.Query, by store.Caller) (store.Result, error) {
	filter := by.Access(q.Type)
	if len(filter.Grants) == 0 {
		return store.Result{Total: 0, Exact: true}, nil
	}
	ctx, cancel := statementContext(ctx, readTimeout)
	defer cancel()
	p := &page{store: s, query: q, filter: filter, caller: by, source: s.db}
	result := store.Result{}
	var err error
	if !p.countOnly() {
		result, err = p.answer(ctx)
	}
	if err == nil {
		result.Total, result.Exact, err = p.total(ctx)
	}
	return result, s.failure(ctx, err)
}

// page is the work on one page of a search.
type page struct {
	store  *Store
	query  search.Query
	filter search.Filter
	caller store.Caller
	source querier
}

// countOnly reports whether the number is all that is wanted (_summary=count, _count=0).
func (p *page) countOnly() bool { return p.query.Summary == "count" || p.query.Count == 0 }

// answer reads one page, with what it includes from the same state of the database.
func (p *page) answer(ctx context.Context) (store.Result, error) {
	if len(p.query.Include)+len(p.query.RevInclude) > 0 {
		tx, err := p.store.db.Snapshot(ctx)
		if err != nil {
			return store.Result{}, err
		}
		defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // it only read
		p.source = tx
	}
	result := store.Result{}
	if err := p.matches(ctx, &result); err != nil {
		return store.Result{}, err
	}
	return result, p.include(ctx, &result)
}

// hit is one match with its place in the order.
type hit struct {
	resource fhir.Resource
	at       position
}

func (p *page) matches(ctx context.Context, result *store.Result) error {
	keys, err := p.store.statement().order(p.query)
	if err != nil {
		return err
	}
	from, err := p.store.openCursor(p.query, p.caller.ID, keys)
	if err != nil {
		return err
	}
	hits, err := p.walk(ctx, from)
	if err != nil {
		return err
	}
	if len(hits) > p.query.Count {
		hits = hits[:p.query.Count]
		if result.Next, err = p.store.sealCursor(p.query, p.caller.ID, hits[len(hits)-1].at); err != nil {
			return err
		}
	}
	for _, h := range hits {
		result.Matches = append(result.Matches, h.resource)
	}
	return nil
}

// walk returns one hit more than the page holds, if there are as many.
func (p *page) walk(ctx context.Context, from *position) ([]hit, error) {
	pl, err := p.plan(ctx)
	if err != nil {
		return nil, err
	}
	limit := p.query.Count + 1
	switch {
	case !pl.walkSort:
		return pl.hits(ctx, p.source, pl.candidates(from, limit))
	case from != nil && from.keys[0] == nil:
		return pl.hits(ctx, p.source, pl.withoutValue(from, limit))
	}
	hits, err := pl.hits(ctx, p.source, pl.withValue(from, limit))
	if err != nil || len(hits) == limit || !pl.keys[0].nullable {
		return hits, err
	}
	rest, err := pl.hits(ctx, p.source, pl.withoutValue(nil, limit-len(hits)))
	return append(hits, rest...), err
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
	texts, numbers := make([]*string, len(pl.keys)), make([]*int64, len(pl.keys))
	var dest []any
	for i, k := range pl.keys {
		if k.text {
			dest = append(dest, &texts[i])
		} else {
			dest = append(dest, &numbers[i])
		}
	}
	h := hit{at: position{keys: make([]any, len(pl.keys))}}
	dest = append(dest, &h.at.row)
	r, err := scanVersion(pl.resourceType, func(version ...any) error { return scan(append(version, dest...)...) })
	h.resource = r
	for i := range pl.keys {
		if texts[i] != nil {
			h.at.keys[i] = *texts[i]
		}
		if numbers[i] != nil {
			h.at.keys[i] = *numbers[i]
		}
	}
	return h, err
}
