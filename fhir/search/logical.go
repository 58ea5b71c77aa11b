package search

import (
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
)

// Logical is a reference that names its target by an identifier alone (FHIR R4 references.html#logical). What it may lead to is a
// matter of its element and not of a parameter: two that select it (subject, patient) must not take it for two things.
type Logical struct {
	Types      []string // served or not: the type that it states, or those that its element allows; "Any" for all
	Identifier Entry    // as of a token, without a Param
	at         int      // where its object begins in the body
}

// logicalAt returns the reference that v is, if it is logical.
func logicalAt(ends []fhir.PathEnd, v gjson.Result) (Logical, bool) {
	if !v.IsObject() || v.Get("reference").Str != "" {
		return Logical{}, false
	}
	value := v.Get("identifier.value").Str
	if value == "" {
		return Logical{}, false
	}
	l := Logical{Types: targetsOf(ends), Identifier: token(v.Get("identifier.system").Str, value)[0], at: v.Index}
	if stated := v.Get("type").Str; stated != "" {
		l.Types = []string{stated}
	}
	return l, true
}

// selectsReference reports whether the element is a Reference.
func selectsReference(ends []fhir.PathEnd) bool {
	return len(ends) > 0 && ends[0].Param.Kind == fhir.KindReference && ends[0].Path.Datatype == "Reference"
}

// targetsOf returns what any of the parameters that select an element may lead to.
func targetsOf(ends []fhir.PathEnd) []string {
	var all []string
	for _, end := range ends {
		all = append(all, end.Param.Targets...)
	}
	if len(all) == 0 || slices.Contains(all, "Any") {
		return []string{"Any"}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// MayLeadTo reports whether a resource of the type can be the target.
func (l Logical) MayLeadTo(resourceType string) bool {
	return slices.Contains(l.Types, resourceType) || l.Types[0] == "Any"
}

// Key is the same for two references that lead to the same.
func (l Logical) Key() int64 {
	return Hash(strings.Join(append(slices.Clone(l.Types), l.Identifier.Exact, TokenCode(l.Identifier.Text)), "\n"))
}

// Names reports whether a resource has the identifier among the values of p, its type's identifier. Whose data a resource is hangs on
// it, so the texts are compared as well as their hashes.
func (l Logical) Names(p *fhir.SearchParameter, body []byte) bool {
	return selected(gjson.ParseBytes(body), p, func(_ fhir.Path, v gjson.Result) bool {
		return slices.ContainsFunc(token(v.Get("system").Str, v.Get("value").Str), l.Identifier.same)
	})
}

func (e Entry) same(o Entry) bool {
	return e.Hash == o.Hash && e.System == o.System && e.Exact == o.Exact && TokenCode(e.Text) == TokenCode(o.Text)
}

// Linked returns the body that d was made of, with the literal reference beside each logical one of which target gives one ("" is
// none): what is indexed in its place. Nothing else may come of it, for it is not what was written.
func (d Document) Linked(body []byte, target func(Logical) string) []byte {
	var linked []byte
	done := 0
	for _, l := range d.Logical {
		if ref := target(l); ref != "" {
			linked = append(append(linked, body[done:l.at+1]...), `"reference":"`+ref+`",`...)
			done = l.at + 1
		}
	}
	if done == 0 {
		return body
	}
	return append(linked, body[done:]...)
}

// addUnselected finds the reference that tells whose data a resource is where no parameter selects it (Binary.securityContext).
func (x *indexer) addUnselected(t *fhir.Type, root gjson.Result) {
	if _, selected := t.Elements().Members[t.Patient]; selected || t.Patient == "" || t.Patient == "id" {
		return
	}
	if l, ok := logicalAt(nil, root.Get(t.Patient)); ok {
		x.logical = append(x.logical, l)
	}
}
