package fhir

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
	Targets    []string // resource types that a reference may point to
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
	Time   []string
	params map[string]*SearchParameter
}

// Registry is the one table of resource types, interactions and search parameters: router, index, compartments, policy
// and CapabilityStatement are all made from it, so that what is stated is what is served.
type Registry struct {
	types map[string]*Type
	names []string
}

// R4 returns the registry of the types that Lightbox serves. It is made once from embedded tables and shared.
func R4() *Registry { panic("fhir.R4") }

// Types returns the types in alphabetical order.
func (r *Registry) Types() []*Type { panic("fhir.Types") }

// Type returns one type.
func (r *Registry) Type(name string) (*Type, bool) { panic("fhir.Type") }

// Param returns one search parameter of the type, those of every type (_id, _lastUpdated) among them.
func (t *Type) Param(name string) (*SearchParameter, bool) { panic("fhir.Param") }

// Params returns the parameters in alphabetical order.
func (t *Type) Params() []*SearchParameter { panic("fhir.Params") }
