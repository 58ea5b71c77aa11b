package relational

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// maxSorted is how many matches are sorted by a key that has no index: tokens, references and URIs are kept as hashes.
const maxSorted = 10_000

// sorted answers a page in an order that no index has: it evaluates the keys of every match. What it keeps of each is the keys and
// the row; the page is read again by its rows.
func (p *page) sorted(ctx context.Context, from *position, limit int) ([]hit, error) {
	keys, err := p.store.statement().order(p.query, false)
	if err != nil {
		return nil, err
	}
	all, err := p.positions(ctx, keys)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b position) int { return p.compare(a, b, keys) })
	start := 0
	if from != nil {
		start, _ = slices.BinarySearchFunc(all, *from, func(a, b position) int { return cmp.Or(p.compare(a, b, keys), -1) })
	}
	return p.at(ctx, all[start:min(start+limit, len(all))])
}

// positions walks every match in time order.
func (p *page) positions(ctx context.Context, keys []sortKey) ([]position, error) {
	unsorted := *p
	unsorted.query.Sort, unsorted.back = nil, false
	var all []position
	var from *position
	for {
		hits, err := unsorted.candidates(ctx, from, chunk)
		if err != nil {
			return nil, err
		}
		sound, err := unsorted.sieve(ctx, hits)
		if err != nil {
			return nil, err
		}
		some, err := p.place(ctx, sound, keys)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if len(all) > maxSorted {
			return nil, fhir.NewError(fhir.TooCostly, "more than "+strconv.Itoa(maxSorted)+
				" matches to sort by a parameter that has no index; narrow the search, or sort by a date, number or string").At("_sort")
		}
		if len(hits) < chunk {
			return all, nil
		}
		from = &hits[len(hits)-1].at
	}
}

// place evaluates the keys of hits.
func (p *page) place(ctx context.Context, hits []hit, keys []sortKey) ([]position, error) {
	seen, err := p.store.view(ctx, p.source, resourcesOf(hits))
	if err != nil {
		return nil, err
	}
	all := make([]position, len(hits))
	for n, h := range hits {
		all[n].row = h.at.row
		for i, o := range p.query.Sort {
			all[n].keys = append(all[n].keys, valueBy(o, keys[i], h.resource, seen[n].Document))
		}
	}
	return all, nil
}

// valueBy is a key's value as the index would give it; a token's code and system stand with a character between them that neither
// holds.
func valueBy(o search.Sort, k sortKey, r fhir.Resource, d search.Document) any {
	switch o.By {
	case "_id":
		return r.ID
	case "_lastUpdated":
		return r.LastUpdated.UnixMicro()
	}
	key, ok := o.Key(d.Entries)
	switch {
	case !ok:
		return nil
	case k.kind == keyText && key.Second != "":
		return key.Text + "\x00" + key.Second
	case k.kind == keyText:
		return key.Text
	case k.kind == keyFloat:
		return key.Number
	case k.present != "":
		return -clamp(key.Low)
	}
	return clamp(key.Low)
}

// at reads the resources at positions, in their order.
func (p *page) at(ctx context.Context, positions []position) ([]hit, error) {
	if len(positions) == 0 {
		return nil, nil
	}
	rows := make([]int64, len(positions))
	for i, at := range positions {
		rows[i] = at.row
	}
	s := p.store.statement()
	text := fmt.Sprintf("SELECT %s, r.row FROM resource r WHERE %s AND r.deleted = 0", columns("r", versionTable), s.numbers("r.row", rows))
	found := map[int64]fhir.Resource{}
	err := s.query(ctx, p.source, text, func(scan func(...any) error) error {
		var row int64
		r, err := scanVersion(p.query.Type, func(version ...any) error { return scan(append(version, &row)...) })
		found[row] = r
		return err
	})
	var hits []hit
	for _, at := range positions {
		if r, ok := found[at.row]; ok {
			hits = append(hits, hit{r, at})
		}
	}
	return hits, err
}

// compare orders as the walk goes.
func (p *page) compare(a, b position, keys []sortKey) int {
	if p.back {
		a, b = b, a
	}
	return comparePositions(a, b, keys)
}

// comparePositions orders as orderBy does.
func comparePositions(a, b position, keys []sortKey) int {
	for i, k := range keys {
		if c := compareKeys(a.keys[i], b.keys[i], k.desc); c != 0 {
			return c
		}
	}
	if keys[0].desc {
		return cmp.Compare(b.row, a.row)
	}
	return cmp.Compare(a.row, b.row)
}

// compareKeys puts what has no value last in either direction.
func compareKeys(a, b any, desc bool) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return 1
	case b == nil:
		return -1
	}
	c := 0
	switch x := a.(type) {
	case string:
		c = strings.Compare(x, b.(string))
	case float64:
		c = cmp.Compare(x, b.(float64))
	case int64:
		c = cmp.Compare(x, b.(int64))
	}
	if desc {
		return -c
	}
	return c
}
