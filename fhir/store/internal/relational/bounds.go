package relational

import (
	"fmt"
	"math"

	"lightbox/fhir/search"
)

// bounds are conditions on a time key that follow from the query's date clauses. They spare the walk what lies outside;
// the clauses themselves still decide.
type bounds []string

// on writes the conditions for a table's time_key.
func (b bounds) on(alias string) []string {
	all := make([]string, len(b))
	for i, condition := range b {
		all[i] = alias + "." + condition
	}
	return all
}

// timeBounds turns date terms into bounds. The dates of a parameter lie no farther from the time keys of their resources
// than search_param says: an interval that ends at or after L belongs to a clinical time of L - high_gap at least, one that starts
// at or before H to one of H - low_gap at most. Time keys are negated times.
func (s *statement) timeBounds(terms []term) bounds {
	var all bounds
	for _, t := range terms {
		if t.kind != byDate && t.kind != byClock || t.not {
			continue
		}
		endsFrom, startsTo := reach(t.values)
		if endsFrom != math.MinInt64 {
			all = append(all, fmt.Sprintf("time_key <= (SELECT g.high_gap FROM search_param g WHERE g.id = %s) - %s",
				s.bind(t.param.id), s.bind(clamp(endsFrom))))
		}
		if startsTo != math.MaxInt64 {
			all = append(all, fmt.Sprintf("time_key >= (SELECT g.low_gap FROM search_param g WHERE g.id = %s) - %s",
				s.bind(t.param.id), s.bind(clamp(startsTo))))
		}
	}
	return all
}

// reach returns what every matching interval does at least: it ends at or after the one, and starts at or before the other.
func reach(values []search.Value) (endsFrom, startsTo int64) {
	endsFrom, startsTo = math.MaxInt64, math.MinInt64
	for _, v := range values {
		from, to := int64(math.MinInt64), int64(math.MaxInt64)
		switch v.Prefix {
		case search.Eq, search.Ap, "":
			from, to = v.Low, v.High
		case search.Gt, search.Ge, search.Sa:
			from = v.Low
		case search.Lt, search.Le, search.Eb:
			to = v.High
		}
		endsFrom, startsTo = min(endsFrom, from), max(startsTo, to)
	}
	return endsFrom, startsTo
}
