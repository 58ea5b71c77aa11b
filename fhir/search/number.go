package search

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"lightbox/fhir"
)

// Number is a number in the index, and in a query. A value is an interval [Low, High]: a point, a Range, or what a comparator
// leaves open. As a query it is what the number with its implicit precision covers, [Low, High) (FHIR R4 search.html#number), and
// Exact, the number as it stands.
//
// ApLow and ApHigh are what ap covers, a tenth of the number to either side. A quantity is that twice: as it is written, with system, code and unit; and, where its code is of UCUM, in base units.
// Of Location.position, Low is the latitude and High the longitude; a query has the radius in metres as Exact.
type Number struct {
	Low, High, Exact   float64
	ApLow, ApHigh      float64
	System, Code, Unit int64   // hashes, 0 for absent
	Base               *Number // in base units; its Code is the hash of the dimension
}

// UCUM is the system of units that are converted.
const UCUM = "http://unitsofmeasure.org"

var numberPattern = regexp.MustCompile(`^[+-]?([0-9]{1,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,3})?$`)

// maxExponent keeps what a number stands for within what can be compared.
const maxExponent = 100

// decimal is a number as written: its value, and half a unit of its last digit.
type decimal struct {
	value, half *big.Rat
	whole       bool // without an exponent or a fraction that is not 0
}

func parseDecimal(text string) (decimal, bool) {
	m := numberPattern.FindStringSubmatch(text)
	if m == nil {
		return decimal{}, false
	}
	exponent := 0
	if m[3] != "" {
		exponent, _ = strconv.Atoi(m[3][1:]) // the pattern lets digits through alone
	}
	if exponent > maxExponent || exponent < -maxExponent {
		return decimal{}, false
	}
	value, ok := new(big.Rat).SetString(text)
	if !ok {
		return decimal{}, false
	}
	places := exponent
	if m[2] != "" {
		places -= len(m[2]) - 1
	}
	return decimal{value, halfUnit(places), m[3] == "" && value.IsInt()}, true
}

// halfUnit returns 10^places / 2.
func halfUnit(places int) *big.Rat {
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(places, -places))), nil)
	half := new(big.Rat).SetFrac(power, big.NewInt(2))
	if places < 0 {
		half = new(big.Rat).SetFrac(big.NewInt(1), power.Mul(power, big.NewInt(2)))
	}
	return half
}

// float rounds. Rounding keeps order, so that bounds and values that are rounded alike compare as they should; what no float holds
// becomes the greatest that does.
func float(r *big.Rat) float64 {
	f, _ := r.Float64()
	return max(-math.MaxFloat64, min(f, math.MaxFloat64))
}

// covers returns what a number in a query stands for.
func (d decimal) covers() *Number {
	return d.through(func(r *big.Rat) *big.Rat { return r })
}

// through is covers after a conversion that keeps order.
func (d decimal) through(convert func(*big.Rat) *big.Rat) *Number {
	at := func(offset *big.Rat) float64 { return float(convert(offset.Add(d.value, offset))) }
	tenth := new(big.Rat).Abs(d.value)
	tenth.Mul(tenth, big.NewRat(1, 10))
	return &Number{Low: at(new(big.Rat).Neg(d.half)), High: at(new(big.Rat).Set(d.half)), Exact: at(new(big.Rat)),
		ApLow: at(new(big.Rat).Neg(tenth)), ApHigh: at(tenth)}
}

// isInteger tells the data types that store whole numbers, where "the significance issues cancel out" (FHIR R4 search.html#number).
func isInteger(datatype string) bool {
	return datatype == "integer" || datatype == "unsignedInt" || datatype == "positiveInt"
}

// numberValue reads [prefix]number. Against a whole number one without an exponent compares exactly.
func numberValue(param *fhir.SearchParameter, text string) ([]Value, error) {
	prefix, text := cutPrefix(text)
	d, ok := parseDecimal(text)
	if !ok {
		return nil, fhir.NewError(fhir.Value, "not a decimal number")
	}
	n := d.covers()
	if isInteger(param.Datatypes[0]) && !strings.ContainsAny(text, "eE") {
		n.Low, n.High = n.Exact, math.Nextafter(n.Exact, math.MaxFloat64)
		if !d.whole {
			n.High = n.Low // nothing
		}
	}
	return []Value{{Prefix: prefix, Number: n}}, nil
}

