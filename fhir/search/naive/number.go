package naive

import (
	"math/big"
	"regexp"
	"slices"
	"strconv"
)

// bound is an end of a span; nil stands for none.
type bound struct {
	at   *big.Rat
	open bool // the end itself does not belong to the span
}

// span is a stretch of numbers.
type span struct{ low, high bound }

func exactly(v *big.Rat) span { return span{bound{at: v}, bound{at: v}} }

// startsIn reports whether nothing of the span is below the low end of s.
func (s span) startsIn(o span) bool {
	if s.low.at == nil || o.low.at == nil {
		return s.low.at == nil
	}
	c := o.low.at.Cmp(s.low.at)
	return c > 0 || c == 0 && (!s.low.open || o.low.open)
}

func (s span) endsIn(o span) bool {
	if s.high.at == nil || o.high.at == nil {
		return s.high.at == nil
	}
	c := o.high.at.Cmp(s.high.at)
	return c < 0 || c == 0 && (!s.high.open || o.high.open)
}

func (s span) contains(o span) bool { return s.startsIn(o) && s.endsIn(o) }

// before reports whether all of s is below all of o.
func (s span) before(o span) bool {
	if s.high.at == nil || o.low.at == nil {
		return false
	}
	c := s.high.at.Cmp(o.low.at)
	return c < 0 || c == 0 && (s.high.open || o.low.open)
}

var decimalPattern = regexp.MustCompile(`^[-+]?\d+(\.\d+)?([eE][-+]?\d{1,2})?$`)

// decimal is a number as it is written in a search.
type decimal struct {
	value *big.Rat
	half  *big.Rat // half a unit of its last digit
	whole bool     // without digits after the point
}

func parseDecimal(text string) (decimal, bool) {
	m := decimalPattern.FindStringSubmatch(text)
	value, ok := new(big.Rat).SetString(text)
	if m == nil || !ok {
		return decimal{}, false
	}
	exponent := 0
	if m[2] != "" {
		exponent, _ = strconv.Atoi(m[2][1:])
	}
	exponent -= max(0, len(m[1])-1)
	half, _ := new(big.Rat).SetString("5e" + strconv.Itoa(exponent-1))
	return decimal{value, half, m[1] == ""}, true
}

// near returns value ± by.
func (d decimal) near(by *big.Rat) span {
	return span{bound{at: new(big.Rat).Sub(d.value, by)}, bound{at: new(big.Rat).Add(d.value, by)}}
}

// rounded returns the numbers that are written as the value when they are rounded to its digits: 100 is [99.5, 100.5), and
// 100.00 is [99.995, 100.005) (FHIR R4 search.html#number). There 1e2 is "[95, 105)", which is no "1 significant figure"; here
// the last digit counts, so that it is [50, 150).
func (d decimal) rounded() span {
	s := d.near(d.half)
	s.high.open = true
	return s
}

// amount is what a number or quantity search compares: the value, with its precision for eq and ne. The other prefixes
// ignore the precision (FHIR R4 search.html#number).
type amount struct {
	prefix  string
	decimal decimal
	exact   bool // eq and ne ignore the precision as well
}

func parseAmount(text string) (amount, error) {
	prefix, text := cutPrefix(text)
	d, ok := parseDecimal(text)
	if !ok {
		return amount{}, bad("not a number: %q", text)
	}
	return amount{prefix: prefix, decimal: d}, nil
}

// holds compares by the table of FHIR R4 search.html#prefix. What the range of the search value is to a date, the value itself
// is to gt, lt, ge, le, sa and eb; ap takes a tenth to either side.
func (a amount) holds(have span) bool {
	point := exactly(a.decimal.value)
	above := !span{high: bound{at: a.decimal.value}}.endsIn(have) // overlaps what is above the value
	below := !span{low: bound{at: a.decimal.value}}.startsIn(have)
	switch a.prefix {
	case "eq":
		return a.values().contains(have)
	case "ne":
		return !a.values().contains(have)
	case "gt":
		return above
	case "lt":
		return below
	case "ge":
		return above || point.contains(have)
	case "le":
		return below || point.contains(have)
	case "sa":
		return point.before(have)
	case "eb":
		return have.before(point)
	}
	tenth := new(big.Rat).Abs(a.decimal.value)
	around := a.decimal.near(tenth.Mul(tenth, big.NewRat(1, 10)))
	return !have.before(around) && !around.before(have)
}

// values are those that eq takes for the search value.
func (a amount) values() span {
	if a.exact {
		return exactly(a.decimal.value)
	}
	return a.decimal.rounded()
}

// readNumber: an integer is compared exactly with a value that has no digits after its point; a range around it would say
// nothing else, save for an exponent.
func readNumber(text string) (test, error) {
	want, err := parseAmount(text)
	return func(_ scope, e element) bool {
		have, ok := new(big.Rat).SetString(e.json.Raw)
		integer := slices.Contains([]string{"integer", "unsignedInt", "positiveInt"}, e.datatype)
		want := want
		want.exact = integer && want.decimal.whole
		return ok && want.holds(exactly(have))
	}, err
}
