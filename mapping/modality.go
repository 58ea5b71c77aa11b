package mapping

import (
	_ "embed"
	"slices"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

//go:embed modalities.tsv
var modalitiesTSV string

// modality is a defined term of Modality (0008,0060), PS3.3 C.7.3.1.1.1. Those of acquisition are of CID 29 too.
type modality struct {
	meaning     string
	acquisition bool
}

var modalities = readModalities(modalitiesTSV)

func readModalities(tsv string) map[string]modality {
	m := map[string]modality{}
	for _, cells := range readTSV(tsv, 3) {
		m[cells[0]] = modality{cells[1], cells[2] == "acquisition"}
	}
	return m
}

// readTSV splits an embedded table and drops its heading. A row of another width is a fault at start.
func readTSV(tsv string, columns int) [][]string {
	var rows [][]string
	for line := range strings.Lines(tsv) {
		cells := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		if len(cells) != columns {
			panic("mapping: embedded table has a row of another width: " + line)
		}
		rows = append(rows, cells)
	}
	return rows[1:]
}

// modalityCoding codes a modality: in DCM where the standard defines the term, else in a system of the hub's own.
func (r *run) modalityCoding(term string) r4.Coding {
	term = code(strings.ToUpper(term))
	if m, ok := modalities[term]; ok {
		return codingOf(dcm, term, m.meaning)
	}
	r.doubt("unknown-modality", "not a defined term: kept as a local code")
	return codingOf(r.mapper.local("CodeSystem", "Modality"), term, "")
}

// studyModalities is the union over series, in order: what was acquired (R4: "actual acquisition modalities"), or all when a
// study has none of that kind.
func studyModalities(series []r4.ImagingStudySeries) []r4.Coding {
	var all, acquired []r4.Coding
	for _, s := range series {
		m, known := modalities[*s.Modality.Code]
		all = addCoding(all, s.Modality)
		if !known || m.acquisition {
			acquired = addCoding(acquired, s.Modality)
		}
	}
	if len(acquired) == 0 {
		acquired = all
	}
	slices.SortFunc(acquired, func(a, b r4.Coding) int { return strings.Compare(*a.Code, *b.Code) })
	return acquired
}

func addCoding(list []r4.Coding, c r4.Coding) []r4.Coding {
	same := func(o r4.Coding) bool { return deref(o.System) == deref(c.System) && deref(o.Code) == deref(c.Code) }
	if slices.ContainsFunc(list, same) {
		return list
	}
	return append(list, c)
}
