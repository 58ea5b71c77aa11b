package naive

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"lightbox/fhir"
)

// query is a search that has been read: all conditions hold of each match.
type query struct {
	conditions []condition
	sort       []sortKey
}

// condition is one parameter of a search.
type condition interface {
	holds(s scope, doc *document) bool
}

func (q query) holds(s scope, doc *document) bool {
	return !slices.ContainsFunc(q.conditions, func(c condition) bool { return !c.holds(s, doc) })
}

// shaping are the parameters that shape the answer and select nothing (FHIR R4 search.html#return).
var shaping = []string{"_count", "_elements", "_format", "_include", "_page", "_pretty", "_revinclude", "_sort", "_summary", "_total"}

// readQuery reads a search on one type. A parameter that stands twice must hold twice (FHIR R4 search.html#combining).
func readQuery(t *fhir.Type, params url.Values) (query, error) {
	var q query
	var err error
	for _, name := range slices.Sorted(maps.Keys(params)) {
		base, _, _ := strings.Cut(name, ":")
		if slices.Contains(shaping, base) {
			continue
		}
		for _, value := range params[name] {
			c, err := readCondition(t, name, value)
			if err != nil {
				return query{}, fmt.Errorf("%s=%s: %w", name, value, err)
			}
			q.conditions = append(q.conditions, c)
		}
	}
	q.sort, err = readSort(t, params["_sort"])
	return q, err
}

// readCondition reads one parameter: its name, with all that may stand there, and its value.
func readCondition(t *fhir.Type, name, value string) (condition, error) {
	if rest, ok := strings.CutPrefix(name, "_has:"); ok {
		return readHas(t, rest, value)
	}
	first, rest, chained := strings.Cut(name, ".")
	name, modifier, _ := strings.Cut(first, ":")
	if name == "_list" && modifier == "" && !chained {
		return readList(value)
	}
	p, ok := t.Param(name)
	switch {
	case !ok:
		return nil, bad("%s has no parameter %q", t.Name, name)
	case chained:
		return readChain(link{p, modifier}, rest, value)
	}
	return readClause(p, modifier, value)
}

// clause is a parameter of the resource itself.
type clause struct {
	param        *fhir.SearchParameter
	alternatives []test // any of them
	not          bool   // none of them
	missing      bool   // true: no value at all; see presence
	presence     bool   // :missing, and nothing else, is asked
}

// test asks one alternative of one value.
type test func(s scope, e element) bool

// holds: it is enough that one value of the resource matches one alternative. With :not no value may match any, so that a
// resource without a value is found (FHIR R4 search.html#modifiers: "the set of resources that do not match").
func (c clause) holds(s scope, doc *document) bool {
	values := doc.selected(s, c.param)
	if c.presence {
		return c.missing == (len(values) == 0)
	}
	found := slices.ContainsFunc(values, func(e element) bool {
		return slices.ContainsFunc(c.alternatives, func(holds test) bool { return holds(s, e) })
	})
	return found != c.not
}

func readClause(p *fhir.SearchParameter, modifier, value string) (condition, error) {
	if modifier == "missing" {
		return readMissing(p, value)
	}
	c := clause{param: p, not: modifier == "not" && p.Kind == fhir.KindToken}
	if c.not {
		modifier = ""
	}
	for _, text := range split(value, ',') {
		if text == "" {
			return nil, bad("an empty value")
		}
		holds, err := readAlternative(p, modifier, text)
		if err != nil {
			return nil, err
		}
		c.alternatives = append(c.alternatives, holds)
	}
	return c, nil
}

// readMissing reads :missing, which is for "all parameters (except combination)" (FHIR R4 search.html#modifiers). A value is
// missing when the expression selects no element, whatever the element that is there says.
func readMissing(p *fhir.SearchParameter, value string) (condition, error) {
	if p.Kind == fhir.KindComposite || value != "true" && value != "false" {
		return nil, bad(":missing=true or :missing=false, and of no composite")
	}
	return clause{param: p, presence: true, missing: value == "true"}, nil
}

// readAlternative reads one value of the OR list, still escaped.
func readAlternative(p *fhir.SearchParameter, modifier, text string) (test, error) {
	switch p.Kind {
	case fhir.KindToken:
		return readToken(p, modifier, text)
	case fhir.KindReference:
		return readReference(p, modifier, text)
	case fhir.KindString:
		return readString(p, modifier, unescape(text))
	case fhir.KindURI:
		return readURI(modifier, unescape(text))
	}
	if modifier != "" {
		return nil, bad("no modifier %q on a %s", modifier, p.Kind)
	}
	switch p.Kind {
	case fhir.KindDate:
		return readDate(unescape(text))
	case fhir.KindNumber:
		return readNumber(unescape(text))
	case fhir.KindQuantity:
		return readQuantity(text)
	case fhir.KindComposite:
		return readComposite(p, text)
	}
	return readNear(p, text)
}

// split cuts at each separator without a backslash before it; what it returns is escaped still (FHIR R4
// search.html#escaping).
func split(text string, separator rune) []string {
	parts, escaped := []string{""}, false
	for _, r := range text {
		if r == separator && !escaped {
			parts = append(parts, "")
			continue
		}
		parts[len(parts)-1] += string(r)
		escaped = r == '\\' && !escaped
	}
	return parts
}

// unescape takes the backslash from before "$", ",", "|" and itself. Before anything else, which the specification leaves
// open, it stands for itself.
func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && strings.IndexByte(`$,|\`, text[i+1]) >= 0 {
			i++
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// bars splits at "|" and unescapes the parts.
func bars(text string) []string {
	parts := split(text, '|')
	for i := range parts {
		parts[i] = unescape(parts[i])
	}
	return parts
}

func bad(format string, args ...any) error {
	return fhir.NewError(fhir.Value, fmt.Sprintf(format, args...))
}
