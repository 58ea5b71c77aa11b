package relational

import (
	"cmp"
	"math/bits"
	"slices"
)

// changes are rows to write that have not been sent to the database yet.
type changes struct {
	tables  []*Change
	touched map[reference]bool
	care    bool // the care table is among them
	gaps    map[int64]gap
	bytes   int
}

// gap bounds how far the intervals of a date parameter lie from the time keys of their resources.
type gap struct{ low, high int64 }

func newChanges() *changes { return &changes{touched: map[reference]bool{}, gaps: map[int64]gap{}} }

func (c *changes) empty() bool { return len(c.tables) == 0 }

var (
	postingTable = []string{"param", "hash", "time_key", "row"}
	stringTable  = []string{"param", "text", "row", "whole"}
	dateTable    = []string{"param", "low", "high", "row"}
	careTable    = []string{"organization", "patient", "hash"}
	rowColumn    = []string{"row"}
)

func (c *changes) insert(table string, columns []string, values ...any) {
	c.change(table, columns, false).Rows = append(c.change(table, columns, false).Rows, values)
}

func (c *changes) remove(table string, columns []string, values ...any) {
	c.change(table, columns, true).Rows = append(c.change(table, columns, true).Rows, values)
}

func (c *changes) change(table string, columns []string, remove bool) *Change {
	for _, t := range c.tables {
		if t.Table == table && t.Remove == remove {
			return t
		}
	}
	t := &Change{Table: table, Columns: columns, Remove: remove}
	c.tables = append(c.tables, t)
	return t
}

// list returns the changes in an order in which they can be applied: a row is removed before it is inserted anew.
func (c *changes) list() []Change {
	var all []Change
	for _, remove := range []bool{true, false} {
		for _, t := range c.tables {
			if t.Remove == remove {
				all = append(all, *t)
			}
		}
	}
	return all
}

// sort puts postings in the order of their index: neighbours are then written together.
func (c *changes) sort() {
	for _, t := range c.tables {
		if t.Table == "posting" {
			slices.SortFunc(t.Rows, func(a, b []any) int {
				return cmp.Or(number(a[0], b[0]), number(a[1], b[1]), number(a[2], b[2]))
			})
		}
	}
}

func number(a, b any) int { return cmp.Compare(a.(int64), b.(int64)) }

// join adds what o holds behind what c holds.
func (c *changes) join(o *changes) {
	for _, t := range o.tables {
		mine := c.change(t.Table, t.Columns, t.Remove)
		mine.Rows = append(mine.Rows, t.Rows...)
	}
	for ref := range o.touched {
		c.touched[ref] = true
	}
	for p, g := range o.gaps {
		c.gaps[p] = g
	}
	c.care = c.care || o.care
	c.bytes += o.bytes
}

// entries writes the difference between what the index tables hold of a resource and what they shall hold.
func (c *changes) entries(old, new entries, oldKey, newKey, row int64) {
	if oldKey != newKey {
		c.postings(old.postings, nil, oldKey, row)
		c.postings(nil, new.postings, newKey, row)
	} else {
		c.postings(old.postings, new.postings, newKey, row)
	}
	gone, added := difference(old.strings, new.strings)
	for _, s := range gone {
		c.remove("string_posting", stringTable[:3], s.param, s.text, row)
	}
	for _, s := range added {
		c.insert("string_posting", stringTable, s.param, s.text, row, flag(s.whole))
	}
	goneDates, addedDates := difference(old.dates, new.dates)
	for _, d := range goneDates {
		c.remove("date_posting", dateTable, d.param, d.low, d.high, row)
	}
	for _, d := range addedDates {
		c.insert("date_posting", dateTable, d.param, d.low, d.high, row)
	}
}

func (c *changes) postings(old, new []posting, timeKey, row int64) {
	gone, added := difference(old, new)
	for _, p := range gone {
		c.remove("posting", postingTable, p.param, p.hash, timeKey, row)
	}
	for _, p := range added {
		c.insert("posting", postingTable, p.param, p.hash, timeKey, row)
	}
}

// difference returns what only old holds and what only new holds.
func difference[T comparable](old, new []T) (gone, added []T) {
	if len(old) == 0 || len(new) == 0 {
		return old, new
	}
	count := make(map[T]bool, len(old))
	for _, v := range old {
		count[v] = true
	}
	for _, v := range new {
		if !count[v] {
			added = append(added, v)
		}
		delete(count, v)
	}
	for _, v := range old {
		if count[v] {
			gone = append(gone, v)
		}
	}
	return gone, added
}

// widen returns bounds that hold g and the interval as well. They grow by doubling, so that they soon stay as they are.
func (g gap) widen(d datePosting, timeKey int64, known bool) (gap, bool) {
	low, high := d.low+timeKey, d.high+timeKey
	switch {
	case !known:
		return gap{-roundUp(-low), roundUp(high)}, true
	case low >= g.low && high <= g.high:
		return g, false
	}
	if low < g.low {
		g.low = -roundUp(-low)
	}
	if high > g.high {
		g.high = roundUp(high)
	}
	return g, true
}

// roundUp returns the next power of two, or minus the last one below a negative number.
func roundUp(n int64) int64 {
	switch {
	case n == 0:
		return 0
	case n < 0:
		return -(int64(1) << (bits.Len64(uint64(-n)) - 1)) //nolint:gosec // n is negative
	}
	return int64(1) << min(bits.Len64(uint64(n)), 62) //nolint:gosec // n is positive
}
