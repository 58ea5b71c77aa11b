package relational

import (
	"cmp"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"lightbox/fhir/search"
)

// list returns the changes in an order in which they can be applied: a row is removed before it is inserted anew. Postings
// stand in the order of their index, so that neighbours are written together.
func (c *changes) list() []Change {
	for _, rows := range [][]postingRow{c.gonePostings, c.postings} {
		slices.SortFunc(rows, func(a, b postingRow) int {
			return cmp.Or(cmp.Compare(a.param, b.param), cmp.Compare(a.hash, b.hash), cmp.Compare(a.timeKey, b.timeKey))
		})
	}
	all := []Change{
		{"resource", []Column{ints("row", c.goneResources, func(r *record) int64 { return r.row })}, true},
		{"posting", postingColumns(c.gonePostings), true},
		{"string_posting", stringColumns(c.goneStrings)[:3], true},
		{"date_posting", dateColumns(c.goneDates), true},
		{"number_posting", numberColumns(c.goneNumbers), true},
		{"care", careColumns(c.goneCare)[:2], true},
		{"referral", referralColumns(c.goneReferrals)[:3], true},
		{"denial", denialColumns(c.goneDenials)[:4], true},
		{"release", []Column{ints("row", c.goneReleases, itself)}, true},
		{"part", []Column{ints("row", c.goneParts, itself)}, true},
		{"link", linkColumns(c.goneLinks)[:2], true},
		{"resource", resourceColumns(c.resources), false},
		{"resource_history", historyColumns(c.history), false},
		{"posting", postingColumns(c.postings), false},
		{"string_posting", stringColumns(c.strings), false},
		{"date_posting", dateColumns(c.dates), false},
		{"number_posting", numberColumns(c.numbers), false},
		{"care", careColumns(c.care), false},
		{"referral", referralColumns(c.referrals), false},
		{"denial", denialColumns(c.denials), false},
		{"release", releaseColumns(c.releases), false},
		{"part", partColumns(c.parts), false},
		{"link", linkColumns(c.links), false},
	}
	return slices.DeleteFunc(all, func(c Change) bool { return c.Rows() == 0 })
}

func ints[T any](name string, rows []T, value func(T) int64) Column {
	c := Column{Name: name, Ints: make([]int64, len(rows))}
	for i, r := range rows {
		c.Ints[i] = value(r)
	}
	return c
}

func floats[T any](name string, rows []T, value func(T) float64) Column {
	c := Column{Name: name, Floats: make([]float64, len(rows))}
	for i, r := range rows {
		c.Floats[i] = value(r)
	}
	return c
}

func texts[T any](name string, rows []T, value func(T) string) Column {
	c := Column{Name: name, Texts: make([]string, len(rows))}
	for i, r := range rows {
		c.Texts[i] = value(r)
	}
	return c
}

// blobs packs many bodies on every processor: who commits keeps others waiting.
func blobs(name string, rows []*record) Column {
	c := Column{Name: name, Blobs: make([][]byte, len(rows))}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 1+len(rows)/minAhead) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(rows)); i = next.Add(1) - 1 {
				c.Blobs[i] = pack(rows[i].body)
			}
		})
	}
	workers.Wait()
	return c
}

func resourceColumns(rows []*record) []Column {
	return []Column{
		ints("row", rows, func(r *record) int64 { return r.row }),
		ints("type", rows, func(r *record) int64 { return r.typeID }),
		texts("id", rows, func(r *record) string { return r.id }),
		ints("version", rows, func(r *record) int64 { return r.version }),
		ints("last_updated", rows, func(r *record) int64 { return r.lastUpdated }),
		ints("deleted", rows, func(r *record) int64 { return flag(r.deleted) }),
		ints("mapped", rows, func(r *record) int64 { return flag(r.mapped) }),
		ints("time_key", rows, func(r *record) int64 { return r.timeKey }),
		ints("time_high", rows, func(r *record) int64 { return r.timeHigh }),
		ints("present", rows, func(r *record) int64 { return r.present }),
		texts("patient", rows, func(r *record) string { return r.patient }),
		texts("owners", rows, func(r *record) string { return r.owners }),
		blobs("body", rows),
	}
}

