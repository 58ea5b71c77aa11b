package fhir

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Path is one branch of a search parameter's expression, compiled: the members to follow in the JSON (arrays are
// flattened), the data type found there, and a condition on what is found.
type Path struct {
	Members  []string
	Datatype string
	Where    Condition
	// Exists marks the one R4 form that tests rather than selects: "X.exists() and X != false".
	Exists bool
}

// Condition is a where() of an expression. The zero Condition always holds.
type Condition struct {
	Member, Equals string // where(system='phone')
	Resolves       string // where(resolve() is Patient): the type that the reference points to
	System         string // where(type.coding.exists(system='...' and code='...')): Member is type.coding, Equals the code
}

// Component is one part of a composite parameter (FHIR R4 search.html#composite): what it compares is as Param has it, at
// Paths below each element that the composite's own paths end at.
type Component struct {
	Param *SearchParameter
	Paths []Path
}

// Element is a node of the tree that all paths of a type make together, so that one walk of a resource serves them all.
type Element struct {
	Members map[string]*Element
	Ends    []PathEnd
}

// PathEnd says which parameter's path ends at an Element.
type PathEnd struct {
	Param *SearchParameter
	Path  Path
}

func (t *Type) add(p *SearchParameter) error {
	if t.params[p.Name] != nil {
		return fmt.Errorf("stands twice")
	}
	paths, err := compile(p)
	if err != nil {
		return err
	}
	p.Paths = paths
	for _, path := range paths {
		if p.Kind != KindComposite { // answered from its components
			t.elements.add(path.Members, PathEnd{p, path})
		}
	}
	t.params[p.Name] = p
	return nil
}

func (e *Element) add(members []string, end PathEnd) {
	for _, name := range members {
		if e.Members == nil {
			e.Members = map[string]*Element{}
		}
		if e.Members[name] == nil {
			e.Members[name] = &Element{}
		}
		e = e.Members[name]
	}
	e.Ends = append(e.Ends, end)
}

func (t *Type) sortParams() {
	for _, p := range t.params {
		t.sorted = append(t.sorted, p)
	}
	slices.SortFunc(t.sorted, func(a, b *SearchParameter) int { return cmp.Compare(a.Name, b.Name) })
}

// The forms of R4's search expressions that are understood; anything else stops the program at start.
var (
	plainForm   = regexp.MustCompile(`^[A-Z][A-Za-z]*(\.[a-z][A-Za-z]*)+$`)
	rootForm    = regexp.MustCompile(`^[A-Z][A-Za-z]*$`)
	asForm      = regexp.MustCompile(`^\(([A-Za-z.]+) as ([A-Za-z]+)\)((?:\.[a-z][A-Za-z]*)*)$`)
	asCallForm  = regexp.MustCompile(`^([A-Za-z.]+)\.as\(([A-Za-z]+)\)((?:\.[a-z][A-Za-z]*)*)$`)
	codingForm  = regexp.MustCompile(`^([A-Za-z.]+)\.where\(([a-z.]+)\.exists\(system='([^']+)' and code='([^']+)'\)\)$`)
	whereForm   = regexp.MustCompile(`^([A-Za-z.]+)\.where\(([a-z]+)='([a-z]+)'\)$`)
	resolveForm = regexp.MustCompile(`^([A-Za-z.]+)\.where\(resolve\(\) is ([A-Za-z]+)\)$`)
	existsForm  = regexp.MustCompile(`^([A-Za-z.]+)\.exists\(\) and ([A-Za-z.]+) != false$`)
)

// compile turns the expression of a parameter into paths.
func compile(p *SearchParameter) ([]Path, error) {
	if len(p.Datatypes) == 0 {
		return nil, fmt.Errorf("no data type")
	}
	var all []Path
	for branch := range strings.SplitSeq(p.Expression, " | ") {
		paths, err := compileBranch(branch, p)
		if err != nil {
			return nil, err
		}
		all = append(all, paths...)
	}
	return all, nil
}

func compileBranch(branch string, p *SearchParameter) ([]Path, error) {
	if plainForm.MatchString(branch) || rootForm.MatchString(branch) {
		return choose(Path{Members: memberNames(branch)}, p), nil
	}
	m := asForm.FindStringSubmatch(branch)
	if m == nil {
		m = asCallForm.FindStringSubmatch(branch)
	}
	if m != nil {
		path := Path{Members: memberNames(m[1]), Datatype: m[2]}
		path.setChoice(m[2])
		if m[3] != "" {
			path.Members = append(path.Members, strings.Split(m[3][1:], ".")...)
			path.Datatype = p.Datatypes[0]
		}
		return []Path{path}, nil
	}
	if m := whereForm.FindStringSubmatch(branch); m != nil {
		return choose(Path{Members: memberNames(m[1]), Where: Condition{Member: m[2], Equals: m[3]}}, p), nil
	}
	if m := codingForm.FindStringSubmatch(branch); m != nil {
		return choose(Path{Members: memberNames(m[1]), Where: Condition{Member: m[2], System: m[3], Equals: m[4]}}, p), nil
	}
	if m := resolveForm.FindStringSubmatch(branch); m != nil {
		return choose(Path{Members: memberNames(m[1]), Where: Condition{Resolves: m[2]}}, p), nil
	}
	if m := existsForm.FindStringSubmatch(branch); m != nil && m[1] == m[2] {
		return choose(Path{Members: memberNames(m[1]), Exists: true}, p), nil
	}
	return nil, fmt.Errorf("expression not understood: %q", branch)
}

// memberNames drops the type that an expression begins with.
func memberNames(path string) []string { return strings.Split(path, ".")[1:] }

// choose makes one path for each type of a choice element that the parameter takes: Observation.effective is effectiveDateTime,
// effectivePeriod... and Consent.source, of a reference, sourceReference.
func choose(path Path, p *SearchParameter) []Path {
	if len(p.Datatypes) == 1 && !p.Choice {
		path.Datatype = p.Datatypes[0]
		return []Path{path}
	}
	var all []Path
	for _, t := range p.Datatypes {
		one := path
		one.Members, one.Datatype = slices.Clone(path.Members), t
		one.setChoice(t)
		all = append(all, one)
	}
	return all
}

// addComponents reads "Observation-value-quantity=value.as(Quantity);...": the parameter that says how a component is compared,
// and where it is.
func (t *Type) addComponents(p *SearchParameter, text string) error {
	for part := range strings.SplitSeq(text, ";") {
		canonical, expression, _ := strings.Cut(part, "=")
		_, name, _ := strings.Cut(canonical, "-")
		known, ok := t.params[name]
		if !ok {
			return fmt.Errorf("component %q is no parameter", name)
		}
		c := Component{Param: known}
		for branch := range strings.SplitSeq(expression, " | ") {
			paths, err := compileBranch(t.Name+"."+branch, known)
			if err != nil {
				return err
			}
			c.Paths = append(c.Paths, paths...)
		}
		p.Components = append(p.Components, c)
	}
	return nil
}

// setChoice writes the last member as JSON does, with its type (FHIR R4 formats.html#choice).
func (p *Path) setChoice(datatype string) {
	last := len(p.Members) - 1
	p.Members[last] += strings.ToUpper(datatype[:1]) + datatype[1:]
}
