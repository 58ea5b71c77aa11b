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
	Body        []byte // for what is not indexed: composites, :text, :of-type
}

// Match reports whether a resource of the query's type answers it, as far as that can be told from the resource alone: chains,
// _has and _list hold. It is the meaning of a Query in plain code: what a store compiles to SQL must agree with it.
func (q Query) Match(r Indexed) bool {
	for _, c := range q.Where {
		if !c.Match(r) {
			return false
		}
	}
	return true
}

// Match reports whether the clause holds for a resource.
func (c Clause) Match(r Indexed) bool {
	switch {
	case c.Chain != nil, c.Has != nil, c.Lists != nil:
		return true
	case c.Any != nil:
		return slices.ContainsFunc(c.Any, func(one Clause) bool { return one.Match(r) })
	case c.Param.Kind == fhir.KindComposite && c.Modifier != Missing:
		return c.matchComposite(r)
	case c.Modifier == Text:
		return c.matchText(r)
	case c.Modifier == OfType:
		return c.matchType(r)
	case c.Modifier == Missing:
		return c.Values[0].Missing != r.has(c.Param)
	}
	found := c.matchEntries(r.entriesOf(c.Param))
	return found != (c.Modifier == Not)
}

func (c Clause) matchEntries(entries []Entry) bool {
	for _, v := range c.Values {
		if slices.ContainsFunc(entries, func(e Entry) bool { return c.holds(v, e) }) {
			return true
		}
	}
	return false
}

func (c Clause) holds(v Value, e Entry) bool {
	switch {
	case (e.Part == PartIdentifier) != (c.Modifier == Identifier):
		return false
	case c.Modifier == Below:
		return strings.HasPrefix(e.Text, v.Text)
	}
	return v.Holds(c.Param.Kind, c.Modifier, e)
}

// Holds compares a value with an entry of a parameter of the kind.
func (v Value) Holds(kind fhir.Kind, m Modifier, e Entry) bool {
	switch kind {
	case fhir.KindDate:
		return v.Prefix.Holds(v, e)
	case fhir.KindNumber:
		return v.Prefix.HoldsNumber(v.Number, e.Number)
	case fhir.KindQuantity:
		return v.Prefix.holdsQuantity(v.Number, e.Number)
	case fhir.KindSpecial:
		return v.Number.near(e.Number)
	case fhir.KindString:
		return v.holdsText(m, e)
	case fhir.KindToken:
		return v.holdsToken(e)
	}
	if m == Identifier {
		return v.holdsToken(e)
	}
	return e.Hash == v.Hash
}

func (v Value) holdsToken(e Entry) bool {
	return (!v.HasCode || e.Hash == v.Hash) && (!v.HasSystem || e.System == v.System)
}

func (v Value) holdsText(m Modifier, e Entry) bool {
	switch m {
	case Exact:
		return e.Exact == v.Text
	case Contains:
		return strings.Contains(e.Text, v.Text)
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
		return []Entry{{Param: p, Hash: Hash(r.ID), Text: r.ID}}
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

// storeKnows tells the parameters that a store answers from the resource's own row.
func storeKnows(p *fhir.SearchParameter) bool { return p.Name == "_id" || p.Name == "_lastUpdated" }

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
	x, hasX := s.Key(a.Entries)
	y, hasY := s.Key(b.Entries)
	return s.CompareKeys(x, y, hasX, hasY)
}

// CompareKeys orders two keys; what has none comes last in either direction.
func (s Sort) CompareKeys(x, y Key, hasX, hasY bool) int {
	switch {
	case hasX && hasY:
		return s.direct(x.compare(y))
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

// Key is what a resource is sorted by: the start of a date, a number as it is written, or a text: of a string folded and whole, of a
// token its code and then its system, of a reference or URI itself.
type Key struct {
	Low          int64
	Number       float64
	Text, Second string
}

func (k Key) compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Low, o.Low), cmp.Compare(k.Number, o.Number), strings.Compare(k.Text, o.Text),
		strings.Compare(k.Second, o.Second))
}

// Key returns what a resource with these entries is sorted by: its least value going up, its greatest going down. Not ok when it
// has none.
func (s Sort) Key(entries []Entry) (best Key, ok bool) {
	for _, e := range entries {
		if e.Param != s.Param || e.Part != "" || !e.whole() {
			continue
		}
		k := keyOf(s.Param.Kind, e)
		if !ok || s.direct(k.compare(best)) < 0 {
			best, ok = k, true
		}
	}
	return best, ok
}

// whole tells an entry that stands for its element: not for a word of a text, a canonical without its version, a system without a
// code.
func (e Entry) whole() bool {
	switch {
	case e.Param.Kind == fhir.KindToken:
		return e.Text != ""
	case e.Param.Kind == fhir.KindString, e.Param.Kind == fhir.KindURI, e.Param.Datatypes[0] == "canonical":
		return e.Exact != ""
	}
	return true
}

func keyOf(kind fhir.Kind, e Entry) Key {
	switch kind {
	case fhir.KindDate:
		return Key{Low: e.Low}
	case fhir.KindNumber, fhir.KindQuantity:
		return Key{Number: e.Number.Low}
	case fhir.KindToken:
		return Key{Text: e.Text, Second: e.Exact}
	}
	return Key{Text: e.Text}
}
