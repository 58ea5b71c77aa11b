package relational

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"lightbox/fhir/search"
)

// arm is one way to walk candidates: tables with resource among them as r, and what joins them.
type arm struct {
	from  string
	where []string
	// clock is the alias whose (time_key, row) the arm's index yields in order; empty when its rows come in another order or
	// repeat.
	clock string
}

// driver is a set of arms that together walk every candidate of one condition, and what is known of their number.
type driver struct {
	arms      []arm
	counts    []string // one for each arm, see countOf
	preferred bool     // nothing can be better
	exact     bool     // count is the number of candidates, not the limit
	count     int64
	oldest    int64 // the time key at which the count stopped: of two long lists, the rarer one reaches back farther
	access    bool  // it is what the caller may see, not what is asked for
}

func (d *driver) ordered() bool {
	for _, a := range d.arms {
		if a.clock == "" {
			return false
		}
	}
	return true
}

// maxArms bounds how many posting lists are merged in order; longer OR lists are sorted.
const maxArms = 16

// Limits are where estimates stop counting: Ordered for lists in time order, which may be walked in part; Sorted for those
// which must be sorted as a whole. Inner is how many resources a chain may go through for the index to answer it: beyond, the chain is
// followed from each candidate.
type Limits struct {
	Ordered, Sorted int64
	Inner           int
	Few             int64 // so few candidates are looked at rather than what a chain leads to
}

func defaultLimits() Limits { return Limits{Ordered: 1000, Sorted: 3000, Inner: 1000, Few: 100} }

// SetLimits changes how queries are planned, never what they answer. It is for tests, before first use.
func (s *Store) SetLimits(l Limits) { s.limits = l }

// of returns where counting an arm stops.
func (l Limits) of(a arm) int64 {
	if a.clock == "" {
		return l.Sorted
	}
	return l.Ordered
}

// drivers returns the ways to find what meets all terms, the walk of the whole type last.
func (s *statement) drivers(resourceType string, terms []term, f search.Filter) ([]*driver, error) {
	var all []*driver
	bounds := s.timeBounds(terms)
	byAccess, err := s.accessDriver(resourceType, f, bounds)
	if err != nil {
		return nil, err
	}
	if byAccess != nil {
		all = append(all, byAccess)
	}
	typeID, err := s.store.catalog.typeID(resourceType)
	if err != nil {
		return nil, err
	}
	for _, t := range terms {
		if d := s.termDriver(typeID, t, bounds); d != nil {
			all = append(all, d)
		}
	}
	whole := arm{from: "resource r", where: append([]string{"r.type = " + s.bind(typeID)}, bounds.on("r")...), clock: "r"}
	return append(all, &driver{arms: []arm{whole}}), nil
}

// termDriver returns the index that a term can be walked by, nil for none.
func (s *statement) termDriver(typeID int64, t term, b bounds) *driver {
	if t.not {
		return nil
	}
	switch t.kind {
	case byRow:
		return named(len(t.rows), s.numbers("r.row", t.rows))
	case byID:
		return named(len(t.ids), "r.type = "+s.bind(typeID), s.texts("r.id", t.ids))
	case byUpdated:
		where := []string{"r.type = " + s.bind(typeID), s.dates(t.values, "r.last_updated", "r.last_updated")}
		return s.driver(arm{from: "resource r", where: where})
	case byPosting:
		return s.postings(t.param, t.hashes, b)
	case byPrefix:
		return s.driver(arm{from: "string_posting d CROSS JOIN resource r",
			where: []string{"d.param = " + s.bind(t.param.id), s.prefixes(t.values, "d.text"), "r.row = d.row"}})
	case byPart:
		return s.driver(arm{from: "string_posting d CROSS JOIN resource r",
			where: []string{"d.param = " + s.bind(t.param.id), s.parts(t.values, "d.text"), "r.row = d.row"}})
	case byDate:
		return s.dateDriver(t.param, t.values)
	case byNumber:
		return s.numberDriver(t.param, t.values)
	case byAny:
		return s.anyDriver(typeID, t.any, b)
	}
	return nil
}

