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
	t, ok := reg.Type(resourceType)
	if !ok {
		return Query{}, fhir.NewError(fhir.NotSupported, "resource type is not served")
	}
	if err := checkSize(params); err != nil {
		return Query{}, err
	}
	p := parser{registry: reg, resourceType: t, options: o}
	p.query = Query{Type: t.Name, Count: clampCount(o.Count), Total: TotalNone, Given: url.Values{}}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if err := p.parameter(name, params[name]); err != nil {
			return Query{}, named(err, name)
		}
	}
	if len(p.query.Elements) > 0 && p.query.Summary != "" {
		return Query{}, fhir.NewError(fhir.Invalid, "_elements and _summary exclude each other").At("_elements")
	}
	return p.query, nil
}

// parser is one search being read.
type parser struct {
	registry     *fhir.Registry
	resourceType *fhir.Type
	options      Options
	query        Query
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
	base, modifier, _ := strings.Cut(name, ":")
	switch {
	case base == "_format", base == "_pretty":
		return nil
	case base == "":
		return fhir.NewError(fhir.Invalid, "a parameter without a name")
	case base == "_has":
		return fhir.NewError(fhir.NotSupported, "reverse chaining (_has) is not served")
	case strings.Contains(name, "."):
		return fhir.NewError(fhir.NotSupported, "chained parameters are not served")
	}
	if control, ok := controls[base]; ok {
		return p.control(control, name, values)
	}
	param, ok := p.resourceType.Param(base)
	if !ok {
		return p.unknown(name)
	}
	for _, v := range values {
		if err := p.clause(param, modifier, v); err != nil {
			return err
		}
	}
	p.query.Given[name] = slices.Clone(values)
	return nil
}

func (p *parser) unknown(name string) error {
	if p.options.Strict {
		return fhir.NewError(fhir.NotSupported, "unknown search parameter")
	}
	p.query.Ignored = append(p.query.Ignored, name)
	return nil
}

// clause reads one parameter with its modifier and OR list.
func (p *parser) clause(param *fhir.SearchParameter, modifier, list string) error {
	if err := p.checkModifier(param, modifier); err != nil {
		return err
	}
	values, err := p.values(param, modifier, list)
	if err != nil {
		return err
	}
	c := Clause{Param: param, Modifier: Modifier(modifier), Values: values}
	if param.Kind == fhir.KindReference && c.Modifier != Missing {
		c.Modifier = None // the type has gone into the values
	}
	if c.Modifier == Missing && len(values) > 1 {
		return fhir.NewError(fhir.Value, ":missing takes one value")
	}
	p.query.Where = append(p.query.Where, c)
	return nil
}

// checkModifier refuses what is not served: to leave a modifier out would turn the question into another.
func (p *parser) checkModifier(param *fhir.SearchParameter, modifier string) error {
	switch {
	case modifier == "", Modifier(modifier) == Missing:
		return nil
	case Modifier(modifier) == Exact && param.Kind == fhir.KindString:
		return nil
	case param.Kind == fhir.KindReference && param.Datatypes[0] == "Reference" && param.MayTarget(modifier):
		return nil
	}
	return fhir.NewError(fhir.NotSupported, "this modifier is not served on a "+string(param.Kind)+" parameter")
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
