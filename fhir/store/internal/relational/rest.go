package relational

import (
	"context"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// chunk is how many candidates are looked at together.
const chunk = 200

// candidate is a hit with what the index knows of it.
type candidate struct {
	hit
	search.Indexed
}

// sieve returns the hits for which the rest of the query's clauses holds too.
func (p *page) sieve(ctx context.Context, hits []hit) ([]hit, error) {
	seen, err := p.store.view(ctx, p.source, resourcesOf(hits))
	if err != nil {
		return nil, err
	}
	left := make([]candidate, len(hits))
	for i, h := range hits {
		left[i] = candidate{h, search.Indexed{Document: seen[i].Document, ID: h.resource.ID, LastUpdated: h.resource.LastUpdated, Body: seen[i].body}}
	}
	for _, c := range p.resolved.rest {
		holds, err := p.holds(ctx, c, left)
		if err != nil {
			return nil, err
		}
		kept := left[:0]
		for i, one := range left {
			if holds(i, one) {
				kept = append(kept, one)
			}
		}
		left = kept
	}
	all := make([]hit, len(left))
	for i, one := range left {
		all[i] = one.hit
	}
	return all, nil
}

func resourcesOf(hits []hit) []fhir.Resource {
	all := make([]fhir.Resource, len(hits))
	for i, h := range hits {
		all[i] = h.resource
	}
	return all
}

// holds returns what decides a clause for each of the candidates. What leads to other resources is looked up for all of them at
// once.
func (p *page) holds(ctx context.Context, c search.Clause, all []candidate) (func(int, candidate) bool, error) {
	switch {
	case c.Chain != nil:
		return p.holdsChain(ctx, c, all)
	case c.Has != nil:
		return p.holdsHas(ctx, c, all)
	}
	return func(_ int, one candidate) bool { return c.Match(one.Indexed) }, nil
}

// holdsChain asks which of the resources that the candidates refer to answer the chain.
func (p *page) holdsChain(ctx context.Context, c search.Clause, all []candidate) (func(int, candidate) bool, error) {
	answering := map[string]bool{}
	for _, q := range c.Chain {
		var targets []string
		for _, one := range all {
			targets = append(targets, targetsOf(one.Document, c.Param, q.Type)...)
		}
		found, err := p.among(ctx, q, targets)
		if err != nil {
			return nil, err
		}
		for _, id := range found {
			answering[q.Type+"/"+id] = true
		}
	}
	return func(_ int, one candidate) bool {
		for _, e := range one.Entries {
			if e.Param == c.Param && e.Part == "" && answering[e.Text] {
				return true
			}
		}
		return false
	}, nil
}

// among returns which of the ids answer a query.
func (p *page) among(ctx context.Context, q search.Query, ids []string) ([]string, error) {
	var found []string
	for len(ids) > 0 {
		n := min(len(ids), chunk)
		inner := p.inner(q)
		if err := inner.resolve(ctx); err != nil {
			return nil, err
		}
		inner.resolved.terms = append(inner.resolved.terms, term{kind: byID, ids: ids[:n]})
		some, _, err := inner.ids(ctx, n)
		if err != nil {
			return nil, err
		}
		found, ids = append(found, some...), ids[n:]
	}
	return found, nil
}

// holdsHas asks for each candidate whether anything that answers refers to it.
func (p *page) holdsHas(ctx context.Context, c search.Clause, all []candidate) (func(int, candidate) bool, error) {
	known, err := p.store.catalog.posting(c.Has.Param)
	if err != nil {
		return nil, err
	}
	q := search.Query{Type: c.Has.Type, Where: []search.Clause{c.Has.Where}}
	base := p.inner(q)
	if err := base.resolve(ctx); err != nil {
		return nil, err
	}
	referred := make([]bool, len(all))
	for i, one := range all {
		inner := p.inner(q)
		inner.resolved = &condition{rest: base.resolved.rest}
		refers, err := p.postings(ctx, known, []int64{search.Hash(one.resource.Reference())})
		if err != nil {
			return nil, err
		}
		inner.resolved.terms = append(append([]term{}, base.resolved.terms...), refers)
		found, _, err := inner.ids(ctx, 1)
		if err != nil {
			return nil, err
		}
		referred[i] = len(found) > 0
	}
	return func(i int, _ candidate) bool { return referred[i] }, nil
}
