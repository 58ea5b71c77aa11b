package search

import (
	"errors"
	"strconv"
	"strings"

	"lightbox/fhir"
)

// MaxChain is how many references one parameter may go along, forwards and in reverse.
const MaxChain = 8

// errUnknown says that the first name of a parameter is none of its type's.
var errUnknown = fhir.NewError(fhir.NotSupported, "unknown search parameter")

// clause reads one parameter name with one value, on one type. Names have the forms
//
//	name[:modifier]
//	reference[:Type].rest                 a chain (FHIR R4 search.html#chaining)
//	_has:Type:reference:rest              a reverse chain (FHIR R4 search.html#has)
//
// where rest is such a name again, on the type that the reference leads to or comes from.
func (p *parser) clause(t *fhir.Type, name, value string, depth int) (Clause, error) {
	if depth > MaxChain {
		return Clause{}, fhir.NewError(fhir.TooCostly, "a chain of more than "+strconv.Itoa(MaxChain)+" references")
	}
	if rest, ok := strings.CutPrefix(name, "_has"); ok && (rest == "" || rest[0] == ':') {
		return p.reverse(t, strings.TrimPrefix(rest, ":"), value, depth)
	}
	if head, rest, ok := strings.Cut(name, "."); ok {
		return p.chain(t, head, link{rest, value, depth})
	}
	base, modifier, _ := strings.Cut(name, ":")
	if base == "_list" {
		return listClause(modifier, value)
	}
	param, ok := t.Param(base)
	if !ok {
		return Clause{}, errUnknown
	}
	return p.plain(param, Modifier(modifier), value)
}

// link is what of a chained parameter follows a reference.
type link struct {
	rest, value string
	depth       int
}

// chain asks each type that the reference may lead to, and that takes what follows. Where the searcher may not search some of these
// types, the others answer; where none is left, the chain is refused: it would tell by its matches what is hidden.
func (p *parser) chain(t *fhir.Type, head string, l link) (Clause, error) {
	base, modifier, _ := strings.Cut(head, ":")
	param, ok := t.Param(base)
	switch {
	case !ok:
		return Clause{}, errUnknown
	case param.Kind != fhir.KindReference || param.Datatypes[0] != "Reference":
		return Clause{}, fhir.NewError(fhir.Value, "only references can be chained")
	case modifier != "" && !param.MayTarget(modifier):
		return Clause{}, fhir.NewError(fhir.Value, "the parameter does not refer to that type")
	}
	c := Clause{Param: param}
	var refused error
	for _, name := range p.targets(param, modifier) {
		inner, err := p.follow(name, l)
		if err == nil {
			c.Chain = append(c.Chain, Query{Type: name, Where: []Clause{inner}})
		} else if refused == nil || fhir.IssueTypeOf(refused) == fhir.NotSupported {
			refused = err
		}
	}
	if len(c.Chain) > 0 {
		return c, nil
	}
	return Clause{}, refused
}

// follow reads what follows a reference, on one type that it may lead to.
func (p *parser) follow(resourceType string, l link) (Clause, error) {
	target, ok := p.registry.Type(resourceType)
	switch {
	case !ok:
		return Clause{}, fhir.NewError(fhir.NotSupported, "the chain leads to no resource type that is served")
	case !p.allowed(resourceType):
		return Clause{}, errChain()
	}
	c, err := p.clause(target, l.rest, l.value, l.depth+1)
	if errors.Is(err, errUnknown) {
		return Clause{}, fhir.NewError(fhir.Value, "no type that the reference leads to has the chained parameter")
	}
	return c, err
}

func errChain() error {
	return fhir.NewError(fhir.Forbidden, "no scope of the token covers a search on the resource type that the chain goes through")
}

func (p *parser) allowed(resourceType string) bool {
	return p.options.Allowed == nil || p.options.Allowed(resourceType)
}

// reverse reads Type:reference:rest.
func (p *parser) reverse(t *fhir.Type, text, value string, depth int) (Clause, error) {
	parts := strings.SplitN(text, ":", 3)
	if len(parts) < 3 {
		return Clause{}, fhir.NewError(fhir.Value, "the form is _has:Type:reference:parameter")
	}
	source, ok := p.registry.Type(parts[0])
	if !ok {
		return Clause{}, fhir.NewError(fhir.Value, "_has names no resource type that is served")
	}
	if !p.allowed(source.Name) {
		return Clause{}, errChain()
	}
	param, ok := source.Param(parts[1])
	if !ok || param.Kind != fhir.KindReference || param.Datatypes[0] != "Reference" || !param.MayTarget(t.Name) {
		return Clause{}, fhir.NewError(fhir.Value, "_has names no parameter that refers to a "+t.Name)
	}
	inner, err := p.clause(source, parts[2], value, depth+1)
	if errors.Is(err, errUnknown) {
		return Clause{}, fhir.NewError(fhir.Value, source.Name+" has no such parameter")
	}
	return Clause{Has: &Has{Type: source.Name, Param: param, Where: inner}}, err
}

// listClause reads _list=id,id (FHIR R4 search.html#list). The functional lists ($current-...) are not served.
func listClause(modifier, value string) (Clause, error) {
	if modifier != "" {
		return Clause{}, fhir.NewError(fhir.NotSupported, "this modifier is not served on _list")
	}
	ids := strings.Split(value, ",")
	if len(ids) > MaxAlternatives {
		return Clause{}, fhir.NewError(fhir.TooCostly, "more than "+strconv.Itoa(MaxAlternatives)+" alternatives")
	}
	for _, id := range ids {
		if !fhir.ValidID(id) {
			return Clause{}, fhir.NewError(fhir.Value, "not the logical id of a List")
		}
	}
	return Clause{Lists: ids}, nil
}

// compartment is membership of a resource of type t: any of the parameters that R4 lists refers to the owner.
func (p *parser) compartment(t *fhir.Type) (Clause, error) {
	owner := p.options.Compartment
	by, self := t.Compartment(owner.Type)
	var c Clause
	if self {
		id, _ := t.Param("_id")
		c.Any = append(c.Any, Clause{Param: id, Values: []Value{{Hash: Hash(owner.ID), Text: owner.ID, HasCode: true}}})
	}
	for _, param := range by {
		c.Any = append(c.Any, Clause{Param: param, Values: []Value{{Hash: Hash(owner.Type + "/" + owner.ID)}}})
	}
	if len(c.Any) == 0 {
		return c, fhir.NewError(fhir.NotFound, t.Name+" is in no compartment of a "+owner.Type)
	}
	return c, nil
}
