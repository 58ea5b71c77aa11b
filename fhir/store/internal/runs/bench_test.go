package runs_test

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"lightbox/fhir/store"
	"lightbox/fhir/store/internal/runs"
)

var entries = flag.Int("entries", 300_000, "how many entries the benchmark loads")

const batch = 10_000

// BenchmarkIndex loads entries in batches, looks them up, and does the same with a B-tree of them. It is for -benchtime 1x.
func BenchmarkIndex(b *testing.B) {
	onBoth(b, func(b *testing.B, x *bench) {
		for range b.N {
			log := x.measure(b, "runs", x.loadRuns, []string{"run", "run_block", "posting_fresh", "run_head"}, x.findRuns)
			tree := x.measure(b, "tree", x.loadTree, []string{"posting"}, x.findTree)
			for i, m := range log {
				b.ReportMetric(m.value, "runs-"+m.name)
				b.ReportMetric(tree[i].value, "tree-"+m.name)
				b.Logf("%-22s %12.1f %12.1f   ratio %.2f", m.name, m.value, tree[i].value, m.value/tree[i].value)
			}
		}
	})
}

type metric struct {
	name  string
	value float64
}

// drawBatch makes what a load of studies adds: ten random values of each, in order of time or nearly so.
func drawBatch(n int) []runs.Entry {
	random := rand.New(rand.NewPCG(1, uint64(n)))
	all := make([]runs.Entry, batch)
	var timeKey int64
	for i := range all {
		row := int64(n*batch+i) / 10
		if i%10 == 0 {
			timeKey = -(1_600_000_000 + row*100 + random.Int64N(1_000_000)) * 1_000_000
			if random.IntN(10) == 0 {
				timeKey -= random.Int64N(1_000_000)
			}
		}
		all[i] = runs.Entry{Param: 400 + int64(i%10)*17, Hash: int64(random.Uint64()), TimeKey: timeKey, Row: row}
	}
	return all
}

func (x *bench) measure(b *testing.B, name string, load func(*testing.B, []runs.Entry), tables []string, find func(*testing.B, store.SQL, []runs.Range) int) []metric {
	var each []float64
	for n := range *entries / batch {
		drawn := drawBatch(n)
		start := time.Now()
		load(b, drawn)
		each = append(each, batch/time.Since(start).Seconds())
	}
	part := max(len(each)/10, 1)
	all := []metric{
		{"entries/s-first", mean(each[:part])}, {"entries/s-last", mean(each[len(each)-part:])}, {"entries/s-all", mean(each)},
		{"bytes/entry", float64(x.size(b, tables)) / float64(*entries)},
	}
	start := time.Now()
	for n := range 200 {
		load(b, drawBatch(*entries / batch)[n*20:][:20])
	}
	all = append(all, metric{"adds-of-20/s", 200 / time.Since(start).Seconds()})
	b.Logf("%s: adding %v, stepping %v, slowest step %v, %d runs", name, x.adding, x.stepping, x.slowest, x.number(b, "SELECT COUNT(*) FROM run WHERE state = 1"))
	for _, at := range []struct {
		name string
		n    int
		miss int64
	}{{"present/s", 1, 0}, {"absent/s", 1, 1}, {"list-of-100/s", 100, 0}} {
		all = append(all, metric{at.name, x.rate(b, find, at.n, at.miss)})
	}
	return all
}

// mean is of rates over the same work.
func mean(rates []float64) float64 {
	sum := 0.0
	for _, r := range rates {
		sum += 1 / r
	}
	return float64(len(rates)) / sum
}

