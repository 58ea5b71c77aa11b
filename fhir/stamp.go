package fhir

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/tidwall/gjson"
)

// InstantLayout is how lastUpdated is written: UTC with microseconds, the precision that every store keeps.
const InstantLayout = "2006-01-02T15:04:05.000000Z"

// WithID returns r with its id member set to id: spliced, every other byte kept. A body without an id gets it after
// resourceType.
func (r Resource) WithID(id string) Resource {
	text := strconv.Quote(id) // an id holds nothing that JSON escapes
	m := members(r.Body)
	switch at, ok := m["id"]; {
	case ok:
		r.Body = splice(r.Body, at.value, at.end, text)
	case m["resourceType"].end > 0:
		end := m["resourceType"].end
		r.Body = splice(r.Body, end, end, `,"id":`+text)
	}
	r.ID = id
	return r
}

// Stamp returns r with version and time spliced into meta; whatever else meta holds is kept. Stamping twice with the same
// values gives the same bytes, and stamping with other values changes those two members alone.
//
// Their place depends on the rest of the body alone, so that an update can be recognised as unchanged by stamping it with
// the stored version and time and comparing bytes: whether the client sends back what it read, what it first wrote, or
// what it read without meta, versionId or lastUpdated.
func (r Resource) Stamp(version int64, at time.Time) Resource {
	at = at.UTC().Truncate(time.Microsecond)
	versionID := `"versionId":"` + strconv.FormatInt(version, 10) + `"`
	lastUpdated := `"lastUpdated":"` + at.Format(InstantLayout) + `"`
	m := members(r.Body)
	if meta, ok := m["meta"]; ok && r.Body[meta.value] == '{' {
		r.Body = stampMeta(r.Body, meta, versionID, lastUpdated)
	} else if after := cmp.Or(m["id"].end, m["resourceType"].end); after > 0 {
		r.Body = splice(r.Body, after, after, `,"meta":{`+versionID+","+lastUpdated+"}")
	}
	r.Version, r.LastUpdated = version, at
	return r
}

// stampMeta sets both members inside an existing meta: in place where they are, else side by side, else in front.
func stampMeta(body []byte, meta span, versionID, lastUpdated string) []byte {
	inner := members(body[meta.value:meta.end])
	v, hasVersion := inner["versionId"]
	u, hasUpdated := inner["lastUpdated"]
	v, u = v.shift(meta.value), u.shift(meta.value)
	switch {
	case hasVersion && hasUpdated && v.name < u.name:
		return splice(splice(body, u.name, u.end, lastUpdated), v.name, v.end, versionID)
	case hasVersion && hasUpdated:
		return splice(splice(body, v.name, v.end, versionID), u.name, u.end, lastUpdated)
	case hasVersion:
		return splice(body, v.name, v.end, versionID+","+lastUpdated)
	case hasUpdated:
		return splice(body, u.name, u.end, versionID+","+lastUpdated)
	}
	text := versionID + "," + lastUpdated
	if len(inner) > 0 {
		text += ","
	}
	return splice(body, meta.value+1, meta.value+1, text)
}

// span is where a member stands: the start of its name, the start of its value, the end of its value.
type span struct{ name, value, end int }

func (s span) shift(by int) span { return span{s.name + by, s.value + by, s.end + by} }

// members finds the members of a JSON object that Parse has checked. What is no object has none.
func members(object []byte) map[string]span {
	found := map[string]span{}
	eachMember(object, func(name string, at span) { found[name] = at })
	return found
}

// eachMember calls found with the members of a JSON object that Parse has checked, in order.
func eachMember(object []byte, found func(name string, at span)) {
	whole := gjson.ParseBytes(object)
	if !whole.IsObject() {
		return
	}
	whole.ForEach(func(name, value gjson.Result) bool {
		found(name.Str, span{name: name.Index, value: value.Index, end: value.Index + len(value.Raw)})
		return true
	})
}

// splice returns a copy of body with the bytes from start to end replaced.
func splice(body []byte, start, end int, text string) []byte {
	return slices.Concat(body[:start], []byte(text), body[end:])
}
