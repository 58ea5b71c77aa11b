package relational

import (
	"fmt"
	"unicode/utf8"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// clause compiles one search parameter into a condition on resource r.
func (s *statement) clause(c search.Clause) (string, error) {
	switch {
	case c.Modifier == search.Missing:
		return s.missing(c)
	case c.Param.Name == "_id":
		return s.texts("r.id", textsOf(c)), nil
	case c.Param.Name == "_lastUpdated":
		return s.dates(c.Values, "r.last_updated", "r.last_updated"), nil
	}
	p, err := s.store.catalog.param(c.Param)
	if err != nil {
		return "", err
	}
	switch {
	case isPosting(c):
		return exists("posting p", fmt.Sprintf("p.param = %s AND %s AND p.time_key = r.time_key AND p.row = r.row",
			s.bind(p.id), s.numbers("p.hash", hashesOf(c)))), nil
	case c.Param.Kind == fhir.KindString:
		return exists("string_posting p", fmt.Sprintf("p.row = r.row AND %s = %s AND %s",
			plain("p.param"), s.bind(p.id), s.prefixes(c.Values, plainText("p.text")))), nil
	case c.Param.Kind == fhir.KindDate:
		return exists("date_posting p", fmt.Sprintf("p.row = r.row AND %s = %s AND %s",
			plain("p.param"), s.bind(p.id), s.dates(c.Values, plain("p.low"), plain("p.high")))), nil
	}
	return "", notServed(c)
}

func notServed(c search.Clause) error {
	return fhir.NewError(fhir.NotSupported, "search by this kind of parameter is not served").At(c.Param.Name)
}

// isPosting reports whether the clause is answered from postings: equality with a hash.
func isPosting(c search.Clause) bool {
	if c.Modifier == search.Missing || c.Param.Name == "_id" || c.Param.Name == "_lastUpdated" {
		return false
	}
	switch c.Param.Kind {
	case fhir.KindToken, fhir.KindReference, fhir.KindURI:
		return true
	case fhir.KindString:
		return c.Modifier == search.Exact
	}
	return false
}

func hashesOf(c search.Clause) []int64 {
	all := make([]int64, len(c.Values))
	for i, v := range c.Values {
		all[i] = v.Hash
		if c.Param.Kind == fhir.KindString {
			all[i] = search.Hash(v.Text)
		}
	}
	return all
}

func textsOf(c search.Clause) []string {
	all := make([]string, len(c.Values))
	for i, v := range c.Values {
		all[i] = v.Text
	}
	return all
}

func (s *statement) missing(c search.Clause) (string, error) {
	var all []string
	for _, v := range c.Values {
		if c.Param.Name == "_id" || c.Param.Name == "_lastUpdated" {
			if !v.Missing {
				return "1 = 1", nil
			}
			continue
		}
		p, err := s.store.catalog.param(c.Param)
		if err != nil {
			return "", err
		}
		operator := " <> 0"
		if v.Missing {
			operator = " = 0"
		}
		all = append(all, "(r.present & "+s.bind(p.present())+")"+operator)
	}
	return anyOf(all), nil
}

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
