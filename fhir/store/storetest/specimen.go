package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"lightbox/fhir"
)

// specimen is a value of a data type as it stands in a resource, and what a search asks to find it. Of two of one data type the one
// with the greater number comes later in any order.
type specimen struct {
	element any
	query   string
}

// word is a text that no other number has, nor begins with.
func word(n int) string { return fmt.Sprintf("w%05d", n) }

// phrase is a string that begins with word and is told from it by case.
func phrase(n int) string { return "W" + word(n)[1:] + " Tail" }

func day(n int) string { return time.Date(1900, 1, 1+n, 0, 0, 0, 0, time.UTC).Format(time.DateOnly) }

func address(n int) string { return "http://x.example/" + word(n) }

// nobodys is a number that no resource has.
const nobodys = 8999

type object = map[string]any

func coding(n int) object {
	return object{"system": "urn:system", "code": word(n), "display": phrase(n)}
}

func quantity(n int) object { return object{"value": n, "system": "urn:units", "code": "u"} }

// specimens make a value of each data type that search parameters look at.
var specimens = map[string]func(n int) specimen{
	"Coding":          func(n int) specimen { return specimen{coding(n), "urn:system|" + word(n)} },
	"CodeableConcept": func(n int) specimen { return specimen{object{"coding": []any{coding(n)}}, "urn:system|" + word(n)} },
	"ContactPoint":    func(n int) specimen { return specimen{object{"value": word(n)}, word(n)} },
	"Identifier": func(n int) specimen {
		kind := object{"coding": []any{object{"system": "urn:kinds", "code": "K"}}, "text": phrase(n)}
		return specimen{object{"system": "urn:system", "value": word(n), "type": kind}, "urn:system|" + word(n)}
	},
	"boolean": func(n int) specimen { return specimen{n%2 == 1, fmt.Sprint(n%2 == 1)} },
	"code":    func(n int) specimen { return specimen{word(n), word(n)} },
	"id":      func(n int) specimen { return specimen{word(n), word(n)} },

	"string":    func(n int) specimen { return specimen{phrase(n), word(n)} },
	"markdown":  func(n int) specimen { return specimen{phrase(n), word(n)} },
	"HumanName": func(n int) specimen { return specimen{object{"family": phrase(n)}, word(n)} },
	"Address":   func(n int) specimen { return specimen{object{"city": phrase(n)}, word(n)} },

	"uri":       func(n int) specimen { return specimen{address(n), address(n)} },
	"url":       func(n int) specimen { return specimen{address(n), address(n)} },
	"canonical": func(n int) specimen { return specimen{address(n), address(n)} },

	"date":     func(n int) specimen { return specimen{day(n), day(n)} },
	"dateTime": func(n int) specimen { return specimen{day(n) + "T10:00:00Z", day(n)} },
	"instant":  func(n int) specimen { return specimen{day(n) + "T10:00:00Z", day(n)} },
	"Period":   func(n int) specimen { return specimen{object{"start": day(n), "end": day(n)}, day(n)} },
	"Timing":   func(n int) specimen { return specimen{object{"event": []any{day(n)}}, day(n)} },

	"unsignedInt": func(n int) specimen { return specimen{n, fmt.Sprint(n)} },
	"Quantity":    func(n int) specimen { return specimen{quantity(n), fmt.Sprint(n) + "|urn:units|u"} },
	"Age":         func(n int) specimen { return specimen{quantity(n), fmt.Sprint(n) + "||u"} },
	"Duration":    func(n int) specimen { return specimen{quantity(n), fmt.Sprint(n)} },
	"Range":       func(n int) specimen { return specimen{object{"low": quantity(n), "high": quantity(n)}, fmt.Sprint(n)} },
}

// specimenOf makes a value for a parameter to find at one of its paths.
func specimenOf(p *fhir.SearchParameter, path fhir.Path, n int) specimen {
	var s specimen
	switch {
	case p.Kind == fhir.KindSpecial: // Location.position, more than two kilometres from the next
		latitude := float64(n)/50 - 90
		return specimen{object{"latitude": latitude, "longitude": 1}, fmt.Sprintf("%v|1|1|km", latitude)}
	case p.Kind == fhir.KindComposite:
		return compositeOf(p, n)
	case path.Datatype == "Reference":
		target := targetOf(p, path) + "/" + word(n)
		s = specimen{object{"reference": target, "identifier": object{"system": "urn:system", "value": word(n)}}, target}
	case path.Datatype == "string" && p.Kind == fhir.KindToken:
		s = specimen{word(n), word(n)}
	default:
		s = specimens[path.Datatype](n)
	}
	return s.within(path.Where)
}

// targetOf is a type that a reference may point to.
func targetOf(p *fhir.SearchParameter, path fhir.Path) string {
	switch {
	case path.Where.Resolves != "":
		return path.Where.Resolves
	case p.MayTarget("Any"):
		return "Location"
	}
	return p.Targets[0]
}

// within adds what the condition of the path asks for.
func (s specimen) within(c fhir.Condition) specimen {
	switch {
	case c.System != "": // one more coding of the kind
		kind := s.element.(object)["type"].(object)
		kind["coding"] = append(kind["coding"].([]any), object{"system": c.System, "code": c.Equals})
	case c.Member != "":
		s.element.(object)[c.Member] = c.Equals
	}
	return s
}

// compositeOf makes an element with all components, each at the first of its paths.
func compositeOf(p *fhir.SearchParameter, n int) specimen {
	element, queries := object{}, []string{}
	for _, c := range p.Components {
		s := specimenOf(c.Param, c.Paths[0], n)
		place(element, c.Paths[0].Members, s.element)
		queries = append(queries, s.query)
	}
	return specimen{element, strings.Join(queries, "$")}
}

// place puts an element where the members lead. Without members it is all of at.
func place(at object, members []string, element any) {
	if len(members) == 0 {
		for name, value := range element.(object) {
			at[name] = value
		}
		return
	}
	last := len(members) - 1
	for _, name := range members[:last] {
		inner, ok := at[name].(object)
		if !ok {
			inner = object{}
			at[name] = inner
		}
		at = inner
	}
	at[members[last]] = element
}

// resourceOf is a resource with nothing but the element.
func resourceOf(resourceType, id string, members []string, element any) string {
	r := object{}
	if element != nil {
		place(r, slices.Clone(members), element)
	}
	r["resourceType"], r["id"] = resourceType, id
	body, err := json.Marshal(r)
	if err != nil {
		panic(err) // maps of texts and numbers
	}
	return string(body)
}
