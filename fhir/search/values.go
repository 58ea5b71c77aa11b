package search

import (
	"slices"
	"strconv"
	"strings"

	"lightbox/fhir"
)

// values reads the alternatives of one clause: an OR list by commas.
func (p *parser) values(param *fhir.SearchParameter, modifier Modifier, list string) ([]Value, error) {
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
func (p *parser) value(param *fhir.SearchParameter, modifier Modifier, text string) ([]Value, error) {
	switch modifier {
	case Missing:
		return missingValue(text)
	case OfType:
		return ofTypeValue(text)
	case Identifier:
		return tokenValue("Identifier", true, text)
	case Text:
		return stringValue(None, unescape(text))
	}
	switch param.Kind {
	case fhir.KindToken:
		if param.Name == "_id" {
			return idValue(unescape(text))
		}
		return tokenValue(param.Datatypes[0], HasSystem(param), text)
	case fhir.KindReference:
		return p.referenceValue(param, string(modifier), unescape(text))
	case fhir.KindDate:
		return dateValue(unescape(text))
	case fhir.KindURI:
		return uriValue(modifier, unescape(text)), nil
	case fhir.KindString:
		return stringValue(modifier, unescape(text))
	case fhir.KindNumber:
		return numberValue(param, unescape(text))
	case fhir.KindQuantity:
		return quantityValue(text)
	case fhir.KindComposite:
		return p.compositeValue(param, text)
	case fhir.KindSpecial:
		return nearValue(text)
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
func tokenValue(datatype string, hasSystem bool, text string) ([]Value, error) {
	parts := splitEscaped(text, '|')
	for i := range parts {
		parts[i] = unescape(parts[i])
	}
	code := foldCode(datatype, parts[len(parts)-1])
	switch {
	case len(parts) == 1 && datatype == "boolean" && code != "true" && code != "false":
		return nil, fhir.NewError(fhir.Value, "a boolean is true or false")
	case len(parts) == 1:
		return []Value{{Hash: hashCode(code), HasCode: true}}, nil
	case len(parts) > 2:
		return nil, fhir.NewError(fhir.Value, `the forms are code, system|code, system| and |code; a "|" inside is written "\|"`)
	case !hasSystem:
		return nil, fhir.NewError(fhir.Value, `"|" is not used here: the element has no system`)
	case parts[0] == "" && code == "":
		return nil, fhir.NewError(fhir.Value, "neither system nor code")
	case code == "":
		return []Value{{System: hashSystem(parts[0]), HasSystem: true}}, nil
	}
	return []Value{{Hash: hashCode(code), HasCode: true, System: hashSystem(parts[0]), HasSystem: true}}, nil
}

// ofTypeValue reads system|code|value: the identifier's type, and its value (FHIR R4 search.html#token).
func ofTypeValue(text string) ([]Value, error) {
	parts := splitEscaped(text, '|')
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return nil, fhir.NewError(fhir.Value, "the form is system|code|value, with the system and code of the identifier's type")
	}
	for i := range parts {
		parts[i] = unescape(parts[i])
	}
	kind := Value{Hash: hashCode(foldCode("Coding", parts[1])), HasCode: true, System: hashSystem(parts[0]), HasSystem: true}
	return []Value{{Hash: hashCode(parts[2]), HasCode: true, Kind: &kind}}, nil
}

// compositeValue reads the components, split by "$".
func (p *parser) compositeValue(param *fhir.SearchParameter, text string) ([]Value, error) {
	parts := splitEscaped(text, '$')
	if len(parts) != len(param.Components) {
		return nil, fhir.NewError(fhir.Value, "a composite is written as "+strconv.Itoa(len(param.Components))+` values with "$" between them`)
	}
	v := Value{}
	for i, c := range param.Components {
		if parts[i] == "" {
			return nil, fhir.NewError(fhir.Value, "a component is empty")
		}
		values, err := p.value(c.Param, None, parts[i])
		if err != nil {
			return nil, err
		}
		v.Parts = append(v.Parts, values)
	}
	return []Value{v}, nil
}

// uriValue reads a URI. :below finds what begins with it, :above what it begins with (FHIR R4 search.html#uri).
func uriValue(modifier Modifier, text string) []Value {
	switch modifier {
	case Below:
		return []Value{{Text: text}}
	case Above:
		values := make([]Value, 0, len(text))
		for end := range text {
			values = append(values, Value{Hash: Hash(text[:end])})
		}
		return append(values, Value{Hash: Hash(text)})
	}
	return []Value{{Hash: Hash(text)}}
}

// HasSystem reports whether the codes of a token may have a system, so that "|" may be used (FHIR R4 search.html#token).
func HasSystem(param *fhir.SearchParameter) bool {
	return param.System != "" || slices.ContainsFunc(param.Datatypes, hasText)
}

func idValue(text string) ([]Value, error) {
	if !fhir.ValidID(text) {
		return nil, fhir.NewError(fhir.Value, "not a logical id")
	}
	return []Value{{Hash: Hash(text), Text: text, HasCode: true}}, nil
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
	case fhir.Local, fhir.Absolute:
		if ref.Type != "" && (modifier != "" && ref.Type != modifier || !param.MayTarget(ref.Type)) {
			return nil, fhir.NewError(fhir.Value, "the parameter does not refer to that resource type")
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
	return fhir.ResourceTypes()
}

// dateValue reads an optional prefix and a date of any precision.
func dateValue(text string) ([]Value, error) {
	prefix, text := cutPrefix(text)
	d, err := fhir.ParseSearchDate(text)
	if err != nil {
		return nil, err
	}
	v := Value{Prefix: prefix}
	v.Low, v.High = d.Interval()
	return []Value{v}, nil
}

// cutPrefix splits the prefix from an ordered value; without one it is eq.
func cutPrefix(text string) (Prefix, string) {
	if len(text) > 2 {
		switch prefix := Prefix(text[:2]); prefix {
		case Eq, Ne, Gt, Lt, Ge, Le, Sa, Eb, Ap:
			return prefix, text[2:]
		}
	}
	return Eq, text
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

var (
	escaper   = strings.NewReplacer(`\`, `\\`, ",", `\,`, "|", `\|`, "$", `\$`)
	unescaper = strings.NewReplacer(`\\`, `\`, `\,`, ",", `\|`, "|", `\$`, "$")
)

// EscapeToken writes a system or a code so that a token parameter takes it whole (FHIR R4 search.html#escaping).
func EscapeToken(s string) string { return escaper.Replace(s) }

// unescape resolves the four escapes; any other backslash stands for itself.
func unescape(s string) string { return unescaper.Replace(s) }
