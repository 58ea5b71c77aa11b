package mapping

import (
	"slices"
	"strings"

	"lightbox/dicom"
)

// rule moves what some attributes say to one element of T. Tables hold one rule a line; the runner does every look-up and all
// absence handling, so that no Set asks whether its attribute is there.
type rule[T any] struct {
	From string // attribute paths separated by spaces: the first one that is present decides
	With string // attribute paths that Set reads beside it
	To   string // FHIR element
	Need need
	By   settlement
	Ref  string // clause of the standard or guide
	Set  func(r *run, to *T, v value)
}

// need tells what it means that no attribute of a rule is present.
type need string

const (
	optional need = ""
	required need = "required" // raises an issue
)

// settlement tells how objects that disagree on one element are settled: by content, never by arrival.
type settlement string

const (
	majority settlement = ""         // most instances, then the lowest SOP Instance UID; the others raise an issue
	union    settlement = "union"    // every distinct value is set, in the order that majority would prefer them
	agreed   settlement = "agreed"   // set only when all that state it agree; else an issue
	earliest settlement = "earliest" // the lowest text, for dates
	nearest  settlement = "nearest"  // the first source that states it, where sources are ranked
)

// field is one compiled attribute path.
type field struct {
	text       string
	path       dicom.Path
	isSequence bool // by the dictionary
	isBinary   bool
}

func newField(text string) field {
	path := dicom.MustPath(text)
	vr := dicom.VROf(path.Tag())
	return field{text, path, vr == "SQ", isBinary(vr)}
}

// row is a compiled rule.
type row[T any] struct {
	Rule
	from, with []field
	set        func(*run, *T, value)
}

// table is a compiled list of rules for one FHIR type.
type table[T any] struct{ rows []row[T] }

// compile makes a table of rules. A path that is not in the DICOM dictionary panics, at start.
func compile[T any](name string, rules []rule[T]) table[T] {
	rows := make([]row[T], len(rules))
	for i, one := range rules {
		rows[i] = row[T]{
			Rule: Rule{Table: name, From: one.From, With: one.With, To: one.To, Need: string(one.Need), By: string(one.By), Ref: one.Ref},
			from: fields(one.From), with: fields(one.With), set: one.Set,
		}
	}
	return table[T]{rows}
}

func fields(paths string) []field {
	var list []field
	for text := range strings.FieldsSeq(paths) {
		list = append(list, newField(text))
	}
	return list
}

// source is a data set that stands for a number of instances: a context, the header of one instance, or an item. The time zone, the
// coding schemes and the institution of root apply to it.
type source struct {
	root      *dicom.Dataset
	dataset   *dicom.Dataset
	instances int
	lowest    string // SOP Instance UID among them
}

// whole is the source of a data set that nothing stands around.
func whole(ds *dicom.Dataset) source { return source{root: ds, dataset: ds, instances: 1} }

// value is what a rule found: the attribute at From in one data set, and the attributes of With beside it.
type value struct {
	run     *run
	root    *dicom.Dataset
	dataset *dicom.Dataset
	field
	with []field
}

// maxValues bounds what is taken of one attribute. Real ones have a handful; a hostile one may have a million.
const maxValues = 256

// atMost cuts a list of values, and says so.
func atMost[T any](r *run, list []T) []T {
	if len(list) <= maxValues {
		return list
	}
	r.doubt("too-many-values", "more values than any real attribute has: the rest is left out")
	return list[:maxValues]
}

func (v value) texts() []string     { return atMost(v.run, cleaned(v.dataset.Texts(v.path))) }
func (v value) int() (int64, bool)  { return v.dataset.Int(v.path) }
func (v value) names() []personName { return personNames(atMost(v.run, v.dataset.Names(v.path))) }
func (v value) items() []item       { return items(v.root, atMost(v.run, v.dataset.Items(v.path))) }
func (v value) first() item         { return firstItem(v.items()) }
func (v value) isPresent() bool     { return v.isIn(v.dataset) }

// check tells of text that was encoded twice: it is kept as it came, for what it was meant to be is a guess.
func (v value) check() {
	e, _, ok := v.dataset.Find(v.path)
	if !ok || isASCII(e.Value) || isBinary(e.VR) {
		return
	}
	if slices.ContainsFunc(v.dataset.Texts(v.path), isDoubleEncoded) {
		v.run.doubt("double-encoded", "text that was encoded twice: kept as it came")
	}
}

func isASCII(b []byte) bool { return !slices.ContainsFunc(b, func(c byte) bool { return c >= 0x80 }) }

// of is an attribute of With.
func (v value) of(text string) value {
	v.field = fieldOf(v.with, text)
	return v
}

// text is the first value that is not empty.
func (v value) text() string {
	if s := clean(v.dataset.Text(v.path)); s != "" {
		return s
	}
	for _, s := range v.texts() {
		return s
	}
	return ""
}

