package naive

import (
	"math/big"

	"github.com/tidwall/gjson"
)

// unitsOfMeasure is the system of UCUM units.
const unitsOfMeasure = "http://unitsofmeasure.org"

// unit is what a quantity is measured in, as it is searched for.
type unit struct {
	system, code string
	bar          bool // with "|"; without it every unit will do
}

// readQuantity reads number, number|system|code and number||code, each with a prefix (FHIR R4 search.html#quantity).
func readQuantity(text string) (test, error) {
	parts := bars(text)
	want, err := parseAmount(parts[0])
	if err != nil {
		return nil, err
	}
	u := unit{}
	switch {
	case len(parts) == 3 && parts[1]+parts[2] != "":
		u = unit{parts[1], parts[2], true}
	case len(parts) != 1:
		return nil, bad("the forms are number, number|system|code and number||code")
	}
	return func(_ scope, e element) bool {
		have, ok := u.spanOf(e)
		return ok && want.holds(have)
	}, nil
}

// spanOf returns the values of an element in the unit that is asked for; false when it has none, so that with ne, too, only
// what is measured in that unit is found. A SampledData has no value to compare.
func (u unit) spanOf(e element) (span, bool) {
	if e.datatype == "Range" {
		return u.spanOfRange(e.json)
	}
	at, ok := u.convert(e.json)
	if !ok {
		return span{}, false
	}
	switch e.json.Get("comparator").Str {
	case "<":
		return span{high: bound{at, true}}, true
	case "<=":
		return span{high: bound{at, false}}, true
	case ">":
		return span{low: bound{at, true}}, true
	case ">=":
		return span{low: bound{at, false}}, true
	}
	return exactly(at), true
}

// spanOfRange: a side that is not stated has no end; one in another unit makes the whole incomparable.
func (u unit) spanOfRange(v gjson.Result) (span, bool) {
	var s span
	for name, end := range map[string]*bound{"low": &s.low, "high": &s.high} {
		side := v.Get(name)
		if !side.Get("value").Exists() {
			continue
		}
		at, ok := u.convert(side)
		if !ok {
			return span{}, false
		}
		end.at = at
	}
	return s, s.low.at != nil || s.high.at != nil
}

// convert returns the value of a Quantity in the unit. Without a system, code "matches the code or the stated human unit";
// with the system of UCUM, a unit that can be converted counts as the same (FHIR R4 search.html#quantity: "the search
// processor may choose to perform a search based on canonical units").
func (u unit) convert(v gjson.Result) (*big.Rat, bool) {
	at, ok := new(big.Rat).SetString(v.Get("value").Raw)
	if !ok || v.Get("value").Type != gjson.Number {
		return nil, false
	}
	system, code := v.Get("system").Str, v.Get("code").Str
	switch {
	case !u.bar:
		return at, true
	case u.system == "":
		return at, code == u.code || v.Get("unit").Str == u.code
	case system != u.system:
		return nil, false
	case u.code == "" || code == u.code:
		return at, true
	case system != unitsOfMeasure:
		return nil, false
	}
	return convertUnits(at, code, u.code)
}
