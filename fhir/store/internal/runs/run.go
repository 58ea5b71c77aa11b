package runs

import (
	"cmp"
	"context"
	"math"
	"slices"

	"lightbox/fhir/store"
)

// head is the one row of run_head.
type head struct {
	fresh   int64 // entries added to posting_fresh since it was empty
	lastRun int64 // the greatest id that a run had
	compact bool
}

func readHead(ctx context.Context, q Querier) (h head, err error) {
	var compact int64
	err = q.Query(ctx, "SELECT fresh, last_run, compact FROM run_head", nil,
		func(scan func(...any) error) error { return scan(&h.fresh, &h.lastRun, &compact) })
	h.compact = compact != 0
	return h, err
}

// The states of a run.
const (
	beingWritten = iota
	live
	dead
)

// run is a row of the table.
type run struct {
	id, age, level, state, entries int64
	target                         int64 // the run that it is being merged into, 0 for none
	next                           key   // of one being written: where its merge goes on. Of an input: the hash is where its next block begins
	part                           int64 // of the block that comes next, in one being written only if that goes on with next.hash
}

const runColumns = "id, age, level, state, entries, target, next_hash, next_param, next_row, next_part"

func (r *run) insert(ctx context.Context, tx store.SQL) error {
	_, err := tx.Exec(ctx, "INSERT INTO run ("+runColumns+") VALUES ($1, $2, $3, $4, $5, 0, $6, $6, $6, 0)",
		r.id, r.age, r.level, r.state, r.entries, int64(math.MinInt64))
	return err
}

// readRuns returns all runs, the oldest first.
func readRuns(ctx context.Context, q Querier) ([]run, error) {
	var all []run
	err := q.Query(ctx, "SELECT "+runColumns+" FROM run", nil, func(scan func(...any) error) error {
		var r run
		err := scan(&r.id, &r.age, &r.level, &r.state, &r.entries, &r.target, &r.next.hash, &r.next.param, &r.next.row, &r.part)
		all = append(all, r)
		return err
	})
	slices.SortFunc(all, func(a, b run) int { return cmp.Compare(a.age, b.age) })
	return all, err
}

// neighbours finds, on the lowest level that has them, the oldest fan runs that no merge has taken yet and that have no other run
// between them in age. runs are live, in order of age.
func neighbours(runs []run, fan int) []run {
	var best []run
	from := 0
	for i, r := range runs {
		if runs[from].target != 0 || r.target != 0 || runs[from].level != r.level {
			from = i
		}
		if r.target == 0 && i-from+1 == fan && (best == nil || r.level < best[0].level) {
			best = runs[from : i+1]
		}
	}
	return best
}
