package mapping

import (
	"cmp"
	"encoding/json"
	"math/big"
	"regexp"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/fhir/ucum"
)

const unitsOfMeasure = "http://unitsofmeasure.org"

// unitAliases are spellings of units that devices send for UCUM ones.
var unitAliases = wordTable(codeTable[string]{name: "unit", title: "Units as devices spell them to UCUM", target: unitsOfMeasure, rows: map[string]string{
	"mGycm": "mGy.cm", "mGy*cm": "mGy.cm", "Gycm": "Gy.cm",
	"Gym2": "Gy.m2", "Gy*m2": "Gy.m2", "mGym2": "mGy.m2", "uGym2": "uGy.m2", "uGy*m2": "uGy.m2",
	"mGycm2": "mGy.cm2", "mGy*cm2": "mGy.cm2", "Gycm2": "Gy.cm2", "Gy*cm2": "Gy.cm2",
	"cGycm2": "cGy.cm2", "cGy*cm2": "cGy.cm2", "dGycm2": "dGy.cm2", "dGy*cm2": "dGy.cm2", "uGycm2": "uGy.cm2",
	"sec": "s", "msec": "ms", "uAs": "uA.s", "mAs": "mA.s", "no units": "1",
}})

// quantity makes a Quantity of a NUM item: in the unit of its rule where the one it was measured in can be converted, exactly; else as
// it was measured. ok is false where no number was measured.
func (s contentItem) quantity(r *run) (q r4.Quantity, ok bool) {
	n := s.Number
	if n == nil || clean(n.Value) == "" {
		return q, false
	}
	value, ok := decimal(clean(n.Value))
	if !ok {
		r.doubt("bad-number", "not a decimal: left out")
		return q, false
	}
	unit := clean(n.Unit.Value)
	if alias, known := translate(r.mapper, unitAliases, unit); known {
		unit = alias
	}
	if _, err := ucum.Parse(unit); err != nil || unit == "" {
		r.doubt("unknown-unit", "not a UCUM unit: its words are kept")
		q.Unit = text(cmp.Or(clean(n.Unit.Meaning), unit))
		q.Value = new(json.Number(value))
		return q, true
	}
	if s.unit != "" && unit != s.unit {
		if converted, err := ucum.Convert(value, unit, s.unit); err == nil {
			value, unit = converted, s.unit
		} else {
			r.doubt("unit", "the unit is of another kind than the template asks for: kept as it was measured")
		}
	}
	return r4.Quantity{Value: new(json.Number(value)), Unit: &unit, System: new(unitsOfMeasure), Code: &unit}, true
}

var decimalPattern = regexp.MustCompile(`^([+-]?)(\d*)(?:\.(\d*))?([eE][+-]?\d{1,3})?$`)

// decimal writes a DS (PS3.5 6.2) as FHIR has it, digit for digit: JSON knows no plus sign and no bare point.
func decimal(text string) (string, bool) {
	m := decimalPattern.FindStringSubmatch(text)
	if m == nil || m[2]+m[3] == "" {
		return "", false
	}
	whole := strings.TrimLeft(m[2], "0")
	if whole == "" {
		whole = "0"
	}
	out := strings.TrimPrefix(m[1], "+") + whole
	if m[3] != "" {
		out += "." + m[3]
	}
	return out + m[4], true
}

// added is the exact sum of two decimals.
func added(a, b json.Number) json.Number {
	sum, _ := new(big.Rat).SetString(a.String())
	more, _ := new(big.Rat).SetString(b.String())
	sum.Add(sum, more)
	digits, _ := sum.FloatPrec()
	return json.Number(sum.FloatString(digits))
}
