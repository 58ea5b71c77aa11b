package naive

import (
	"math/big"
	"strings"
)

// factor is a unit as so many of a basic one.
type factor struct {
	of   string
	many string
}

// The units of UCUM that the documents of tests use. What is not here equals itself alone.
var (
	metric = map[string]factor{
		"g": {"g", "1"}, "m": {"m", "1"}, "s": {"s", "1"}, "L": {"L", "1"}, "l": {"L", "1"}, "mol": {"mol", "1"}, "Pa": {"Pa", "1"},
		"m[Hg]": {"Pa", "133322"}, "Gy": {"Gy", "1"}, "Sv": {"Sv", "1"}, "Bq": {"Bq", "1"},
	}
	plain = map[string]factor{
		"min": {"s", "60"}, "h": {"s", "3600"}, "d": {"s", "86400"}, "wk": {"s", "604800"}, "mo": {"s", "2629800"},
		"a": {"s", "31557600"}, "[lb_av]": {"g", "453.59237"}, "[in_i]": {"m", "0.0254"},
	}
	multiples = map[string]string{"": "1", "k": "1e3", "d": "1e-1", "c": "1e-2", "m": "1e-3", "u": "1e-6", "n": "1e-9", "p": "1e-12",
		"M": "1e6", "G": "1e9"}
)

// convertUnits turns so many of one unit into the other; false when they do not measure the same.
func convertUnits(value *big.Rat, from, to string) (*big.Rat, bool) {
	a, ofA, okA := basic(from)
	b, ofB, okB := basic(to)
	if !okA || !okB || ofA != ofB {
		return nil, false
	}
	return new(big.Rat).Mul(value, new(big.Rat).Quo(a, b)), true
}

// basic reads a unit or one unit per another ("mg/dL").
func basic(code string) (*big.Rat, string, bool) {
	over, under, quotient := strings.Cut(code, "/")
	many, of, ok := atom(over)
	if !quotient || !ok {
		return many, of, ok
	}
	per, ofPer, ok := atom(under)
	if !ok {
		return nil, "", false
	}
	return many.Quo(many, per), of + "/" + ofPer, true
}

func atom(code string) (*big.Rat, string, bool) {
	if f, ok := plain[code]; ok {
		return rat(f.many), f.of, true
	}
	for prefix, times := range multiples {
		rest, ok := strings.CutPrefix(code, prefix)
		if f, known := metric[rest]; ok && known {
			return new(big.Rat).Mul(rat(times), rat(f.many)), f.of, true
		}
	}
	return nil, "", false
}

func rat(text string) *big.Rat {
	r, _ := new(big.Rat).SetString(text)
	return r
}
