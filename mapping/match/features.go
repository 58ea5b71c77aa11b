package match

import (
	"math"
	"slices"
)

// Features that are compared.
const (
	nameFeature       = "name"
	birthDateFeature  = "birthDate"
	genderFeature     = "gender"
	identifierFeature = "identifier"
	postalFeature     = "postalCode"
	telecomFeature    = "telecom"
)

// Levels that more than one feature has, or that something depends on.
const (
	agrees       = "agrees"
	alike        = "alike"
	differs      = "differs"
	familyAgrees = "family agrees, given differs"
	givenAgrees  = "given agrees, family differs"
)

// level is how far a feature may agree: m is how often it does in two records of one person, u in records of two.
type level struct {
	name string
	m, u float64
}

// weight is in bits.
func (l level) weight() float64 { return math.Log2(l.m / l.u) }

// feature is one row of the table.
type feature struct {
	name   string
	levels []level
	of     func(a, b Person) (name string, comparable bool)
}

func (f feature) compare(a, b Person) *level {
	name, comparable := f.of(a, b)
	if !comparable {
		return nil
	}
	at := slices.IndexFunc(f.levels, func(l level) bool { return l.name == name })
	return &f.levels[at]
}

// features are the table. u of a date is one day of some seventy years, of a name about how many share the commonest; how often a record of the
// same person is otherwise (m) is an estimate: records of several hospitals, typed by hand. m of each row, and u, add up to 1.
var features = []feature{
	{nameFeature, []level{{agrees, 0.85, 0.0005}, {alike, 0.08, 0.0008}, {givenAgrees, 0.03, 0.0087}, {familyAgrees, 0.02, 0.003}, {differs, 0.02, 0.987}}, compareNames},
	{birthDateFeature, []level{{agrees, 0.94, 0.00004}, {alike, 0.045, 0.00096}, {differs, 0.015, 0.999}}, compareDates},
	{genderFeature, []level{{agrees, 0.985, 0.5}, {differs, 0.015, 0.5}}, compareGenders},
	{identifierFeature, []level{{agrees, 0.7, 0.00001}, {differs, 0.3, 0.99999}}, compareIdentifiers},
	{postalFeature, []level{{agrees, 0.8, 0.01}, {differs, 0.2, 0.99}}, func(a, b Person) (string, bool) { return compareLists(a.PostalCodes, b.PostalCodes) }},
	{telecomFeature, []level{{agrees, 0.6, 0.0005}, {differs, 0.4, 0.9995}}, func(a, b Person) (string, bool) { return compareLists(a.Telecoms, b.Telecoms) }},
}

func compareLists(a, b []string) (string, bool) {
	if len(a) == 0 || len(b) == 0 {
		return "", false
	}
	if common(a, b) {
		return agrees, true
	}
	return differs, true
}

func compareGenders(a, b Person) (string, bool) {
	if a.Gender == "" || b.Gender == "" {
		return "", false
	}
	return compareLists([]string{a.Gender}, []string{b.Gender})
}

// compareIdentifiers compares those of systems that both have. One without a system is anybody's.
func compareIdentifiers(a, b Person) (string, bool) {
	shared := false
	for _, one := range a.Identifiers {
		theirs := b.identifiers(one.System)
		if one.System == "" || len(theirs) == 0 {
			continue
		}
		if shared = true; slices.Contains(theirs, one.Value) {
			return agrees, true
		}
	}
	return differs, shared
}

// compareDates: a day and a month that changed places, or one digit that is another, are slips of who types.
func compareDates(a, b Person) (string, bool) {
	x, y := a.BirthDate, b.BirthDate
	switch {
	case len(x) < len("2006") || len(y) < len("2006"):
		return "", false
	case x == y && len(x) == len("2006-01-02"):
		return agrees, true
	case len(x) != len(y): // one is of a month or a year
		short := min(len(x), len(y))
		if x[:short] == y[:short] {
			return alike, true
		}
		return differs, true
	case x == y, len(x) == len("2006-01-02") && x[:4] == y[:4] && x[5:7] == y[8:] && x[8:] == y[5:7], distance(x, y) == 1:
		return alike, true
	}
	return differs, true
}

// rank orders levels of names, the best first.
var rank = []string{agrees, alike, givenAgrees, familyAgrees, differs}

// compareNames takes the best of all pairs of names of one script.
func compareNames(a, b Person) (string, bool) {
	best := -1
	for _, x := range a.Names {
		for _, y := range b.Names {
			if x.script() != y.script() {
				continue
			}
			if at := slices.Index(rank, compareName(x, y)); best < 0 || at < best {
				best = at
			}
		}
	}
	if best < 0 {
		return "", false
	}
	return rank[best], true
}

func compareName(x, y Name) string {
	all, others := x.tokens(), y.tokens()
	family, given := closeTo(x.Family, y.Family), closeGiven(x.Given, y.Given)
	switch {
	case slices.Equal(all, others):
		return agrees
	case family && given, len(all) > 1 && len(others) > 1 && allClose(all, others):
		return alike
	case given && len(x.Given) > 0 && len(y.Given) > 0:
		return givenAgrees
	case family && x.Family != "":
		return familyAgrees
	}
	return differs
}

// closeTo holds for words that a slip of who types, or of who hears, makes of each other.
func closeTo(x, y string) bool {
	if x == "" || y == "" {
		return x == y
	}
	longest := max(len([]rune(x)), len([]rune(y)))
	return distance(x, y) <= longest/5 || longest > 3 && distance(x, y) <= 1
}

// closeGiven compares the first given names, of which one may be an initial, and passes over further ones that only one record has.
func closeGiven(x, y []string) bool {
	n := min(len(x), len(y))
	if n == 0 {
		return len(x) == len(y)
	}
	for i := range n {
		initial := (len([]rune(x[i])) == 1 || len([]rune(y[i])) == 1) && []rune(x[i])[0] == []rune(y[i])[0]
		if !initial && !closeTo(x[i], y[i]) {
			return false
		}
	}
	return true
}

func allClose(x, y []string) bool {
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if !closeTo(x[i], y[i]) {
			return false
		}
	}
	return true
}

// longestWord bounds the work on one word.
const longestWord = 64

// distance is how many letters have to be put in, left out, changed, or change places with the next (optimal string alignment).
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	x, y = x[:min(len(x), longestWord)], y[:min(len(y), longestWord)]
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			change := 0
			if x[i-1] != y[j-1] {
				change = 1
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(x)][len(y)]
}
