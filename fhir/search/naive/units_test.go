package naive

import (
	"math/big"
	"testing"

	"lightbox/fhir/ucum"
)

// TestUnitsAgree: the few units that are known here convert as fhir/ucum, which knows all, converts them.
func TestUnitsAgree(t *testing.T) {
	codes := []string{"kg", "g", "mg", "ug", "ng", "m", "mm", "cm", "[in_i]", "s", "ms", "min", "h", "d", "wk", "mo", "a", "L", "dL", "ul",
		"mol", "mmol/L", "mg/dL", "g/L", "Pa", "kPa", "mm[Hg]", "mGy", "mSv", "MBq", "m/s", "[lb_av]"}
	for _, from := range codes {
		for _, to := range codes {
			got, ok := convertUnits(big.NewRat(27, 5), from, to)
			a, err := ucum.Parse(from)
			if err != nil {
				t.Fatal(err)
			}
			b, err := ucum.Parse(to)
			if err != nil {
				t.Fatal(err)
			}
			if ok && (!a.Commensurable(b) || got.Cmp(b.FromCanonical(a.Canonical(big.NewRat(27, 5)))) != 0) {
				t.Errorf("5.4 %s is %s %s", from, got, to)
			}
		}
	}
}
