package ucum

import (
	"strings"
	"testing"
)

// Every row stands in the table as its own law: its code parses, alone and with each prefix that it takes, to what the row says.
func TestTable(t *testing.T) {
	table := embedded()
	if len(table.prefixes) != 24 || len(table.atoms) < 300 {
		t.Errorf("%d prefixes and %d atoms: not the whole table", len(table.prefixes), len(table.atoms))
	}
	for code, atom := range table.atoms {
		u, err := Parse(code)
		if err != nil {
			t.Errorf("%s: %v", code, err)
			continue
		}
		if u.scale().Cmp(atom.scale()) != 0 || !u.Commensurable(atom.Unit) {
			t.Errorf("%s is %v %s", code, u.scale(), u.Dimension())
		}
		for prefix := range table.prefixes {
			if _, err := Parse(prefix + code); (err == nil) != (len(readings(table, prefix+code)) == 1) {
				t.Errorf("%s, metric %v: %v", prefix+code, atom.metric, err)
			}
		}
	}
}

// What the comment of lookup says: no symbol has two readings.
func TestSymbolsHaveOneReading(t *testing.T) {
	table := embedded()
	for code := range table.atoms {
		for prefix := range table.prefixes {
			if all := readings(table, prefix+code); len(all) > 1 {
				t.Errorf("%s is %v", prefix+code, all)
			}
		}
	}
}

// readings returns the ways in which a symbol is an atom, with or without a prefix.
func readings(t *table, symbol string) (all []string) {
	if _, ok := t.atoms[symbol]; ok {
		all = append(all, symbol)
	}
	for prefix := range t.prefixes {
		rest, ok := strings.CutPrefix(symbol, prefix)
		if a := t.atoms[rest]; ok && a.metric {
			all = append(all, prefix+"|"+rest)
		}
	}
	return all
}

func TestTableRefuses(t *testing.T) {
	for _, row := range []string{
		"x\tex",
		"x\tex\tno\tten\t1\tunit",
		"x\tex\tno\t0\t1\tunit",
		"x\tex\tno\t1\ty\tunit",
		"x\tex\tno\t1\t1\tother",
		"x\tex\tno\t1\t1\tzero=cold",
		"x\tex\tno\t1\t1\tunit\nx\tex\tno\t1\t1\tunit",
	} {
		if _, err := newTable("header\n" + row + "\n"); err == nil {
			t.Errorf("%q is taken", row)
		}
	}
}
