// Package search turns a FHIR R4 search URL into a Query (data, no SQL), and a resource into the index entries that a
// Query is answered from. Stores compile queries and filters; nothing here touches a database.
// https://hl7.org/fhir/R4/search.html
package search

import (
	"net/url"

	"lightbox/fhir"
)

// Query is one parsed and checked search on one resource type, or on several.
type Query struct {
	Type       string   // empty for several types
	Union      []Query  // one for each of several types; of these Type, Where and Sort count, and of the whole everything but Where
	Where      []Clause // all of them
	Sort       []Sort   // empty: newest clinical time first, then row order
	Count      int      // page size, 1..MaxCount
	Include    []Include
	RevInclude []Include
	Total      Total
	Elements   []string
	Summary    string
	Page       string     // the cursor as received, sealed; empty on the first page
	Ignored    []string   // unknown parameters that lenient handling left out
	Clamped    bool       // _count asked for more than MaxCount
	Given      url.Values // what was understood, as it was written; see Encode
}

// Parts returns the searches on single types that the query is made of.
func (q Query) Parts() []Query {
	if len(q.Union) > 0 {
		return q.Union
	}
	return []Query{q}
}

// Clause is one condition. Exactly one of its forms is set: Values of Param, by Modifier (it holds when any of them does); Chain;
// Has; Any; Lists.
type Clause struct {
	Param    *fhir.SearchParameter
	Modifier Modifier
	Values   []Value
	Chain    []Query  // Param is a reference: one of its targets answers one of these, a query for each target type
	Has      *Has     // _has
	Any      []Clause // any of them holds: membership of a compartment
	Lists    []string // _list: the ids of Lists
}

// Has is a reverse chain (FHIR R4 search.html#has): a resource of Type that refers to this one by Param, and answers Where.
type Has struct {
	Type  string
	Param *fhir.SearchParameter
	Where Clause
}

// Modifier is what follows the colon of a parameter's name.
type Modifier string

const (
	None       Modifier = ""
	Missing    Modifier = "missing"
	Exact      Modifier = "exact"
	Contains   Modifier = "contains"
	Text       Modifier = "text"
	Not        Modifier = "not"
	OfType     Modifier = "of-type"
	Identifier Modifier = "identifier"
	Above      Modifier = "above"
	Below      Modifier = "below"
)

// Prefix compares an ordered value (FHIR R4 search.html#prefix).
type Prefix string

const (
	Eq Prefix = "eq"
	Ne Prefix = "ne"
	Gt Prefix = "gt"
	Lt Prefix = "lt"
	Ge Prefix = "ge"
	Le Prefix = "le"
	Sa Prefix = "sa"
	Eb Prefix = "eb"
	Ap Prefix = "ap"
)

// Value is one alternative of a clause, ready for the index: see Clause.Match for what it means.
type Value struct {
	Missing   bool      // of :missing
	Hash      int64     // token: of its code, if HasCode; reference, uri: see Entry
	System    int64     // token: of its system, if HasSystem
	HasCode   bool      // token: system| has none
	HasSystem bool      // token: code alone has none; |code has that of no system
	Text      string    // string, :text: folded, or as it is for :exact; uri:below; the id itself for _id
	Kind      *Value    // :of-type: the type's system and code
	Prefix    Prefix    // date, number, quantity
	Low       int64     // date: first microsecond since 1970 UTC of the interval
	High      int64     // date: last microsecond of it
	Number    *Number   // number, quantity; near: see there
	Parts     [][]Value // composite: the alternatives of each component
}

// Sort is one key of _sort: see Query.Compare for the order it means.
type Sort struct {
	Param *fhir.SearchParameter // nil for _lastUpdated and _id, see By
	By    string                // the name as given, without "-"
	Desc  bool
}

// Include is one _include or _revinclude: Source resource type ("" for any), its reference parameter (nil for "*": all of them),
// and the target type or "". Iterate applies it to what was included as well.
type Include struct {
	Source  string
	Param   *fhir.SearchParameter
	Target  string
	Iterate bool
}

// Total is _total.
type Total string

const (
	TotalNone     Total = "none"
	TotalEstimate Total = "estimate"
	TotalAccurate Total = "accurate"
)

// Entry is one index value of a resource.
//
// A token has the hash of its code and that of its system (0 for an absent one), with both as text, the code folded. A reference
// has the hash of "Type/id" or of the URL of another server, a uri that of itself, both with the text. A reference that states an
// identifier has a token entry of Part "identifier" beside it. Strings carry folded text and Exact, as it is, both of at most MaxText
// bytes; the further words of a family name stand as entries of their own, without Exact. Dates carry an interval, both ends
// included; math.MinInt64 and math.MaxInt64 stand for an open end.
type Entry struct {
	Param  *fhir.SearchParameter
	Part   string
	Hash   int64
	System int64
	Text   string
	Exact  string // token: the system
	Low    int64
	High   int64
	Number *Number
}

// PartIdentifier is Entry.Part of the identifier that stands in a reference.
const PartIdentifier = "identifier"

// Filter says which resources of one type a caller may see: those that any of its grants covers. The zero Filter sees
// nothing. It is data: each store compiles it into every query it runs.
type Filter struct {
	Grants []Grant
}

// Grant covers the resources for which every set field holds. A Grant with no field set and All false covers nothing.
type Grant struct {
	All     bool
	Patient string // "Patient/<id>": it is this patient's data, or the Patient
	Owner   string // "Organization/<id>": this organisation submitted it
	CareOf  string // "Organization/<id>": it is data of a patient whom this organisation submitted, or such a Patient
	Nobodys bool   // it is no patient's data at all (a directory entry)
	// ReferredTo is "Organization/<id>": it is data of a patient whom an order or a task refers to this organisation, see Referred.
	ReferredTo string
	ReferredAs []string // the keys of Referred by which that is so; none: by its name
	Where      []Clause // granular scopes, labels
	Release    *Release // of reports, and of what belongs to them; nil: whether they were released or not
}

// Referrals returns the keys of Referred that a grant with ReferredTo covers.
func (g Grant) Referrals() []string {
	if len(g.ReferredAs) > 0 {
		return g.ReferredAs
	}
	return []string{g.ReferredTo}
}

// Everything is the filter of a caller without restriction.
func Everything() Filter { return Filter{Grants: []Grant{{All: true}}} }

// Access returns the filter of one caller for a resource type. Includes, chains and every other way to reach a type go
// through it.
type Access func(resourceType string) Filter

// Document is what the index knows of one resource version.
type Document struct {
	Entries []Entry
	Present []*fhir.SearchParameter // those with a value, for :missing
	Logical []Logical               // references by identifier alone, in the order of the body: see Linked
	// Patient is the reference of the patient whose data it is: "Patient/<id>", another subject as it is written
	// ("Group/1", a URL of another server), UnknownPatient for one that cannot be told, "" when the element is absent.
	Patient string
	Time    int64 // clinical time, microseconds since 1970 UTC; meaningless unless Timed
	Timed   bool
}

// Options steer Parse.
type Options struct {
	Strict      bool                           // unknown parameters are errors (Prefer: handling=strict)
	Base        string                         // our own base URL: absolute references below it are ours
	Count       int                            // default page size; 0: 20
	Compartment *Compartment                   // nil: none
	Allowed     func(resourceType string) bool // what chains may go through; nil: all types
}

// Compartment narrows a search to what belongs to one resource (FHIR R4 compartmentdefinition.html).
type Compartment struct{ Type, ID string }

// MaxCount is the largest page.
const MaxCount = 1000
