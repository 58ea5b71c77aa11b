package mapping

import (
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
	"lightbox/dicom/sr"
)

// contentRule moves what content items of a structured report say to one element of T: a row of a template as data. Set gets all items
// that stand at From, and at least one.
type contentRule[T any] struct {
	From string // concepts, outermost first: codes of DCM, or SCHEME:code
	To   string // FHIR element
	Unit string // UCUM in which a number goes out, "" for the one it was measured in
	Ref  string // template
	Set  func(r *run, to *T, all []contentItem)
}

// contentItem is a content item with what it stands in.
type contentItem struct {
	*sr.Item
	parent *sr.Item
	root   *dicom.Dataset
	unit   string // of the rule
}

// contentRow is a compiled rule.
type contentRow[T any] struct {
	Rule
	path []sr.Code
	unit string
	set  func(*run, *T, []contentItem)
}

// contentTable is a compiled list of rules for one FHIR type.
type contentTable[T any] struct{ rows []contentRow[T] }

// compileContent makes a table of rules.
func compileContent[T any](name string, list []contentRule[T]) contentTable[T] {
	rows := make([]contentRow[T], len(list))
	for i, one := range list {
		rows[i] = contentRow[T]{path: conceptPath(one.From), unit: one.Unit, set: one.Set,
			Rule: Rule{Table: name, From: contentSequence, Concept: one.From, To: one.To, Unit: one.Unit, Ref: one.Ref}}
	}
	return contentTable[T]{rows}
}

const contentSequence = "ContentSequence"

func conceptPath(path string) []sr.Code {
	var list []sr.Code
	for text := range strings.FieldsSeq(path) {
		scheme, value, ok := strings.Cut(text, ":")
		if !ok {
			scheme, value = "DCM", text
		}
		list = append(list, sr.Code{Value: value, Scheme: scheme})
	}
	return list
}

func (t *contentTable[T]) rules() []Rule {
	list := make([]Rule, len(t.rows))
	for i := range t.rows {
		list[i] = t.rows[i].Rule
	}
	return list
}

// apply walks the table over what is below an item.
func (t *contentTable[T]) apply(r *run, to *T, root *dicom.Dataset, below *sr.Item) {
	for i := range t.rows {
		t.rows[i].apply(r, to, contentItem{Item: below, root: root})
	}
}

func (w *contentRow[T]) apply(r *run, to *T, below contentItem) {
	below.unit = w.unit
	all := atMost(r, find(below, w.path))
	if len(all) == 0 {
		return
	}
	outer, attribute := r.rule, r.attribute
	r.rule, r.attribute = &w.Rule, contentSequence
	if r.trace == nil {
		w.set(r, to, all)
	} else {
		step := r.trace.enterContent(&w.Rule, all, to, len(r.issues))
		w.set(r, to, all)
		r.trace.leave(step, to, r.issues)
	}
	r.rule, r.attribute = outer, attribute
}

// find returns the items below one that a path of concepts leads to, in order.
func find(below contentItem, path []sr.Code) []contentItem {
	var list []contentItem
	for _, child := range below.Children {
		if !isConcept(child, path[0]) {
			continue
		}
		one := contentItem{Item: child, parent: below.Item, root: below.root, unit: below.unit}
		if len(path) == 1 {
			list = append(list, one)
		} else {
			list = append(list, find(one, path[1:])...)
		}
	}
	return list
}

// isConcept reports whether an item is about a concept, in today's code or in one that DICOM has retired.
func isConcept(i *sr.Item, c sr.Code) bool {
	value, scheme := currentCode(snomedRT.load(), i.Concept.Value, i.Concept.Scheme)
	return value == c.Value && scheme == c.Scheme
}

var pathConceptName = dicom.MustPath("ConceptNameCodeSequence")

// concept is what the item is about.
func (s contentItem) concept(r *run) r4.CodeableConcept {
	one, _ := r.concept(firstItem(items(s.root, s.Dataset.Items(pathConceptName))))
	return one
}

// code is what a CODE item says.
func (s contentItem) code(r *run) (r4.CodeableConcept, bool) {
	list := items(s.root, s.Dataset.Items(pathConceptCode))
	if len(list) == 0 {
		r.doubt("empty-code", "a coded statement without a code: left out")
		return r4.CodeableConcept{}, false
	}
	return r.concept(list[0])
}
