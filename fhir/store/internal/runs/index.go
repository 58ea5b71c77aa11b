package runs

import (
	"context"

	"lightbox/fhir/store"
)

// Querier reads.
type Querier interface {
	Query(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error
}

// Index is the index in one database.
type Index struct {
	dialect Dialect
	limits  limits
	dropped map[int64]bool // of a Step
}

// limits decide how entries are laid out, never what is found.
type limits struct {
	large  int   // an Add of so many entries becomes a run at once
	fresh  int64 // so many fresh entries become a run
	fan    int   // so many runs of a level become one of the next
	blocks int   // a Step reads about so many blocks, or deletes so many
}

// With n runs made by Add there are log(n)/log(fan) levels. A look-up visits up to fan-1 runs on each, and an entry is written once on
// each: a larger fan would make a load cheaper, which a load of sorted runs is anyway, and every look-up dearer.
func defaultLimits() limits { return limits{large: 1000, fresh: 10_000, fan: 4, blocks: 256} }

// New returns the index of a database that has its tables.
func New(d Dialect) *Index { return &Index{dialect: d, limits: defaultLimits()} }

// Add takes entries, in any order. A later one is right before an earlier one of the same Param, Hash and Row: in entries and
// of all Adds. It runs in a writer's transaction.
func (x *Index) Add(ctx context.Context, tx store.SQL, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	entries = sorted(entries)
	if len(entries) >= x.limits.large {
		return x.addRun(ctx, tx, entries)
	}
	var count int64
	err := tx.Query(ctx, "UPDATE run_head SET fresh = fresh + $1 RETURNING fresh", []any{len(entries)},
		func(scan func(...any) error) error { return scan(&count) })
	if err != nil {
		return err
	}
	if count >= 2*x.limits.fresh { // nobody calls Step
		return x.addRun(ctx, tx, entries)
	}
	return x.addFresh(ctx, tx, entries)
}

func (x *Index) addFresh(ctx context.Context, tx store.SQL, entries []Entry) error {
	rows, args := x.dialect.Rows("v", 1,
		column("hash", entries, func(e *Entry) int64 { return e.Hash }),
		column("param", entries, func(e *Entry) int64 { return e.Param }),
		column("row", entries, func(e *Entry) int64 { return e.Row }),
		column("time_key", entries, func(e *Entry) int64 { return e.TimeKey }),
		column("gone", entries, func(e *Entry) int64 { return int64(flag(e.Gone)) }), //nolint:gosec // 0 or 1
	)
	_, err := tx.Exec(ctx, `INSERT INTO posting_fresh (hash, param, row, time_key, gone)
		SELECT v.hash, v.param, v.row, v.time_key, v.gone FROM `+rows+` WHERE true
		ON CONFLICT (hash, param, row) DO UPDATE SET time_key = excluded.time_key, gone = excluded.gone`, args...)
	return err
}

// addRun makes a run of entries. It takes the fresh ones in, for they would hide it.
func (x *Index) addRun(ctx context.Context, tx store.SQL, entries []Entry) error {
	h, err := readHead(ctx, tx)
	if err != nil {
		return err
	}
	if h.fresh > 0 {
		older, err := takeFresh(ctx, tx)
		if err != nil {
			return err
		}
		entries = merged(entries, older)
	}
	if _, err := tx.Exec(ctx, "UPDATE run_head SET fresh = 0, last_run = $1", h.lastRun+1); err != nil || len(entries) == 0 {
		return err
	}
	p := &packer{pending: entries}
	p.finish(false, 0)
	r := run{id: h.lastRun + 1, age: h.lastRun + 1, state: live, entries: p.entries}
	if err := r.insert(ctx, tx); err != nil {
		return err
	}
	return x.insertBlocks(ctx, tx, r.id, p.blocks)
}

// takeFresh returns the fresh entries in order and empties their table.
func takeFresh(ctx context.Context, tx store.SQL) ([]Entry, error) {
	var all []Entry
	const query = "SELECT hash, param, row, time_key, gone FROM posting_fresh ORDER BY hash, param, row"
	err := tx.Query(ctx, query, nil, func(scan func(...any) error) error {
		var e Entry
		var gone int64
		err := scan(&e.Hash, &e.Param, &e.Row, &e.TimeKey, &gone)
		e.Gone = gone != 0
		all = append(all, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, "DELETE FROM posting_fresh")
	return all, err
}

// insertBlocks binds all bodies as one, since only numbers can be bound as columns on both databases.
func (x *Index) insertBlocks(ctx context.Context, tx store.SQL, id int64, blocks []packed) error {
	if len(blocks) == 0 {
		return nil
	}
	var bodies []byte
	from := make([]int64, len(blocks))
	for i, b := range blocks {
		from[i] = int64(len(bodies)) + 1
		bodies = append(bodies, b.body...)
	}
	rows, args := x.dialect.Rows("v", 3,
		column("low", blocks, func(b *packed) int64 { return b.low }),
		column("part", blocks, func(b *packed) int64 { return b.part }),
		Column{"start", from},
		column("length", blocks, func(b *packed) int64 { return int64(len(b.body)) }),
	)
	_, err := tx.Exec(ctx, `INSERT INTO run_block (run, low, part, body) SELECT CAST($1 AS BIGINT), v.low, v.part,
		substr(`+x.dialect.Blob("$2")+`, CAST(v.start AS INTEGER), CAST(v.length AS INTEGER)) FROM `+rows, append([]any{id, bodies}, args...)...)
	return err
}
