package relational

import (
	"fmt"
	"math"
	"unicode/utf8"

	"lightbox/fhir/search"
)

// prefixes tests a folded text for beginning with one of the values.
func (s *statement) prefixes(values []search.Value, column string) string {
	var all []string
	for _, v := range values {
		all = append(all, s.prefix(v.Text, column))
	}
	return anyOf(all)
}

func (s *statement) prefix(text, column string) string {
	low := column + " >= " + s.bind(text)
	if after, ok := successor(text); ok {
		return "(" + low + " AND " + column + " < " + s.bind(after) + ")"
	}
	return low
}

// successor returns the first text behind all that begin with s. UTF-8 is ordered as its code points are.
func successor(s string) (string, bool) {
	for s != "" {
		r, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
		switch {
		case r == utf8.MaxRune:
			continue
		case r+1 == 0xD800: // surrogates are no characters
			return s + "\uE000", true
		}
		return s + string(r+1), true
	}
	return "", false
}

// dates compares the interval in two columns with the values, as FHIR R4 search.html#prefix has it.
func (s *statement) dates(values []search.Value, low, high string) string {
	var all []string
	for _, v := range values {
		all = append(all, s.date(v, low, high))
	}
	return anyOf(all)
}

func (s *statement) date(v search.Value, low, high string) string {
	l, h := s.bind(clamp(v.Low)), s.bind(clamp(v.High))
	within := fmt.Sprintf("(%s >= %s AND %s <= %s)", low, l, high, h)
	switch v.Prefix {
	case search.Ne:
		return fmt.Sprintf("(%s < %s OR %s > %s)", low, l, high, h)
	case search.Gt:
		return high + " > " + h
	case search.Lt:
		return low + " < " + l
	case search.Ge:
		return "(" + high + " > " + h + " OR " + within + ")"
	case search.Le:
		return "(" + low + " < " + l + " OR " + within + ")"
	case search.Sa:
		return low + " > " + h
	case search.Eb:
		return high + " < " + l
	case search.Ap:
		return fmt.Sprintf("(%s <= %s AND %s >= %s)", low, h, high, l)
	}
	return within
}

// parts tests a folded text for holding one of the values.
func (s *statement) parts(values []search.Value, column string) string {
	var all []string
	for _, v := range values {
		all = append(all, s.store.db.Contains(column, s.bind(v.Text)))
	}
	return anyOf(all)
}

// measures compares the numbers of a resource, p, with the values: in base units where a value has some, else as they are written.
func (s *statement) measures(values []search.Value) string {
	var all []string
	for _, v := range values {
		n, unit := v.Number, int64(0)
		if n.Base != nil {
			n, unit = n.Base, n.Base.Code
		}
		all = append(all, fmt.Sprintf("(%s = %s AND %s)", plain("p.unit"), s.bind(unit), s.measure(v.Prefix, n)))
	}
	return anyOf(all)
}

// measure is search.Prefix.HoldsNumber on p.
func (s *statement) measure(prefix search.Prefix, n *search.Number) string {
	bind := func(f float64) string { return "CAST(" + s.bind(f) + " AS DOUBLE PRECISION)" }
	low, high := plain("p.low"), plain("p.high")
	within := func() string { return fmt.Sprintf("(%s >= %s AND %s < %s)", low, bind(n.Low), high, bind(n.High)) }
	switch prefix {
	case search.Ne:
		return "NOT " + within()
	case search.Gt:
		return high + " > " + bind(n.Exact)
	case search.Lt:
		return low + " < " + bind(n.Exact)
	case search.Ge:
		return fmt.Sprintf("(%s > %s OR (%s = %[2]s AND %[1]s = %[2]s))", high, bind(n.Exact), low)
	case search.Le:
		return fmt.Sprintf("(%s < %s OR (%s = %[2]s AND %[1]s = %[2]s))", low, bind(n.Exact), high)
	case search.Sa:
		return low + " > " + bind(n.Exact)
	case search.Eb:
		return high + " < " + bind(n.Exact)
	case search.Ap:
		return fmt.Sprintf("(%s <= %s AND %s >= %s)", low, bind(n.ApHigh), high, bind(n.ApLow))
	}
	return within()
}

// startsWithin returns between which starts the numbers lie that meet a value, for the walk of their index; not ok when that bounds
// nothing.
func startsWithin(v search.Value, n *search.Number) (from, to float64, ok bool) {
	from, to = -math.MaxFloat64, math.MaxFloat64
	switch v.Prefix {
	case search.Eq, "":
		return n.Low, n.High, true
	case search.Lt, search.Le, search.Eb:
		return from, n.Exact, true
	case search.Sa:
		return n.Exact, to, true
	}
	return from, to, false
}
