package mapping

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/fhir"
)

// codeTable translates codes of one system into values of T, as data: it is served as a ConceptMap, and a configured ConceptMap of its name
// changes it. What stands in no row keeps its original code and raises an issue.
type codeTable[T any] struct {
	name, title    string
	source, target string // systems; source is "" for terms that have none
	rows           map[string]T
	load           func() map[string]T // instead of rows, of a table that is large
	code           func(T) (code, display string)
	read           func(code, display string) (T, error)
}

// enum is a required code of FHIR as the models have it.
type enum interface {
	Code() string
	Display() string
}

// enumTable is a table to a required code of FHIR: one that FHIR does not have is refused.
func enumTable[T enum](t codeTable[T]) *codeTable[T] {
	t.code = func(v T) (string, string) { return v.Code(), v.Display() }
	t.read = func(code, _ string) (v T, err error) {
		err = json.Unmarshal([]byte(strconv.Quote(code)), &v)
		return v, err
	}
	return listed(&t)
}

// codingTable is a table to codes of another terminology.
func codingTable(t codeTable[r4.Coding]) *codeTable[r4.Coding] {
	t.code = func(c r4.Coding) (string, string) { return deref(c.Code), deref(c.Display) }
	t.read = func(code, display string) (r4.Coding, error) { return codingOf(t.target, code, display), nil }
	return listed(&t)
}

// wordTable is a table to codes of which nothing else is told.
func wordTable(t codeTable[string]) *codeTable[string] {
	t.code = func(word string) (string, string) { return word, "" }
	t.read = func(code, _ string) (string, error) { return code, nil }
	return listed(&t)
}

// allTables are the tables that the package's variables make.
var allTables []codes

func listed[T any](t *codeTable[T]) *codeTable[T] {
	allTables = append(allTables, t)
	return t
}

// translate looks a code up.
func translate[T any](m *Mapper, t *codeTable[T], code string) (T, bool) {
	v, ok := t.inForce(m)[code]
	return v, ok
}

// inForce are the rows that count: those of the configuration, else those that are built in.
func (t *codeTable[T]) inForce(m *Mapper) map[string]T {
	if own, ok := m.codes[t.name].(map[string]T); ok {
		return own
	}
	if t.load != nil {
		return t.load()
	}
	return t.rows
}

// codes is a table whatever its values are.
type codes interface {
	called() string
	conceptMap(m *Mapper, base string) (fhir.Resource, error)
	override(m *Mapper, with conceptMap) error
}

// codeTables are all of them, by name.
var codeTables = sync.OnceValue(func() []codes {
	return slices.SortedFunc(slices.Values(allTables), func(a, b codes) int { return cmp.Compare(a.called(), b.called()) })
})

// conceptMap is what is read and written of a ConceptMap (FHIR R4 conceptmap.html).
type conceptMap struct {
	ResourceType string            `json:"resourceType"`
	ID           string            `json:"id,omitempty"`
	URL          string            `json:"url"`
	Name         string            `json:"name,omitempty"`
	Title        string            `json:"title,omitempty"`
	Status       string            `json:"status"`
	Group        []conceptMapGroup `json:"group"`
}

type conceptMapGroup struct {
	Source  string              `json:"source,omitempty"`
	Target  string              `json:"target,omitempty"`
	Element []conceptMapElement `json:"element"`
}

type conceptMapElement struct {
	Code   string             `json:"code"`
	Target []conceptMapTarget `json:"target,omitempty"`
}

type conceptMapTarget struct {
	Code        string `json:"code,omitempty"`
	Display     string `json:"display,omitempty"`
	Equivalence string `json:"equivalence"`
}

func (t *codeTable[T]) called() string { return t.name }

func (t *codeTable[T]) conceptMap(m *Mapper, base string) (fhir.Resource, error) {
	rows := t.inForce(m)
	group := conceptMapGroup{Source: t.source, Target: t.target}
	for _, from := range slices.Sorted(maps.Keys(rows)) {
		code, display := t.code(rows[from])
		group.Element = append(group.Element, conceptMapElement{Code: from, Target: []conceptMapTarget{{code, display, "equivalent"}}})
	}
	body, err := json.Marshal(conceptMap{"ConceptMap", t.name, base + "/ConceptMap/" + t.name, pascal(t.name), t.title, "active", []conceptMapGroup{group}})
	return fhir.Resource{Type: "ConceptMap", ID: t.name, Body: body}, err
}

// override puts the rows of a ConceptMap over those in force; one that is unmatched takes a row away.
func (t *codeTable[T]) override(m *Mapper, with conceptMap) error {
	rows := maps.Clone(t.inForce(m))
	seen := map[string]bool{}
	for _, group := range with.Group {
		for _, e := range group.Element {
			switch {
			case e.Code == "" || seen[e.Code]:
				return fmt.Errorf("element %q stands twice or has no code", e.Code)
			case len(e.Target) != 1:
				return fmt.Errorf("element %q has %d targets, not one", e.Code, len(e.Target))
			}
			seen[e.Code] = true
			if e.Target[0].Equivalence == "unmatched" {
				delete(rows, e.Code)
				continue
			}
			v, err := t.read(e.Target[0].Code, e.Target[0].Display)
			if err != nil || e.Target[0].Code == "" {
				return fmt.Errorf("element %q: %q is no code of %s", e.Code, e.Target[0].Code, t.target)
			}
			rows[e.Code] = v
		}
	}
	m.codes[t.name] = rows
	return nil
}

// ConceptMaps are the code tables in force, as resources of a server at base.
func (m *Mapper) ConceptMaps(base string) ([]fhir.Resource, error) {
	var list []fhir.Resource
	for _, t := range codeTables() {
		one, err := t.conceptMap(m, base)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// overrideCodes takes a configured ConceptMap. It is of the table whose name its id is.
func (m *Mapper) overrideCodes(body []byte) error {
	var with conceptMap
	if err := json.Unmarshal(body, &with); err != nil {
		return err
	}
	if with.ResourceType != "ConceptMap" {
		return fmt.Errorf("not a ConceptMap but %q", with.ResourceType)
	}
	for _, t := range codeTables() {
		if t.called() == with.ID {
			return t.override(m, with)
		}
	}
	return fmt.Errorf("id %q is the name of no code table", with.ID)
}

// pascal is a name as computers take it: order-status as OrderStatus.
func pascal(name string) string {
	b := make([]byte, 0, len(name))
	for i := range len(name) {
		switch {
		case name[i] == '-':
		case i == 0 || name[i-1] == '-':
			b = append(b, name[i]-'a'+'A')
		default:
			b = append(b, name[i])
		}
	}
	return string(b)
}
