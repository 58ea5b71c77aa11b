package relational

import (
	"context"
	"slices"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// condition is what the clauses of a query come to: terms that the index decides, and the rest, for which each candidate is looked
// at (see rest).
type condition struct {
	terms []term
	rest  []search.Clause
}

// resolve looks up what the clauses need.
func (p *page) resolve(ctx context.Context) error {
	if p.resolved != nil {
		return nil
	}
	p.resolved = &condition{}
	var linked []search.Clause
	for _, c := range p.query.Where {
		if c.Chain != nil || c.Has != nil {
			linked = append(linked, c)
		} else if err := p.add(ctx, c); err != nil {
			return err
		}
	}
	if len(linked) == 0 {
		return nil
	}
	few, err := p.fewCandidates(ctx)
	if err != nil {
		return err
	}
	if few { // cheaper to look where they lead than what leads to them
		p.resolved.rest = append(p.resolved.rest, linked...)
		return nil
	}
	for _, c := range linked {
		if err := p.add(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (p *page) add(ctx context.Context, c search.Clause) error {
	one, err := p.clause(ctx, c)
	if err != nil {
		p.resolved = nil
		return err
	}
	p.resolved.terms, p.resolved.rest = append(p.resolved.terms, one.terms...), append(p.resolved.rest, one.rest...)
	return nil
}

// fewCandidates reports whether the terms so far, or what the caller may see, leave few resources to look at.
func (p *page) fewCandidates(ctx context.Context) (bool, error) {
	s := p.store.statement()
	drivers, err := s.drivers(p.query.Type, p.resolved.terms, p.filter)
	if err != nil {
		return false, err
	}
	counted := drivers[:len(drivers)-1]
	if len(counted) == 0 {
		return false, nil
	}
	if err := s.estimate(ctx, p.source, counted); err != nil {
		return false, err
	}
	return slices.ContainsFunc(counted, func(d *driver) bool { return d.exact && d.count <= p.store.limits.Few }), nil
}

func (p *page) clause(ctx context.Context, c search.Clause) (condition, error) {
	switch {
	case c.Chain != nil:
		return p.chain(ctx, c)
	case c.Has != nil:
		return p.has(ctx, c)
	case c.Lists != nil:
		return p.list(ctx, c)
	case c.Any != nil:
		return p.anyOf(ctx, c)
	}
	return p.plain(ctx, c)
}

func decided(t term, err error) (condition, error) { return condition{terms: []term{t}}, err }

// undecided leaves a clause to the candidates, which the terms narrow down.
func undecided(c search.Clause, narrow ...term) (condition, error) {
	return condition{terms: narrow, rest: []search.Clause{c}}, nil
}

// anyOf joins clauses on references and ids, as the membership of a compartment is.
func (p *page) anyOf(ctx context.Context, c search.Clause) (condition, error) {
	all := term{kind: byAny}
	for _, one := range c.Any {
		found, err := p.plain(ctx, one)
		if err != nil {
			return condition{}, err
		}
		if len(found.rest) > 0 {
			return undecided(c)
		}
		all.any = append(all.any, found.terms...)
	}
	return decided(all, nil)
}

// plain resolves a clause on the resource's own elements.
func (p *page) plain(ctx context.Context, c search.Clause) (condition, error) {
	if c.Modifier == search.Missing {
		return p.store.missing(c)
	}
	switch c.Param.Kind {
	case fhir.KindToken:
		return p.tokens(ctx, c)
	case fhir.KindReference:
		return p.references(ctx, c)
	case fhir.KindURI:
		if c.Modifier == search.Below {
			return undecided(c)
		}
		return decided(p.store.immediate(c))
	case fhir.KindComposite:
		return p.composite(ctx, c)
	case fhir.KindSpecial:
		return undecided(c)
	}
	return p.store.ordered(c)
}

// ordered resolves texts, dates and numbers.
func (s *Store) ordered(c search.Clause) (condition, error) {
	if c.Param.Name == "_lastUpdated" {
		return decided(term{kind: byUpdated, values: c.Values}, nil)
	}
	known, err := s.catalog.posting(c.Param)
	if err != nil {
		return condition{}, err
	}
	t := term{param: known, values: c.Values}
	switch {
	case s.catalog.isClock(c.Param):
		t.kind = byClock
	case c.Param.Kind == fhir.KindDate:
		t.kind = byDate
	case c.Param.Kind == fhir.KindNumber:
		t.kind = byNumber
	case c.Param.Kind == fhir.KindQuantity:
		t.kind = byNumber
		if !measured(c.Values) {
			return undecided(c, t)
		}
	case c.Modifier == search.Contains:
		t.kind = byPart
	case c.Modifier == search.Exact:
		t = term{kind: byPrefix, param: known}
		for _, v := range c.Values {
			t.values = append(t.values, search.Value{Text: search.Fold(v.Text)})
		}
		return undecided(c, t)
	default:
		t.kind = byPrefix
	}
	return decided(t, nil)
}

// measured reports whether the index decides quantities: those without a unit, and those in units that convert.
func measured(values []search.Value) bool {
	for _, v := range values {
		if v.Number.Code != 0 && v.Number.Base == nil {
			return false
		}
	}
	return true
}

func (s *Store) missing(c search.Clause) (condition, error) {
	if c.Param.Name == "_id" || c.Param.Name == "_lastUpdated" {
		t := nothingAt()
		t.not = !c.Values[0].Missing
		return decided(t, nil)
	}
	known, err := s.catalog.param(c.Param)
	return decided(term{kind: byPresence, param: known, not: c.Values[0].Missing}, err)
}

func (p *page) tokens(ctx context.Context, c search.Clause) (condition, error) {
	switch {
	case c.Param.Name == "_id":
		return decided(term{kind: byID, ids: textsOf(c.Values), not: c.Modifier == search.Not}, nil)
	case c.Modifier == search.Text:
		return undecided(c)
	}
	t, ok, err := p.token(ctx, c)
	switch {
	case err != nil:
		return condition{}, err
	case !ok:
		return undecided(c)
	case c.Modifier == search.Not && p.store.catalog.narrowed(c.Param):
		return undecided(c)
	case c.Modifier == search.OfType, p.store.catalog.narrowed(c.Param):
		return undecided(c, t)
	}
	t.not = t.not != (c.Modifier == search.Not)
	return decided(t, nil)
}

func (p *page) references(ctx context.Context, c search.Clause) (condition, error) {
	if c.Modifier != search.Identifier {
		known, err := p.store.catalog.posting(c.Param)
		if err != nil {
			return condition{}, err
		}
		return decided(p.postings(ctx, known, hashesOf(c.Values)))
	}
	t, ok, err := p.token(ctx, c)
	switch {
	case err != nil:
		return condition{}, err
	case !ok:
		return undecided(c)
	case p.store.catalog.isAlias(c.Param): // an identifier does not state the type that tells the two apart
		return undecided(c, t)
	}
	return decided(t, nil)
}

// composite narrows by the components, and looks whether they stand together.
func (p *page) composite(ctx context.Context, c search.Clause) (condition, error) {
	all := condition{rest: []search.Clause{c}}
	for _, part := range c.Parts() {
		one, err := p.plain(ctx, part)
		if err != nil {
			return condition{}, err
		}
		all.terms = append(all.terms, one.terms...)
	}
	return all, nil
}

// list resolves _list to the ids that Lists which the caller may see refer to.
func (p *page) list(ctx context.Context, c search.Clause) (condition, error) {
	filter := p.caller.Access("List")
	if len(filter.Grants) == 0 {
		return condition{}, fhir.NewError(fhir.Forbidden, "no scope of the token covers a search on List").At("_list")
	}
	lists := p.inner(search.Query{Type: "List"})
	lists.resolved = &condition{terms: []term{{kind: byID, ids: c.Lists}}}
	found, err := lists.walk(ctx, nil, len(c.Lists))
	if err != nil {
		return condition{}, err
	}
	t := term{kind: byID}
	seen, err := p.store.view(ctx, p.source, resourcesOf(found))
	if err != nil {
		return condition{}, err
	}
	for _, one := range seen {
		for _, entry := range gjson.GetBytes(one.body, "entry").Array() {
			ref, err := fhir.ParseReference(entry.Get("item.reference").Str, "")
			if err == nil && ref.Kind == fhir.Local && ref.Type == p.query.Type {
				t.ids = append(t.ids, ref.ID)
			}
		}
	}
	if len(t.ids) == 0 {
		return decided(nothingAt(), nil)
	}
	return decided(t, nil)
}
