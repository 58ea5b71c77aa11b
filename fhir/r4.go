package fhir

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

// The rows are facts of the R4 definitions: expression, targets and implicit code system of each parameter, with the data
// types of the elements that it selects. Parameters of kinds that are not served have no row.
var (
	//go:embed r4types.tsv
	r4Types string
	//go:embed r4searchparameters.tsv
	r4SearchParameters string
)

// everyType stands in the type column for the parameters that all types have.
const everyType = "*"

var r4 = sync.OnceValue(func() *Registry {
	r, err := newRegistry(r4Types, r4SearchParameters)
	if err != nil {
		panic("fhir: embedded registry: " + err.Error()) // a fault of the program, found at start
	}
	return r
})

func newRegistry(types, params string) (*Registry, error) {
	r := &Registry{types: map[string]*Type{}}
	for _, row := range rows(types) {
		t := &Type{Name: row[0], Patient: row[1], Time: list(row[2]), Interactions: list(row[3])}
		t.params, t.elements = map[string]*SearchParameter{}, &Element{}
		r.types[t.Name] = t
		r.sorted = append(r.sorted, t)
	}
	for _, row := range rows(params) {
		if err := r.addParameter(row); err != nil {
			return nil, fmt.Errorf("parameter %s of %s: %w", row[1], row[0], err)
		}
	}
	for _, t := range r.sorted {
		t.sortParams()
	}
	return r, nil
}

func (r *Registry) addParameter(row []string) error {
	for _, t := range r.sorted {
		if row[0] != t.Name && row[0] != everyType {
			continue
		}
		p := &SearchParameter{Type: t.Name, Name: row[1], Kind: Kind(row[2]), Datatypes: list(row[3]),
			Expression: row[4], Targets: list(row[5]), System: row[6]}
		if err := t.add(p); err != nil {
			return err
		}
	}
	if _, ok := r.types[row[0]]; !ok && row[0] != everyType {
		return fmt.Errorf("no such type")
	}
	return nil
}

// rows splits a table with a header line.
func rows(table string) [][]string {
	var all [][]string
	for _, line := range strings.Split(strings.TrimRight(table, "\n"), "\n")[1:] {
		all = append(all, strings.Split(line, "\t"))
	}
	return all
}

func list(field string) []string {
	if field == "" {
		return nil
	}
	return strings.Split(field, ",")
}
