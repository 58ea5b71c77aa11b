package patch

import (
	"strconv"
	"strings"
)

// sameNumber compares two JSON numbers by value without computing it: 1e999999999 is eleven bytes here and a gigabyte as an
// integer. Numbers with an exponent that no integer type holds are compared as they are written.
func sameNumber(a, b string) bool {
	x, xOK := parseNumber(a)
	y, yOK := parseNumber(b)
	if !xOK || !yOK {
		return a == b
	}
	return x == y
}

// number is digits times ten to the exponent, the digits without zeros at either end. Zero is the zero number.
type number struct {
	negative bool
	digits   string
	exponent int
}

func parseNumber(text string) (n number, ok bool) {
	mantissa, exponent, scientific := strings.Cut(strings.ToLower(text), "e")
	mantissa, n.negative = strings.CutPrefix(mantissa, "-")
	if scientific {
		e, err := strconv.ParseInt(exponent, 10, 48)
		if err != nil {
			return n, false
		}
		n.exponent = int(e)
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	n.digits = strings.TrimRight(digits, "0")
	n.exponent += len(digits) - len(n.digits) - len(fraction)
	n.digits = strings.TrimLeft(n.digits, "0")
	if n.digits == "" {
		return number{}, true
	}
	return n, true
}
