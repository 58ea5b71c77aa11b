package search

import (
	"math"
	"strings"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
)

// The ends of an interval that is open (FHIR R4 search.html#date: a missing boundary lies before or after any date).
const (
	earliest int64 = math.MinInt64
	latest   int64 = math.MaxInt64
)

// entriesOf turns one element into index values, by the kind of the parameter and the data type of the element.
func entriesOf(end fhir.PathEnd, v gjson.Result) ([]Entry, *fhir.Error) {
	p, datatype := end.Param, end.Path.Datatype
	var entries []Entry
	var err *fhir.Error
	switch p.Kind {
	case fhir.KindToken:
		entries, err = tokens(p, datatype, v)
	case fhir.KindReference:
		entries, err = references(datatype, v)
	case fhir.KindURI:
		entries, err = uris(datatype, v)
	case fhir.KindString:
		entries, err = texts(end.Path, v)
	case fhir.KindDate:
		entries, err = dates(datatype, v)
	case fhir.KindNumber:
		entries, err = numbers(v)
	case fhir.KindQuantity:
		entries, err = quantities(datatype, v)
	case fhir.KindSpecial:
		entries, err = position(v)
	}
	for i := range entries {
		entries[i].Param = p
	}
	return entries, err
}

// tokens follows the table of FHIR R4 search.html#token.
func tokens(p *fhir.SearchParameter, datatype string, v gjson.Result) ([]Entry, *fhir.Error) {
	switch datatype {
	case "CodeableConcept":
		var all []Entry
		v.Get("coding").ForEach(func(_, coding gjson.Result) bool {
			all = append(all, coded(datatype, coding)...)
			return true
		})
		return all, mustBeObject(v)
	case "Coding":
		return coded(datatype, v), mustBeObject(v)
	case "Identifier":
		return token(v.Get("system").Str, v.Get("value").Str), mustBeObject(v)
	case "ContactPoint":
		return token("", foldCode(datatype, v.Get("value").Str)), mustBeObject(v)
	case "boolean":
		if !v.IsBool() {
			return nil, fhir.NewError(fhir.Structure, "a boolean is true or false")
		}
		return token("", v.Raw), nil
	}
	return token(p.System, foldCode(datatype, v.Str)), mustBeString(v)
}

func coded(datatype string, coding gjson.Result) []Entry {
	return token(coding.Get("system").Str, foldCode(datatype, coding.Get("code").Str))
}

// foldCode puts codes into lower case, for "when in doubt, servers SHOULD treat tokens in a case-insensitive manner" (R4
// search.html#token); identifiers, ids, URIs are compared as they are, since two that differ in case may be two people.
func foldCode(datatype, code string) string {
	switch datatype {
	case "Identifier", "id", "uri", "boolean":
		return code
	}
	return strings.ToLower(code)
}

// token gives one coding or identifier; nothing when it has neither system nor code.
func token(system, code string) []Entry {
	if system == "" && code == "" {
		return nil
	}
	return []Entry{{Hash: hashCode(code), System: hashSystem(system), Text: cut(code), Exact: cut(system)}}
}

// references gives the target without its version, and the identifier that is stated of it. What is contained, conditional or
// known by identifier alone has no target.
func references(datatype string, v gjson.Result) ([]Entry, *fhir.Error) {
	if datatype == "canonical" {
		return uris(datatype, v)
	}
	all := token(v.Get("identifier.system").Str, v.Get("identifier.value").Str)
	for i := range all {
		all[i].Part = PartIdentifier
	}
	text := v.Get("reference").Str
	if text == "" {
		return all, mustBeObject(v)
	}
	ref, err := fhir.ParseReference(text, "")
	if err != nil {
		return nil, fhir.NewError(fhir.Value, "not a literal reference").Because(err)
	}
	if ref.Kind == fhir.Fragment || ref.Kind == fhir.Conditional {
		return all, nil
	}
	text = ref.Unversioned().String()
	return append(all, Entry{Hash: Hash(text), Text: cut(text)}), nil
}

// uris gives the text, of a canonical also without its version.
func uris(datatype string, v gjson.Result) ([]Entry, *fhir.Error) {
	if v.Str == "" {
		return nil, mustBeString(v)
	}
	all := []Entry{{Hash: Hash(v.Str), Text: cut(v.Str), Exact: cut(v.Str)}}
	if url, _, ok := strings.Cut(v.Str, "|"); ok && datatype == "canonical" {
		all = append(all, Entry{Hash: Hash(url), Text: cut(url)})
	}
	return all, nil
}

