package fhir_test

import (
	"testing"
	"time"

	"lightbox/fhir"
)

func TestParseDate(t *testing.T) {
	for _, c := range []struct{ text, low, high string }{
		{"2020", "2020-01-01T00:00:00Z", "2020-12-31T23:59:59.999999Z"},
		{"2020-02", "2020-02-01T00:00:00Z", "2020-02-29T23:59:59.999999Z"},
		{"2020-02-29", "2020-02-29T00:00:00Z", "2020-02-29T23:59:59.999999Z"},
		{"2013-01-14T10:00:00Z", "2013-01-14T10:00:00Z", "2013-01-14T10:00:00.999999Z"},
		{"2013-01-14T10:00:00+03:00", "2013-01-14T07:00:00Z", "2013-01-14T07:00:00.999999Z"},
		{"2013-01-14T23:30:00-14:00", "2013-01-15T13:30:00Z", "2013-01-15T13:30:00.999999Z"},
		{"2013-01-14T10:00:00.5Z", "2013-01-14T10:00:00.5Z", "2013-01-14T10:00:00.599999Z"},
		{"2013-01-14T10:00:00.123Z", "2013-01-14T10:00:00.123Z", "2013-01-14T10:00:00.123999Z"},
		{"2013-01-14T10:00:00.123456Z", "2013-01-14T10:00:00.123456Z", "2013-01-14T10:00:00.123456Z"},
		{"2013-01-14T10:00:00.1234567891234Z", "2013-01-14T10:00:00.123456Z", "2013-01-14T10:00:00.123456Z"},
		{"2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z", "2017-01-01T00:00:00.999999Z"}, // a leap second
		{"0001", "0001-01-01T00:00:00Z", "0001-12-31T23:59:59.999999Z"},
		{"9999-12-31", "9999-12-31T00:00:00Z", "9999-12-31T23:59:59.999999Z"},
	} {
		t.Run(c.text, func(t *testing.T) {
			d, err := fhir.ParseDate(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if d.String() != c.text {
				t.Errorf("text %q", d)
			}
			wantInterval(t, d, c.low, c.high)
		})
	}
}

func wantInterval(t *testing.T, d fhir.Date, low, high string) {
	t.Helper()
	l, h := d.Interval()
	for _, p := range []struct {
		got  int64
		want string
	}{{l, low}, {h, high}} {
		if got := time.UnixMicro(p.got).UTC().Format(time.RFC3339Nano); got != p.want {
			t.Errorf("got %s, want %s", got, p.want)
		}
	}
}

func TestParseDateRefuses(t *testing.T) {
	for _, text := range []string{
		"", "05", "***", "!", "1973-02-30", "1973-13", "1973-00", "1973-01-00", "0000", "20200101", "2020-1-1", "10000",
		"2020-01-01T", "2020-01-01T10", "2020-01-01T10:00", "2020-01-01T10:00Z", "2020-01-01T10:00:00", "2020-01-01 10:00:00Z",
		"2020-01-01T24:00:00Z", "2020-01-01T10:60:00Z", "2020-01-01T10:00:61Z", "2020-01-01T10:00:00+14:01",
		"2020-01-01T10:00:00+03:60", "2020-01-01T10:00:00.Z", "2020-01-01t10:00:00z", " 2020", "2020\n", "２０２０",
	} {
		t.Run(text, func(t *testing.T) {
			if d, err := fhir.ParseDate(text); err == nil || fhir.IssueTypeOf(err) != fhir.Value || d != (fhir.Date{}) {
				t.Errorf("got %v, %v", d, err)
			}
		})
	}
}

func TestParseSearchDate(t *testing.T) {
	for _, c := range []struct{ text, low, high string }{
		{"2013-01-14T10:00", "2013-01-14T10:00:00Z", "2013-01-14T10:00:59.999999Z"},
		{"2013-01-14T10:00+02:00", "2013-01-14T08:00:00Z", "2013-01-14T08:00:59.999999Z"},
		{"2013-01-14T10:00 02:00", "2013-01-14T08:00:00Z", "2013-01-14T08:00:59.999999Z"}, // "+" unescaped in a URL
		{"2013-01-14T10:00:30", "2013-01-14T10:00:30Z", "2013-01-14T10:00:30.999999Z"},
		{"2013-01-14T10:00:30.123456789Z", "2013-01-14T10:00:30.123456Z", "2013-01-14T10:00:30.123456Z"},
	} {
		t.Run(c.text, func(t *testing.T) {
			d, err := fhir.ParseSearchDate(c.text)
			if err != nil {
				t.Fatal(err)
			}
			wantInterval(t, d, c.low, c.high)
		})
	}
	for _, text := range []string{"2013-01-14T10", "2013-01-14T10:00:30.123456789012345678Z", "2013-01-14 02:00", "1973-02-30"} {
		t.Run("refuses "+text, func(t *testing.T) {
			if d, err := fhir.ParseSearchDate(text); err == nil {
				t.Errorf("got %v", d)
			}
		})
	}
}

// FuzzDate: what parses keeps its text, stands for an interval that does not end before it begins and lies within the
// years that FHIR can write, and parses as a search value to the same interval.
func FuzzDate(f *testing.F) {
	for _, s := range []string{"2020", "2020-02", "2020-02-29", "2013-01-14T10:00:00.5+03:00", "2016-12-31T23:59:60Z", "9999", "0001-01-01T00:00:00+14:00"} {
		f.Add(s)
	}
	first := time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC).UnixMicro()
	last := time.Date(10000, 1, 2, 0, 0, 0, 0, time.UTC).UnixMicro()
	f.Fuzz(func(t *testing.T, s string) {
		searched, searchErr := fhir.ParseSearchDate(s)
		d, err := fhir.ParseDate(s)
		if err != nil {
			if d != (fhir.Date{}) {
				t.Fatalf("%q: an error and a date", s)
			}
			d = searched
		} else if searchErr == nil && searched != d {
			t.Fatalf("%q: differs as a search value", s)
		}
		if err != nil && searchErr != nil {
			return
		}
		low, high := d.Interval()
		if low > high || low < first || high > last {
			t.Fatalf("%q: interval %d to %d", s, low, high)
		}
	})
}
