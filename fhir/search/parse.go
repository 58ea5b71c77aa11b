package search

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"lightbox/fhir"
)

// What one search may hold. Beyond it the answer is an error and no work.
const (
	MaxParameters   = 64       // counting each repetition
	MaxAlternatives = 500      // of one OR list
	MaxValue        = 2048     // bytes of one alternative
	MaxQuery        = 64 << 10 // bytes of all names and values
	MaxSort         = 8        // keys of _sort
	defaultCount    = 20       // page size
	pageParameter   = "_page"  // the cursor of a next link
)

// Parse reads the parameters of a search on one type. Errors are *fhir.Error that name the parameter. A parameter that
// is unknown is left out and listed in Ignored, or with Strict an error; one whose name is known and whose value or
// modifier is not understood is always an error, an empty value included: leaving it out would widen the answer.
func Parse(reg *fhir.Registry, resourceType string, params url.Values, o Options) (Query, error) {
	return parse(reg, []string{resourceType}, params, o, false)
}

// ParseAll reads the parameters of a search on several types (FHIR R4 search.html#all-types), which _type may narrow. A
// parameter counts that each of the types has.
func ParseAll(reg *fhir.Registry, resourceTypes []string, params url.Values, o Options) (Query, error) {
	types, err := narrowed(reg, resourceTypes, params["_type"])
	if err != nil {
		return Query{}, named(err, "_type")
	}
	return parse(reg, types, params, o, true)
}

// narrowed returns the types that _type leaves.
func narrowed(reg *fhir.Registry, all, lists []string) ([]string, error) {
	for _, list := range lists {
		wanted := strings.Split(list, ",")
		for _, name := range wanted {
			if _, ok := reg.Type(name); !ok {
				return nil, fhir.NewError(fhir.Value, "not a resource type that is served")
			}
		}
		all = slices.DeleteFunc(slices.Clone(all), func(t string) bool { return !slices.Contains(wanted, t) })
	}
	return all, nil
}

func parse(reg *fhir.Registry, names []string, params url.Values, o Options, union bool) (Query, error) {
	if err := checkSize(params); err != nil {
		return Query{}, err
	}
	p := parser{registry: reg, options: o, union: union}
	p.query = Query{Count: clampCount(o.Count), Total: TotalNone, Given: url.Values{}}
	for _, name := range names {
		t, ok := reg.Type(name)
		if !ok {
			return Query{}, fhir.NewError(fhir.NotSupported, "resource type is not served")
		}
		p.types = append(p.types, t)
		p.parts = append(p.parts, Query{Type: t.Name})
	}
	if err := p.read(params); err != nil {
		return Query{}, err
	}
	return p.whole()
}

// parser is one search being read.
type parser struct {
	registry *fhir.Registry
	types    []*fhir.Type
	parts    []Query // one for each type
	union    bool
	options  Options
	query    Query
	iterate  bool // the _include that is being read has :iterate
}

func (p *parser) read(params url.Values) error {
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if err := p.parameter(name, params[name]); err != nil {
			return named(err, name)
		}
	}
	if len(p.query.Elements) > 0 && p.query.Summary != "" {
		return fhir.NewError(fhir.Invalid, "_elements and _summary exclude each other").At("_elements")
	}
	return nil
}

// whole puts the parts together, each within the compartment.
func (p *parser) whole() (Query, error) {
	if p.options.Compartment != nil {
		for i, t := range p.types {
			c, err := p.compartment(t)
			if err != nil {
				return Query{}, err
			}
			p.parts[i].Where = append(p.parts[i].Where, c)
		}
	}
	if p.union {
		p.query.Union = p.parts
		return p.query, nil
	}
	p.query.Type, p.query.Where, p.query.Sort = p.parts[0].Type, p.parts[0].Where, p.parts[0].Sort
	return p.query, nil
}

func checkSize(params url.Values) error {
	count, size := 0, 0
	for name, values := range params {
		for _, v := range values {
			count, size = count+1, size+len(name)+len(v)
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) || !utf8.ValidString(name) {
				return fhir.NewError(fhir.Value, "a parameter that is not UTF-8 text")
			}
		}
	}
	if count > MaxParameters || size > MaxQuery {
		return fhir.NewError(fhir.TooCostly, "a search takes at most "+strconv.Itoa(MaxParameters)+" parameters of together "+
			strconv.Itoa(MaxQuery)+" bytes")
	}
	return nil
}

