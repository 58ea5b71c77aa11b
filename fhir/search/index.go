package search

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
)

// UnknownPatient is Document.Patient of a resource that is about somebody whom its reference does not tell (an identifier
// alone, a contained resource, a urn): it is no patient's of ours, and not nobody's either.
const UnknownPatient = "unknown"

// Index evaluates every search parameter of a resource's type on it, but composites, which follow from their components, and _id
// and _lastUpdated, which the store knows beside it. The body is one that fhir.Parse took. Entries are sorted, and none stands twice. A value that its data type
// does not allow is an *fhir.Error naming the element.
func Index(reg *fhir.Registry, r fhir.Resource) (Document, error) {
	d, faults, err := IndexStored(reg, r)
	if err == nil && len(faults) > 0 {
		return Document{}, faults[0]
	}
	return d, err
}

// IndexStored is Index of a resource that was taken once, perhaps when no parameter looked at an element yet: values that their data
// types do not allow are left out, and named.
func IndexStored(reg *fhir.Registry, r fhir.Resource) (Document, []*fhir.Error, error) {
	t, ok := reg.Type(r.Type)
	if !ok {
		return Document{}, nil, fhir.NewError(fhir.NotSupported, "resource type is not served").At("resourceType")
	}
	x := indexer{resourceType: t.Name, entries: make([]Entry, 0, 24), present: map[*fhir.SearchParameter]bool{}, truth: map[*fhir.SearchParameter]bool{}}
	root := gjson.ParseBytes(r.Body)
	x.walk(t.Elements(), root)
	x.addTruths(t)
	x.addUnselected(t, root)
	d := Document{Entries: sortEntries(x.entries), Present: sortParams(x.present), Logical: x.logical, Patient: patientOf(t, r, root)}
	d.Time, d.Timed = timeOf(t, root)
	return d, x.faults, nil
}

// maxFaults bounds the list of values that are left out.
const maxFaults = 20

// indexer collects what one walk of a resource finds.
type indexer struct {
	resourceType string
	entries      []Entry
	present      map[*fhir.SearchParameter]bool
	truth        map[*fhir.SearchParameter]bool
	logical      []Logical
	faults       []*fhir.Error
}

// walk follows the members of v that any parameter looks at. Arrays are flattened; null stands for nothing.
func (x *indexer) walk(e *fhir.Element, v gjson.Result) {
	switch {
	case v.Type == gjson.Null:
		return
	case v.IsArray():
		v.ForEach(func(_, item gjson.Result) bool {
			x.walk(e, item)
			return true
		})
		return
	}
	for _, end := range e.Ends {
		x.end(end, v)
	}
	if selectsReference(e.Ends) {
		if l, ok := logicalAt(e.Ends, v); ok {
			x.logical = append(x.logical, l)
		}
	}
	if len(e.Members) == 0 || !v.IsObject() {
		return
	}
	v.ForEach(func(name, value gjson.Result) bool {
		if next, ok := e.Members[name.Str]; ok {
			x.walk(next, value)
		}
		return true
	})
}

// end takes one value that a parameter's path ends at.
func (x *indexer) end(end fhir.PathEnd, v gjson.Result) {
	p := end.Param
	if storeKnows(p) || !holds(end.Path.Where, v) {
		return
	}
	x.present[p] = true
	if end.Path.Exists {
		x.truth[p] = x.truth[p] || v.Type != gjson.False
		return
	}
	entries, err := entriesOf(end, v)
	if err != nil && len(x.faults) < maxFaults {
		x.faults = append(x.faults, err.At(x.resourceType+"."+strings.Join(end.Path.Members, ".")))
	}
	x.entries = append(x.entries, entries...)
}

// holds evaluates a where().
func holds(c fhir.Condition, v gjson.Result) bool {
	switch {
	case c.System != "":
		for _, coding := range v.Get(c.Member).Array() {
			if coding.Get("system").Str == c.System && coding.Get("code").Str == c.Equals {
				return true
			}
		}
		return false
	case c.Member != "":
		return v.Get(c.Member).Str == c.Equals
	case c.Resolves != "":
		ref, err := fhir.ParseReference(v.Get("reference").Str, "")
		return err == nil && ref.Type == c.Resolves || v.Get("type").Str == c.Resolves
	}
	return true
}

// addTruths gives each parameter that tests (Patient.deceased) its true or false, which it has on every resource.
func (x *indexer) addTruths(t *fhir.Type) {
	for _, p := range t.Params() {
		if len(p.Paths) == 0 || !p.Paths[0].Exists {
			continue
		}
		text := "false"
		if x.truth[p] {
			text = "true"
		}
		x.entries = append(x.entries, Entry{Param: p, Hash: Hash(text), Text: text})
		x.present[p] = true
	}
}

// patientOf returns the reference of the patient whose data r is.
func patientOf(t *fhir.Type, r fhir.Resource, root gjson.Result) string {
	switch t.Patient {
	case "":
		return ""
	case "id":
		return r.Reference()
	}
	subject := root.Get(t.Patient)
	if !subject.Exists() || subject.Type == gjson.Null {
		return ""
	}
	ref, err := fhir.ParseReference(subject.Get("reference").Str, "")
	if err != nil || ref.Kind != fhir.Local && ref.Kind != fhir.Absolute {
		return UnknownPatient
	}
	return ref.Unversioned().String()
}

// timeOf returns the clinical time: the start of the first element that states one.
func timeOf(t *fhir.Type, root gjson.Result) (int64, bool) {
	for _, name := range t.Time {
		low, high, err := intervalOf(root.Get(name))
		switch {
		case err != nil || low == earliest && high == latest:
			continue
		case low == earliest:
			return high, true
		}
		return low, true
	}
	return 0, false
}

// sortEntries puts entries in an order of their own and drops repetitions: 2,000 instances of one class are one entry.
func sortEntries(entries []Entry) []Entry {
	slices.SortFunc(entries, compareEntries)
	return slices.CompactFunc(entries, func(a, b Entry) bool { return compareEntries(a, b) == 0 })
}

func compareEntries(a, b Entry) int {
	switch {
	case a.Param != b.Param:
		return strings.Compare(a.Param.Name, b.Param.Name)
	case a.Hash != b.Hash:
		return cmp.Compare(a.Hash, b.Hash)
	case a.System != b.System:
		return cmp.Compare(a.System, b.System)
	case a.Low != b.Low:
		return cmp.Compare(a.Low, b.Low)
	case a.High != b.High:
		return cmp.Compare(a.High, b.High)
	case a.Number != nil && b.Number != nil:
		return a.Number.compareTo(b.Number)
	}
	return cmp.Or(strings.Compare(a.Text, b.Text), strings.Compare(a.Exact, b.Exact), strings.Compare(a.Part, b.Part))
}

func (n *Number) compareTo(o *Number) int {
	c := cmp.Or(cmp.Compare(n.Low, o.Low), cmp.Compare(n.High, o.High), cmp.Compare(n.System, o.System),
		cmp.Compare(n.Code, o.Code), cmp.Compare(n.Unit, o.Unit))
	if c == 0 && n.Base != nil && o.Base != nil {
		return n.Base.compareTo(o.Base)
	}
	return c
}

func sortParams(set map[*fhir.SearchParameter]bool) []*fhir.SearchParameter {
	all := make([]*fhir.SearchParameter, 0, len(set))
	for p := range set {
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b *fhir.SearchParameter) int { return cmp.Compare(a.Name, b.Name) })
	return all
}
