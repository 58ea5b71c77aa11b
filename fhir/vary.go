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
		p := &SearchParameter{Type: row[0], Name: row[1], Kind: Kind(row[2]), Datatypes: list(row[3]),
			Expression: row[4], Targets: list(row[5]), System: row[6]}
		if !edit(p) {
			continue
		}
		row = append([]string{p.Type, p.Name, string(p.Kind), strings.Join(p.Datatypes, ","), p.Expression,
			strings.Join(p.Targets, ","), p.System}, row[7:]...)
		lines = append(lines, strings.Join(row, "\t"))
	}
	return strings.Join(lines, "\n")
}
