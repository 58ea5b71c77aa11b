package runs

import (
	"context"
	"math"
	"slices"

	"lightbox/fhir/store"
)

// Step does a bounded slice of what is to be done behind the writers: it deletes runs that were merged, and makes a run of many fresh
// entries, or merges runs. It reports whether it found something to do. It runs in a writer's transaction of its own.
//
// One Step merges some 40,000 entries. Each entry is merged once on each level (seven of them at 100 million), so that Steps keep pace
// with Adds when there is one for some 5,000 entries added.
//
// What it merges leaves out the entries of dropped parameters, which nobody looks up any more.
func (x *Index) Step(ctx context.Context, tx store.SQL, dropped map[int64]bool) (more bool, err error) {
	with := *x
	with.dropped = dropped
	return with.step(ctx, tx)
}

func (x *Index) step(ctx context.Context, tx store.SQL) (more bool, err error) {
	h, err := readHead(ctx, tx)
	if err != nil {
		return false, err
	}
	runs, err := readRuns(ctx, tx)
	if err != nil {
		return false, err
	}
	swept, err := x.sweep(ctx, tx, runs)
	if err != nil {
		return false, err
	}
	if h.fresh > x.limits.fresh {
		return true, x.addRun(ctx, tx, nil)
	}
	if inputs := neighbours(living(runs), x.limits.fan); inputs != nil && !writing(runs, inputs[0].level+1) {
		return true, x.begin(ctx, tx, h, inputs)
	}
	if output := lowest(runs); output != nil {
		return true, x.merge(ctx, tx, *output, runs)
	}
	if h.compact {
		return true, x.compact(ctx, tx, h, living(runs))
	}
	return swept, nil
}

func living(runs []run) []run {
	return slices.DeleteFunc(slices.Clone(runs), func(r run) bool { return r.state != live })
}

// begin starts the merge of inputs, which are in order of age, with its first slice.
func (x *Index) begin(ctx context.Context, tx store.SQL, h head, inputs []run) error {
	newest := inputs[len(inputs)-1]
	output := run{id: h.lastRun + 1, age: newest.age, state: beingWritten, next: key{math.MinInt64, math.MinInt64, math.MinInt64}}
	for _, r := range inputs {
		output.level = max(output.level, r.level+1)
	}
	if err := output.insert(ctx, tx); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "UPDATE run_head SET last_run = $1", output.id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "UPDATE run SET target = $1 WHERE state = 1 AND age BETWEEN $2 AND $3", output.id, inputs[0].age, newest.age)
	if err != nil {
		return err
	}
	runs, err := readRuns(ctx, tx)
	if err != nil {
		return err
	}
	return x.merge(ctx, tx, output, runs)
}

// lowest returns the run that is being written on the lowest level: small merges go before large ones, so that the number of runs
// stays small while a large merge takes its time.
func lowest(runs []run) *run {
	var best *run
	for i := range runs {
		if r := &runs[i]; r.state == beingWritten && (best == nil || r.level < best.level) {
			best = r
		}
	}
	return best
}

func writing(runs []run, level int64) bool {
	return slices.ContainsFunc(runs, func(r run) bool { return r.state == beingWritten && r.level <= level })
}

// sweep deletes blocks of runs that were merged, and those runs of which it deletes the last ones.
func (x *Index) sweep(ctx context.Context, tx store.SQL, runs []run) (swept bool, err error) {
	left := int64(x.limits.blocks)
	for _, r := range runs {
		if r.state != dead || left <= 0 {
			continue
		}
		n, err := sweepRun(ctx, tx, r.id, left)
		if err != nil {
			return false, err
		}
		left -= n + 1
		swept = true
	}
	return swept, nil
}

func sweepRun(ctx context.Context, tx store.SQL, id, most int64) (deleted int64, err error) {
	var low, part int64
	rest := false
	err = tx.Query(ctx, "SELECT low, part FROM run_block WHERE run = $1 ORDER BY run, low, part LIMIT 1 OFFSET $2", []any{id, most},
		func(scan func(...any) error) error { rest = true; return scan(&low, &part) })
	if err != nil {
		return 0, err
	}
	if rest {
		return tx.Exec(ctx, "DELETE FROM run_block WHERE run = $1 AND (low, part) < ($2, $3)", id, low, part)
	}
	if deleted, err = tx.Exec(ctx, "DELETE FROM run_block WHERE run = $1", id); err != nil {
		return 0, err
	}
	_, err = tx.Exec(ctx, "DELETE FROM run WHERE id = $1", id)
	return deleted, err
}

// Compact asks for all runs to be merged into one, and with the fresh entries, so that nothing is left of what was gone before. Steps do
// it, as soon as no other merge is to be done; it is done when Step finds nothing to do.
func (x *Index) Compact(ctx context.Context, tx store.SQL) error {
	_, err := tx.Exec(ctx, "UPDATE run_head SET compact = 1")
	return err
}

func (x *Index) compact(ctx context.Context, tx store.SQL, h head, runs []run) error {
	if h.fresh > 0 {
		return x.addRun(ctx, tx, nil)
	}
	if _, err := tx.Exec(ctx, "UPDATE run_head SET compact = 0"); err != nil || len(runs) == 0 {
		return err
	}
	return x.begin(ctx, tx, h, runs)
}