// named makes err an *fhir.Error that names the parameter.
func named(err error, parameter string) error {
	var e *fhir.Error
	if errors.As(err, &e) {
		return e.At(parameter)
	}
	return fhir.NewError(fhir.Value, "not understood").At(parameter).Because(err)
}

// parameter reads all values of one parameter name.
func (p *parser) parameter(name string, values []string) error {
	base, _, _ := strings.Cut(name, ":")
	switch base {
	case "_format", "_pretty":
		return nil
	case "":
		return fhir.NewError(fhir.Invalid, "a parameter without a name")
	}
	if control, ok := controls[base]; ok {
		return p.control(control, name, values)
	}
	for _, v := range values {
		err := p.add(name, v)
		if errors.Is(err, errUnknown) {
			return p.unknown(name)
		}
		if err != nil {
			return err
		}
	}
	p.query.Given[name] = slices.Clone(values)
	return nil
}

// add puts one parameter to each part, or to none.
func (p *parser) add(name, value string) error {
	clauses := make([]Clause, len(p.types))
	for i, t := range p.types {
		c, err := p.clause(t, name, value, 0)
		if err != nil {
			return err
		}
		clauses[i] = c
	}
	for i, c := range clauses {
		p.parts[i].Where = append(p.parts[i].Where, c)
	}
	return nil
}

func (p *parser) unknown(name string) error {
	if p.options.Strict {
		return errUnknown
	}
	p.query.Ignored = append(p.query.Ignored, name)
	return nil
}

// plain reads a modifier and an OR list.
func (p *parser) plain(param *fhir.SearchParameter, modifier Modifier, list string) (Clause, error) {
	if err := checkModifier(param, modifier); err != nil {
		return Clause{}, err
	}
	values, err := p.values(param, modifier, list)
	if err != nil {
		return Clause{}, err
	}
	c := Clause{Param: param, Modifier: modifier, Values: values}
	if param.Kind == fhir.KindReference && modifier != Missing && modifier != Identifier {
		c.Modifier = None // the type has gone into the values
	}
	if param.Kind == fhir.KindURI && modifier == Above {
		c.Modifier = None // the values are all that lies above
	}
	if c.Modifier == Missing && len(values) > 1 {
		return Clause{}, fhir.NewError(fhir.Value, ":missing takes one value")
	}
	return c, nil
}

// checkModifier refuses what is not served: to leave a modifier out would turn the question into another.
func checkModifier(param *fhir.SearchParameter, modifier Modifier) error {
	if slices.Contains(Modifiers(param), modifier) || modifier == None {
		return nil
	}
	if param.Kind == fhir.KindReference && param.Datatypes[0] == "Reference" && param.MayTarget(string(modifier)) &&
		fhir.IsResourceType(string(modifier)) {
		return nil
	}
	return fhir.NewError(fhir.NotSupported, "this modifier is not served on a "+string(param.Kind)+" parameter")
}

// Modifiers returns the modifiers that a parameter takes, beside the types of a reference (FHIR R4 search.html#modifiers). :in,
// :not-in, and :above and :below of codes want a terminology server, which this is not.
func Modifiers(param *fhir.SearchParameter) []Modifier {
	switch param.Kind {
	case fhir.KindString:
		return []Modifier{Missing, Exact, Contains}
	case fhir.KindToken:
		all := []Modifier{Missing, Not}
		if slices.ContainsFunc(param.Datatypes, hasText) {
			all = append(all, Text)
		}
		if slices.Contains(param.Datatypes, "Identifier") {
			all = append(all, OfType)
		}
		return all
	case fhir.KindReference:
		if param.Datatypes[0] == "Reference" {
			return []Modifier{Missing, Identifier}
		}
	case fhir.KindURI:
		return []Modifier{Missing, Above, Below}
	case fhir.KindComposite:
		return nil
	}
	return []Modifier{Missing}
}

// hasText reports whether a token's data type has a text beside its code.
func hasText(datatype string) bool {
	return datatype == "CodeableConcept" || datatype == "Coding" || datatype == "Identifier"
}

// Encode returns the parameters that were understood: they parse to the same query. It is what a self link states.
// The page, and what concerns the response's form alone (_format, _pretty), are left to the caller.
func (q Query) Encode() url.Values {
	all := make(url.Values, len(q.Given))
	for name, values := range q.Given {
		all[name] = slices.Clone(values)
	}
	return all
}
