package runs_test

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"lightbox/fhir/store"
	"lightbox/fhir/store/internal/runs"
)

// model is a map that answers as an index should.
type model map[runs.Entry]int64 // a key (with no time and not gone) and its time key

func keyOf(e runs.Entry) runs.Entry { return runs.Entry{Param: e.Param, Hash: e.Hash, Row: e.Row} }

func (m model) add(entries []runs.Entry) {
	for _, e := range entries {
		if e.Gone {
			delete(m, keyOf(e))
		} else {
			m[keyOf(e)] = e.TimeKey
		}
	}
}

func (m model) lookup(ranges []runs.Range) []runs.Entry {
	all := []runs.Entry{}
	for e, timeKey := range m {
		e.TimeKey = timeKey
		if slices.ContainsFunc(ranges, func(r runs.Range) bool { return r.Param == e.Param && r.Low <= e.Hash && e.Hash <= r.High }) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b runs.Entry) int {
		return cmp.Or(cmp.Compare(a.Param, b.Param), cmp.Compare(a.Hash, b.Hash), cmp.Compare(a.TimeKey, b.TimeKey), cmp.Compare(a.Row, b.Row))
	})
	return all
}

// TestIndex adds, removes, merges, loses transactions at random, and asks at every moment.
func TestIndex(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		rapid.Check(t, func(rt *rapid.T) {
			b.clear(rt)
			b.SetLimits(rapid.IntRange(1, 40).Draw(rt, "large"), rapid.Int64Range(0, 30).Draw(rt, "fresh"),
				rapid.IntRange(2, 4).Draw(rt, "fan"), rapid.IntRange(1, 3).Draw(rt, "blocks"))
			w := &world{bench: b, rt: rt, model: model{}, hashes: drawHashes(rt)}
			rt.Repeat(map[string]func(*rapid.T){
				"add small": func(rt *rapid.T) { w.add(rt, 1, 10) },
				"add large": func(rt *rapid.T) { w.add(rt, 10, 400) },
				"lose":      func(rt *rapid.T) { b.lost(rt, func(tx store.SQL) error { return b.Add(ctx, tx, w.draw(rt, 1, 100)) }) },
				"step":      func(rt *rapid.T) { b.step(rt) },
				"lose step": func(rt *rapid.T) { b.lost(rt, func(tx store.SQL) error { _, err := b.Step(ctx, tx, nil); return err }) },
				"settle":    func(rt *rapid.T) { b.settle(rt) },
				"compact":   func(rt *rapid.T) { b.write(rt, func(tx store.SQL) error { return b.Compact(ctx, tx) }) },
				"":          func(rt *rapid.T) { w.check(rt) },
			})
		})
	})
}

// clear empties the tables for the next check.
func (x *bench) clear(t fatal) {
	x.write(t, func(tx store.SQL) error {
		var all error
		for _, s := range []string{
			"DELETE FROM run_block", "DELETE FROM run", "DELETE FROM posting_fresh", "UPDATE run_head SET fresh = 0, last_run = 0, compact = 0",
		} {
			_, err := tx.Exec(ctx, s)
			all = errors.Join(all, err)
		}
		return all
	})
}

type world struct {
	*bench
	rt     *rapid.T
	model  model
	hashes *rapid.Generator[int64]
}

// drawHashes draws how values are spread: over all there are, over few, or most of them one.
func drawHashes(t *rapid.T) *rapid.Generator[int64] {
	return rapid.SampledFrom([]*rapid.Generator[int64]{
		rapid.Int64(), rapid.Int64Range(-100, 100), rapid.SampledFrom([]int64{math.MinInt64, -1, 7, 7, 7, 7, 7, 8, math.MaxInt64}),
	}).Draw(t, "spread")
}

// draw makes entries from one seed, since drawing each number of hundreds would take long.
func (w *world) draw(t *rapid.T, least, most int) []runs.Entry {
	entries := make([]runs.Entry, rapid.IntRange(least, most).Draw(t, "entries"))
	gone := rapid.SampledFrom([]int64{0, 0, 2, 9}).Draw(t, "gone in ten")
	known := w.model.lookup([]runs.Range{{Param: 1, Low: math.MinInt64, High: math.MaxInt64}})
	seed := rapid.Uint64().Draw(t, "seed")
	next := func(n int64) int64 {
		seed = seed*6364136223846793005 + 1442695040888963407
		return int64(seed>>33) % n
	}
	hashes := make([]int64, 8)
	for i := range hashes {
		hashes[i] = w.hashes.Draw(t, "hash")
	}
	for i := range entries {
		entries[i] = runs.Entry{Param: 1 + next(2), Hash: hashes[next(8)] ^ next(3), TimeKey: next(5)*500_000 - 1_000_000, Row: next(300), Gone: next(10) < gone}
		if len(known) > 0 && next(3) == 0 {
			entries[i].Hash, entries[i].Row = known[next(int64(len(known)))].Hash, known[next(int64(len(known)))].Row
		}
	}
	return entries
}

