package naive

import (
	"slices"
	"strings"

	"lightbox/fhir"
)

// link is one step of a chain: a reference parameter, and the type that it is to lead to, or "".
type link struct {
	param        *fhir.SearchParameter
	resourceType string
}

// chain holds when any reference leads to a resource of which the rest holds. Each chain stands for itself: two of them may
// be met by two targets (FHIR R4 search.html#chaining: "Chained parameters are applied independently to the target
// resource").
type chain struct {
	param *fhir.SearchParameter
	rest  map[string]condition // by type of the target
}

// readChain reads what follows the "." for each type that the reference may lead to. Without a :type every target type is
// looked at that knows the rest of the name; when none does it is an error. The specification says only that it is "necessary
// to limit the search to a particular type" where a parameter does not exist or differs.
func readChain(l link, name, value string) (condition, error) {
	if l.param.Kind != fhir.KindReference || l.resourceType != "" && !l.param.MayTarget(l.resourceType) {
		return nil, bad("%s leads to no %q", l.param.Name, l.resourceType)
	}
	c := chain{l.param, map[string]condition{}}
	err := bad("%s leads to no type that is served", l.param.Name)
	for _, t := range fhir.R4().Types() {
		if l.resourceType != "" && t.Name != l.resourceType || !l.param.MayTarget(t.Name) {
			continue
		}
		rest, e := readCondition(t, name, value)
		if e != nil {
			err = e
			continue
		}
		c.rest[t.Name] = rest
	}
	if len(c.rest) == 0 {
		return nil, err
	}
	return c, nil
}

func (c chain) holds(s scope, doc *document) bool {
	return slices.ContainsFunc(doc.selected(s, c.param), func(e element) bool {
		ref := s.literal(e)
		rest, ok := c.rest[ref.resourceType]
		if !ok || !ref.local() {
			return false
		}
		target, ok := s.get(ref.String())
		return ok && rest.holds(s, target)
	})
}

// has holds when any resource of the type refers to this one by the parameter and the rest holds of it (FHIR R4
// search.html#has).
type has struct {
	resourceType string
	by           *fhir.SearchParameter
	rest         condition
}

// readHas reads Type:parameter:rest, of which the rest is the name of a parameter of that type with all that may stand
// there: a modifier, a chain, a further _has.
func readHas(t *fhir.Type, name, value string) (condition, error) {
	parts := strings.SplitN(name, ":", 3)
	if len(parts) != 3 {
		return nil, bad("_has is _has:Type:reference:parameter")
	}
	source, ok := fhir.R4().Type(parts[0])
	if !ok {
		return nil, bad("resource type %q is not served", parts[0])
	}
	by, ok := source.Param(parts[1])
	if !ok || by.Kind != fhir.KindReference || !by.MayTarget(t.Name) {
		return nil, bad("%s does not refer to %s by %q", source.Name, t.Name, parts[1])
	}
	rest, err := readCondition(source, parts[2], value)
	return has{source.Name, by, rest}, err
}

func (h has) holds(s scope, doc *document) bool {
	return slices.ContainsFunc(s.of(h.resourceType), func(source *document) bool {
		refers := slices.ContainsFunc(source.selected(s, h.by), func(e element) bool {
			ref := s.literal(e)
			return ref.local() && ref.String() == doc.ref()
		})
		return refers && h.rest.holds(s, source)
	})
}

// list holds for the members of any of the Lists (FHIR R4 search.html#list). An item that the List marks as deleted is on it
// all the same: the clause asks for what "the list" refers to and excludes nothing. The functional lists ($current-problems)
// are not served.
type list struct{ ids []string }

func readList(value string) (condition, error) {
	ids := split(value, ',')
	for i := range ids {
		ids[i] = unescape(ids[i])
		if !fhir.ValidID(ids[i]) {
			return nil, bad("_list takes the ids of Lists")
		}
	}
	return list{ids}, nil
}

func (l list) holds(s scope, doc *document) bool {
	return slices.ContainsFunc(l.ids, func(id string) bool {
		list, ok := s.get("List/" + id)
		if !ok {
			return false
		}
		for _, item := range s.look(list).root.Get("entry.#.item").Array() {
			if ref := s.literal(element{"Reference", item}); ref.local() && ref.String() == doc.ref() {
				return true
			}
		}
		return false
	})
}
