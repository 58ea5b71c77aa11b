// Package ucum reads units of measure as the Unified Code for Units of Measure writes them (case sensitive codes,
// https://ucum.org/ucum), far enough to compare quantities: 5 mg and 0.005 g are the same mass (FHIR R4 search.html#quantity).
//
// A unit comes down to a number and a dimension, a product of base units. All arithmetic is exact, as the table units.tsv
// states the factors; pi has its 65 digits of UCUM. Two things are more than a factor:
//
//   - Arbitrary units ([iU], [CFU]; UCUM section 24) are commensurable with themselves alone. Where section 25 lets no term with
//     one be compared, [iU]/L and [iU]/mL are here: whoever asks knows that both come from one assay.
//   - Special units (section 21) do not measure in proportion. The temperatures Cel, [degF] and [degRe] convert, to kelvin, and
//     stand alone or with a number. The logarithms and the like (B, Np, [pH], [p'diop]) compare within their own scale only;
//     where section 22 has them alone, they may stand in products here, as attenuation (dB/cm) is measured.
//
// As UCUM has it, mol is a number, rad and sr are no numbers, and what stands in braces says nothing: mol/L is commensurable
// with /mL, Bq with Hz, Gy with Sv, [hnsf'U] with 1. Whether a comparison makes sense is for those who ask it.
//
// The package prints no units for people, knows no case insensitive codes, and guesses nothing: kVp, mcg and cc are errors.
package ucum

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"lightbox/fhir"
)

// Unit is a unit in base units. The zero Unit is the unity, 1. A Unit never changes.
type Unit struct {
	factor *big.Rat       // of base units; nil is 1
	zero   *big.Rat       // where a scale of temperature has its zero, in kelvin; nil for all other units
	dims   map[string]int // exponents of base units, arbitrary and special units; none is 0
}

// Canonical returns in base units what value is in u: for Cel and 20 it is 293.15. Values that are in order stay so.
func (u Unit) Canonical(value *big.Rat) *big.Rat {
	canonical := new(big.Rat).Mul(value, u.scale())
	if u.zero != nil {
		canonical.Add(canonical, u.zero)
	}
	return canonical
}

// FromCanonical undoes Canonical: it returns in u what value is in base units.
func (u Unit) FromCanonical(value *big.Rat) *big.Rat {
	if u.zero != nil {
		value = new(big.Rat).Sub(value, u.zero)
	}
	return new(big.Rat).Quo(value, u.scale())
}

// Dimension returns the product of base units, in alphabetical order, as UCUM: "m.s-2", "1" for a number, "[iU].m-3". It
// parses, as the unit whose factor is 1.
func (u Unit) Dimension() string {
	if len(u.dims) == 0 {
		return "1"
	}
	var factors []string
	for _, code := range sortedCodes(u.dims) {
		if e := u.dims[code]; e != 1 {
			code += strconv.Itoa(e)
		}
		factors = append(factors, code)
	}
	return strings.Join(factors, ".")
}

// Commensurable reports whether values in u and v can be compared (UCUM section 17).
func (u Unit) Commensurable(v Unit) bool { return u.Dimension() == v.Dimension() }

// Canonical returns a value with a unit in base units, and its dimension. value is a FHIR decimal, code a UCUM unit. Quantities
// are equal exactly if both results are. The error is a *fhir.Error.
func Canonical(value, code string) (canonical *big.Rat, dimension string, err error) {
	number, err := decimal(value)
	if err != nil {
		return nil, "", err
	}
	u, err := Parse(code)
	if err != nil {
		return nil, "", err
	}
	return u.Canonical(number), u.Dimension(), nil
}

// Convert returns in the unit to what value is in the unit from, exactly where its decimals end, and with nine of them where they do
// not. The error is a *fhir.Error.
func Convert(value, from, to string) (string, error) {
	canonical, dimension, err := Canonical(value, from)
	if err != nil {
		return "", err
	}
	unit, err := Parse(to)
	if err != nil {
		return "", err
	}
	if unit.Dimension() != dimension {
		return "", fhir.NewError(fhir.Value, "a unit of another dimension")
	}
	converted := unit.FromCanonical(canonical)
	digits, exact := converted.FloatPrec()
	if !exact {
		digits = 9
	}
	return converted.FloatString(digits), nil
}

// Bounds of a value: far beyond what is measured, and near enough that no number takes more than a kilobyte.
const (
	maxDecimal         = 256
	maxDecimalExponent = 400
)

// decimalPattern is FHIR's (FHIR R4 datatypes.html#decimal).
var decimalPattern = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE]([+-]?[0-9]+))?$`)

func decimal(text string) (*big.Rat, error) {
	if len(text) > maxDecimal {
		return nil, fhir.NewError(fhir.TooLong, fmt.Sprintf("a decimal of more than %d bytes", maxDecimal))
	}
	parts := decimalPattern.FindStringSubmatch(text)
	if parts == nil {
		return nil, fhir.NewError(fhir.Value, "the value is not a decimal")
	}
	if exponent := parts[4]; exponent != "" {
		if e, err := strconv.Atoi(exponent); err != nil || max(e, -e) > maxDecimalExponent {
			return nil, fhir.NewError(fhir.TooCostly, fmt.Sprintf("the exponent of the decimal is beyond %d", maxDecimalExponent))
		}
	}
	number, _ := new(big.Rat).SetString(text)
	return number, nil
}
