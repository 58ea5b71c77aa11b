package search

import (
	"math"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/ucum"
)

// numbers gives a decimal or integer as a point.
func numbers(v gjson.Result) ([]Entry, *fhir.Error) {
	d, ok := parseDecimal(v.Raw)
	if !ok {
		return nil, fhir.NewError(fhir.Value, "not a number that can be compared")
	}
	f := float(d.value)
	return []Entry{{Number: &Number{Low: f, High: f, Exact: f}}}, nil
}

// quantities gives a Quantity (Age, Duration and the like are some) or a Range. What has no value gives nothing: a SampledData
// is many values, and R4 does not say which of them counts.
func quantities(datatype string, v gjson.Result) ([]Entry, *fhir.Error) {
	if !v.IsObject() {
		return nil, mustBeObject(v)
	}
	switch datatype {
	case "SampledData":
		return nil, nil
	case "Range":
		return rangeOf(v), nil
	}
	q, ok := quantity(v)
	if !ok {
		return nil, nil
	}
	return []Entry{{Number: q}}, nil
}

// quantity reads a Quantity; its comparator opens it at one side.
func quantity(v gjson.Result) (*Number, bool) {
	d, ok := parseDecimal(v.Get("value").Raw)
	if !ok {
		return nil, false
	}
	f := float(d.value)
	n := &Number{Low: f, High: f, Exact: f, System: hashSystem(v.Get("system").Str)}
	if code := v.Get("code").Str; code != "" {
		n.Code = Hash(code)
	}
	if unit := v.Get("unit").Str; unit != "" {
		n.Unit = Hash(unit)
	}
	if v.Get("system").Str == UCUM && n.Code != 0 {
		n.Base = d.inBaseUnits(v.Get("code").Str).atPoint()
	}
	n.compare(v.Get("comparator").Str)
	return n, true
}

// compare opens n and what it is in base units (FHIR R4 datatypes.html#quantity).
func (n *Number) compare(comparator string) {
	switch comparator {
	case "<=":
		n.Low = -math.MaxFloat64
	case "<":
		n.Low, n.High = -math.MaxFloat64, math.Nextafter(n.High, -math.MaxFloat64)
	case ">=":
		n.High = math.MaxFloat64
	case ">":
		n.Low, n.High = math.Nextafter(n.Low, math.MaxFloat64), math.MaxFloat64
	}
	if n.Base != nil {
		n.Base.compare(comparator)
	}
}

// rangeOf joins the ends of a Range. Base units count when both ends that are there have the same.
func rangeOf(v gjson.Result) []Entry {
	low, hasLow := quantity(v.Get("low"))
	high, hasHigh := quantity(v.Get("high"))
	switch {
	case !hasLow && !hasHigh:
		return nil
	case !hasLow:
		high.compare("<=")
		return []Entry{{Number: high}}
	case !hasHigh:
		low.compare(">=")
		return []Entry{{Number: low}}
	}
	low.High = high.High
	if low.Base != nil && high.Base != nil && low.Base.Code == high.Base.Code {
		low.Base.High = high.Base.High
	} else {
		low.Base = nil
	}
	return []Entry{{Number: low}}
}

// position gives a Location.position.
func position(v gjson.Result) ([]Entry, *fhir.Error) {
	latitude, ok := parseDecimal(v.Get("latitude").Raw)
	longitude, also := parseDecimal(v.Get("longitude").Raw)
	if !ok || !also {
		return nil, mustBeObject(v)
	}
	return []Entry{{Number: &Number{Low: float(latitude.value), High: float(longitude.value)}}}, nil
}

// inBaseUnits converts a number with a UCUM code, and what it covers; nil when the code is none.
func (d decimal) inBaseUnits(code string) *Number {
	unit, err := ucum.Parse(code)
	if err != nil {
		return nil
	}
	n := d.through(unit.Canonical)
	n.Code = Hash(unit.Dimension())
	return n
}

// atPoint is n where no precision is implied: of an element.
func (n *Number) atPoint() *Number {
	if n != nil {
		n.Low, n.High = n.Exact, n.Exact
	}
	return n
}