// fieldOf returns the declared companion of that name. A Set that reads what its rule does not declare is a fault in the table,
// which its golden finds.
func fieldOf(with []field, text string) field {
	for _, f := range with {
		if f.text == text {
			return f
		}
	}
	panic("mapping: " + text + " is not declared in With")
}

// isIn reports whether an attribute has a value: an empty one (type 2) and padding count as absent (PS3.5 7.4.2).
func (f field) isIn(ds *dicom.Dataset) bool { return f.in(ds) == readable }

// presence is whether an attribute says something.
type presence int

const (
	nowhere  presence = iota
	readable          // it has a value that can be read
	foreign           // it has a value of a representation in which it cannot
)

// in tells of an attribute: what the dictionary calls a sequence has items, and text has something to read, whatever an object says they
// are.
func (f field) in(ds *dicom.Dataset) presence {
	e, _, ok := ds.Find(f.path)
	switch {
	case !ok || len(e.Value) == 0 && len(e.Items) == 0 && !e.Bulk:
		return nowhere
	case f.isSequence && len(e.Items) > 0, f.isBinary, isPlain(e):
		if f.isSequence && len(e.Items) == 0 {
			return foreign
		}
		return readable
	case f.isSequence, len(e.Items) > 0:
		return foreign
	case len(cleaned(ds.Texts(f.path))) > 0:
		return readable
	case isBinary(e.VR):
		return foreign
	}
	return nowhere
}

// isPlain holds for what is text without looking further: printable ASCII with a letter or digit in it.
func isPlain(e *dicom.Element) bool {
	said := false
	for _, c := range e.Value {
		if c < ' ' || c > '~' {
			return false
		}
		said = said || c >= '0' && c != '\\' && c != '^'
	}
	return said && !isBinary(e.VR)
}

// isBinary holds for the value representations whose values are not text.
func isBinary(vr dicom.VR) bool {
	switch vr {
	case "AT", "FL", "FD", "OB", "OD", "OF", "OL", "OV", "OW", "SL", "SS", "SV", "UL", "UN", "US", "UV":
		return true
	}
	return false
}

// apply walks the table over what the sources say.
func (t *table[T]) apply(r *run, to *T, sources ...source) {
	for i := range t.rows {
		t.rows[i].apply(r, to, sources)
	}
}

func (w *row[T]) apply(r *run, to *T, sources []source) {
	outer, attribute := r.rule, r.attribute
	r.rule, r.attribute = &w.Rule, w.From
	w.find(r, to, sources)
	r.rule, r.attribute = outer, attribute
}

// find looks for the first path of From that any source has.
func (w *row[T]) find(r *run, to *T, sources []source) {
	for _, f := range w.from {
		said := w.said(r, f, sources)
		if len(said) == 0 {
			continue
		}
		r.attribute = f.text
		for _, v := range w.settle(r, said) {
			v.check()
			if r.trace == nil {
				w.set(r, to, v)
				continue
			}
			step := r.trace.enter(&w.Rule, v, to, len(r.issues))
			w.set(r, to, v)
			r.trace.leave(step, to, r.issues)
		}
		return
	}
	if w.Need == string(required) {
		r.doubt("missing", "a required attribute is absent or empty")
		if r.trace != nil {
			r.trace.missing(&w.Rule, r.issues)
		}
	}
}

// statement is one distinct value with its weight.
type statement struct {
	value
	key       string
	instances int
	lowest    string
}

// says reports whether f has a value in a data set, and tells of one that cannot be read.
func (w *row[T]) says(r *run, f field, ds *dicom.Dataset) bool {
	how := f.in(ds)
	if how == foreign {
		outer := r.attribute
		r.attribute = f.text
		r.doubt("wrong-representation", "a value of another representation: left out")
		r.attribute = outer
	}
	return how == readable
}

// said gathers the distinct values that sources state at f.
func (w *row[T]) said(r *run, f field, sources []source) []statement {
	if len(sources) == 1 { // by far the most frequent: nothing to compare
		if !w.says(r, f, sources[0].dataset) {
			return nil
		}
		return []statement{{value: value{r, sources[0].root, sources[0].dataset, f, w.with}}}
	}
	var list []statement
	at := map[string]int{}
	for _, s := range sources {
		if !w.says(r, f, s.dataset) {
			continue
		}
		one := statement{value: value{r, s.root, s.dataset, f, w.with}, instances: s.instances, lowest: s.lowest}
		one.key = one.value.key()
		if n, ok := at[one.key]; ok {
			list[n].join(one)
			continue
		}
		at[one.key] = len(list)
		list = append(list, one)
	}
	return list
}

// join adds the weight of a statement of the same value.
func (s *statement) join(one statement) {
	s.instances += one.instances
	if one.lowest < s.lowest {
		s.lowest, s.value = one.lowest, one.value
	}
}
