package naive

import (
	"net/url"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"lightbox/fhir"
)

// Query draws a search on one of Types: up to three parameters of any kind, with prefixes, modifiers, chains and _has, and at
// times an order. known are the references that ids are drawn from, as for Resource. It is always one that is served.
func Query(t *rapid.T, resourceType string, known []string) url.Values {
	g := generator{t, known}
	query := url.Values{}
	for range pick(g, []int{1, 1, 1, 2, 0, 3}) {
		name, value := g.condition(resourceType, 2)
		query.Add(name, value)
	}
	if keys := g.sortKeys(resourceType); keys != "" {
		query.Set("_sort", keys)
	}
	return query
}

// condition draws the name and value of one parameter, with at most so many steps to other resources.
func (g generator) condition(resourceType string, steps int) (name, value string) {
	t, _ := fhir.R4().Type(resourceType)
	if steps > 0 && g.oneIn(8) {
		if name, value, ok := g.has(t, steps); ok {
			return name, value
		}
	}
	if g.oneIn(25) {
		return "_list", g.list(g.idsOf("List"))
	}
	p := g.param(t)
	if p.Kind == fhir.KindReference && steps > 0 && g.oneIn(3) {
		if name, value, ok := g.chain(p, steps); ok {
			return name, value
		}
	}
	return g.clause(p)
}

// param draws a parameter, at times by its kind first: there are many tokens and few quantities.
func (g generator) param(t *fhir.Type) *fhir.SearchParameter {
	if !g.oneIn(3) {
		return evenly(g, t.Params())
	}
	by := map[fhir.Kind][]*fhir.SearchParameter{}
	var kinds []fhir.Kind
	for _, p := range t.Params() {
		if by[p.Kind] == nil {
			kinds = append(kinds, p.Kind)
		}
		by[p.Kind] = append(by[p.Kind], p)
	}
	return evenly(g, by[evenly(g, kinds)])
}

// chain draws parameter:Type.rest, without the type where it can be told, and at times where it cannot.
func (g generator) chain(p *fhir.SearchParameter, steps int) (name, value string, ok bool) {
	targets := targetsOf(p)
	if len(targets) == 0 || slices.Contains(p.Datatypes, "canonical") {
		return "", "", false
	}
	target := pick(g, targets)
	name, value = g.condition(target, steps-1)
	if len(targets) == 1 && g.oneIn(2) || !strings.HasPrefix(name, "_has") && g.oneIn(4) {
		return p.Name + "." + name, value, true
	}
	return p.Name + ":" + target + "." + name, value, true
}

// has draws _has:Type:parameter:rest.
func (g generator) has(t *fhir.Type, steps int) (name, value string, ok bool) {
	var by []*fhir.SearchParameter
	for _, name := range Types {
		source, _ := fhir.R4().Type(name)
		for _, p := range source.Params() {
			if slices.Contains(p.Targets, t.Name) || name == "List" && p.Name == "item" {
				by = append(by, p)
			}
		}
	}
	if len(by) == 0 {
		return "", "", false
	}
	p := evenly(g, by)
	name, value = g.condition(p.Type, steps-1)
	return "_has:" + p.Type + ":" + p.Name + ":" + name, value, true
}

// clause draws a parameter of the resource itself.
func (g generator) clause(p *fhir.SearchParameter) (name, value string) {
	if p.Kind != fhir.KindComposite && g.oneIn(8) {
		return p.Name + ":missing", pick(g, []string{"true", "false"})
	}
	modifier := pick(g, modifiersOf(p))
	ask := g.alternative(p, modifier)
	if modifier != "" {
		modifier = ":" + modifier
	}
	return p.Name + modifier, g.list(ask)
}

// modifiersOf returns what a parameter may have, none of them most often.
func modifiersOf(p *fhir.SearchParameter) []string {
	none := []string{"", "", ""}
	switch {
	case p.Name == "_id":
		return none
	case p.Kind == fhir.KindString:
		return append(none, "exact", "contains")
	case p.Kind == fhir.KindURI:
		return append(none, "below", "above")
	case p.Kind == fhir.KindToken && slices.Contains(p.Datatypes, "Identifier"):
		return append(none, "not", "text", "of-type")
	case p.Kind == fhir.KindToken && (slices.Contains(p.Datatypes, "CodeableConcept") || slices.Contains(p.Datatypes, "Coding")):
		return append(none, "not", "text")
	case p.Kind == fhir.KindToken:
		return append(none, "not")
	case p.Kind == fhir.KindReference && !slices.Contains(p.Datatypes, "canonical"):
		types := targetsOf(p)
		return append(append(none, "identifier"), types[:min(2, len(types))]...)
	}
	return none
}

// list joins one to three alternatives to an OR list.
func (g generator) list(draw func() string) string {
	var all []string
	for range rapid.IntRange(1, 3).Draw(g.t, "alternatives") {
		all = append(all, draw())
	}
	return strings.Join(all, ",")
}

// idsOf draws ids of the types, one that is unknown among them.
func (g generator) idsOf(types ...string) func() string {
	return func() string {
		ids := []string{"gone"}
		for _, ref := range g.known {
			if resourceType, id, _ := strings.Cut(ref, "/"); slices.Contains(types, resourceType) {
				ids = append(ids, id, id)
			}
		}
		return pick(g, ids)
	}
}

// sortKeys draws up to two keys of _sort.
func (g generator) sortKeys(resourceType string) string {
	t, _ := fhir.R4().Type(resourceType)
	params := slices.DeleteFunc(t.Params(), func(p *fhir.SearchParameter) bool {
		return p.Kind == fhir.KindComposite || p.Kind == fhir.KindSpecial
	})
	var keys, names []string
	for range rapid.IntRange(0, 2).Draw(g.t, "keys") {
		name := evenly(g, params).Name
		if slices.Contains(names, name) {
			continue
		}
		names = append(names, name)
		keys = append(keys, pick(g, []string{"", "-"})+name)
	}
	return strings.Join(keys, ",")
}
