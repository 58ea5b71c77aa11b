package mapping

import (
	"slices"
	"strconv"
	"strings"

	"lightbox/mapping/hl7v2"
)

// messageRule moves what a field of an HL7 v2 message says to one element of T.
type messageRule[T any] struct {
	From string // fields separated by spaces ("OBR-22"): the first one that has a value decides
	To   string // FHIR element
	Need need
	Ref  string // chapter of HL7 v2.8.2, table, or guide
	Set  func(r *run, to *T, v fieldValue)
}

// fieldValue is the field that a rule found, in the segments that it was looked for in.
type fieldValue struct {
	hl7v2.Field
	scope []hl7v2.Segment
}

// at is another field of the scope, such as "OBR-8"; empty when it is not there.
func (v fieldValue) at(path string) hl7v2.Field { return fieldAt(v.scope, newFieldPath(path)) }

// fieldPath is a compiled "OBR-22".
type fieldPath struct {
	segment string
	number  int
}

// newFieldPath panics on a path that is none: tables are fixed.
func newFieldPath(text string) fieldPath {
	segment, number, ok := strings.Cut(text, "-")
	n, err := strconv.Atoi(number)
	if !ok || err != nil || len(segment) != 3 {
		panic("mapping: " + text + " is no field")
	}
	return fieldPath{segment, n}
}

// fieldPaths compiles fields that are separated by spaces.
func fieldPaths(text string) []fieldPath {
	var list []fieldPath
	for path := range strings.FieldsSeq(text) {
		list = append(list, newFieldPath(path))
	}
	return list
}

func fieldAt(scope []hl7v2.Segment, p fieldPath) hl7v2.Field {
	at := slices.IndexFunc(scope, func(s hl7v2.Segment) bool { return s.Name == p.segment })
	if at < 0 {
		return hl7v2.Field{}
	}
	return scope[at].Field(p.number)
}

// messageTable is a compiled list of rules for one FHIR type.
type messageTable[T any] struct{ rows []messageRow[T] }

type messageRow[T any] struct {
	Rule
	from []fieldPath
	set  func(*run, *T, fieldValue)
}

func compileMessage[T any](name string, rules []messageRule[T]) messageTable[T] {
	rows := make([]messageRow[T], len(rules))
	for i, one := range rules {
		rows[i] = messageRow[T]{Rule: Rule{Table: name, Field: one.From, To: one.To, Need: string(one.Need), Ref: one.Ref}, set: one.Set}
		rows[i].from = fieldPaths(one.From)
	}
	return messageTable[T]{rows}
}

func (t *messageTable[T]) rules() []Rule {
	list := make([]Rule, len(t.rows))
	for i := range t.rows {
		list[i] = t.rows[i].Rule
	}
	return list
}

// apply walks the table over segments that belong together: of each name the first is read.
func (t *messageTable[T]) apply(r *run, to *T, scope []hl7v2.Segment) {
	for i := range t.rows {
		t.rows[i].apply(r, to, scope)
	}
}

func (w *messageRow[T]) apply(r *run, to *T, scope []hl7v2.Segment) {
	outer, attribute := r.rule, r.attribute
	defer func() { r.rule, r.attribute = outer, attribute }()
	r.rule, r.attribute = &w.Rule, w.Field
	for i, path := range w.from {
		f := fieldAt(scope, path)
		if f.IsNull() {
			r.clear(w.To)
		}
		if f.Raw() == "" || f.IsNull() {
			continue
		}
		r.attribute = strings.Fields(w.Field)[i]
		r.checkField(f)
		if r.trace == nil {
			w.set(r, to, fieldValue{f, scope})
			return
		}
		step := r.trace.enterField(&w.Rule, r.attribute, f, to, len(r.issues))
		w.set(r, to, fieldValue{f, scope})
		r.trace.leave(step, to, r.issues)
		return
	}
	if w.Need == string(required) {
		r.doubt("missing", "a required field is absent or empty")
	}
}

// checkField tells of text that was encoded twice: it is kept as it came.
func (r *run) checkField(f hl7v2.Field) {
	if raw := f.Raw(); !isASCII([]byte(raw)) && isDoubleEncoded(raw) {
		r.doubt("double-encoded", "text that was encoded twice: kept as it came")
	}
}

// clear notes that a message takes an element back ("" in a field, HL7 v2.8.2 2.5.3).
func (r *run) clear(element string) {
	_, path, _ := strings.Cut(element, ".")
	name, _, _ := strings.Cut(path, ".")
	if !slices.Contains(r.cleared, name) {
		r.cleared = append(r.cleared, name)
	}
}

// withNulls is a body with null for what its message took back and did not tell otherwise.
func withNulls(body []byte, cleared []string) ([]byte, error) {
	if len(cleared) == 0 {
		return body, nil
	}
	_, values, err := members(body)
	if err != nil {
		return nil, err
	}
	for _, name := range cleared {
		if values[name] == nil {
			body = append(body[:len(body)-1], `,"`+name+`":null}`...)
		}
	}
	return body, nil
}