func postingColumns(rows []postingRow) []Column {
	return []Column{
		ints("param", rows, func(p postingRow) int64 { return p.param }),
		ints("hash", rows, func(p postingRow) int64 { return p.hash }),
		ints("time_key", rows, func(p postingRow) int64 { return p.timeKey }),
		ints("row", rows, func(p postingRow) int64 { return p.row }),
	}
}

func stringColumns(rows []stringRow) []Column {
	return []Column{
		ints("param", rows, func(s stringRow) int64 { return s.param }),
		texts("text", rows, func(s stringRow) string { return s.text }),
		ints("row", rows, func(s stringRow) int64 { return s.row }),
		ints("whole", rows, func(s stringRow) int64 { return flag(s.whole) }),
	}
}

func dateColumns(rows []dateRow) []Column {
	return []Column{
		ints("param", rows, func(d dateRow) int64 { return d.param }),
		ints("low", rows, func(d dateRow) int64 { return d.low }),
		ints("high", rows, func(d dateRow) int64 { return d.high }),
		ints("row", rows, func(d dateRow) int64 { return d.row }),
	}
}

func numberColumns(rows []numberRow) []Column {
	return []Column{
		ints("param", rows, func(n numberRow) int64 { return n.param }),
		ints("unit", rows, func(n numberRow) int64 { return n.unit }),
		floats("low", rows, func(n numberRow) float64 { return n.low }),
		floats("high", rows, func(n numberRow) float64 { return n.high }),
		ints("row", rows, func(n numberRow) int64 { return n.row }),
	}
}

func careColumns(rows []careRow) []Column {
	return []Column{
		texts("organization", rows, func(c careRow) string { return c.organization }),
		texts("patient", rows, func(c careRow) string { return c.patient }),
		ints("hash", rows, func(c careRow) int64 { return search.Hash(c.patient) }),
	}
}

func referralColumns(rows []referralRow) []Column {
	return []Column{
		texts("organization", rows, func(r referralRow) string { return r.organization }),
		texts("patient", rows, func(r referralRow) string { return r.patient }),
		ints("row", rows, func(r referralRow) int64 { return r.row }),
		ints("hash", rows, func(r referralRow) int64 { return search.Hash(r.patient) }),
	}
}

func denialColumns(rows []denialRow) []Column {
	return []Column{
		texts("patient", rows, func(d denialRow) string { return d.patient }),
		texts("organization", rows, func(d denialRow) string { return d.Organization }),
		ints("permits", rows, func(d denialRow) int64 { return flag(d.Permits) }),
		ints("row", rows, func(d denialRow) int64 { return d.row }),
		ints("low", rows, func(d denialRow) int64 { return d.Low }),
		ints("high", rows, func(d denialRow) int64 { return d.High }),
	}
}

func itself(row int64) int64 { return row }

func releaseColumns(rows []releaseRow) []Column {
	return []Column{
		texts("report", rows, func(r releaseRow) string { return r.report }),
		ints("issued", rows, func(r releaseRow) int64 { return r.issued }),
		ints("row", rows, func(r releaseRow) int64 { return r.row }),
	}
}

func partColumns(rows []partRow) []Column {
	return []Column{
		ints("type", rows, func(p partRow) int64 { return p.types[0] }),
		texts("id", rows, func(p partRow) string { return p.of.id }),
		ints("holder_type", rows, func(p partRow) int64 { return p.types[1] }),
		texts("holder", rows, func(p partRow) string { return p.holder.id }),
		ints("row", rows, func(p partRow) int64 { return p.row }),
	}
}

func linkColumns(rows []linkRow) []Column {
	return []Column{
		ints("row", rows, func(l linkRow) int64 { return l.row }),
		ints("hash", rows, func(l linkRow) int64 { return l.hash }),
		texts("target", rows, func(l linkRow) string { return l.target }),
	}
}