// named walks resources that are named one by one. Nothing is better, and their number is known.
func named(n int, where ...string) *driver {
	count := fmt.Sprintf("(SELECT %d AS n, 0 AS t)", n)
	return &driver{arms: []arm{{from: "resource r", where: where}}, counts: []string{count}, preferred: true}
}

// anyDriver walks the indexes of several terms together.
func (s *statement) anyDriver(typeID int64, terms []term, b bounds) *driver {
	all := &driver{preferred: true}
	for _, t := range terms {
		d := s.termDriver(typeID, t, b)
		if d == nil {
			return nil
		}
		all.preferred = all.preferred && d.preferred
		all.arms, all.counts = append(all.arms, d.arms...), append(all.counts, d.counts...)
	}
	if len(all.arms) == 0 {
		return nil
	}
	return all
}

// numberDriver walks numbers by their start.
func (s *statement) numberDriver(p param, values []search.Value) *driver {
	var ranges []string
	for _, v := range values {
		n, unit := v.Number, int64(0)
		if n.Base != nil {
			n, unit = n.Base, n.Base.Code
		}
		from, to, ok := startsWithin(v, n)
		if !ok {
			return nil
		}
		ranges = append(ranges, fmt.Sprintf("(d.unit = %s AND d.low >= CAST(%s AS DOUBLE PRECISION) AND d.low <= CAST(%s AS DOUBLE PRECISION))",
			s.bind(unit), s.bind(from), s.bind(to)))
	}
	return s.driver(arm{from: "number_posting d CROSS JOIN resource r",
		where: []string{"d.param = " + s.bind(p.id), anyOf(ranges), "r.row = d.row"}})
}

// driver makes one of a single arm that is not in time order.
func (s *statement) driver(a arm) *driver {
	return &driver{arms: []arm{a}, counts: []string{s.countOf(a)}}
}

// countOf counts an arm's candidates before they are joined to their resources, and tells how far back it came.
func (s *statement) countOf(a arm) string {
	from, _, _ := strings.Cut(a.from, " CROSS JOIN resource r")
	where := slices.DeleteFunc(slices.Clone(a.where), func(w string) bool { return w == "r.row = d.row" })
	what, order := "0 AS t", ""
	if a.clock != "" {
		what, order = a.clock+".time_key AS t", " ORDER BY "+a.clock+".time_key"
	}
	return fmt.Sprintf("(SELECT COUNT(*) AS n, COALESCE(MAX(m.t), 0) AS t FROM (SELECT %s FROM %s WHERE %s%s LIMIT %d) m)",
		what, from, allOf(where), order, s.store.limits.of(a))
}

// postings walks the posting lists of the hashes: a few merged in time order, many sorted.
func (s *statement) postings(p param, hashes []int64, b bounds) *driver {
	id := s.bind(p.id)
	if len(hashes) > maxArms {
		return s.driver(arm{from: "posting d CROSS JOIN resource r",
			where: append([]string{"d.param = " + id, s.numbers("d.hash", hashes), "r.row = d.row"}, b.on("d")...)})
	}
	d := &driver{}
	for _, h := range hashes {
		a := arm{from: "posting d CROSS JOIN resource r", clock: "d",
			where: append([]string{"d.param = " + id, "d.hash = " + s.bind(h), "r.row = d.row"}, b.on("d")...)}
		d.arms, d.counts = append(d.arms, a), append(d.counts, s.countOf(a))
	}
	return d
}

// dateDriver walks dates by the start of their interval, where the prefixes bound it.
func (s *statement) dateDriver(p param, values []search.Value) *driver {
	var ranges []string
	for _, v := range values {
		l, h := s.bind(clamp(v.Low)), s.bind(clamp(v.High))
		switch v.Prefix {
		case search.Eq, "":
			ranges = append(ranges, fmt.Sprintf("(d.low >= %s AND d.low <= %s)", l, h))
		case search.Sa:
			ranges = append(ranges, "d.low > "+h)
		case search.Lt, search.Eb:
			ranges = append(ranges, "d.low < "+l)
		case search.Le:
			ranges = append(ranges, "d.low <= "+h)
		default:
			return nil
		}
	}
	return s.driver(arm{from: "date_posting d CROSS JOIN resource r",
		where: []string{"d.param = " + s.bind(p.id), anyOf(ranges), "r.row = d.row"}})
}

