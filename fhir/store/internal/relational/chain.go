package relational

import (
	"context"
	"fmt"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// chain resolves a chain from its end: the resources that its last reference leads to are looked up first. Their references'
// postings are walked then.
func (p *page) chain(ctx context.Context, c search.Clause) (condition, error) {
	known, err := p.store.catalog.posting(c.Param)
	if err != nil {
		return condition{}, err
	}
	var hashes []int64
	for _, q := range c.Chain {
		found, complete, err := p.inner(q).ids(ctx, p.store.limits.Inner)
		if err != nil {
			return condition{}, err
		}
		if !complete {
			return undecided(c)
		}
		for _, id := range found {
			hashes = append(hashes, search.Hash(q.Type+"/"+id))
		}
	}
	if len(hashes) == 0 {
		return decided(nothingAt(), nil)
	}
	return decided(p.postings(ctx, known, hashes))
}

// has resolves a reverse chain the same way: what refers is looked up first.
func (p *page) has(ctx context.Context, c search.Clause) (condition, error) {
	inner := p.inner(search.Query{Type: c.Has.Type, Where: []search.Clause{c.Has.Where}})
	if err := inner.resolve(ctx); err != nil {
		return condition{}, err
	}
	if p.query.Type == "Patient" && len(inner.resolved.rest) == 0 && p.store.catalog.tellsPatient(c.Has.Param) {
		return p.hasPatient(ctx, c, inner)
	}
	found, err := inner.walk(ctx, nil, p.store.limits.Inner+1)
	if err != nil {
		return condition{}, err
	}
	if len(found) > p.store.limits.Inner {
		return undecided(c)
	}
	t := term{kind: byID}
	seen, err := p.store.view(ctx, p.source, resourcesOf(found))
	if err != nil {
		return condition{}, err
	}
	for _, one := range seen {
		t.ids = append(t.ids, targetsOf(one.Document, c.Has.Param, p.query.Type)...)
	}
	if len(t.ids) == 0 {
		return decided(nothingAt(), nil)
	}
	return decided(t, nil)
}

// hasPatient is has where the row of what refers tells whose data it is.
func (p *page) hasPatient(ctx context.Context, c search.Clause, inner *page) (condition, error) {
	patients, complete, err := inner.column(ctx, "r.patient", p.store.limits.Inner)
	if err != nil {
		return condition{}, err
	}
	if !complete {
		return undecided(c)
	}
	t := term{kind: byID}
	for _, reference := range patients {
		if id, ok := strings.CutPrefix(reference, "Patient/"); ok {
			t.ids = append(t.ids, id)
		}
	}
	if len(t.ids) == 0 {
		return decided(nothingAt(), nil)
	}
	return decided(t, nil)
}

// inner is a search within this one, for the same caller.
func (p *page) inner(q search.Query) *page {
	return &page{store: p.store, query: q, filter: p.caller.Access(q.Type), caller: p.caller, source: p.source}
}

// targetsOf returns the ids of the resources of a type that a resource refers to by a parameter.
func targetsOf(d search.Document, by *fhir.SearchParameter, resourceType string) []string {
	var ids []string
	for _, e := range d.Entries {
		if e.Param != by || e.Part != "" {
			continue
		}
		if id, ok := strings.CutPrefix(e.Text, resourceType+"/"); ok && fhir.ValidID(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// ids returns the ids of at most limit answers, and whether these are all.
func (p *page) ids(ctx context.Context, limit int) (found []string, complete bool, err error) {
	if len(p.filter.Grants) == 0 {
		return nil, true, nil
	}
	if err := p.resolve(ctx); err != nil {
		return nil, false, err
	}
	if len(p.resolved.rest) > 0 {
		hits, err := p.walk(ctx, nil, limit+1)
		for _, h := range hits {
			found = append(found, h.resource.ID)
		}
		return found, len(found) <= limit, err
	}
	return p.column(ctx, "r.id", limit)
}

// column returns one column of at most limit answers that the index decides, and whether these are all.
func (p *page) column(ctx context.Context, name string, limit int) (found []string, complete bool, err error) {
	if len(p.filter.Grants) == 0 {
		return nil, true, nil
	}
	pl, err := p.plan(ctx)
	if err != nil {
		return nil, false, err
	}
	text := fmt.Sprintf("SELECT %s FROM (%s) c CROSS JOIN resource r WHERE r.row = c.row", name, pl.candidates(nil, limit+1))
	err = pl.statement.query(ctx, p.source, text, func(scan func(...any) error) error {
		var value string
		err := scan(&value)
		found = append(found, value)
		return err
	})
	return found, len(found) <= limit, err
}
