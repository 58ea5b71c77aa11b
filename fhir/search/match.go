package search

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lightbox/fhir"
)

// Indexed is one current resource as a search sees it.
type Indexed struct {
	Document
	ID          string
	LastUpdated time.Time
}

// Match reports whether a resource of the query's type answers it. It is the meaning of a Query in plain code: what a
// store compiles to SQL must agree with it.
func (q Query) Match(r Indexed) bool {
	for _, c := range q.Where {
		if !c.Match(r) {
			return false
		}
	}
	return true
}

// Match reports whether any of the clause's values holds for any of the resource's entries.
func (c Clause) Match(r Indexed) bool {
	entries := r.entriesOf(c.Param)
	for _, v := range c.Values {
		if c.Modifier == Missing {
			if v.Missing != r.has(c.Param) {
				return true
			}
			continue
		}
		if slices.ContainsFunc(entries, func(e Entry) bool { return c.holds(v, e) }) {
			return true
		}
	}
	return false
}

func (c Clause) holds(v Value, e Entry) bool {
	switch {
	case c.Param.Kind == fhir.KindDate:
		return v.Prefix.Holds(v, e)
	case c.Param.Kind != fhir.KindString:
		return e.Hash == v.Hash
	case c.Modifier == Exact:
		return e.Exact == v.Text
	}
	return strings.HasPrefix(e.Text, v.Text)
}

// Holds compares the interval of a date parameter with that of an element (FHIR R4 search.html#prefix). ap asks that they
// overlap: "near" depends on nothing but the two, so that the pages of one search agree.
func (p Prefix) Holds(v Value, e Entry) bool {
	within := v.Low <= e.Low && e.High <= v.High
	switch p {
	case Eq:
		return within
	case Ne:
		return !within
	case Gt:
		return e.High > v.High
	case Lt:
		return e.Low < v.Low
	case Ge:
		return e.High > v.High || within
	case Le:
		return e.Low < v.Low || within
	case Sa:
		return e.Low > v.High
	case Eb:
		return e.High < v.Low
	case Ap:
		return e.Low <= v.High && v.Low <= e.High
	}
	return false
}

// entriesOf returns the entries of one parameter, those among them that the store keeps with the resource itself.
func (r Indexed) entriesOf(p *fhir.SearchParameter) []Entry {
	switch p.Name {
	case "_id":
		return []Entry{{Param: p, Hash: Hash(r.ID)}}
	case "_lastUpdated":
		at := r.LastUpdated.UnixMicro()
		return []Entry{{Param: p, Low: at, High: at}}
	}
	var all []Entry
	for _, e := range r.Entries {
		if e.Param == p {
			all = append(all, e)
		}
	}
	return all
}

// has reports whether the resource has a value for the parameter; every one has an id and a lastUpdated.
func (r Indexed) has(p *fhir.SearchParameter) bool {
	return storeKnows(p) || slices.Contains(r.Present, p)
}

// Compare orders two answers of the query by its sort keys; 0 leaves them in row order. A resource without a value comes
// last, up or down. Without _sort the newest clinical time comes first.
func (q Query) Compare(a, b Indexed) int {
	if len(q.Sort) == 0 {
		return cmp.Compare(b.clinicalTime(), a.clinicalTime())
	}
	for _, s := range q.Sort {
		if c := s.compare(a, b); c != 0 {
			return c
		}
	}
	return 0
}

func (r Indexed) clinicalTime() int64 {
	if r.Timed {
		return r.Time
	}
	return r.LastUpdated.UnixMicro()
}

func (s Sort) compare(a, b Indexed) int {
	switch {
	case s.By == "_id":
		return s.direct(strings.Compare(a.ID, b.ID))
	case s.By == "_lastUpdated":
		return s.direct(a.LastUpdated.Compare(b.LastUpdated))
	}
	x, hasX := s.key(a)
	y, hasY := s.key(b)
	switch {
	case hasX && hasY:
		return s.direct(cmp.Or(cmp.Compare(x.Low, y.Low), strings.Compare(x.Text, y.Text)))
	case hasX:
		return -1
	case hasY:
		return 1
	}
	return 0
}

func (s Sort) direct(c int) int {
	if s.Desc {
		return -c
	}
	return c
}

// key returns the entry that a resource is sorted by: its least going up, its greatest going down; dates by their Low,
// strings by their Text as a whole (the entries of single words have no Exact).
func (s Sort) key(r Indexed) (Entry, bool) {
	var best Entry
	found := false
	for _, e := range r.entriesOf(s.Param) {
		if s.Param.Kind == fhir.KindString && e.Exact == "" {
			continue
		}
		if !found || s.direct(cmp.Or(cmp.Compare(e.Low, best.Low), strings.Compare(e.Text, best.Text))) < 0 {
			best, found = e, true
		}
	}
	return best, found
}
