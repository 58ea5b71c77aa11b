package storetest

import (
	"regexp"
	"slices"
	"strings"

	"lightbox/fhir"
)

// valuesOf returns what a parameter selects in a resource.
func valuesOf(p *fhir.SearchParameter, body object) []any {
	if tested, _, ok := strings.Cut(p.Expression, ".exists() and "); ok {
		return []any{slices.ContainsFunc(selected(tested, body), func(v any) bool { return v != false })}
	}
	var all []any
	for branch := range strings.SplitSeq(p.Expression, " | ") {
		all = append(all, selected(branch, body)...)
	}
	return all
}

// The forms of a step in R4's search expressions. "(A.b as T).c" is read as A.b.as(T).c.
var (
	castForm     = regexp.MustCompile(`^\(([A-Za-z.]+) as ([A-Za-z]+)\)`)
	stepForm     = regexp.MustCompile(`[a-zA-Z]+(\((?:[^()]|\([^()]*\))*\))?`)
	equalForm    = regexp.MustCompile(`^where\(([a-z]+)='([^']*)'\)$`)
	resolveForm  = regexp.MustCompile(`^where\(resolve\(\) is ([A-Za-z]+)\)$`)
	hasCodeForm  = regexp.MustCompile(`^where\(type\.coding\.exists\(system='([^']*)' and code='([^']*)'\)\)$`)
	castStepForm = regexp.MustCompile(`^as\(([A-Za-z]+)\)$`)
)

// selected evaluates one branch of an expression step by step.
func selected(branch string, body object) []any {
	steps := stepForm.FindAllString(castForm.ReplaceAllString(branch, "$1.as($2)"), -1)
	found := []any{body}
	for i := 1; i < len(steps); i++ { // the first is the type
		switch {
		case strings.HasPrefix(steps[i], "where("):
			found = slices.DeleteFunc(found, func(v any) bool { return !fulfils(steps[i], v) })
		case i+1 < len(steps) && castStepForm.MatchString(steps[i+1]):
			datatype := castStepForm.FindStringSubmatch(steps[i+1])[1]
			found = members(found, steps[i]+strings.ToUpper(datatype[:1])+datatype[1:])
			i++
		default:
			found = members(found, steps[i])
		}
	}
	return found
}

// members returns the members of that name of all elements, of a choice whatever type it has.
func members(elements []any, name string) []any {
	var all []any
	for _, e := range elements {
		of, _ := e.(object)
		for key, v := range of {
			rest, ok := strings.CutPrefix(key, name)
			if !ok || rest != "" && (strings.ToUpper(rest[:1]) != rest[:1] || of[name] != nil || !isChoice(name)) {
				continue
			}
			if list, ok := v.([]any); ok {
				all = append(all, list...)
			} else {
				all = append(all, v)
			}
		}
	}
	return all
}

// isChoice tells the elements of several types that expressions name without one.
func isChoice(name string) bool {
	return slices.Contains([]string{"effective", "performed", "occurred", "value", "onset", "abatement", "deceased", "occurrence", "created"}, name)
}

// fulfils evaluates a where() on one element.
func fulfils(step string, v any) bool {
	element, _ := v.(object)
	if m := equalForm.FindStringSubmatch(step); m != nil {
		return element[m[1]] == m[2]
	}
	if m := resolveForm.FindStringSubmatch(step); m != nil {
		reference, _ := element["reference"].(string)
		return element["type"] == m[1] || strings.Contains("/"+reference, "/"+m[1]+"/")
	}
	m := hasCodeForm.FindStringSubmatch(step)
	return slices.ContainsFunc(members([]any{element["type"]}, "coding"), func(coding any) bool {
		return coding.(object)["system"] == m[1] && coding.(object)["code"] == m[2]
	})
}
