package fhir

import "strings"

// Vary returns a registry like R4's whose search parameters differ: edit changes each as it is defined, with Type "*" for one
// that all types have, or returns false to leave it out. A database meets such a registry in a program of another version.
func Vary(edit func(p *SearchParameter) bool) (*Registry, error) {
	return newRegistry(tables{r4Types, vary(r4SearchParameters, edit), vary(ourSearchParameters, edit), r4Compartments})
}

func vary(table string, edit func(p *SearchParameter) bool) string {
	header, _, _ := strings.Cut(table, "\n")
	lines := []string{header}
	for _, row := range rows(table) {
		p := parameterOf(row)
		if !edit(p) {
			continue
		}
		datatypes := strings.Join(p.Datatypes, ",")
		if p.Choice {
			datatypes = choiceMark + datatypes
		}
		row = append([]string{p.Type, p.Name, string(p.Kind), datatypes, p.Expression,
			strings.Join(p.Targets, ","), p.System}, row[7:]...)
		lines = append(lines, strings.Join(row, "\t"))
	}
	return strings.Join(lines, "\n")
}