// accessDriver walks what the filter covers, when each of its grants has a list for that; nil otherwise.
func (s *statement) accessDriver(resourceType string, f search.Filter, b bounds) (*driver, error) {
	patient, err := s.store.catalog.postingNamed(resourceType, patientParam)
	if err != nil {
		return nil, err
	}
	owner, err := s.store.catalog.named(resourceType, ownerParam)
	if err != nil {
		return nil, err
	}
	all := &driver{preferred: true, access: true}
	walked := map[[5]string]bool{} // grants by search parameters (granular scopes) are many of one list
	for _, g := range f.Grants {
		var d *driver
		list := [5]string{g.Patient, g.Owner, g.CareOf, g.ReferredTo, strings.Join(g.ReferredAs, "\x00")}
		if list != [5]string{} && walked[list] {
			continue
		}
		walked[list] = true
		switch {
		case g.Patient != "":
			d = s.postings(patient, []int64{search.Hash(g.Patient)}, b)
		case g.Owner != "":
			d = s.postings(owner, []int64{search.Hash(g.Owner)}, b)
		case g.CareOf != "":
			d = s.careDriver("care", patient, []string{g.CareOf})
		case g.ReferredTo != "":
			d = s.careDriver("referral", patient, g.Referrals())
		case g.All || g.Nobodys || len(g.Where) > 0:
			return nil, nil
		default:
			continue
		}
		all.preferred = all.preferred && g.Patient != ""
		all.arms, all.counts = append(all.arms, d.arms...), append(all.counts, d.counts...)
	}
	if len(all.arms) == 0 {
		return nil, nil
	}
	return all, nil
}

// careDriver walks the data of an organisation's patients, or of those who were referred to it.
func (s *statement) careDriver(table string, patient param, organizations []string) *driver {
	where := []string{s.texts("c.organization", organizations), "d.param = " + s.bind(patient.id), "d.hash = c.hash", "r.row = d.row"}
	return s.driver(arm{from: table + " c CROSS JOIN posting d CROSS JOIN resource r", where: where})
}

// estimate counts the candidates of each driver up to a limit, in one statement.
func (s *statement) estimate(ctx context.Context, q querier, all []*driver) error {
	var parts []string
	for _, d := range all {
		parts = append(parts, d.counts...)
	}
	numbers := make([]int64, 2*len(parts))
	dest := make([]any, len(numbers))
	for i := range numbers {
		dest[i] = &numbers[i]
	}
	columns := make([]string, len(parts))
	for i := range parts {
		columns[i] = fmt.Sprintf("c%d.n, c%[1]d.t", i)
		parts[i] += fmt.Sprintf(" c%d", i)
	}
	text := "SELECT " + strings.Join(columns, ", ") + " FROM " + strings.Join(parts, " CROSS JOIN ")
	err := s.query(ctx, q, text, func(scan func(...any) error) error { return scan(dest...) })
	for _, d := range all {
		d.take(numbers[:2*len(d.counts)], s.store.limits)
		numbers = numbers[2*len(d.counts):]
	}
	return err
}

// take reads pairs of a count and the time key that it came to.
func (d *driver) take(numbers []int64, limits Limits) {
	d.exact, d.oldest = true, numbers[1]
	for i, a := range d.arms {
		count, oldest := numbers[2*i], numbers[2*i+1]
		d.exact = d.exact && count < limits.of(a)
		d.count += count
		d.oldest = min(d.oldest, oldest)
	}
}

// choose returns the driver with the fewest candidates, or nil when each has too many to sort.
func choose(drivers []*driver) *driver {
	var best *driver
	for _, d := range drivers {
		if d.preferred {
			return d
		}
		if d.exact && (best == nil || d.count < best.count) {
			best = d
		}
	}
	return best
}

// rarest returns, of drivers that are walked in time order, the one whose candidates lie farthest apart; the walk of the
// whole type, which stands last, when there is none.
func rarest(drivers []*driver) *driver {
	best := drivers[len(drivers)-1]
	found := false
	for _, d := range drivers[:len(drivers)-1] {
		if d.ordered() && (!found || d.oldest > best.oldest) {
			best, found = d, true
		}
	}
	return best
}
