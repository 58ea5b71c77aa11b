package ucum_test

import (
	"errors"
	"math/big"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lightbox/fhir"
	"lightbox/fhir/ucum"
)

// units are codes that may stand in products.
var units = rapid.SampledFrom([]string{"m", "s", "g", "mol", "kPa", "mGy", "cGy.cm2", "/min", "10*-3.mm2/s", "mm[Hg]", "[iU]/mL", "dB", "(8.h)",
	"[lb_av]", "deg", "100", "%", "{ratio}", "m-2", "Ohm", "kat", "[ft_us]3", "U/L", "MBq/mL", "[pi].rad", "2+10"})

// scales are those too that may not.
var scales = rapid.OneOf(units, rapid.SampledFrom([]string{"Cel", "[degF]", "[degRe]", "mCel", "Cel/7"}))

func rational(t *rapid.T, name string) *big.Rat {
	return big.NewRat(rapid.Int64().Draw(t, name), rapid.Int64Range(1, 1<<40).Draw(t, name+" denominator"))
}

func TestLawProduct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := units.Draw(t, "a"), units.Draw(t, "b")
		x, y := rational(t, "x"), rational(t, "y")
		xy := new(big.Rat).Mul(x, y)
		u, v := parse(t, a).Canonical(x), parse(t, b).Canonical(y)
		product := parse(t, "{}.("+group(a)+").("+group(b)+")")
		if want, got := new(big.Rat).Mul(u, v), product.Canonical(xy); want.Cmp(got) != 0 {
			t.Errorf("product is %v, want %v", got, want)
		}
		if swapped := parse(t, "("+group(b)+").("+group(a)+")"); !swapped.Commensurable(product) {
			t.Errorf("%s, and %s the other way round", product.Dimension(), swapped.Dimension())
		}
		quotient := parse(t, "("+group(a)+")/("+group(b)+")/("+group(a)+").("+group(b)+")")
		if quotient.Dimension() != "1" || quotient.Canonical(x).Cmp(x) != 0 {
			t.Errorf("a/b/a.b is %v %s", quotient.Canonical(x), quotient.Dimension())
		}
	})
}

// group makes a unit fit for parentheses, in which no slash leads.
func group(code string) string {
	if code[0] == '/' {
		return "1" + code
	}
	return code
}

func TestLawPrefix(t *testing.T) {
	prefixes := rapid.SampledFrom([]struct {
		code   string
		factor string
	}{{"Y", "1e24"}, {"k", "1e3"}, {"da", "10"}, {"d", "0.1"}, {"c", "0.01"}, {"u", "1e-6"}, {"y", "1e-24"}, {"Ki", "1024"}, {"Ti", "1099511627776"}})
	metric := rapid.SampledFrom([]string{"m", "g", "mol", "Pa", "Gy", "Bq", "m[Hg]", "[iU]", "B", "By", "L", "cal_[15]"})
	rapid.Check(t, func(t *rapid.T) {
		prefix, unit, x := prefixes.Draw(t, "prefix"), metric.Draw(t, "unit"), rational(t, "x")
		factor, _ := new(big.Rat).SetString(prefix.factor)
		e := rapid.SampledFrom([]string{"", "2", "-1"}).Draw(t, "exponent")
		prefixed, plain := parse(t, prefix.code+unit+e), parse(t, unit+e)
		switch e {
		case "2":
			factor.Mul(factor, factor)
		case "-1":
			factor.Inv(factor)
		}
		if want, got := plain.Canonical(new(big.Rat).Mul(x, factor)), prefixed.Canonical(x); want.Cmp(got) != 0 {
			t.Errorf("got %v, want %v", got, want)
		}
		if !prefixed.Commensurable(plain) {
			t.Errorf("%s and %s", prefixed.Dimension(), plain.Dimension())
		}
	})
}

func TestLawRoundTripAndOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := parse(t, scales.Draw(t, "unit"))
		x, y := rational(t, "x"), rational(t, "y")
		if got := u.FromCanonical(u.Canonical(x)); got.Cmp(x) != 0 {
			t.Errorf("%v became %v", x, got)
		}
		if x.Cmp(y) != u.Canonical(x).Cmp(u.Canonical(y)) {
			t.Errorf("%v and %v are in another order", x, y)
		}
	})
}

// allocated returns the bytes that do takes from the heap.
func allocated(do func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// What parses has a dimension that parses, to the same dimension with factor 1; and no number in it is large. What does not is an
// error of the project. Both take little memory.
func FuzzParse(f *testing.F) {
	_ = parse(f, "1") // reads the table, which is no matter of the unit
	f.Add(strings.Repeat("[pi]9/[pi]9.", 21) + "m")
	f.Add(strings.Repeat("u9/u8/u.", 31) + "m")
	for _, code := range []string{"mg/dL", "10*-3/mm2", "cGy.cm2", "/min", "(8.h){shift}", "Cel", "10.mCel", "[m/s2/Hz^(1/2)]-2", "k[iU]/(L.m+2)", "B[10.nV].%[slope]",
		"[pi]99", "m99.m", "2+10", "10^", "m0", "((((m))))", "m[Hg", "{", "'.''", "µg", "[hp_X].[hp_C]/[AU]", "Ym50.Ym9/ys50"} {
		f.Add(code)
	}
	f.Fuzz(func(t *testing.T, code string) {
		var u ucum.Unit
		var err error
		if n := allocated(func() { u, err = ucum.Parse(code) }); n > 1<<20 {
			t.Fatalf("allocated %d bytes for %d", n, len(code))
		}
		if err != nil {
			if e := (*fhir.Error)(nil); !errors.As(err, &e) || u.Dimension() != "1" {
				t.Errorf("%q: %s, %v", code, u.Dimension(), err)
			}
			return
		}
		base := parse(t, u.Dimension())
		if one := big.NewRat(1, 1); base.Dimension() != u.Dimension() || base.Canonical(one).Cmp(one) != 0 {
			t.Errorf("%q: %s parses as %v %s", code, u.Dimension(), base.Canonical(one), base.Dimension())
		}
		value := big.NewRat(-12345, 1000)
		canonical := u.Canonical(value)
		if bits := max(canonical.Num().BitLen(), canonical.Denom().BitLen()); bits > 3*4096 {
			t.Errorf("%q: a number of %d bits", code, bits)
		}
		if got := u.FromCanonical(canonical); got.Cmp(value) != 0 {
			t.Errorf("%q: %v became %v", code, value, got)
		}
	})
}
