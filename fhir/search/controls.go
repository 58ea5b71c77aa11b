package search

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"lightbox/fhir"
)

// control is a parameter that steers the result rather than selects (FHIR R4 search.html#return).
type control struct {
	read    func(p *parser, value string) error
	repeats bool
}

var controls = map[string]control{
	"_count":         {read: (*parser).count},
	"_elements":      {read: (*parser).elements},
	"_include":       {read: (*parser).include, repeats: true},
	"_page":          {read: (*parser).page},
	"_revinclude":    {read: (*parser).revInclude, repeats: true},
	"_sort":          {read: (*parser).sort},
	"_summary":       {read: (*parser).summary},
	"_total":         {read: (*parser).total},
	"_contained":     {read: notServed},
	"_containedType": {read: notServed},
	"_content":       {read: notServed},
	"_filter":        {read: notServed},
	"_list":          {read: notServed},
	"_query":         {read: notServed},
	"_text":          {read: notServed},
	"_type":          {read: notServed},
}

func notServed(*parser, string) error {
	return fhir.NewError(fhir.NotSupported, "this parameter is not served")
}

// control reads the values of one control. A modifier (_include:iterate) is not served.
func (p *parser) control(c control, name string, values []string) error {
	if strings.Contains(name, ":") {
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
	p.query.Count = clampCount(int(n))
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
	case "count":
		p.query.Summary = value
	case "false":
	case "true", "text", "data":
		return fhir.NewError(fhir.NotSupported, "count and false are served")
	default:
		return fhir.NewError(fhir.Value, "the values are true, text, data, count and false")
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

// sort reads the keys of _sort. Tokens, references and URIs are indexed as hashes, which have no order worth sorting by.
func (p *parser) sort(value string) error {
	keys := strings.Split(value, ",")
	if len(keys) > MaxSort {
		return fhir.NewError(fhir.TooCostly, "more than "+strconv.Itoa(MaxSort)+" keys")
	}
	for _, key := range keys {
		s := Sort{By: strings.TrimPrefix(key, "-"), Desc: strings.HasPrefix(key, "-")}
		param, ok := p.resourceType.Param(s.By)
		switch {
		case !ok:
			return fhir.NewError(fhir.Value, "not a search parameter of "+p.resourceType.Name)
		case slices.ContainsFunc(p.query.Sort, func(o Sort) bool { return o.By == s.By }):
			return fhir.NewError(fhir.Value, "a key stands twice")
		case !storeKnows(param) && !Sortable(param):
			return fhir.NewError(fhir.NotSupported, "sorting is served by date and string parameters, _id and _lastUpdated")
		case !storeKnows(param):
			s.Param = param
		}
		p.query.Sort = append(p.query.Sort, s)
	}
	return nil
}

// Sortable reports whether _sort takes the parameter.
func Sortable(p *fhir.SearchParameter) bool {
	return storeKnows(p) || p.Kind == fhir.KindDate || p.Kind == fhir.KindString
}

// include reads _include: "*", Type:*, Type:param or Type:param:target, Type being the one searched.
func (p *parser) include(value string) error {
	if value == "*" {
		value = p.resourceType.Name + ":*"
	}
	i, err := p.includeOf(value)
	if err != nil {
		return err
	}
	if i.Source != p.resourceType.Name {
		return fhir.NewError(fhir.NotSupported, "one level is served: the source is "+p.resourceType.Name)
	}
	p.query.Include = appendNew(p.query.Include, i)
	return nil
}

// revInclude reads _revinclude: Type:* or Type:param, optionally with the searched type as target.
func (p *parser) revInclude(value string) error {
	if value == "*" || value == "*:*" {
		return fhir.NewError(fhir.NotSupported, "name the resource type to include: Type:*")
	}
	i, err := p.includeOf(value)
	if err != nil {
		return err
	}
	searched := p.resourceType.Name
	if i.Target != "" && i.Target != searched || i.Param != nil && !i.Param.MayTarget(searched) {
		return fhir.NewError(fhir.Value, "the parameter does not refer to a "+searched)
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
	i := Include{Source: source.Name}
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
