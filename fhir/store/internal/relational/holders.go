package relational

import (
	"context"
	"slices"

	"lightbox/fhir/search"
	"lightbox/fhir/store/internal/runs"
)

// maxHolders is how many resources with one posting are told apart: more of them are taken for several with one identifier.
const maxHolders = 16

// resolve finds what logical references lead to: the one current resource that has the identifier, of all the types that it may be of.
func (l linker) resolve(ctx context.Context, referrers []referrer) (links, error) {
	wanted := map[int64]search.Logical{}
	for _, r := range referrers {
		for _, one := range r.logical {
			wanted[one.Key()] = one
		}
	}
	holders, err := l.holders(ctx, wanted)
	if err != nil {
		return nil, err
	}
	candidates, err := l.candidates(ctx, holders)
	if err != nil {
		return nil, err
	}
	found := links{}
	for key, one := range wanted {
		found[key] = l.only(one, holders[key], candidates)
	}
	return found, nil
}

// holders returns the rows that the postings of identifiers give for each key. Too many are left out.
func (l linker) holders(ctx context.Context, wanted map[int64]search.Logical) (map[int64][]int64, error) {
	stored, err := l.types(ctx)
	if err != nil {
		return nil, err
	}
	keys := map[runs.Range][]int64{}
	var ranges []runs.Range
	for key, one := range wanted {
		for _, t := range l.store.catalog.targetsOf(one) {
			if !stored[t] {
				continue
			}
			known, err := l.store.catalog.forWriters.posting(l.store.catalog.identifiers[t])
			if err != nil {
				return nil, err
			}
			r := points(known, []int64{logicalHash(one)})[0]
			if keys[r] == nil {
				ranges = append(ranges, r)
			}
			keys[r] = append(keys[r], key)
		}
	}
	all := map[int64][]int64{}
	err = l.lookup(ctx, ranges, func(e runs.Entry) {
		for _, key := range keys[runs.Range{Param: e.Param, Low: e.Hash, High: e.Hash}] {
			all[key] = append(all[key], e.Row)
		}
	})
	for key, rows := range all {
		if len(rows) > maxHolders {
			delete(all, key)
		}
	}
	return all, err
}

// types returns those that there are resources of: many references are to what nobody keeps here.
func (l linker) types(ctx context.Context) (map[string]bool, error) {
	all := map[string]bool{}
	const query = "SELECT t.name FROM resource_type t WHERE EXISTS (SELECT 1 FROM resource r WHERE r.type = t.id)"
	err := l.tx.Query(ctx, query, nil, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		all[name] = true
		return err
	})
	return all, err
}

// lookup gives the postings of points, of none of them many more than maxHolders.
func (l linker) lookup(ctx context.Context, ranges []runs.Range, found func(runs.Entry)) error {
	if len(ranges) == 0 {
		return nil
	}
	limit := maxHolders * len(ranges)
	entries, err := l.store.runs.Lookup(ctx, l.tx, ranges, limit)
	if err != nil {
		return err
	}
	if len(entries) > limit && len(ranges) > 1 { // some have too many: what others have may be missing
		half := len(ranges) / 2
		if err := l.lookup(ctx, ranges[:half], found); err != nil {
			return err
		}
		return l.lookup(ctx, ranges[half:], found)
	}
	for _, e := range entries {
		found(e)
	}
	return nil
}

// candidates reads the resources that may be targets.
func (l linker) candidates(ctx context.Context, holders map[int64][]int64) (map[int64]*record, error) {
	var rows []int64
	for _, some := range holders {
		rows = append(rows, some...)
	}
	slices.Sort(rows)
	found := map[int64]*record{}
	for some := range slices.Chunk(slices.Compact(rows), linkBatch) {
		s := l.store.statement()
		text := "SELECT r.row, r.type, r.id, r.body FROM resource r WHERE " + s.numbers("r.row", some) + " AND r.deleted = 0"
		err := s.query(ctx, l.tx, text, func(scan func(...any) error) error {
			r := &record{}
			err := scan(&r.row, &r.typeID, &r.id, (*unpacked)(&r.body))
			r.resourceType = l.store.catalog.names[r.typeID]
			found[r.row] = r
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// only returns the reference of the one among rows that has the identifier, "" for none and for several.
func (l linker) only(one search.Logical, rows []int64, candidates map[int64]*record) string {
	target := ""
	for _, row := range rows {
		r := candidates[row]
		if r == nil || !one.Names(l.store.catalog.identifiers[r.resourceType], r.body) {
			continue
		}
		if target != "" {
			return ""
		}
		target = r.resourceType + "/" + r.id
	}
	return target
}
