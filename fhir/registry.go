package fhir

import (
	"maps"
	"slices"
)

// Kind is the type of a search parameter (FHIR R4 search.html#ptypes).
type Kind string

const (
	KindToken     Kind = "token"
	KindReference Kind = "reference"
	KindDate      Kind = "date"
	KindString    Kind = "string"
	KindURI       Kind = "uri"
	KindNumber    Kind = "number"
	KindQuantity  Kind = "quantity"
	KindComposite Kind = "composite"
	KindSpecial   Kind = "special"
)

// SearchParameter is one search parameter of one resource type.
type SearchParameter struct {
	Type       string // resource type
	Name       string
	Kind       Kind
	Expression string   // FHIRPath, as R4 states it
	Targets    []string // resource types that a reference may point to; "Any" for all
	Datatypes  []string // of the elements that Expression selects; a choice element has several
	Choice     bool     // it selects a choice element of which Kind takes the one type in Datatypes ("[x]Reference" in the table)
	System     string   // the implicit code system of a code (FHIR R4 search.html#token)
	Paths      []Path   // Expression, compiled; of a composite: the elements that hold its components
	Components []Component
	Ours       bool // defined by Lightbox, not by R4
}

// Type is one resource type that Lightbox serves. Adding a type is adding its row.
type Type struct {
	Name string
	// Patient is the path of the reference to the one patient whose data this resource is ("subject", "patient",
	// "securityContext"; "id" for Patient itself), empty when the type is nobody's data (Organization, Endpoint).
	// Access control goes by it, and by nothing else: being mentioned by a resource never makes it yours.
	Patient string
	// Time lists the elements whose first present one is the clinical time that orders its postings (started, issued, ...);
	// without one it is lastUpdated.
	Time []string
	// Interactions are those that are served, as http://hl7.org/fhir/restful-interaction codes them.
	Interactions []string
	params       map[string]*SearchParameter
	sorted       []*SearchParameter
	elements     *Element
	members      map[string][]*SearchParameter
}

// Registry is the one table of resource types, interactions and search parameters: router, index, compartments, policy
// and CapabilityStatement are all made from it, so that what is stated is what is served.
type Registry struct {
	types  map[string]*Type
	sorted []*Type
}

// R4 returns the registry of the types that Lightbox serves. It is made once from embedded tables and shared.
func R4() *Registry { return r4() }

// Types returns the types in alphabetical order.
func (r *Registry) Types() []*Type { return slices.Clone(r.sorted) }

// Type returns one type.
func (r *Registry) Type(name string) (*Type, bool) {
	t, ok := r.types[name]
	return t, ok
}

// Param returns one search parameter of the type, those of every type (_id, _lastUpdated) among them.
func (t *Type) Param(name string) (*SearchParameter, bool) {
	p, ok := t.params[name]
	return p, ok
}

// Params returns the parameters in alphabetical order.
func (t *Type) Params() []*SearchParameter { return slices.Clone(t.sorted) }

// Elements returns the tree of the elements that the search parameters of the type look at.
func (t *Type) Elements() *Element { return t.elements }

// Serves reports whether the type has the interaction.
func (t *Type) Serves(interaction string) bool { return slices.Contains(t.Interactions, interaction) }

// Compartment returns the parameters by which a resource of the type is in the compartment of a resource of type owner (FHIR
// R4 compartmentdefinition.html); self, when such a resource is its own compartment's.
func (t *Type) Compartment(owner string) (by []*SearchParameter, self bool) {
	return slices.Clone(t.members[owner]), t.Name == owner
}

// Compartments returns the types that have compartments, in alphabetical order.
func (r *Registry) Compartments() []string {
	owners := map[string]bool{}
	for _, t := range r.sorted {
		for owner := range t.members {
			owners[owner] = true
		}
	}
	return slices.Sorted(maps.Keys(owners))
}

// MayTarget reports whether a reference of the parameter may point to the type.
func (p *SearchParameter) MayTarget(resourceType string) bool {
	return slices.Contains(p.Targets, resourceType) || slices.Contains(p.Targets, "Any")
}
