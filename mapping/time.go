package mapping

import (
	"regexp"
	"strings"
	"time"

	"lightbox/dicom"
)

var pathOffset = dicom.MustPath("TimezoneOffsetFromUTC")

// dateTime makes a FHIR dateTime of a DA with the TM beside it, or of a DT. A time is kept only with a zone: of the DT itself,
// of the object, of the configured source; otherwise the date stands alone, for an invented offset would be a lie.
func (r *run) dateTime(v value, clock value) string {
	if e, _, ok := v.dataset.Find(v.path); ok && e.VR == "DT" {
		return r.pointInTime(v.root, v.text())
	}
	return r.moment(v.root, v.text(), clock.text())
}

// date makes a FHIR date of a DA (PS3.5 6.2), of the old form YYYY.MM.DD, or of a part of one: "" and an issue when it is none.
func (r *run) date(text string) string {
	d, ok := parseDate(text)
	if !ok {
		r.doubt("bad-date", "not a date: left out")
	}
	return d
}

// dateLayouts are the DICOM forms of a date and the FHIR form of the same precision.
var dateLayouts = map[int][2]string{4: {"2006", "2006"}, 6: {"200601", "2006-01"}, 8: {"20060102", "2006-01-02"}}

func parseDate(text string) (string, bool) {
	if len(text) == 10 && text[4] == text[7] && strings.ContainsRune(".-/", rune(text[4])) {
		text = text[:4] + text[5:7] + text[8:]
	}
	if len(text) == 8 {
		text = strings.TrimSuffix(strings.TrimSuffix(text, "00"), "00") // YYYYMM00 and YYYY0000 mean the part
	}
	layout, ok := dateLayouts[len(text)]
	if !ok {
		return "", false
	}
	t, err := time.Parse(layout[0], text)
	if err != nil || t.Year() == 0 {
		return "", false
	}
	return t.Format(layout[1]), true
}

// moment joins a date and a time of day in the zone of root.
func (r *run) moment(root *dicom.Dataset, date, clock string) string {
	return r.momentIn(date, clock, func() *time.Location { return r.zone(root) })
}

func (r *run) momentIn(date, clock string, zone func() *time.Location) string {
	day := r.date(date)
	if len(day) != len(time.DateOnly) || clock == "" {
		return day
	}
	local, fraction, ok := parseClock(day, clock)
	if !ok {
		r.doubt("bad-time", "not a time of day, or without minutes: the date is kept")
		return day
	}
	in := zone()
	if in == nil {
		r.remark("no-zone", "no time zone is known: the time is left out")
		return day
	}
	return local.Format("2006-01-02T15:04:05") + fraction + offset(local, in)
}

var clockPattern = regexp.MustCompile(`^(\d\d):?(\d\d)(?::?(\d\d)(?:\.(\d{0,6}))?)?$`)

// parseClock reads a TM with at least hours and minutes (PS3.5 6.2) on a day, and its fraction of a second as text. A leap second
// becomes 59: FHIR R4 allows 60, many of its readers do not.
func parseClock(day, clock string) (t time.Time, fraction string, ok bool) {
	m := clockPattern.FindStringSubmatch(clock)
	if m == nil {
		return t, "", false
	}
	switch m[3] {
	case "":
		m[3] = "00"
	case "60":
		m[3] = "59"
	}
	if m[4] = strings.TrimRight(m[4], "0"); m[4] != "" {
		fraction = "." + m[4]
	}
	t, err := time.Parse(time.DateTime, day+" "+m[1]+":"+m[2]+":"+m[3])
	return t, fraction, err == nil
}

// zone is the one that applies to the dates of an object: its own offset, else that of its source, else nil.
func (r *run) zone(root *dicom.Dataset) *time.Location {
	if root != nil {
		if text := clean(root.Text(pathOffset)); text != "" {
			if zone := parseOffset(text); zone != nil {
				return zone
			}
			r.doubt("bad-zone", "TimezoneOffsetFromUTC is not an offset: ignored")
		}
	}
	if zone := r.home(root); zone != nil {
		return zone
	}
	return r.mapper.config.Zone
}

// home is the configured zone of the source of an object, nil where it has none; of a message where root is nil.
func (r *run) home(root *dicom.Dataset) *time.Location {
	if len(r.mapper.config.Zones) == 0 {
		return nil
	}
	names := r.senders
	if root != nil {
		names = []string{senderTitle(root), clean(root.Text(pathStation)), xonName(clean(root.Text(pathInstitution)))}
	}
	for _, name := range names {
		if zone := r.mapper.config.Zones[name]; zone != nil && name != "" {
			return zone
		}
	}
	return nil
}

var offsetPattern = regexp.MustCompile(`^([+-])(\d\d)(\d\d)$`)

// parseOffset reads &ZZXX in -1200..+1400; "-0000" is not allowed (PS3.3 C.12.1.1.8).
func parseOffset(text string) *time.Location {
	m := offsetPattern.FindStringSubmatch(text)
	if m == nil || text == "-0000" {
		return nil
	}
	t, err := time.Parse("-0700", text)
	if err != nil {
		return nil
	}
	_, seconds := t.Zone()
	if seconds < -12*3600 || seconds > 14*3600 {
		return nil
	}
	return time.FixedZone("", seconds)
}

// offset writes the offset that a zone has when its clocks show t.
func offset(t time.Time, zone *time.Location) string {
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, zone).Format("-07:00")
}

var pointPattern = regexp.MustCompile(`^(\d{4,14})(\.\d{1,6})?([+-]\d{4})?$`)

// pointInTime reads a DT (PS3.5 6.2), whose own offset goes before that of the object.
func (r *run) pointInTime(root *dicom.Dataset, text string) string {
	m := pointPattern.FindStringSubmatch(text)
	if m == nil {
		r.doubt("bad-date", "not a date: left out")
		return ""
	}
	digits := m[1]
	if len(digits) <= 8 {
		return r.date(digits)
	}
	if own := parseOffset(m[3]); own != nil {
		return r.momentIn(digits[:8], digits[8:]+m[2], func() *time.Location { return own })
	}
	return r.moment(root, digits[:8], digits[8:]+m[2])
}
