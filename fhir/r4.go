package fhir

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

// The rows are facts of the R4 definitions: expression, targets, implicit code system and components of each parameter, with the
// data types of the elements that it selects; and the parameters that put a resource into a compartment. What radiology needs
// beside R4's parameters stands in a table of the same form.
var (
	//go:embed r4types.tsv
	r4Types string
	//go:embed r4searchparameters.tsv
	r4SearchParameters string
	//go:embed oursearchparameters.tsv
	ourSearchParameters string
	//go:embed r4compartments.tsv
	r4Compartments string
)

// everyType stands in the type column for the parameters that all types have.
const everyType = "*"

var r4 = sync.OnceValue(func() *Registry {
	r, err := newRegistry(tables{r4Types, r4SearchParameters, ourSearchParameters, r4Compartments})
	if err != nil {
		panic("fhir: embedded registry: " + err.Error()) // a fault of the program, found at start
	}
	return r
})

// tables are what a registry is made of.
type tables struct{ types, params, ours, compartments string }

func newRegistry(from tables) (*Registry, error) {
	r := &Registry{types: map[string]*Type{}}
	for _, row := range rows(from.types) {
		t := &Type{Name: row[0], Patient: row[1], Time: list(row[2]), Interactions: list(row[3])}
		t.params, t.elements, t.members = map[string]*SearchParameter{}, &Element{}, map[string][]*SearchParameter{}
		r.types[t.Name] = t
		r.sorted = append(r.sorted, t)
	}
	if err := r.addParameters(rows(from.params), false); err != nil {
		return nil, err
	}
	if err := r.addParameters(rows(from.ours), true); err != nil {
		return nil, err
	}
	for _, t := range r.sorted {
		t.sortParams()
	}
	return r, r.addCompartments(rows(from.compartments))
}

// addParameters adds composites after the parameters that their components name.
func (r *Registry) addParameters(table [][]string, ours bool) error {
	for _, composites := range []bool{false, true} {
		for _, row := range table {
			if composites != (Kind(row[2]) == KindComposite) {
				continue
			}
			if err := r.addParameter(row, ours); err != nil {
				return fmt.Errorf("parameter %s of %s: %w", row[1], row[0], err)
			}
		}
	}
	return nil
}

func (r *Registry) addCompartments(table [][]string) error {
	for _, row := range table {
		t, ok := r.types[row[1]]
		if !ok {
			return fmt.Errorf("compartment of %s: no such type", row[1])
		}
		for _, name := range list(row[2]) {
			p, ok := t.params[name]
			if !ok {
				return fmt.Errorf("compartment of %s: no parameter %s", row[1], name)
			}
			t.members[row[0]] = append(t.members[row[0]], p)
		}
	}
	return nil
}

func (r *Registry) addParameter(row []string, ours bool) error {
	for _, t := range r.sorted {
		if row[0] != t.Name && row[0] != everyType {
			continue
		}
		p := parameterOf(row)
		p.Type, p.Ours = t.Name, ours
		if err := t.add(p); err != nil {
			return err
		}
		if p.Kind != KindComposite {
			continue
		}
		if err := t.addComponents(p, row[7]); err != nil {
			return err
		}
	}
	if _, ok := r.types[row[0]]; !ok && row[0] != everyType {
		return fmt.Errorf("no such type")
	}
	return nil
}

// parameterOf reads a row of a table of search parameters.
func parameterOf(row []string) *SearchParameter {
	datatypes, choice := strings.CutPrefix(row[3], choiceMark)
	return &SearchParameter{Type: row[0], Name: row[1], Kind: Kind(row[2]), Datatypes: list(datatypes), Choice: choice,
		Expression: row[4], Targets: list(row[5]), System: row[6]}
}

// choiceMark stands before the one data type that a parameter takes of a choice element, where its expression does not say which.
const choiceMark = "[x]"

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