// quantityValue reads [prefix]number, number|system|code or number||unit (FHIR R4 search.html#quantity).
func quantityValue(text string) ([]Value, error) {
	parts := splitEscaped(text, '|')
	for i := range parts {
		parts[i] = unescape(parts[i])
	}
	if len(parts) == 2 || len(parts) > 3 || len(parts) == 3 && parts[2] == "" {
		return nil, fhir.NewError(fhir.Value, "the forms are number, number|system|code and number||unit")
	}
	prefix, number := cutPrefix(parts[0])
	d, ok := parseDecimal(number)
	if !ok {
		return nil, fhir.NewError(fhir.Value, "not a decimal number")
	}
	n := d.covers()
	if len(parts) == 3 {
		n.System, n.Code = hashSystem(parts[1]), Hash(parts[2])
		if parts[1] == UCUM {
			n.Base = d.inBaseUnits(parts[2])
		}
	}
	return []Value{{Prefix: prefix, Number: n}}, nil
}

// nearValue reads latitude|longitude[|distance[|units]] (FHIR R4 location.html#search). Without a distance it is ten kilometres.
func nearValue(text string) ([]Value, error) {
	parts := strings.Split(text, "|")
	if len(parts) < 2 || len(parts) > 4 {
		return nil, fhir.NewError(fhir.Value, "the form is latitude|longitude|distance|units")
	}
	n := &Number{Exact: 10_000}
	var ok bool
	if n.Low, ok = degrees(parts[0], 90); !ok {
		return nil, fhir.NewError(fhir.Value, "not a latitude")
	}
	if n.High, ok = degrees(parts[1], 180); !ok {
		return nil, fhir.NewError(fhir.Value, "not a longitude")
	}
	if len(parts) > 2 && parts[2] != "" {
		d, ok := parseDecimal(parts[2])
		if !ok || d.value.Sign() < 0 {
			return nil, fhir.NewError(fhir.Value, "not a distance")
		}
		n.Exact = float(d.value) * 1000
	}
	if len(parts) == 4 {
		metres, ok := map[string]float64{"": 1000, "km": 1000, "m": 1, "[mi_us]": 1609.347219, "[mi_i]": 1609.344}[parts[3]]
		if !ok {
			return nil, fhir.NewError(fhir.Value, "the units of a distance are km, m, [mi_i] and [mi_us]")
		}
		n.Exact = n.Exact / 1000 * metres
	}
	return []Value{{Number: n}}, nil
}

func degrees(text string, limit float64) (float64, bool) {
	d, ok := parseDecimal(text)
	if !ok {
		return 0, false
	}
	f := float(d.value)
	return f, f >= -limit && f <= limit
}

// earth is its mean radius in metres.
const earth = 6_371_008.8

// near reports whether two positions lie within the distance of the first along a great circle.
func (n *Number) near(position *Number) bool {
	rad := math.Pi / 180
	lat1, lat2 := n.Low*rad, position.Low*rad
	a := math.Pow(math.Sin((lat2-lat1)/2), 2) + math.Cos(lat1)*math.Cos(lat2)*math.Pow(math.Sin((position.High-n.High)*rad/2), 2)
	return 2*earth*math.Asin(math.Min(1, math.Sqrt(a))) <= n.Exact
}

// HoldsNumber compares a number of a query with that of an element (FHIR R4 search.html#prefix). An element that is a Range, or open
// at one side, is gt where it reaches above, and sa where it lies above as a whole. ap is a tenth of the number to either side.
func (p Prefix) HoldsNumber(v, e *Number) bool {
	switch p {
	case Eq:
		return v.Low <= e.Low && e.High < v.High
	case Ne:
		return !(v.Low <= e.Low && e.High < v.High)
	case Gt:
		return e.High > v.Exact
	case Lt:
		return e.Low < v.Exact
	case Ge:
		return e.High > v.Exact || e.Low == v.Exact && e.High == v.Exact
	case Le:
		return e.Low < v.Exact || e.Low == v.Exact && e.High == v.Exact
	case Sa:
		return e.Low > v.Exact
	case Eb:
		return e.High < v.Exact
	case Ap:
		return e.Low <= v.ApHigh && e.High >= v.ApLow
	}
	return false
}

// holdsQuantity compares quantities: in base units where both have some, else as written with the same system and code. Without a
// system the code or the unit counts; without a unit nothing but the number.
func (p Prefix) holdsQuantity(v, e *Number) bool {
	switch {
	case v.Code == 0:
		return p.HoldsNumber(v, e)
	case v.Base != nil:
		return e.Base != nil && v.Base.Code == e.Base.Code && p.HoldsNumber(v.Base, e.Base)
	case v.System != 0:
		return e.System == v.System && e.Code == v.Code && p.HoldsNumber(v, e)
	}
	return (e.Code == v.Code || e.Unit == v.Code) && p.HoldsNumber(v, e)
}
