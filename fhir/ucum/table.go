package ucum

import (
	_ "embed"
	"fmt"
	"math/big"
	"strings"
	"sync"
)

// The table of prefixes and atoms (UCUM sections 27 to 46), in the order in which they define each other.
//
//go:embed units.tsv
var unitsTSV string

// kind tells what a row of the table defines. Beside these, "zero=" and a number is a scale of temperature: a value of it is
// multiplied by value and counted from there, in kelvin.
type kind string

const (
	kindPrefix    kind = "prefix"
	kindBase      kind = "base"      // a base unit (UCUM section 28)
	kindUnit      kind = "unit"      // value times unit
	kindArbitrary kind = "arbitrary" // a dimension of its own (section 24)
	kindSpecial   kind = "special"   // the same here, as its function is not computed (section 21)
)

// table is what a unit is parsed by.
type table struct {
	atoms    map[string]atom
	prefixes map[string]*big.Rat
}

type atom struct {
	Unit
	metric bool // takes prefixes (UCUM section 11)
}

var embedded = sync.OnceValue(func() *table {
	t, err := newTable(unitsTSV)
	if err != nil {
		panic("ucum: embedded table: " + err.Error()) // a fault of the program, found by any test
	}
	return t
})

func newTable(tsv string) (*table, error) {
	t := &table{atoms: map[string]atom{}, prefixes: map[string]*big.Rat{}}
	header := true
	for line := range strings.Lines(tsv) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		if header { // code, name, metric, value, unit, kind
			header = false
			continue
		}
		if err := t.add(strings.Split(strings.TrimSuffix(line, "\n"), "\t")); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
	}
	return t, nil
}

// add adds one row, whose unit is made of rows that are there already.
func (t *table) add(row []string) error {
	if len(row) != 6 {
		return fmt.Errorf("%d columns", len(row))
	}
	code, metric, k := row[0], row[2] == "yes", kind(row[5])
	value, ok := new(big.Rat).SetString(row[3])
	if !ok || value.Sign() <= 0 {
		return fmt.Errorf("value %q", row[3])
	}
	if _, twice := t.atoms[code]; twice {
		return fmt.Errorf("a second %s", code)
	}
	if k == kindPrefix {
		t.prefixes[code] = value
		return nil
	}
	u, err := t.define(k, code, row[4])
	if err != nil {
		return err
	}
	u.factor = new(big.Rat).Mul(u.scale(), value)
	t.atoms[code] = atom{Unit: u, metric: metric}
	return nil
}

// define returns the unit of a row, before its value.
func (t *table) define(k kind, code, unit string) (Unit, error) {
	zero, isScale := strings.CutPrefix(string(k), "zero=")
	switch {
	case k == kindBase, k == kindArbitrary, k == kindSpecial:
		return Unit{dims: map[string]int{code: 1}}, nil
	case k != kindUnit && !isScale:
		return Unit{}, fmt.Errorf("kind %q", k)
	}
	u, err := t.parse(unit)
	if err != nil || !isScale {
		return u, err
	}
	offset, ok := new(big.Rat).SetString(zero)
	if !ok {
		return Unit{}, fmt.Errorf("zero %q", zero)
	}
	u.zero = offset
	return u, nil
}

// lookup finds a symbol: an atom, or a prefix and a metric atom (UCUM section 4). The order does not matter, as no symbol has two
// readings: P and a are the pascal, since the year takes no prefix.
func (t *table) lookup(symbol string) (Unit, bool) {
	if a, ok := t.atoms[symbol]; ok {
		return a.Unit, true
	}
	for length := 1; length <= 2 && length < len(symbol); length++ {
		prefix, known := t.prefixes[symbol[:length]]
		if a, ok := t.atoms[symbol[length:]]; ok && known && a.metric {
			return Unit{factor: new(big.Rat).Mul(a.scale(), prefix), zero: a.zero, dims: a.dims}, true
		}
	}
	return Unit{}, false
}

// number returns the factor that digits write.
func number(digits string) Unit {
	n, _ := new(big.Int).SetString(digits, 10)
	return Unit{factor: new(big.Rat).SetInt(n)}
}
