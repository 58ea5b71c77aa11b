package runs

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
)

// freshAge is that of what is in posting_fresh.
const freshAge = math.MaxInt64

// found gathers what a look-up comes across.
type found struct {
	ranges  []Range
	latest  map[key]aged
	alive   int  // right when the newest come first
	partial bool // entries may lie in blocks that were not read
}

type aged struct {
	Entry
	age int64
}

func (f *found) take(e Entry, age int64) {
	known, ok := f.latest[e.key()]
	if ok && known.age >= age {
		return
	}
	if f.latest[e.key()] = (aged{e, age}); !ok && !e.Gone {
		f.alive++
	}
}

// living returns what is not gone.
func (f *found) living(limit int) []Entry {
	all := make([]Entry, 0, len(f.latest))
	for _, e := range f.latest {
		if !e.Gone {
			all = append(all, e.Entry)
		}
	}
	slices.SortFunc(all, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Param, b.Param), cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.TimeKey, b.TimeKey), cmp.Compare(a.Row, b.Row))
	})
	return all[:min(len(all), limit+1)]
}

// Lookup returns the living entries of ranges in order of (Param, Hash, TimeKey, Row). Of more than limit it returns limit+1, and not
// necessarily the first. It needs one statement, and a second one when a range is wide.
func (x *Index) Lookup(ctx context.Context, q Querier, ranges []Range, limit int) ([]Entry, error) {
	if len(ranges) == 0 {
		return nil, nil
	}
	f := &found{ranges: ranges, latest: map[key]aged{}}
	if err := x.one(ctx, q, f); err != nil {
		return nil, err
	}
	if f.partial {
		f.latest, f.alive = map[key]aged{}, 0
		if err := x.every(ctx, q, f, limit); err != nil {
			return nil, err
		}
	}
	return f.living(limit), nil
}

// hit is a row of a look-up: a block of a run, or a fresh entry.
type hit struct {
	n, age int64 // n is the number of a range
	entry  Entry
	body   []byte
}

// Both statements end with what is fresh.
const (
	freshOf    = " UNION ALL SELECT v.n, 9223372036854775807, f.hash, f.row, f.time_key, f.gone, NULL FROM "
	freshWhere = " CROSS JOIN posting_fresh f WHERE f.hash >= v.low AND f.hash <= v.high AND f.param = v.param"
)

func scanHit(scan func(...any) error) (h hit, err error) {
	var gone int64
	err = scan(&h.n, &h.age, &h.entry.Hash, &h.entry.Row, &h.entry.TimeKey, &gone, &h.body)
	h.entry.Gone = gone != 0
	return h, err
}

// hit takes what a row has of its range. It returns the block.
func (f *found) hit(h hit) (*block, error) {
	r := f.ranges[h.n]
	if h.age == freshAge {
		h.entry.Param = r.Param
		f.take(h.entry, h.age)
		return nil, nil
	}
	if h.body == nil {
		return nil, nil
	}
	b, err := open(h.body)
	if err != nil {
		return nil, err
	}
	return b, b.within(r, func(e Entry) { f.take(e, h.age) })
}

func (x *Index) rows(ranges []Range) (table string, args []any) {
	n := Column{"n", make([]int64, len(ranges))}
	for i := range ranges {
		n.Values[i] = int64(i)
	}
	return x.dialect.Rows("v", 1, n,
		column("param", ranges, func(r *Range) int64 { return r.Param }),
		column("low", ranges, func(r *Range) int64 { return r.Low }),
		column("high", ranges, func(r *Range) int64 { return r.High }))
}

// one reads the last block of each run that begins at or below each range.
func (x *Index) one(ctx context.Context, q Querier, f *found) error {
	rows, args := x.rows(f.ranges)
	query := `SELECT v.n, r.age, 0, 0, 0, 0, (SELECT b.body FROM run_block b WHERE b.run = r.id AND b.low <= v.high
			ORDER BY b.run DESC, b.low DESC, b.part DESC LIMIT 1)
		FROM ` + rows + ` CROSS JOIN run r WHERE r.state = 1` + freshOf + rows + freshWhere
	return q.Query(ctx, query, args, func(scan func(...any) error) error {
		h, err := scanHit(scan)
		if err != nil {
			return err
		}
		b, err := f.hit(h)
		if b != nil {
			low := f.ranges[h.n].Low
			f.partial = f.partial || b.first > low || b.first == low && b.flags&isSplit != 0
		}
		return err
	})
}

var errEnough = errors.New("enough")

// every reads all blocks that may hold something of each range, the newest first, until it has more than limit.
func (x *Index) every(ctx context.Context, q Querier, f *found, limit int) error {
	rows, args := x.rows(f.ranges)
	query := `SELECT v.n, r.age, 0, 0, 0, 0, b.body FROM ` + rows + ` CROSS JOIN run r CROSS JOIN run_block b
		WHERE r.state = 1 AND b.run = r.id AND b.low <= v.high AND b.low >= COALESCE((SELECT c.low FROM run_block c
			WHERE c.run = r.id AND c.low <= v.low ORDER BY c.run DESC, c.low DESC LIMIT 1), v.low)` +
		freshOf + rows + freshWhere + ` ORDER BY 2 DESC`
	err := q.Query(ctx, query, args, func(scan func(...any) error) error {
		h, err := scanHit(scan)
		if err == nil {
			_, err = f.hit(h)
		}
		if err == nil && f.alive > limit {
			return errEnough
		}
		return err
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
