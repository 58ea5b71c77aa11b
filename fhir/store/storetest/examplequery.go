package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lightbox/fhir"
)

// queryFor writes the search that finds a value of an example, going by the parameter's kind and the value's shape. Not ok for what
// cannot be searched: a contained reference, a concept without a code.
func queryFor(p *fhir.SearchParameter, v any) (string, bool) {
	element, _ := v.(object)
	switch p.Kind {
	case fhir.KindToken:
		return tokenQuery(v)
	case fhir.KindReference:
		reference := textOf(v, element["reference"])
		return escaped(reference), reference != "" && !strings.HasPrefix(reference, "#")
	case fhir.KindDate:
		return dateQuery(v)
	case fhir.KindString:
		text := textOf(v, element["family"], element["city"], element["text"])
		return escaped(start(text)), strings.ContainsFunc(text, func(r rune) bool { return r > ' ' })
	case fhir.KindURI:
		return escaped(textOf(v)), true
	case fhir.KindNumber:
		return fmt.Sprint(v), true
	case fhir.KindQuantity:
		return quantityQuery(element)
	case fhir.KindComposite:
		return compositeQuery(p, element)
	}
	return fmt.Sprintf("%v|%v|1|km", element["latitude"], element["longitude"]), true
}

// textOf is the first that is a text.
func textOf(all ...any) string {
	for _, v := range all {
		if text, ok := v.(string); ok {
			return text
		}
	}
	return ""
}

// start cuts a text that is long: a string is found by its beginning.
func start(text string) string {
	runes := []rune(text)
	return string(runes[:min(len(runes), 60)])
}

var escapes = strings.NewReplacer(`\`, `\\`, ",", `\,`, "|", `\|`, "$", `\$`)

func escaped(text string) string { return escapes.Replace(text) }

func tokenQuery(v any) (string, bool) {
	element, ok := v.(object)
	if !ok {
		return escaped(fmt.Sprint(v)), true
	}
	for _, coding := range members([]any{element}, "coding") {
		return tokenQuery(coding)
	}
	system, code := textOf(element["system"]), textOf(element["code"], element["value"])
	if slices.Contains([]string{"phone", "fax", "email", "pager", "url", "sms", "other"}, system) { // of a ContactPoint
		return escaped(code), code != ""
	}
	return escaped(system) + "|" + escaped(code), code != ""
}

// dateQuery asks for the time as it is written, or for a period that holds a time that the element states.
func dateQuery(v any) (string, bool) {
	if text, ok := v.(string); ok {
		return text, strings.ContainsAny(text[:1], "12")
	}
	element, _ := v.(object)
	for _, bounds := range members(members([]any{element}, "repeat"), "boundsPeriod") { // of a Timing
		element = bounds.(object)
	}
	at := textOf(append([]any{element["start"], element["end"]}, members([]any{element}, "event")...)...)
	return "ap" + at, at != ""
}

func quantityQuery(element object) (string, bool) {
	if low, ok := element["low"].(object); ok { // of a Range
		return fmt.Sprint("ge", low["value"]), true
	}
	_, ok := element["value"].(json.Number)
	query := fmt.Sprint(element["value"])
	if code := textOf(element["code"]); code != "" {
		query += "|" + escaped(textOf(element["system"])) + "|" + escaped(code)
	}
	return query, ok && element["comparator"] == nil
}

// compositeQuery joins the first value of each component.
func compositeQuery(p *fhir.SearchParameter, element object) (string, bool) {
	var parts []string
	for _, c := range p.Components {
		found := []any{element}
		for _, name := range c.Paths[0].Members {
			found = members(found, name)
		}
		if len(found) == 0 {
			return "", false
		}
		query, ok := queryFor(c.Param, found[0])
		if !ok {
			return "", false
		}
		parts = append(parts, query)
	}
	return strings.Join(parts, "$"), true
}

// anotherFor writes a search of the same kind that finds other values.
func anotherFor(p *fhir.SearchParameter, v any) string {
	switch p.Kind {
	case fhir.KindToken:
		if is, ok := v.(bool); ok {
			return fmt.Sprint(!is)
		}
	case fhir.KindReference:
		return targetOf(p, p.Paths[0]) + "/nobody"
	case fhir.KindDate:
		return "eb1066-10-14"
	case fhir.KindNumber, fhir.KindQuantity:
		return "123456789"
	case fhir.KindSpecial:
		return "-89|0|1|km"
	case fhir.KindComposite:
		var parts []string
		for _, c := range p.Components {
			parts = append(parts, anotherFor(c.Param, nil))
		}
		return strings.Join(parts, "$")
	}
	return "nothing-of-the-kind"
}
