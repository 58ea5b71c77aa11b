package fhir

import (
	"regexp"
	"strconv"
	"time"
)

// Precision is the last part of a date that is stated.
type Precision int

const (
	Year Precision = iota + 1
	Month
	Day
	Minute // in search values alone
	Second
	Fraction // of a second
)

// Date is a FHIR date, dateTime or instant (FHIR R4 datatypes.html#dateTime): the text as written, its precision, and the
// interval of time that it stands for. A value without a zone is taken as UTC, so that intervals of any two can be
// compared; dates have no zone to say otherwise.
type Date struct {
	text      string
	precision Precision
	low, high int64
}

var (
	datePattern = regexp.MustCompile(`^([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?$`)
	timePattern = regexp.MustCompile(`^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]+))?)?(Z|[+\-][0-9]{2}:[0-9]{2})?$`)
)

// maxFraction is how many digits of a second a search may state: nanoseconds, three more than are kept.
const maxFraction = 9

// ParseDate reads the value of a date, dateTime or instant element: a time has seconds and a zone.
func ParseDate(s string) (Date, error) {
	d, parts, err := parseDate(s)
	if err != nil {
		return Date{}, err
	}
	if d.precision > Day && (d.precision == Minute || parts[8] == "") {
		return Date{}, badDate("a time has seconds and a zone")
	}
	return d, nil
}

// ParseSearchDate reads the value of a date parameter, without prefix: seconds and zone may be missing (FHIR R4
// search.html#date), and the "+" of a zone may have become a space on its way through a URL.
func ParseSearchDate(s string) (Date, error) {
	if i := len(s) - len(" hh:mm"); i > 0 && s[i] == ' ' {
		s = s[:i] + "+" + s[i+1:]
	}
	d, parts, err := parseDate(s)
	if err != nil {
		return Date{}, err
	}
	if len(parts[7]) > maxFraction {
		return Date{}, badDate("more than " + strconv.Itoa(maxFraction) + " digits of a second")
	}
	return d, nil
}

// maxDate bounds the text of a date; a dateTime may state any number of digits of a second.
const maxDate = 64

// parseDate reads any of the forms and returns its parts beside it: see startOfDate.
func parseDate(s string) (Date, []string, error) {
	if len(s) > maxDate {
		return Date{}, nil, badDate("too long")
	}
	m := timePattern.FindStringSubmatch(s)
	if m == nil {
		if m = datePattern.FindStringSubmatch(s); m == nil {
			return Date{}, nil, badDate("the forms are YYYY, YYYY-MM, YYYY-MM-DD and YYYY-MM-DDThh:mm:ss with a zone")
		}
		m = append(m, "", "", "", "", "")
	}
	start, ok := startOfDate(m)
	if !ok {
		return Date{}, nil, badDate("no such day, time or zone")
	}
	d := Date{text: s, precision: precisionOf(m), low: start.UnixMicro()}
	d.high = max(d.low, d.end(start, len(m[7])).UnixMicro()-1)
	return d, m, nil
}

func precisionOf(m []string) Precision {
	switch {
	case m[7] != "":
		return Fraction
	case m[6] != "":
		return Second
	case m[5] != "":
		return Minute
	case m[3] != "":
		return Day
	case m[2] != "":
		return Month
	}
	return Year
}

// startOfDate returns the first instant of the parts, from 1: year, month, day, hour, minute, second, fraction, zone.
func startOfDate(m []string) (time.Time, bool) {
	year, month, day := number(m[1], 0), number(m[2], 1), number(m[3], 1)
	hour, minute, second := number(m[4], 0), number(m[5], 0), number(m[6], 0)
	micros := number((m[7] + "000000")[:6], 0)
	offset, ok := zoneOffset(m[8])
	if !ok || year == 0 || hour > 23 || minute > 59 || second > 60 { // 60: a leap second
		return time.Time{}, false
	}
	midnight := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if midnight.Day() != day || midnight.Month() != time.Month(month) {
		return time.Time{}, false
	}
	since := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
	return midnight.Add(since + time.Duration(micros)*time.Microsecond - offset), true
}

func number(digits string, absent int) int {
	if digits == "" {
		return absent
	}
	n, _ := strconv.Atoi(digits) // the pattern lets digits through alone
	return n
}

// zoneOffset reads Z or ±hh:mm up to 14:00.
func zoneOffset(zone string) (time.Duration, bool) {
	if zone == "" || zone == "Z" {
		return 0, true
	}
	hours, minutes := number(zone[1:3], 0), number(zone[4:6], 0)
	offset := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if zone[0] == '-' {
		return -offset, minutes < 60 && offset <= 14*time.Hour
	}
	return offset, minutes < 60 && offset <= 14*time.Hour
}

// end returns the first instant after d.
func (d Date) end(start time.Time, fractionDigits int) time.Time {
	switch d.precision {
	case Year:
		return start.AddDate(1, 0, 0)
	case Month:
		return start.AddDate(0, 1, 0)
	case Day:
		return start.AddDate(0, 0, 1)
	case Minute:
		return start.Add(time.Minute)
	case Second:
		return start.Add(time.Second)
	}
	width := time.Second
	for range min(fractionDigits, 6) {
		width /= 10
	}
	return start.Add(width)
}

// String returns the text that was parsed.
func (d Date) String() string { return d.text }

// Precision returns the last part that is stated.
func (d Date) Precision() Precision { return d.precision }

// Interval returns the first and the last microsecond since 1970 UTC that d stands for.
func (d Date) Interval() (low, high int64) { return d.low, d.high }

func badDate(why string) *Error { return NewError(Value, "not a date: "+why) }
