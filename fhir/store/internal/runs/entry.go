package runs

import (
	"cmp"
	"math"
	"slices"
)

// Entry says that a resource has a value, or (Gone) has it no longer.
type Entry struct {
	Param, Hash, TimeKey, Row int64 // TimeKey is in microseconds
	Gone                      bool
}

// Range is the values of one parameter from Low to High (both included); a single value has Low == High.
type Range struct{ Param, Low, High int64 }

// key is what entries are ordered by, and of which only one is right.
type key struct{ hash, param, row int64 }

func (e *Entry) key() key { return key{e.Hash, e.Param, e.Row} }

func (k key) compare(o key) int {
	if k.hash != o.hash {
		if k.hash < o.hash {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(k.param, o.param), cmp.Compare(k.row, o.row))
}

// successor is the least key above k.
func (k key) successor() key {
	if k.row == math.MaxInt64 {
		return key{k.hash, k.param + 1, math.MinInt64}
	}
	return key{k.hash, k.param, k.row + 1}
}

func compare(a, b Entry) int { return a.key().compare(b.key()) }

// sorted returns entries in order of their keys; of several with one key, the last.
func sorted(entries []Entry) []Entry {
	type numbered struct {
		Entry
		n int
	}
	all := make([]numbered, len(entries))
	for i, e := range entries {
		all[i] = numbered{e, i}
	}
	slices.SortFunc(all, func(a, b numbered) int { return cmp.Or(compare(a.Entry, b.Entry), cmp.Compare(b.n, a.n)) })
	kept := make([]Entry, 0, len(all))
	for _, e := range all {
		if len(kept) == 0 || compare(kept[len(kept)-1], e.Entry) != 0 {
			kept = append(kept, e.Entry)
		}
	}
	return kept
}

// merged returns the entries of both in order, those of newer where both have a key.
func merged(newer, older []Entry) []Entry {
	all := make([]Entry, 0, len(newer)+len(older))
	for len(newer) > 0 && len(older) > 0 {
		switch c := compare(newer[0], older[0]); {
		case c > 0:
			all, older = append(all, older[0]), older[1:]
			continue
		case c == 0:
			older = older[1:]
		}
		all, newer = append(all, newer[0]), newer[1:]
	}
	return append(append(all, newer...), older...)
}
