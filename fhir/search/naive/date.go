package naive

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// interval is a stretch of time, in microseconds since 1970 UTC, both ends included.
type interval struct{ low, high int64 }

// always is the interval without ends: "if the boundary is missing it is less or greater than any actual date" (FHIR R4
// search.html#date).
var always = interval{math.MinInt64, math.MaxInt64}

func (i interval) contains(o interval) bool { return i.low <= o.low && o.high <= i.high }

// datePattern takes dates of every precision; in a search minutes may be the last (FHIR R4 search.html#date), and the "+" of
// a zone may have come as a space.
var datePattern = regexp.MustCompile(`^(\d{4})(-\d{2})?(-\d{2})?(?:T(\d{2}:\d{2})(:\d{2})?(\.\d+)?)?(Z|[-+ ]\d{2}:\d{2})?$`)

// parseInterval returns what a date stands for: 2013-01 is from its first to its last moment. Without a zone it is UTC.
func parseInterval(text string) (interval, bool) {
	m := datePattern.FindStringSubmatch(text)
	if m == nil {
		return interval{}, false
	}
	month, day, minute, second, fraction, zone := m[2], m[3], m[4], m[5], m[6], m[7]
	full := m[1] + or(month, "-01") + or(day, "-01") + "T" + or(minute, "00:00") + or(second, ":00") + or(zone, "Z")
	start, err := time.Parse("2006-01-02T15:04:05Z07:00", strings.Replace(full, " ", "+", 1))
	if err != nil {
		return interval{}, false
	}
	end := start.AddDate(1, 0, 0)
	switch {
	case fraction != "":
		start, end = fractionOf(start, fraction[1:])
	case second != "":
		end = start.Add(time.Second)
	case minute != "":
		end = start.Add(time.Minute)
	case day != "":
		end = start.AddDate(0, 0, 1)
	case month != "":
		end = start.AddDate(0, 1, 0)
	}
	return interval{start.UnixMicro(), end.UnixMicro() - 1}, true
}

// fractionOf returns what digits of a second stand for, of which six are kept.
func fractionOf(second time.Time, digits string) (start, end time.Time) {
	digits = digits[:min(len(digits), 6)]
	n, _ := strconv.Atoi(digits)
	width := time.Second / time.Duration(math.Pow10(len(digits)))
	start = second.Add(time.Duration(n) * width)
	return start, start.Add(width)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// when returns the time of an element, false when it states none. "Other date/time types have an implicit range: a date is
// the whole day; an instant is a single point in time; of a Timing only the outer limits matter" (FHIR R4 search.html#date).
func when(e element) (interval, bool) {
	i, ok := interval{}, false
	switch {
	case e.json.Type == gjson.String:
		i, ok = parseInterval(e.json.Str)
		if e.datatype == "instant" {
			i.high = i.low
		}
	case e.datatype == "Timing":
		i, ok = outer(e.json)
	case e.datatype == "Period":
		i, ok = periodOf(e.json), true
	}
	return i, ok && i != always
}

func periodOf(v gjson.Result) interval {
	i := always
	if start, ok := parseInterval(v.Get("start").Str); ok {
		i.low = start.low
	}
	if end, ok := parseInterval(v.Get("end").Str); ok {
		i.high = end.high
	}
	return i
}

// outer returns the limits of a Timing: from the first to the last of its events and of the period that bounds it.
func outer(v gjson.Result) (interval, bool) {
	var all []interval
	for _, event := range v.Get("event").Array() {
		if i, ok := parseInterval(event.Str); ok {
			all = append(all, i)
		}
	}
	if bounds := v.Get("repeat.boundsPeriod"); bounds.Exists() {
		all = append(all, periodOf(bounds))
	}
	if len(all) == 0 {
		return interval{}, false
	}
	limits := all[0]
	for _, i := range all {
		limits = interval{min(limits.low, i.low), max(limits.high, i.high)}
	}
	return limits, true
}

// prefixes are those of FHIR R4 search.html#prefix.
var prefixes = []string{"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"}

// cutPrefix takes the prefix from a value; none is eq.
func cutPrefix(text string) (prefix, rest string) {
	if len(text) > 2 && slices.Contains(prefixes, text[:2]) {
		return text[:2], text[2:]
	}
	return "eq", text
}

func readDate(text string) (test, error) {
	prefix, text := cutPrefix(text)
	want, ok := parseInterval(text)
	if !ok {
		return nil, bad("not a date: %q", text)
	}
	return func(_ scope, e element) bool {
		have, ok := when(e)
		return ok && compareTimes(prefix, want, have)
	}, nil
}

// compareTimes follows the table of FHIR R4 search.html#prefix word by word; ap, for which it recommends a tenth of the
// distance to now, asks here that the two overlap.
func compareTimes(prefix string, want, have interval) bool {
	above, below := have.high > want.high, have.low < want.low // overlaps what is above, below the search value
	switch prefix {
	case "ne":
		return !want.contains(have)
	case "gt":
		return above
	case "lt":
		return below
	case "ge":
		return above || want.contains(have)
	case "le":
		return below || want.contains(have)
	case "sa":
		return have.low > want.high
	case "eb":
		return have.high < want.low
	case "ap":
		return have.low <= want.high && want.low <= have.high
	}
	return want.contains(have)
}
