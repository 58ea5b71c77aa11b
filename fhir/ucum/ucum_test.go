package ucum_test

import (
	"math/big"
	"strings"
	"testing"

	"lightbox/fhir"
	"lightbox/fhir/ucum"
)

// What a value with a unit is in base units.
func TestCanonical(t *testing.T) {
	for _, c := range []struct{ value, unit, want, dimension string }{
		// radiology
		{"1", "mGy", "1/1000", "m2.s-2"},
		{"1", "mGy.cm", "1/100000", "m3.s-2"},
		{"1", "cGy.cm2", "1/1000000", "m4.s-2"},
		{"1", "dGy.cm2", "1/100000", "m4.s-2"},
		{"1", "Gy.m2", "1", "m4.s-2"},
		{"12.50", "mSv", "1/80", "m2.s-2"},
		{"370", "MBq", "370000000", "s-1"},
		{"10", "mCi", "370000000", "s-1"},
		{"5", "kBq/mL", "5000000000", "m-3.s-1"},
		{"200", "mA.s", "1/5", "C"},
		{"120", "kV", "120000000", "C-1.g.m2.s-2"},
		{"75", "Hz", "75", "s-1"},
		{"1.1", "10*-3.mm2/s", "11/10000000000", "m2.s-1"},
		{"3", "10*-3/mm2", "3000", "m-2"},
		{"-1000", "[hnsf'U]", "-1000", "1"},
		{"3", "T", "3000", "C-1.g.s-1"},
		{"15", "kG", "1500", "C-1.g.s-1"},
		{"2.5", "{ratio}", "5/2", "1"},
		{"2.5", "1", "5/2", "1"},
		{"45", "%", "9/20", "1"},
		{"60", "/min", "1", "s-1"},
		{"60", "{beats}/min", "1", "s-1"},
		{"1", "R", "258/1000000000", "C.g-1"},
		{"100", "RAD", "1", "m2.s-2"},
		{"100", "REM", "1", "m2.s-2"},
		{"7", "[Ch]", "7/3000", "m"},
		{"1", "keV", "1.602176634e-13", "g.m2.s-2"},
		{"1", "mm[H2O]", "9806.65", "g.m-1.s-2"},
		{"760", "mm[Hg]", "101324720", "g.m-1.s-2"},
		{"1.73", "m2", "1.73", "m2"},
		{"80", "mL/min/{1.73_m2}", "0.000004/3", "m3.s-1"},
		// laboratory
		{"5.5", "mmol/L", "3312177418000000000000000", "m-3"},
		{"1", "g%", "10000", "g.m-3"},
		{"140", "mg/dL", "1400", "g.m-3"},
		{"4.5", "10*6/uL", "4500000000000000", "m-3"},
		{"4.5", "10^6/uL", "4500000000000000", "m-3"},
		{"3", "/100{WBC}", "3/100", "1"},
		{"1", "U/L", "6.02214076e20/60", "m-3.s-1"},
		{"2", "k[iU]/L", "2000000", "[iU].m-3"},
		{"2", "[IU]/mL", "2000000", "[iU].m-3"},
		{"1", "[LPF]", "100", "1"},
		// temperatures
		{"20", "Cel", "293.15", "K"},
		{"0", "K", "0", "K"},
		{"98.6", "[degF]", "310.15", "K"},
		{"-459.67", "[degF]", "0", "K"},
		{"80", "[degRe]", "373.15", "K"},
		{"9", "[degR]", "5", "K"},
		{"20000", "mCel", "293.15", "K"},
		{"2", "10.Cel{skin}", "293.15", "K"},
		{"40", "Cel/2", "293.15", "K"},
		// time, angle, length, mass, volume
		{"1", "a", "31557600", "s"},
		{"1", "mo", "2629800", "s"},
		{"2", "wk", "1209600", "s"},
		{"1", "h", "3600", "s"},
		{"180", "deg", "3.1415926535897932384626433832795028841971693993751058209749445923", "rad"},
		{"3600", "''", "3.1415926535897932384626433832795028841971693993751058209749445923/180", "rad"},
		{"6", "[ft_i]", "1.8288", "m"},
		{"1", "[ft_us]", "1200/3937", "m"},
		{"1", "[lb_av]", "453.59237", "g"},
		{"1", "[oz_av]", "28.349523125", "g"},
		{"1", "[gr]", "0.06479891", "g"},
		{"20", "[drp]", "0.000001", "m3"},
		{"1", "[Cal]", "4184000", "g.m2.s-2"},
		{"1", "dyn", "1/100", "g.m.s-2"},
		{"1", "P", "100", "g.m-1.s-1"},
		{"1", "KiBy", "8192", "1"},
		// grammar
		{"1", "a/wk.d", "31557600/7", "s"},
		{"1", "m/s/s", "1", "m.s-2"},
		{"1", "m/(s.s)", "1", "m.s-2"},
		{"1", "m+2", "1", "m2"},
		{"1", "m0", "1", "1"},
		{"1", "/s.m", "1", "m.s-1"},
		{"1", "2+10", "1024", "1"},
		{"1", "10-3", "1/1000", "1"},
		{"1", "10*", "10", "1"},
		{"1", "10.10*3", "10000", "1"},
		{"1", "(8.h){shift}", "28800", "s"},
		{"1", "cm3", "0.000001", "m3"},
		{"1", "{}", "1", "1"},
		{"1e3", "dB[SPL]", "100", "B[SPL]"},
		{"1.5E-1", "dB/cm", "3/2", "B.m-1"},
		{"7.4", "[pH]", "7.4", "[pH]"},
		{"1", "[m/s2/Hz^(1/2)]2", "1", "[m/s2/Hz^(1/2)]2"},
	} {
		t.Run(c.unit, func(t *testing.T) {
			got, dimension, err := ucum.Canonical(c.value, c.unit)
			if err != nil {
				t.Fatal(err)
			}
			if got.Cmp(rat(t, c.want)) != 0 || dimension != c.dimension {
				t.Errorf("got %v %s, want %s %s", got.RatString(), dimension, c.want, c.dimension)
			}
		})
	}
}