func (w *world) add(t *rapid.T, least, most int) {
	entries := w.draw(t, least, most)
	w.bench.add(t, entries)
	w.model.add(entries)
}

func (w *world) check(t *rapid.T) {
	everything := []runs.Range{{Param: 1, Low: math.MinInt64, High: math.MaxInt64}, {Param: 2, Low: math.MinInt64, High: math.MaxInt64}}
	w.compare(t, everything, math.MaxInt32)
	all := w.model.lookup(everything)
	var ranges []runs.Range
	for range rapid.IntRange(1, 5).Draw(t, "ranges") {
		low := w.hashes.Draw(t, "low")
		if len(all) > 0 && rapid.Bool().Draw(t, "known") {
			low = all[rapid.IntRange(0, len(all)-1).Draw(t, "which")].Hash
		}
		high := low
		if rapid.Bool().Draw(t, "wide") {
			high = max(low, low+rapid.Int64Range(0, 1000).Draw(t, "width"))
		}
		ranges = append(ranges, runs.Range{Param: rapid.Int64Range(1, 3).Draw(t, "param"), Low: low, High: high})
	}
	w.compare(t, ranges, rapid.SampledFrom([]int{1, 3, 50, math.MaxInt32}).Draw(t, "limit"))
}

func (w *world) compare(t *rapid.T, ranges []runs.Range, limit int) {
	want, got := w.model.lookup(ranges), w.lookup(t, ranges, limit)
	if len(want) <= limit {
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatal(ranges, diff)
		}
		return
	}
	if len(got) != limit+1 {
		t.Fatalf("%d entries of %d with limit %d", len(got), len(want), limit)
	}
	for _, e := range got {
		if !slices.Contains(want, e) {
			t.Fatalf("found %v, which is not there", e)
		}
	}
}

// TestSnapshot reads one state while others write and merge.
func TestSnapshot(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.SetLimits(50, 20, 2, 1)
		everything := []runs.Range{{Param: 1, Low: 0, High: math.MaxInt64}}
		m := model{}
		for n := range 20 {
			m.add(b.batch(t, n))
		}
		err := b.store.View(ctx, func(tx store.SQL) error {
			for n := range 30 {
				found, err := b.Lookup(ctx, tx, everything, math.MaxInt32)
				if err != nil {
					return err
				}
				if diff := gocmp.Diff(m.lookup(everything), found); diff != "" {
					t.Fatal(n, diff)
				}
				b.batch(t, n)
				b.step(t)
				b.step(t)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func (x *bench) batch(t fatal, n int) []runs.Entry {
	entries := make([]runs.Entry, 10+60*(n%3))
	for i := range entries {
		entries[i] = runs.Entry{Param: 1, Hash: int64(i * 1000), Row: int64(n % 7), TimeKey: int64(n), Gone: (n+i)%5 == 0}
	}
	x.add(t, entries)
	return entries
}

// TestCompact leaves nothing of what is gone.
func TestCompact(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		b.SetLimits(50, 1000, 4, 2)
		for n := range 12 {
			b.batch(t, n)
		}
		everything := []runs.Range{{Param: 1, Low: 0, High: math.MaxInt64}}
		left := b.lookup(t, everything, math.MaxInt32)
		for i := range left {
			left[i].Gone = i != 7
		}
		b.add(t, left)
		b.write(t, func(tx store.SQL) error { return b.Compact(ctx, tx) })
		b.settle(t)
		if n := b.number(t, "SELECT SUM(entries) FROM run"); n != 1 {
			t.Errorf("%d entries, want one", n)
		}
		if n := b.number(t, "SELECT (SELECT COUNT(*) FROM run_block) + (SELECT COUNT(*) FROM run) + (SELECT COUNT(*) FROM posting_fresh)"); n != 2 {
			t.Errorf("%d rows, want a run and its block", n)
		}
		if found := b.lookup(t, everything, 5); len(found) != 1 {
			t.Errorf("found %v", found)
		}
	})
}

// TestStepBound merges more than a Step may.
func TestStepBound(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bench) {
		const fan, blocks = 4, 10
		b.SetLimits(1000, 1000, fan, blocks)
		for n := range fan {
			b.add(t, drawBatch(n))
		}
		const count = "SELECT COUNT(*) FROM run_block"
		steps, before := 0, b.number(t, count)
		for ; b.step(t); steps++ {
			after := b.number(t, count)
			if change := max(after-before, before-after); change > blocks+2*fan+2 {
				t.Errorf("a step wrote or deleted %d blocks", change)
			}
			before = after
		}
		if least := fan * batch / 200 / (blocks + 2*fan); steps < least {
			t.Errorf("done in %d steps, want at least %d", steps, least)
		}
		for n := range fan {
			for _, e := range drawBatch(n)[:20] {
				if found := b.lookup(t, []runs.Range{{Param: e.Param, Low: e.Hash, High: e.Hash}}, 1); len(found) != 1 || found[0] != e {
					t.Errorf("found %v, want %v", found, e)
				}
			}
		}
	})
}
