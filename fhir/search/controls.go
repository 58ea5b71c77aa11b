package search

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"lightbox/fhir"
)

// control is a parameter that steers the result rather than selects (FHIR R4 search.html#return), or selects by what is not indexed.
type control struct {
	read     func(p *parser, value string) error // nil: the parameter is not served
	repeats  bool
	iterates bool // takes :iterate
}

var controls = map[string]control{
	"_count":         {read: (*parser).count},
	"_elements":      {read: (*parser).elements},
	"_include":       {read: (*parser).include, repeats: true, iterates: true},
	"_page":          {read: (*parser).page},
	"_revinclude":    {read: (*parser).revInclude, repeats: true, iterates: true},
	"_sort":          {read: (*parser).sort},
	"_summary":       {read: (*parser).summary},
	"_total":         {read: (*parser).total},
	"_contained":     {},
	"_containedType": {},
	"_content":       {},
	"_filter":        {},
	"_query":         {},
	"_text":          {},
	"_type":          {read: (*parser).typed, repeats: true},
}

// ResultParameter tells of one parameter that is no search parameter of a type.
type ResultParameter struct {
	Name     string
	Served   bool // otherwise it is refused, not ignored: the answer would be another
	Repeats  bool
	Iterates bool // takes :iterate
}

// ResultParameters returns them in alphabetical order, but for the page of a next link, which is for nobody to write.
func ResultParameters() []ResultParameter {
	var all []ResultParameter
	for _, name := range slices.Sorted(maps.Keys(controls)) {
		if c := controls[name]; name != pageParameter {
			all = append(all, ResultParameter{Name: name, Served: c.read != nil, Repeats: c.repeats, Iterates: c.iterates})
		}
	}
	return all
}

// control reads the values of one control. R4 has one modifier here: _include:iterate, and its former name.
func (p *parser) control(c control, name string, values []string) error {
	base, modifier, _ := strings.Cut(name, ":")
	if c.read == nil {
		return fhir.NewError(fhir.NotSupported, "this parameter is not served")
	}
	p.iterate = c.iterates && (modifier == "iterate" || modifier == "recurse")
	if base != name && !p.iterate {
		return fhir.NewError(fhir.NotSupported, "this modifier is not served")
	}
	if len(values) > 1 && !c.repeats {
		return fhir.NewError(fhir.Invalid, "the parameter stands more than once")
	}
	for _, v := range values {
		if v == "" {
			return fhir.NewError(fhir.Value, "an empty value")
		}
		if err := c.read(p, v); err != nil {
			return err
		}
	}
	if name != pageParameter {
		p.query.Given[name] = slices.Clone(values)
	}
	return nil
}

// count reads _count; 0 asks for the number of matches alone.
func (p *parser) count(value string) error {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		return fhir.NewError(fhir.Value, "not a whole number from 0 to 2147483647")
	}
	if n == 0 {
		p.query.Summary = "count"
		return nil
	}
	p.query.Count, p.query.Clamped = clampCount(int(n)), n > MaxCount
	return nil
}

// clampCount keeps a page size between 1 and MaxCount.
func clampCount(n int) int {
	if n <= 0 {
		return defaultCount
	}
	return min(n, MaxCount)
}

var elementPattern = regexp.MustCompile(`^[a-z][A-Za-z0-9]{0,63}$`)

func (p *parser) elements(value string) error {
	for name := range strings.SplitSeq(value, ",") {
		if !elementPattern.MatchString(name) {
			return fhir.NewError(fhir.Value, "not a list of top-level element names")
		}
		p.query.Elements = append(p.query.Elements, name)
	}
	return nil
}

func (p *parser) page(value string) error {
	p.query.Page = value
	return nil
}

func (p *parser) summary(value string) error {
	switch value {
	case "count", "true", "text", "data":
		p.query.Summary = value
	case "false":
	default:
		return fhir.NewError(fhir.Value, "the values are true, text, data, count and false")
	}
	return nil
}

// typed is read before the other parameters: see narrowed.
func (p *parser) typed(string) error {
	if !p.union {
		return fhir.NewError(fhir.Invalid, "the resource type stands in the URL already")
	}
	return nil
}

func (p *parser) total(value string) error {
	switch t := Total(value); t {
	case TotalNone, TotalEstimate, TotalAccurate:
		p.query.Total = t
		return nil
	}
	return fhir.NewError(fhir.Value, "the values are none, estimate and accurate")
}

