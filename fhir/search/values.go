package search

import (
	"strconv"
	"strings"

	"lightbox/fhir"
)

// values reads the alternatives of one clause: an OR list by commas.
func (p *parser) values(param *fhir.SearchParameter, modifier, list string) ([]Value, error) {
	alternatives := splitEscaped(list, ',')
	if len(alternatives) > MaxAlternatives {
		return nil, fhir.NewError(fhir.TooCostly, "more than "+strconv.Itoa(MaxAlternatives)+" alternatives")
	}
	var all []Value
	for _, text := range alternatives {
		if text == "" {
			return nil, fhir.NewError(fhir.Value, "an empty value")
		}
		if len(text) > MaxValue {
			return nil, fhir.NewError(fhir.TooLong, "a value of more than "+strconv.Itoa(MaxValue)+" bytes")
		}
		values, err := p.value(param, modifier, text)
		if err != nil {
			return nil, err
		}
		all = append(all, values...)
	}
	return all, nil
}

// value reads one alternative. A bare id of a reference stands for one value a target type.
func (p *parser) value(param *fhir.SearchParameter, modifier, text string) ([]Value, error) {
	if Modifier(modifier) == Missing {
		return missingValue(text)
	}
	switch param.Kind {
	case fhir.KindToken:
		return tokenValue(param, text)
	case fhir.KindReference:
		return p.referenceValue(param, modifier, unescape(text))
	case fhir.KindDate:
		return dateValue(unescape(text))
	case fhir.KindURI:
		return []Value{{Hash: Hash(unescape(text))}}, nil
	case fhir.KindString:
		return stringValue(Modifier(modifier), unescape(text))
	}
	return nil, fhir.NewError(fhir.NotSupported, "parameters of type "+string(param.Kind)+" are not served")
}

func missingValue(text string) ([]Value, error) {
	if text != "true" && text != "false" {
		return nil, fhir.NewError(fhir.Value, ":missing takes true or false")
	}
	return []Value{{Missing: text == "true"}}, nil
}

// tokenValue reads code, system|code, system| or |code.
func tokenValue(param *fhir.SearchParameter, text string) ([]Value, error) {
	parts := splitEscaped(text, '|')
	for i := range parts {
		parts[i] = unescape(parts[i])
	}
	datatype := param.Datatypes[0]
	code := foldCode(datatype, parts[len(parts)-1])
	switch {
	case param.Name == "_id":
		return idValue(parts)
	case len(parts) == 1 && datatype == "boolean" && code != "true" && code != "false":
		return nil, fhir.NewError(fhir.Value, "a boolean is true or false")
	case len(parts) == 1:
		return []Value{{Hash: hashCode(code)}}, nil
	case len(parts) > 2:
		return nil, fhir.NewError(fhir.Value, `the forms are code, system|code, system| and |code; a "|" inside is written "\|"`)
	case !hasSystem(param):
		return nil, fhir.NewError(fhir.Value, `"|" is not used here: the element has no system`)
	case parts[0] == "" && code == "":
		return nil, fhir.NewError(fhir.Value, "neither system nor code")
	}
	return []Value{{Hash: HashToken(parts[0], code)}}, nil
}

// hasSystem reports whether the "|" of a token may be used (FHIR R4 search.html#token).
func hasSystem(param *fhir.SearchParameter) bool {
	switch param.Datatypes[0] {
	case "Coding", "CodeableConcept", "Identifier":
		return true
	}
	return param.System != ""
}

func idValue(parts []string) ([]Value, error) {
	if len(parts) != 1 || !fhir.ValidID(parts[0]) {
		return nil, fhir.NewError(fhir.Value, "not a logical id")
	}
	return []Value{{Hash: Hash(parts[0]), Text: parts[0]}}, nil
}

// referenceValue reads an id, Type/id or URL. modifier is a type or nothing.
func (p *parser) referenceValue(param *fhir.SearchParameter, modifier, text string) ([]Value, error) {
	if param.Datatypes[0] == "canonical" {
		return []Value{{Hash: Hash(text)}}, nil
	}
	if fhir.ValidID(text) {
		var all []Value
		for _, target := range p.targets(param, modifier) {
			all = append(all, Value{Hash: Hash(target + "/" + text)})
		}
		return all, nil
	}
	ref, err := fhir.ParseReference(text, p.options.Base)
	if err != nil {
		return nil, err
	}
	switch ref.Kind {
	case fhir.Fragment, fhir.Conditional:
		return nil, fhir.NewError(fhir.Value, "the forms are id, Type/id and URL")
	case fhir.Local:
		if modifier != "" && ref.Type != modifier || !param.MayTarget(ref.Type) {
			return nil, fhir.NewError(fhir.Value, "the parameter does not refer to a "+ref.Type)
		}
	}
	return []Value{{Hash: Hash(ref.Unversioned().String())}}, nil
}

// targets returns the types that a bare id may belong to.
func (p *parser) targets(param *fhir.SearchParameter, modifier string) []string {
	switch {
	case modifier != "":
		return []string{modifier}
	case !param.MayTarget("Any"):
		return param.Targets
	}
	var all []string
	for _, t := range p.registry.Types() {
		all = append(all, t.Name)
	}
	return all
}

// dateValue reads an optional prefix and a date of any precision.
func dateValue(text string) ([]Value, error) {
	v := Value{Prefix: Eq}
	if len(text) > 2 {
		switch prefix := Prefix(text[:2]); prefix {
		case Eq, Ne, Gt, Lt, Ge, Le, Sa, Eb, Ap:
			v.Prefix, text = prefix, text[2:]
		}
	}
	d, err := fhir.ParseSearchDate(text)
	if err != nil {
		return nil, err
	}
	v.Low, v.High = d.Interval()
	return []Value{v}, nil
}

func stringValue(modifier Modifier, text string) ([]Value, error) {
	if modifier == Exact {
		return []Value{{Text: exact(text)}}, nil
	}
	folded := cut(Fold(text))
	if folded == "" {
		return nil, fhir.NewError(fhir.Value, "no letter or digit to search for")
	}
	return []Value{{Text: folded}}, nil
}

// splitEscaped splits at each separator that no backslash escapes (FHIR R4 search.html#escaping). Parts stay escaped.
func splitEscaped(s string, separator byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case separator:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

var unescaper = strings.NewReplacer(`\\`, `\`, `\,`, ",", `\|`, "|", `\$`, "$")

// unescape resolves the four escapes; any other backslash stands for itself.
func unescape(s string) string { return unescaper.Replace(s) }