// rat reads a quotient of decimals.
func rat(t *testing.T, text string) *big.Rat {
	t.Helper()
	n, d, quotient := strings.Cut(text, "/")
	if !quotient {
		d = "1"
	}
	numerator, ok := new(big.Rat).SetString(n)
	denominator, ok2 := new(big.Rat).SetString(d)
	if !ok || !ok2 {
		t.Fatalf("%q is not a quotient", text)
	}
	return numerator.Quo(numerator, denominator)
}

func TestCommensurable(t *testing.T) {
	for _, c := range []struct {
		u, v string
		want bool
	}{
		{"mg", "[lb_av]", true},
		{"mg", "mL", false},
		{"Gy", "Sv", true},
		{"mmol/L", "/mL", true},
		{"Bq", "Hz", true},
		{"Cel", "[degF]", true},
		{"Cel", "K", true},
		{"[iU]", "[IU]", true},
		{"[iU]", "k[iU]", true},
		{"[iU]", "1", false},
		{"[iU]", "[arb'U]", false},
		{"[iU]/L", "[iU]/mL", true},
		{"[CFU]", "[PFU]", false},
		{"dB", "B", true},
		{"B", "Np", false},
		{"B[V]", "B[mV]", false},
		{"[pH]", "mol/L", false},
		{"deg", "rad", true},
		{"deg", "1", false},
		{"sr", "rad2", true},
		{"{RBC}/uL", "10*9/L", true},
		{"N.m", "J", true},
		{"mA.s", "C", true},
		{"m/m", "%", true},
	} {
		u, v := parse(t, c.u), parse(t, c.v)
		if u.Commensurable(v) != c.want || v.Commensurable(u) != c.want {
			t.Errorf("%s and %s: %s, %s", c.u, c.v, u.Dimension(), v.Dimension())
		}
	}
}

func parse(t interface {
	Helper()
	Fatalf(string, ...any)
}, code string) ucum.Unit {
	t.Helper()
	u, err := ucum.Parse(code)
	if err != nil {
		t.Fatalf("%s: %v", code, err)
	}
	return u
}

