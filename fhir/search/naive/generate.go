package naive

import (
	"encoding/json"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// Types are those that Resource draws.
var Types = []string{"Patient", "ImagingStudy", "DiagnosticReport", "Observation", "ServiceRequest", "Encounter", "Device", "Group",
	"List", "Location", "Practitioner", "Person", "DocumentReference", "Condition"}

// Resource draws a resource of one of Types: small, structurally valid, with each element there or not. It refers to those
// known ("Type/id") and at times to what is gone, on another server, or told by an identifier alone.
func Resource(t *rapid.T, resourceType, id string, known []string) []byte {
	g := generator{t, known}
	o := g.object(append([]member{{name: "meta", value: meta}}, shapes[resourceType]...))
	o["resourceType"], o["id"] = resourceType, id
	body, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// generator draws elements.
type generator struct {
	t     *rapid.T
	known []string
}

type object map[string]any

// member is a row of a shape: an element and what it holds. A required one is always there.
type member struct {
	name     string
	value    func(g generator) any
	required bool
}

func (g generator) object(shape []member) object {
	o := object{}
	for _, m := range shape {
		if !m.required && rapid.IntRange(0, 3).Draw(g.t, "has "+m.name) == 0 {
			continue
		}
		value := m.value(g)
		if c, ok := value.(choice); ok {
			o[m.name+c.datatype] = c.value
			continue
		}
		o[m.name] = value
	}
	return o
}

// oneIn is true about once in n times.
func (g generator) oneIn(n int) bool { return rapid.IntRange(1, n).Draw(g.t, "one in") == n }

func pick[T any](g generator, from []T) T { return rapid.SampledFrom(from).Draw(g.t, "pick") }

// evenly picks from a long list: rapid prefers the first of one.
func evenly[T any](g generator, from []T) T {
	n := 0
	for _, bit := range rapid.SliceOfN(rapid.Bool(), 12, 12).Draw(g.t, "pick") {
		n *= 2
		if bit {
			n++
		}
	}
	return from[n%len(from)]
}

// choice is the value of an element whose name has its type appended.
type choice struct {
	datatype string
	value    any
}

// choose returns one of the types of a choice element.
func choose(of map[string]func(generator) any, order ...string) func(generator) any {
	return func(g generator) any {
		datatype := pick(g, order)
		return choice{datatype, of[datatype](g)}
	}
}

// listOf returns one or two values.
func listOf(of func(generator) any) func(generator) any {
	return func(g generator) any {
		all := []any{of(g)}
		if g.oneIn(3) {
			all = append(all, of(g))
		}
		return all
	}
}

// shape returns an object of the members.
func shape(members ...member) func(generator) any {
	return func(g generator) any {
		o := g.object(members)
		if len(o) == 0 { // FHIR knows no empty objects
			m := members[0]
			o[m.name] = m.value(g)
		}
		return o
	}
}

func text(pool []string) func(generator) any { return func(g generator) any { return pick(g, pool) } }

func code(of string) func(generator) any { return text(codePools[of]) }

func number(pool []string) func(generator) any {
	return func(g generator) any { return json.Number(pick(g, pool)) }
}

func boolean(g generator) any { return rapid.Bool().Draw(g.t, "boolean") }

func codingOf(g generator) any {
	c := pick(g, codings)
	return present(object{"system": c.system, "code": c.code, "display": c.display})
}

// oneOf returns a concept with one of the codings.
func oneOf(pool []coding) func(generator) any {
	return func(g generator) any {
		c := pick(g, pool)
		return object{"coding": []any{object{"system": c.system, "code": c.code}}}
	}
}

// present leaves out what is empty.
func present(o object) object {
	for name, value := range o {
		if value == "" {
			delete(o, name)
		}
	}
	return o
}

func concept(g generator) any {
	o := object{}
	if !g.oneIn(6) {
		o["coding"] = listOf(codingOf)(g)
	}
	if len(o) == 0 || g.oneIn(3) {
		o["text"] = pick(g, conceptTexts)
	}
	return o
}

// measured is what was observed: few codes, so that a composite of one and a value is met.
func measured(g generator) any {
	o := object{"coding": []any{}}
	for range rapid.IntRange(1, 2).Draw(g.t, "codings") {
		c := pick(g, codings[:measuredCodes])
		o["coding"] = append(o["coding"].([]any), object{"system": c.system, "code": c.code, "display": c.display})
	}
	return o
}

func identifier(g generator) any {
	o := present(object{"system": pick(g, identifierSystems), "value": pick(g, identifierValues)})
	if g.oneIn(3) {
		c := pick(g, identifierTypes)
		o["type"] = object{"coding": []any{object{"system": c.system, "code": c.code}}, "text": pick(g, typeTexts)}
	}
	return o
}

func period(g generator) any {
	p := pick(g, periods)
	return present(object{"start": p[0], "end": p[1]})
}

func timing(g generator) any {
	switch rapid.IntRange(0, 2).Draw(g.t, "timing") {
	case 0:
		return object{"event": listOf(text(dateTimes))(g)}
	case 1:
		return object{"repeat": object{"boundsPeriod": period(g)}}
	}
	return object{"code": object{"text": "daily"}}
}

func quantity(g generator) any {
	o := measure(g)
	if g.oneIn(5) {
		o["comparator"] = pick(g, []string{"<", "<=", ">", ">="})
	}
	return o
}

func measure(g generator) object {
	m := pick(g, measures)
	o := present(object{"system": m[0], "code": m[1], "unit": m[2]})
	o["value"] = json.Number(pick(g, decimals))
	return o
}

// rangeOf draws a Range whose sides are of one unit and in order.
func rangeOf(g generator) any {
	sides := [][2]string{{"5", "5.4"}, {"5.4", "5400"}, {"5", ""}, {"", "120"}}
	side, m := pick(g, sides), pick(g, measures)
	o := object{}
	for i, name := range []string{"low", "high"} {
		if side[i] != "" {
			end := present(object{"system": m[0], "code": m[1], "unit": m[2]})
			end["value"] = json.Number(side[i])
			o[name] = end
		}
	}
	return o
}

// age is in years: Age and Duration have units of time.
func age(g generator) any {
	return object{"value": json.Number(pick(g, []string{"1", "2", "45"})), "system": unitsOfMeasure, "code": pick(g, []string{"a", "mo"})}
}

func sampled(generator) any {
	return object{"origin": object{"value": json.Number("5.4")}, "period": json.Number("1"), "dimensions": json.Number("1")}
}

// referTo draws a reference to one of the types.
func referTo(types ...string) func(generator) any {
	return func(g generator) any {
		targets := slices.DeleteFunc(slices.Clone(g.known), func(ref string) bool {
			resourceType, _, _ := strings.Cut(ref, "/")
			return !slices.Contains(types, resourceType)
		})
		kind := rapid.IntRange(0, 11).Draw(g.t, "reference")
		if len(targets) == 0 {
			kind %= 4
		}
		resourceType := pick(g, types)
		switch kind {
		case 0:
			return object{"reference": resourceType + "/gone"}
		case 1:
			return object{"reference": "http://other.example/fhir/" + resourceType + "/a"}
		case 2:
			return object{"identifier": identifier(g), "type": resourceType}
		case 3:
			return object{"identifier": identifier(g)}
		case 4:
			return object{"reference": pick(g, targets) + "/_history/1"}
		case 5:
			return object{"reference": pick(g, targets), "identifier": identifier(g)}
		}
		return object{"reference": pick(g, targets)}
	}
}