func (x *bench) rate(b *testing.B, find func(*testing.B, store.SQL, []runs.Range) int, size int, miss int64) float64 {
	random := rand.New(rand.NewPCG(2, 3))
	count, start := 0, time.Now()
	var elapsed time.Duration
	err := x.store.View(ctx, func(tx store.SQL) error {
		drawn := drawBatch(random.IntN(*entries / batch))
		for elapsed < 2*time.Second {
			var ranges []runs.Range
			for range size {
				e := drawn[random.IntN(batch)]
				ranges = append(ranges, runs.Range{Param: e.Param, Low: e.Hash + miss, High: e.Hash + miss})
			}
			if found := find(b, tx, ranges); miss == 0 && found == 0 || miss != 0 && found != 0 {
				b.Fatalf("%d found", found)
			}
			count++
			elapsed = time.Since(start)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return float64(count) / elapsed.Seconds()
}

// loadRuns adds a batch and takes the steps that keep pace.
func (x *bench) loadRuns(b *testing.B, all []runs.Entry) {
	start := time.Now()
	x.add(b, all)
	x.adding += time.Since(start)
	for range (x.added+len(all))/5000 - x.added/5000 {
		start := time.Now()
		x.step(b)
		x.stepping += time.Since(start)
		x.slowest = max(x.slowest, time.Since(start))
	}
	x.added += len(all)
}

func (x *bench) findRuns(b *testing.B, tx store.SQL, ranges []runs.Range) int {
	found, err := x.Lookup(ctx, tx, ranges, 1000)
	if err != nil {
		b.Fatal(err)
	}
	return len(found)
}

func (x *bench) loadTree(b *testing.B, all []runs.Entry) {
	slices.SortFunc(all, func(a, b runs.Entry) int { return cmp.Or(cmp.Compare(a.Param, b.Param), cmp.Compare(a.Hash, b.Hash)) })
	x.write(b, func(tx store.SQL) error {
		if _, ok := x.dialect.(runs.JSON); ok {
			return insertRows(tx, all)
		}
		rows, args := x.dialect.Rows("v", 1, columnOf("param", all, func(e runs.Entry) int64 { return e.Param }),
			columnOf("hash", all, func(e runs.Entry) int64 { return e.Hash }),
			columnOf("time_key", all, func(e runs.Entry) int64 { return e.TimeKey }),
			columnOf("row", all, func(e runs.Entry) int64 { return e.Row }))
		_, err := tx.Exec(ctx, "INSERT INTO posting (param, hash, time_key, row) SELECT * FROM "+rows, args...)
		return err
	})
}

func columnOf(name string, all []runs.Entry, f func(runs.Entry) int64) runs.Column {
	c := runs.Column{Name: name}
	for _, e := range all {
		c.Values = append(c.Values, f(e))
	}
	return c
}

func insertRows(tx store.SQL, all []runs.Entry) error {
	for chunk := range slices.Chunk(all, 100) {
		text := "INSERT OR FAIL INTO posting (param, hash, time_key, row) VALUES (?, ?, ?, ?)" + strings.Repeat(", (?, ?, ?, ?)", len(chunk)-1)
		var args []any
		for _, e := range chunk {
			args = append(args, e.Param, e.Hash, e.TimeKey, e.Row)
		}
		if _, err := tx.Exec(ctx, text, args...); err != nil {
			return err
		}
	}
	return nil
}

func (x *bench) findTree(b *testing.B, tx store.SQL, ranges []runs.Range) (found int) {
	rows, args := x.dialect.Rows("v", 1,
		runs.Column{Name: "param", Values: values(ranges, func(r runs.Range) int64 { return r.Param })},
		runs.Column{Name: "hash", Values: values(ranges, func(r runs.Range) int64 { return r.Low })})
	text := "SELECT p.param, p.hash, p.time_key, p.row FROM " + rows + " CROSS JOIN posting p WHERE p.param = v.param AND p.hash = v.hash"
	err := tx.Query(ctx, text, args, func(scan func(...any) error) error {
		var e runs.Entry
		found++
		return scan(&e.Param, &e.Hash, &e.TimeKey, &e.Row)
	})
	if err != nil {
		b.Fatal(err)
	}
	return found
}

func values(ranges []runs.Range, f func(runs.Range) int64) (all []int64) {
	for _, r := range ranges {
		all = append(all, f(r))
	}
	return all
}

func (x *bench) size(b *testing.B, tables []string) (sum int64) {
	for _, table := range tables {
		query := fmt.Sprintf("SELECT pg_total_relation_size('%s')", table)
		if _, ok := x.dialect.(runs.JSON); ok {
			query = fmt.Sprintf("SELECT SUM(pgsize) FROM dbstat WHERE name IN ('%s', 'sqlite_autoindex_%[1]s_1')", table)
		}
		sum += x.number(b, query)
	}
	return sum
}
