package ucum

import (
	"fmt"
	"maps"
	"math/big"
	"slices"

	"lightbox/fhir"
)

// Bounds of a unit. Numbers grow with each power and product; without bounds 256 bytes of "[pi]99." would be a number of a
// megabyte.
const (
	maxExponent = 99   // of an atom as it is written, and of a base unit in a dimension
	maxBits     = 4096 // of numerator and denominator of a factor, some 1200 digits
)

var (
	errScale    = fhir.NewError(fhir.Value, "a temperature scale stands alone or with a number (UCUM section 22)")
	errNumber   = fhir.NewError(fhir.TooCostly, fmt.Sprintf("the factor of the unit has more than %d bits", maxBits))
	errExponent = fhir.NewError(fhir.TooCostly, fmt.Sprintf("an exponent is beyond %d", maxExponent))
)

func (u Unit) scale() *big.Rat {
	if u.factor == nil {
		return big.NewRat(1, 1)
	}
	return u.factor
}

// isNumber reports whether the unit has neither dimension nor scale.
func (u Unit) isNumber() bool { return len(u.dims) == 0 && u.zero == nil }

// times returns u.v. A number stretches a scale and leaves its zero where it is (UCUM section 22): 10.Cel counts tens of degrees.
func (u Unit) times(v Unit) (Unit, error) {
	if u.zero == nil {
		u, v = v, u
	}
	if u.zero != nil && !v.isNumber() {
		return Unit{}, errScale
	}
	product := Unit{factor: new(big.Rat).Mul(u.scale(), v.scale()), zero: u.zero, dims: maps.Clone(u.dims)}
	for code, e := range v.dims {
		product.raise(code, e)
	}
	return product.bounded()
}

// over returns u/v.
func (u Unit) over(v Unit) (Unit, error) {
	inverse, err := v.power(-1)
	if err != nil {
		return Unit{}, err
	}
	return u.times(inverse)
}

// power returns u to the power of e, by its own numerator and denominator: they have no common divisor, and their powers
// have none.
func (u Unit) power(e int) (Unit, error) {
	switch {
	case e == 1:
		return u, nil
	case u.zero != nil:
		return Unit{}, errScale
	case max(e, -e) > maxExponent:
		return Unit{}, errExponent
	case bits(u.scale())*max(e, -e) > maxBits:
		return Unit{}, errNumber
	}
	n, d := u.scale().Num(), u.scale().Denom()
	if e < 0 {
		n, d = d, n
	}
	times := big.NewInt(int64(max(e, -e)))
	result := Unit{factor: new(big.Rat).SetFrac(new(big.Int).Exp(n, times, nil), new(big.Int).Exp(d, times, nil))}
	for code, exponent := range u.dims {
		result.raise(code, exponent*e)
	}
	return result.bounded()
}

// raise adds e to the exponent of a base unit.
func (u *Unit) raise(code string, e int) {
	if u.dims == nil {
		u.dims = map[string]int{}
	}
	if u.dims[code] += e; u.dims[code] == 0 {
		delete(u.dims, code)
	}
}

// bounded returns u itself, unless it grew too large to go on with.
func (u Unit) bounded() (Unit, error) {
	for _, e := range u.dims {
		if max(e, -e) > maxExponent {
			return Unit{}, errExponent
		}
	}
	if bits(u.scale()) > maxBits {
		return Unit{}, errNumber
	}
	return u, nil
}

func bits(r *big.Rat) int { return max(r.Num().BitLen(), r.Denom().BitLen()) }

func sortedCodes(dims map[string]int) []string { return slices.Sorted(maps.Keys(dims)) }