// The zero Unit is the unity.
func TestZeroUnit(t *testing.T) {
	var u ucum.Unit
	if got := u.Canonical(big.NewRat(3, 2)); got.Cmp(big.NewRat(3, 2)) != 0 || u.Dimension() != "1" || !u.Commensurable(parse(t, "%")) {
		t.Errorf("%v %s", got, u.Dimension())
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, unit, want string }{
		{"empty", "", "value: a unit is missing, at byte 1 of the unit"},
		{"unknown", "mg/kVp", "value: no such unit, at byte 4 of the unit"},
		{"case", "mg/DL", "value: no such unit, at byte 4 of the unit"},
		{"prefix of a non-metric unit", "kmin", "value: no such unit, at byte 1 of the unit"},
		{"two prefixes", "mkg", "value: no such unit, at byte 1 of the unit"},
		{"prefix alone", "k", "value: no such unit, at byte 1 of the unit"},
		{"micro sign", "µg", "value: no such unit, at byte 1 of the unit"},
		{"space", "mg /L", "value: no such unit, at byte 1 of the unit"},
		{"caret", "m^2", "value: no such unit, at byte 1 of the unit"},
		{"NUL", "m\x00", "value: no such unit, at byte 1 of the unit"},
		{"ends in an operator", "m/", "value: a unit is missing, at byte 3 of the unit"},
		{"two operators", "m//s", "value: a unit is missing, at byte 3 of the unit"},
		{"leading point", ".m", "value: a unit is missing, at byte 1 of the unit"},
		{"slash in parentheses", "m.(/s)", "value: a unit is missing, at byte 4 of the unit"},
		{"no operator", "m2s", "value: '.' or '/' is missing, at byte 3 of the unit"},
		{"exponent of parentheses", "(m/s)2", "value: '.' or '/' is missing, at byte 6 of the unit"},
		{"number before a unit", "10m", "value: '.' or '/' is missing, at byte 3 of the unit"},
		{"open parenthesis", "m/(s.kg", "value: the parenthesis is not closed, at byte 3 of the unit"},
		{"closed parenthesis", "m)", "value: '.' or '/' is missing, at byte 2 of the unit"},
		{"open annotation", "m{x", "value: the annotation is not closed, at byte 2 of the unit"},
		{"annotation with space", "{a b}", "value: an annotation holds graphic ASCII characters without braces, at byte 3 of the unit"},
		{"nested annotation", "{{}}", "value: an annotation holds graphic ASCII characters without braces, at byte 2 of the unit"},
		{"two annotations", "{a}{b}", "value: '.' or '/' is missing, at byte 4 of the unit"},
		{"unit after annotation", "{a}m", "value: '.' or '/' is missing, at byte 4 of the unit"},
		{"open bracket", "mm[Hg", "value: the bracket is not closed, at byte 1 of the unit"},
		{"sign alone", "m-", "value: the exponent has no digits, at byte 3 of the unit"},
		{"zero", "m/0", "value: the factor is 0, at byte 3 of the unit"},
		{"scale with a unit", "mg.Cel", "value: a temperature scale stands alone or with a number (UCUM section 22), at byte 4 of the unit"},
		{"scale inverted", "J/Cel", "value: a temperature scale stands alone or with a number (UCUM section 22), at byte 3 of the unit"},
		{"scale squared", "Cel2", "value: a temperature scale stands alone or with a number (UCUM section 22), at byte 1 of the unit"},
		{"two scales", "Cel.[degF]", "value: a temperature scale stands alone or with a number (UCUM section 22), at byte 5 of the unit"},
		{"long", strings.Repeat("m", 257), "too-long: a unit of more than 256 bytes"},
		{"nested", strings.Repeat("(", 17) + "m" + strings.Repeat(")", 17), "too-costly: more than 16 parentheses within each other, at byte 17 of the unit"},
		{"exponent", "m100", "too-costly: an exponent is beyond 99, at byte 2 of the unit"},
		{"exponent of digits", "m-" + strings.Repeat("9", 200), "too-costly: an exponent is beyond 99, at byte 2 of the unit"},
		{"exponent of the product", "m99.m", "too-costly: an exponent is beyond 99, at byte 5 of the unit"},
		{"exponent of the definition", "W50", "too-costly: an exponent is beyond 99, at byte 1 of the unit"},
		{"power of a number", "[pi]99", "too-costly: the factor of the unit has more than 4096 bits, at byte 1 of the unit"},
		{"product of numbers", strings.Repeat("10*99.", 20) + "m", "too-costly: the factor of the unit has more than 4096 bits, at byte 73 of the unit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := ucum.Parse(c.unit)
			if err == nil {
				t.Fatalf("got %s", u.Dimension())
			}
			if err.Error() != c.want {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func TestCanonicalRefuses(t *testing.T) {
	for _, c := range []struct {
		value, unit string
		want        fhir.IssueType
	}{
		{"", "mg", fhir.Value},
		{"01", "mg", fhir.Value},
		{"+1", "mg", fhir.Value},
		{".5", "mg", fhir.Value},
		{"1/2", "mg", fhir.Value},
		{"0x1p4", "mg", fhir.Value},
		{"Inf", "mg", fhir.Value},
		{"1", "cc", fhir.Value},
		{"1e401", "mg", fhir.TooCostly},
		{"1e-401", "mg", fhir.TooCostly},
		{"1e9999999999999999999", "mg", fhir.TooCostly},
		{strings.Repeat("1", 257), "mg", fhir.TooLong},
	} {
		if got, dimension, err := ucum.Canonical(c.value, c.unit); fhir.IssueTypeOf(err) != c.want || got != nil || dimension != "" {
			t.Errorf("%s %s: got %v %s, %v", c.value, c.unit, got, dimension, err)
		}
	}
}