// sort reads the keys of _sort, each for every part.
func (p *parser) sort(value string) error {
	keys := strings.Split(value, ",")
	if len(keys) > MaxSort {
		return fhir.NewError(fhir.TooCostly, "more than "+strconv.Itoa(MaxSort)+" keys")
	}
	for i, t := range p.types {
		for _, key := range keys {
			s, err := sortBy(t, key)
			if err != nil {
				return err
			}
			if slices.ContainsFunc(p.parts[i].Sort, func(o Sort) bool { return o.By == s.By }) {
				return fhir.NewError(fhir.Value, "a key stands twice")
			}
			p.parts[i].Sort = append(p.parts[i].Sort, s)
		}
	}
	if len(p.types) > 0 {
		p.query.Sort = p.parts[0].Sort
	}
	return nil
}

func sortBy(t *fhir.Type, key string) (Sort, error) {
	s := Sort{By: strings.TrimPrefix(key, "-"), Desc: strings.HasPrefix(key, "-")}
	param, ok := t.Param(s.By)
	switch {
	case !ok:
		return s, fhir.NewError(fhir.Value, "not a search parameter of "+t.Name)
	case !Sortable(param):
		return s, fhir.NewError(fhir.NotSupported, "there is no order to sort by in a "+string(param.Kind)+" parameter")
	case !storeKnows(param):
		s.Param = param
	}
	return s, nil
}

// Sortable reports whether _sort takes the parameter.
func Sortable(p *fhir.SearchParameter) bool {
	return p.Kind != fhir.KindComposite && p.Kind != fhir.KindSpecial
}

// include reads _include: "*", Type:*, Type:param or Type:param:target. Without :iterate the source is a type that is searched.
func (p *parser) include(value string) error {
	if value == "*" || value == "*:*" {
		p.query.Include = appendNew(p.query.Include, Include{Iterate: p.iterate})
		return nil
	}
	i, err := p.includeOf(value)
	if err != nil {
		return err
	}
	if !p.iterate && !p.searches(i.Source) {
		return fhir.NewError(fhir.Value, "the source is not the type that is searched; _include:iterate goes on from what is included")
	}
	p.query.Include = appendNew(p.query.Include, i)
	return nil
}

func (p *parser) searches(resourceType string) bool {
	return slices.ContainsFunc(p.types, func(t *fhir.Type) bool { return t.Name == resourceType })
}

// revInclude reads _revinclude: "*", Type:* or Type:param, optionally with the type that is referred to.
func (p *parser) revInclude(value string) error {
	if value == "*" || value == "*:*" {
		p.query.RevInclude = appendNew(p.query.RevInclude, Include{Iterate: p.iterate})
		return nil
	}
	i, err := p.includeOf(value)
	if err != nil {
		return err
	}
	refers := func(t *fhir.Type) bool {
		return (i.Target == "" || i.Target == t.Name) && (i.Param == nil || i.Param.MayTarget(t.Name))
	}
	if !p.iterate && !slices.ContainsFunc(p.types, refers) {
		return fhir.NewError(fhir.Value, "the parameter does not refer to a type that is searched")
	}
	p.query.RevInclude = appendNew(p.query.RevInclude, i)
	return nil
}

// includeOf reads source:parameter[:target].
func (p *parser) includeOf(value string) (Include, error) {
	parts := strings.Split(value, ":")
	if len(parts) < 2 || len(parts) > 3 {
		return Include{}, fhir.NewError(fhir.Value, "the form is Type:parameter or Type:parameter:target")
	}
	source, ok := p.registry.Type(parts[0])
	if !ok {
		return Include{}, fhir.NewError(fhir.Value, "the source is no resource type that is served")
	}
	i := Include{Source: source.Name, Iterate: p.iterate}
	if parts[1] != "*" {
		i.Param, ok = source.Param(parts[1])
		if !ok || i.Param.Kind != fhir.KindReference {
			return Include{}, fhir.NewError(fhir.Value, "no reference parameter of "+source.Name)
		}
	}
	if len(parts) == 3 {
		i.Target = parts[2]
		if _, served := p.registry.Type(i.Target); !served || i.Param != nil && !i.Param.MayTarget(i.Target) {
			return Include{}, fhir.NewError(fhir.Value, "the parameter does not refer to that target type")
		}
	}
	return i, nil
}

func appendNew(all []Include, i Include) []Include {
	if slices.Contains(all, i) {
		return all
	}
	return append(all, i)
}
