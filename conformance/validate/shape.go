package validate

import (
	"fmt"
	"slices"
	"strings"

	"lightbox/fhir"
)

// shape checks what R4's JSON form forbids whatever the element (json.html) and google/fhir lets pass, and mends in the copy
// what R4 allows and google/fhir refuses.
type shape struct {
	findings []*fhir.Error
	moved    map[string]string // expression in the mended copy -> expression in what was sent
}

func (s *shape) add(at, detail string) {
	if len(s.findings) < maxFindings {
		s.findings = append(s.findings, fhir.NewError(fhir.Structure, detail).At(at))
	}
}

func (s *shape) object(at string, o map[string]any, depth int) {
	if depth > maxDepth {
		s.add("", "elements are nested too deeply")
		return
	}
	if len(o) == 0 {
		s.add(at, "an element is empty")
	}
	for name := range o {
		if s.isArrayWithNull(o, name) {
			s.mend(at, o, strings.TrimPrefix(name, "_"))
		}
	}
	for name, value := range o {
		if !isElementName(name) {
			s.add(at, "unknown element"+quotedName(name)) // google/fhir takes "Status" for "status"
			continue
		}
		s.value(at+"."+strings.TrimPrefix(name, "_"), value, depth+1)
	}
}

func (s *shape) value(at string, value any, depth int) {
	switch v := value.(type) {
	case nil:
		s.add(at, "null stands where a value must be")
	case string:
		if v == "" {
			s.add(at, "a string is empty")
		}
	case map[string]any:
		s.object(at, v, depth)
	case []any:
		if len(v) == 0 {
			s.add(at, "an array is empty")
		}
		for i, item := range v {
			s.value(fmt.Sprintf("%s[%d]", at, i), item, depth)
		}
	}
}

// isArrayWithNull reports whether a member is an array in which null holds a place.
func (s *shape) isArrayWithNull(o map[string]any, name string) bool {
	list, _ := o[name].([]any)
	for _, item := range list {
		if item == nil {
			return true
		}
	}
	return false
}

// mend joins the arrays of a repeating primitive, its values and its extensions, into one without null (json.html#primitive): each
// place holds the value or, where there is none, the extensions; extensions of a place that has a value follow behind.
func (s *shape) mend(at string, o map[string]any, name string) {
	values, _ := o[name].([]any)
	extensions, _ := o["_"+name].([]any)
	if values != nil && extensions != nil && len(values) != len(extensions) {
		s.add(at+"."+name, "the arrays of values and of their extensions differ in length")
		delete(o, name)
		delete(o, "_"+name)
		return
	}
	if slices.ContainsFunc(values, isComposite) {
		return // no primitives: the nulls stay, and are findings
	}
	filler := firstPresent(values)
	if filler == nil {
		filler = firstPresent(extensions)
	}
	var joined, behind []any
	for i := range max(len(values), len(extensions)) {
		value, extension := item(values, i), item(extensions, i)
		switch {
		case value == nil && extension == nil:
			value = filler // without meaning, and harmless
		case value == nil:
			value = extension
		case extension != nil:
			n := max(len(values), len(extensions)) + len(behind)
			s.moved[fmt.Sprintf("%s.%s[%d]", at, name, n)] = fmt.Sprintf("%s.%s[%d]", at, name, i)
			behind = append(behind, extension)
		}
		joined = append(joined, value)
	}
	delete(o, "_"+name)
	o[name] = append(joined, behind...)
}

// isComposite reports whether an item of an array is an object or an array.
func isComposite(value any) bool {
	switch value.(type) {
	case map[string]any, []any:
		return true
	}
	return false
}

// firstPresent returns the first item that is not null, and nil when there is none.
func firstPresent(list []any) any {
	if i := slices.IndexFunc(list, func(v any) bool { return v != nil }); i >= 0 {
		return list[i]
	}
	return nil
}

func item(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// rename gives findings the expressions of what was sent.
func (s *shape) rename(findings []*fhir.Error) []*fhir.Error {
	for i, f := range findings {
		for from, to := range s.moved {
			if rest, ok := strings.CutPrefix(f.Expression, from); ok {
				findings[i] = f.At(to + rest)
			}
		}
	}
	return findings
}