// The parts of type string that a search on the whole covers (FHIR R4 search.html#string).
var (
	nameParts    = []string{"text", "family"}
	nameAffixes  = []string{"given", "prefix", "suffix"}
	addressParts = []string{"text", "line", "city", "district", "state", "postalCode", "country"}
)

func texts(path fhir.Path, v gjson.Result) ([]Entry, *fhir.Error) {
	switch path.Datatype {
	case "HumanName":
		return append(partsOf(v, nameParts, words), partsOf(v, nameAffixes, text)...), mustBeObject(v)
	case "Address":
		return partsOf(v, addressParts, text), mustBeObject(v)
	}
	if path.Members[len(path.Members)-1] == "family" {
		return words(v.Str), mustBeString(v)
	}
	return text(v.Str), mustBeString(v)
}

func partsOf(v gjson.Result, parts []string, entries func(string) []Entry) []Entry {
	var all []Entry
	for _, part := range parts {
		for _, item := range v.Get(part).Array() {
			all = append(all, entries(item.Str)...)
		}
	}
	return all
}

// maxWords bounds the words by which one family name is found.
const maxWords = 8

func text(s string) []Entry {
	if s == "" {
		return nil
	}
	return []Entry{{Text: cut(Fold(s)), Exact: exact(s)}}
}

// words gives a name and what begins at each further word of it, for "servers should search the parts of a family name
// independently". Those have no Exact.
func words(s string) []Entry {
	if s == "" {
		return nil
	}
	rest := Fold(s)
	all := []Entry{{Text: cut(rest), Exact: exact(s)}}
	for range maxWords {
		_, after, ok := strings.Cut(rest, " ")
		if !ok {
			break
		}
		rest = after
		all = append(all, Entry{Text: cut(rest)})
	}
	return all
}

// dates gives the interval. An instant is a point (FHIR R4 search.html#date). A time that is told in words (Procedure.performedString)
// gives nothing.
func dates(datatype string, v gjson.Result) ([]Entry, *fhir.Error) {
	if datatype == "string" {
		return nil, mustBeString(v)
	}
	low, high, err := intervalOf(v)
	if err != nil {
		return nil, err
	}
	if datatype == "instant" {
		high = low
	}
	if low == earliest && high == latest {
		return nil, nil
	}
	return []Entry{{Low: low, High: high}}, nil
}

// intervalOf reads a date, dateTime, instant, Period or Timing; what states no time is open at both ends.
func intervalOf(v gjson.Result) (low, high int64, err *fhir.Error) {
	switch {
	case v.Type == gjson.String:
		return point(v.Str)
	case v.Get("event").Exists(), v.Get("repeat").Exists():
		return timing(v)
	case v.IsObject():
		return period(v)
	case !v.Exists():
		return earliest, latest, nil
	}
	return 0, 0, fhir.NewError(fhir.Structure, "neither a date nor a Period or Timing")
}

func point(s string) (low, high int64, err *fhir.Error) {
	d, bad := fhir.ParseDate(s)
	if bad != nil {
		return 0, 0, fhir.NewError(fhir.Value, "not a FHIR date, dateTime or instant").Because(bad)
	}
	low, high = d.Interval()
	return low, high, nil
}

func period(v gjson.Result) (low, high int64, err *fhir.Error) {
	low, high = earliest, latest
	if start := v.Get("start"); start.Str != "" {
		if low, _, err = point(start.Str); err != nil {
			return 0, 0, err
		}
	}
	if end := v.Get("end"); end.Str != "" {
		if _, high, err = point(end.Str); err != nil {
			return 0, 0, err
		}
	}
	if low > high {
		return 0, 0, fhir.NewError(fhir.Value, "a Period ends before it starts")
	}
	return low, high, nil
}

// timing gives the outer limits of repeat.boundsPeriod and the events.
func timing(v gjson.Result) (low, high int64, err *fhir.Error) {
	low, high = latest, earliest
	if bounds := v.Get("repeat.boundsPeriod"); bounds.Exists() {
		if low, high, err = period(bounds); err != nil {
			return 0, 0, err
		}
	}
	for _, event := range v.Get("event").Array() {
		if event.Str == "" {
			continue
		}
		l, h, err := point(event.Str)
		if err != nil {
			return 0, 0, err
		}
		low, high = min(low, l), max(high, h)
	}
	if low > high {
		return earliest, latest, nil
	}
	return low, high, nil
}

func mustBeObject(v gjson.Result) *fhir.Error {
	if v.IsObject() {
		return nil
	}
	return fhir.NewError(fhir.Structure, "a JSON object belongs here")
}

func mustBeString(v gjson.Result) *fhir.Error {
	if v.Type == gjson.String {
		return nil
	}
	return fhir.NewError(fhir.Structure, "a JSON string belongs here")
}
