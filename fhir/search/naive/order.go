package naive

import (
	"cmp"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// sortKey is one key of _sort.
type sortKey struct {
	param *fhir.SearchParameter
	desc  bool
}

// readSort reads "a,-b" (FHIR R4 search.html#_sort). The values of a composite or special parameter have no order.
func readSort(t *fhir.Type, values []string) ([]sortKey, error) {
	if len(values) == 0 {
		return nil, nil
	}
	if len(values) > 1 {
		return nil, bad("_sort stands twice")
	}
	var keys []sortKey
	for key := range strings.SplitSeq(values[0], ",") {
		name, desc := strings.CutPrefix(key, "-")
		p, ok := t.Param(name)
		if !ok || p.Kind == fhir.KindComposite || p.Kind == fhir.KindSpecial {
			return nil, bad("no order by %q", name)
		}
		keys = append(keys, sortKey{p, desc})
	}
	return keys, nil
}

// compare puts matches in order. Without _sort: the newest clinical time first, as the resource was created with it, then in
// the order of creation. With it: by the keys, what is equal in the order of creation, reversed when the first key goes down; by the
// date that is the clinical time the other way round, so that newest first is the order without _sort.
func (q query) compare(s scope, a, b *document) int {
	if len(q.sort) == 0 {
		return cmp.Or(cmp.Compare(b.Created.UnixMicro(), a.Created.UnixMicro()), cmp.Compare(a.Row, b.Row))
	}
	for _, key := range q.sort {
		if c := key.compare(s, a, b); c != 0 {
			return c
		}
	}
	if q.sort[0].desc != q.sort[0].isClinical() {
		a, b = b, a
	}
	return cmp.Compare(a.Row, b.Row)
}

// isClinical reports whether the key is the point of time that the type's resources are first of all ordered by.
func (k sortKey) isClinical() bool {
	t, ok := fhir.R4().Type(k.param.Type)
	return ok && len(t.Time) > 0 && k.param.Expression == t.Name+"."+t.Time[0] && k.param.Datatypes[0] != "Period"
}

// compare leaves what has no value for last, up or down.
func (k sortKey) compare(s scope, a, b *document) int {
	x, hasX := k.value(s, a)
	y, hasY := k.value(s, b)
	switch {
	case hasX && hasY:
		return k.direct(x.compare(y))
	case hasX:
		return -1
	case hasY:
		return 1
	}
	return 0
}

func (k sortKey) direct(c int) int {
	if k.desc {
		return -c
	}
	return c
}

// value is what a resource is sorted by: of several its least going up and its greatest going down, which FHIR R4
// search.html#_sort leaves to the server.
func (k sortKey) value(s scope, doc *document) (ordered, bool) {
	var best ordered
	found := false
	for _, e := range doc.selected(s, k.param) {
		for _, v := range k.ordered(s, e) {
			if !found || k.direct(v.compare(best)) < 0 {
				best, found = v, true
			}
		}
	}
	return best, found
}

// ordered is a value with an order: a number, or text and what tells equal texts apart.
type ordered struct {
	number *big.Rat
	text   string
	then   string
}

func (o ordered) compare(p ordered) int {
	if o.number != nil && p.number != nil {
		return cmp.Or(o.number.Cmp(p.number), strings.Compare(o.then, p.then))
	}
	return cmp.Or(strings.Compare(o.text, p.text), strings.Compare(o.then, p.then))
}

// ordered returns the values of an element: a date's start, a number as it is written whatever its unit, a string folded and
// whole, a token's code and then its system, a reference's and a URI's text.
func (k sortKey) ordered(s scope, e element) []ordered {
	switch k.param.Kind {
	case fhir.KindDate:
		if i, ok := when(e); ok {
			return []ordered{{number: new(big.Rat).SetInt64(i.low)}}
		}
	case fhir.KindNumber:
		return numbers(e.json)
	case fhir.KindQuantity:
		if e.datatype == "Range" { // by its start, as a Period is
			return startOfRange(e.json)
		}
		return startOfQuantity(e.json)
	case fhir.KindString:
		var all []ordered
		for _, p := range parts(k.param, e) {
			all = append(all, ordered{text: search.Fold(p.text)})
		}
		return all
	case fhir.KindToken:
		return codes(tokens(k.param, e))
	case fhir.KindReference:
		return referenceTexts(s, e)
	case fhir.KindURI:
		return texts(e.json.Str)
	}
	return nil
}

// startOfQuantity goes by the interval that a comparator makes: it is open below, or begins behind the value.
func startOfQuantity(quantity gjson.Result) []ordered {
	all := numbers(quantity.Get("value"))
	for i := range all {
		switch quantity.Get("comparator").Str {
		case "<", "<=":
			all[i].number = new(big.Rat).SetFloat64(-math.MaxFloat64)
		case ">":
			all[i].then = "behind"
		}
	}
	return all
}

func numbers(v gjson.Result) []ordered {
	if n, ok := new(big.Rat).SetString(v.Raw); ok && v.Type == gjson.Number {
		return []ordered{{number: n}}
	}
	return nil
}

// startOfRange: a Range without a start begins before any number.
func startOfRange(v gjson.Result) []ordered {
	if low := numbers(v.Get("low.value")); low != nil {
		return low
	}
	if numbers(v.Get("high.value")) == nil {
		return nil
	}
	return []ordered{{number: rat("-1e99")}}
}

func codes(all []token) []ordered {
	var out []ordered
	for _, t := range all {
		if t.code == "" {
			continue
		}
		o := ordered{text: t.folded()}
		if t.hasSystem() {
			o.then = t.system
		}
		out = append(out, o)
	}
	return out
}

func referenceTexts(s scope, e element) []ordered {
	if e.datatype == "canonical" {
		return texts(e.json.Str)
	}
	text := s.literal(e).String()
	if strings.HasPrefix(text, "#") { // contained: a text that means nothing outside
		return nil
	}
	return texts(text)
}

func texts(text string) []ordered {
	if text == "" {
		return nil
	}
	return []ordered{{text: text}}
}

// ClinicalTime returns the time that a resource takes its place in time order by: the start of the first element of the
// type's Time that states one, its end when it has no start, and lastUpdated when none does.
func ClinicalTime(resourceType string, body []byte, lastUpdated time.Time) time.Time {
	t, ok := fhir.R4().Type(resourceType)
	if !ok {
		return lastUpdated
	}
	for _, name := range t.Time {
		v := gjson.GetBytes(body, name)
		if !v.Exists() {
			continue
		}
		i, ok := when(element{datatypeOf(name, v), v})
		switch {
		case ok && i.low == always.low:
			return time.UnixMicro(i.high)
		case ok:
			return time.UnixMicro(i.low)
		}
	}
	return lastUpdated
}

// datatypeOf tells the data type of an element of time.
func datatypeOf(name string, v gjson.Result) string {
	switch {
	case v.Type == gjson.String:
		return "dateTime" // an instant starts as it does
	case strings.HasSuffix(name, "Timing"):
		return "Timing"
	}
	return "Period"
}
