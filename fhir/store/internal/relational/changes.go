package relational

import (
	"maps"
	"math/bits"

	"lightbox/fhir/search"
	"lightbox/fhir/store/internal/runs"
)

// changes are rows to write that have not been sent to the database yet.
type changes struct {
	resources, goneResources []*record
	history                  []pastRow
	postings, gonePostings   []postingRow
	strings, goneStrings     []stringRow
	dates, goneDates         []dateRow
	numbers, goneNumbers     []numberRow
	rare                     []runs.Entry // in the order in which they are to be taken
	care, goneCare           []careRow
	referrals, goneReferrals []referralRow
	denials, goneDenials     []denialRow
	releases                 []releaseRow
	parts                    []partRow
	goneReleases, goneParts  []int64 // by the row of who said so
	links, goneLinks         []linkRow
	relinked                 []*record          // whose row tells of other links
	touched                  map[reference]bool // the resources that they are about
	gaps                     map[int64]gap      // bounds that have grown
}

type (
	postingRow struct {
		posting
		timeKey, row int64
	}
	stringRow struct {
		stringPosting
		row int64
	}
	dateRow struct {
		datePosting
		row int64
	}
	numberRow struct {
		numberPosting
		row int64
	}
	careRow     struct{ organization, patient string }
	referralRow struct {
		organization, patient string
		row                   int64 // of what refers
	}
	denialRow struct {
		search.Denial
		patient string
		row     int64 // of the Consent
	}
	releaseRow struct {
		report      string
		issued, row int64
	}
	partRow struct {
		of, holder reference
		types      [2]int64 // of both
		row        int64    // of who says so
	}
	linkRow struct {
		row, hash int64
		target    string
	}
	pastRow struct {
		*record
		replaced int64 // lastUpdated of the version that took its place
	}
)

// gap bounds how far the intervals of a date parameter lie from the time keys of their resources.
type gap struct{ low, high int64 }

func newChanges() *changes { return &changes{touched: map[reference]bool{}, gaps: map[int64]gap{}} }

func (c *changes) empty() bool { return len(c.touched) == 0 }

// touchesRelease reports whether they change what is released to patients.
func (c *changes) touchesRelease() bool {
	return len(c.releases)+len(c.goneReleases)+len(c.parts)+len(c.goneParts) > 0
}

// touchesCare reports whether they change whose care a patient is in, was referred to, or does not want.
func (c *changes) touchesCare() bool {
	return len(c.care)+len(c.goneCare)+len(c.referrals)+len(c.goneReferrals)+len(c.denials)+len(c.goneDenials) > 0
}

// join adds what o holds behind what c holds.
func (c *changes) join(o *changes) {
	c.resources, c.goneResources = append(c.resources, o.resources...), append(c.goneResources, o.goneResources...)
	c.history = append(c.history, o.history...)
	c.postings, c.gonePostings = append(c.postings, o.postings...), append(c.gonePostings, o.gonePostings...)
	c.strings, c.goneStrings = append(c.strings, o.strings...), append(c.goneStrings, o.goneStrings...)
	c.dates, c.goneDates = append(c.dates, o.dates...), append(c.goneDates, o.goneDates...)
	c.numbers, c.goneNumbers = append(c.numbers, o.numbers...), append(c.goneNumbers, o.goneNumbers...)
	c.rare = append(c.rare, o.rare...)
	c.care, c.goneCare = append(c.care, o.care...), append(c.goneCare, o.goneCare...)
	c.referrals, c.goneReferrals = append(c.referrals, o.referrals...), append(c.goneReferrals, o.goneReferrals...)
	c.denials, c.goneDenials = append(c.denials, o.denials...), append(c.goneDenials, o.goneDenials...)
	c.releases, c.goneReleases = append(c.releases, o.releases...), append(c.goneReleases, o.goneReleases...)
	c.parts, c.goneParts = append(c.parts, o.parts...), append(c.goneParts, o.goneParts...)
	c.links, c.goneLinks = append(c.links, o.links...), append(c.goneLinks, o.goneLinks...)
	maps.Copy(c.touched, o.touched)
	maps.Copy(c.gaps, o.gaps)
}

// place is a version's index entries with where they stand.
type place struct {
	entries
	timeKey int64
}

// entries takes the difference between what the index tables hold of a resource and what they shall hold.
func (c *changes) entries(old, new place, row int64) {
	gone, added := difference(old.postings, new.postings)
	if old.timeKey != new.timeKey {
		gone, added = old.postings, new.postings
	}
	for _, p := range gone {
		if p.rare {
			c.rare = append(c.rare, runs.Entry{Param: p.param, Hash: p.hash, TimeKey: old.timeKey, Row: row, Gone: true})
			continue
		}
		c.gonePostings = append(c.gonePostings, postingRow{p, old.timeKey, row})
	}
	for _, p := range added {
		if p.rare {
			c.rare = append(c.rare, runs.Entry{Param: p.param, Hash: p.hash, TimeKey: new.timeKey, Row: row})
			continue
		}
		c.postings = append(c.postings, postingRow{p, new.timeKey, row})
	}
	goneStrings, addedStrings := difference(old.strings, new.strings)
	for _, s := range goneStrings {
		c.goneStrings = append(c.goneStrings, stringRow{s, row})
	}
	for _, s := range addedStrings {
		c.strings = append(c.strings, stringRow{s, row})
	}
	goneDates, addedDates := difference(old.dates, new.dates)
	for _, d := range goneDates {
		c.goneDates = append(c.goneDates, dateRow{d, row})
	}
	for _, d := range addedDates {
		c.dates = append(c.dates, dateRow{d, row})
	}
	goneNumbers, addedNumbers := difference(old.numbers, new.numbers)
	for _, n := range goneNumbers {
		c.goneNumbers = append(c.goneNumbers, numberRow{n, row})
	}
	for _, n := range addedNumbers {
		c.numbers = append(c.numbers, numberRow{n, row})
	}
}

// difference returns what only old holds and what only new holds.
func difference[T comparable](old, new []T) (gone, added []T) {
	if len(old) == 0 || len(new) == 0 {
		return old, new
	}
	had := make(map[T]bool, len(old))
	for _, v := range old {
		had[v] = true
	}
	for _, v := range new {
		if !had[v] {
			added = append(added, v)
		}
		delete(had, v)
	}
	for _, v := range old {
		if had[v] {
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
