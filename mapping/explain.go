package mapping

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/dicom/sr"
	"lightbox/mapping/hl7v2"
)

// Explanation tells what one object became: each element that a rule set, and each attribute that no rule took.
type Explanation struct {
	Source string // what kind of source it came from: maker and model, or sending application and facility
	Steps  []Step
	Unread []Attribute
	Issues []Issue
}

// Step is one rule that found its attribute.
type Step struct {
	Rule
	Attribute string // the path of From that decided
	Value     string // shortened; this is patient data
	Beside    string // the paths of With that were present
	IsSet     bool
	Issues    []Issue // that the rule raised
}

// Attribute is an attribute that no rule took.
type Attribute struct {
	Path, VR, Value string
}

// Explain maps one object by itself and tells how. The error is that of Index.
func (m *Mapper) Explain(ds *dicom.Dataset) (Explanation, error) {
	instance, err := m.Index(ds)
	if err != nil {
		return Explanation{}, err
	}
	r := &run{mapper: m, trace: newTrace(), mentions: &mentions{made: map[string]bool{}}}
	study, err := r.study([]archive.Instance{instance}, "")
	if err != nil {
		return Explanation{}, err
	}
	if IsDocument(instance.SOPClassUID) {
		r.documents(study, []Document{{instance, ds}})
	}
	for _, rule := range everywhere {
		r.trace.take(&rule, rule.From)
	}
	unread := leftOver(nil, ds, "", r.trace.taken)
	for _, tree := range r.trace.trees {
		unread = r.trace.unsaid(unread, tree, "")
	}
	return Explanation{equipment(ds), r.trace.told(), unread, r.issues}, r.err
}

// equipment names the kind of machine that an object comes from.
func equipment(ds *dicom.Dataset) string {
	maker, model := clean(ds.Text(pathManufacturer)), clean(ds.Text(pathModel))
	return cmp.Or(strings.Join(cleaned([]string{maker, model}), " "), "unknown equipment")
}

// ExplainMessage maps one message and tells how. Fields that no rule took are Unread, but for those of OBX, which are each mapped or
// reported by an issue. The error is that of Message.
func (m *Mapper) ExplainMessage(message *hl7v2.Message) (Explanation, error) {
	r := &run{mapper: m, trace: newTrace(), mentions: &mentions{made: map[string]bool{}}}
	if _, err := r.message(message); err != nil {
		return Explanation{}, err
	}
	var unread []Attribute
	for _, s := range message.Segments {
		for n := 1; n <= min(s.Fields(), maxFields); n++ {
			path := s.Name + "-" + strconv.Itoa(n)
			if f := s.Field(n); f.Raw() != "" && !r.trace.taken[path] && s.Name != "OBX" && !slices.Contains(controlFields, path) {
				unread = append(unread, Attribute{Path: path, Value: shortened(clean(f.Raw()))})
			}
		}
	}
	header, _ := message.First("MSH")
	sender := strings.Join(cleaned([]string{header.Field(3).Text(), header.Field(4).Text()}), " ")
	return Explanation{cmp.Or(sender, "unknown sender"), r.trace.told(), unread, r.issues}, r.err
}

// maxFields bounds the fields of a segment that an explanation lists.
const maxFields = 200

// controlFields say how a message is read, and number its segments.
var controlFields = []string{"MSH-1", "MSH-2", "MSH-3", "MSH-4", "MSH-7", "MSH-9", "MSH-10", "MSH-12", "MSH-18", "PID-1", "OBR-1", "PV1-1"}

func newTrace() *trace { return &trace{taken: map[string]bool{}, items: map[*sr.Item]bool{}} }

// trace records what each rule took, and what came of it.
type trace struct {
	steps []Step
	taken map[string]bool // attribute paths
	items map[*sr.Item]bool
	trees []*sr.Item // whose items are taken one by one
}

// entered is a rule at work.
type entered struct {
	at     int // of its step
	before []byte
	known  int // issues there were
}

// enter notes that a rule takes v for the resource to. Rules that it sets in motion for what it refers to come after it.
func (t *trace) enter(rule *Rule, v value, to any, known int) entered {
	s := Step{Rule: *rule, Attribute: v.field.text, Value: shown(v.dataset, v.path)}
	var beside []string
	for _, f := range v.with {
		if f.isIn(v.dataset) {
			beside = append(beside, f.text)
		}
	}
	s.Beside = strings.Join(beside, " ")
	for _, path := range append(beside, s.Attribute) {
		t.take(rule, path)
	}
	t.steps = append(t.steps, s)
	return entered{len(t.steps) - 1, snapshot(to), known}
}

// enterContent notes that a rule takes content items for the resource to.
func (t *trace) enterContent(rule *Rule, all []contentItem, to any, known int) entered {
	for _, s := range all {
		t.items[s.Item] = true
	}
	t.take(rule, rule.From)
	concept := clean(all[0].Concept.Meaning)
	t.steps = append(t.steps, Step{Rule: *rule, Attribute: rule.From + ": " + concept, Value: shortened(stated(all[0].Item))})
	return entered{len(t.steps) - 1, snapshot(to), known}
}

// enterField notes that a rule takes a field for the resource to.
func (t *trace) enterField(rule *Rule, path string, f hl7v2.Field, to any, known int) entered {
	t.taken[path] = true
	t.steps = append(t.steps, Step{Rule: *rule, Attribute: path, Value: shortened(clean(f.Raw()))})
	return entered{len(t.steps) - 1, snapshot(to), known}
}

func (t *trace) take(rule *Rule, path string) {
	t.taken[path] = true
	if rule.Table == "servicerequest" {
		for _, sequence := range requestSequences {
			t.taken[sequence+"."+path] = true
		}
	}
}

// leave notes what the rule has set and what it found wrong.
func (t *trace) leave(e entered, to any, issues []Issue) {
	s := &t.steps[e.at]
	s.IsSet = !bytes.Equal(e.before, snapshot(to))
	for _, i := range issues[e.known:] {
		if i.Element == s.To {
			s.Issues = append(s.Issues, i)
		}
	}
}

// missing notes a rule that has found nothing and should have.
func (t *trace) missing(rule *Rule, issues []Issue) {
	t.steps = append(t.steps, Step{Rule: *rule, Attribute: rule.From, Issues: issues[max(0, len(issues)-1):]})
}

// snapshot is the resource as it stands: what differs was set.
func snapshot(to any) []byte {
	b, err := json.Marshal(to)
	if err != nil {
		return nil
	}
	return b
}

// told returns the steps that have something to tell: rules that neither set nor doubted anything have not.
func (t *trace) told() []Step {
	return slices.DeleteFunc(slices.Clone(t.steps), func(s Step) bool { return !s.IsSet && len(s.Issues) == 0 })
}

// leftOver walks ds and the sequences of which rules take parts only.
func leftOver(list []Attribute, ds *dicom.Dataset, prefix string, taken map[string]bool) []Attribute {
	for i := range ds.Elements {
		e := &ds.Elements[i]
		name := dicom.Keyword(e.Tag)
		if name == "" {
			name = e.Tag.String()
		}
		path := prefix + name
		switch inner := isTakenWithin(taken, path); {
		case uint16(e.Tag) == 0: // group length
		case inner && len(e.Items) > 0:
			for n, item := range e.Items {
				list = append(list, numbered(leftOver(nil, item, path+".", taken), path, n, len(e.Items))...)
			}
		case taken[path], isEmpty(ds, e):
		default:
			list = append(list, Attribute{path, string(e.VR), describe(ds, e)})
		}
	}
	return list
}

// unsaid walks the content items that no rule took.
func (t *trace) unsaid(list []Attribute, i *sr.Item, path string) []Attribute {
	for _, child := range i.Children {
		at := path + " > " + cmp.Or(clean(child.Concept.Meaning), child.ValueType)
		if child.ValueType != "CONTAINER" && !t.items[child] {
			list = append(list, Attribute{contentSequence + at, child.ValueType, shortened(stated(child))})
		}
		list = t.unsaid(list, child, at)
	}
	return list
}

func isEmpty(ds *dicom.Dataset, e *dicom.Element) bool {
	if e.Bulk || len(e.Items) > 0 || isBinary(e.VR) && len(e.Value) > 0 {
		return false
	}
	return len(cleaned(ds.Texts(tagPath(e.Tag)))) == 0
}

// isTakenWithin holds for a sequence of which rules take single attributes.
func isTakenWithin(taken map[string]bool, path string) bool {
	for one := range taken {
		if strings.HasPrefix(one, path+".") {
			return true
		}
	}
	return false
}

// numbered names the item in the paths below a sequence that has several.
func numbered(list []Attribute, sequence string, n, of int) []Attribute {
	if of > 1 {
		for i := range list {
			list[i].Path = fmt.Sprintf("%s[%d]%s", sequence, n, strings.TrimPrefix(list[i].Path, sequence))
		}
	}
	return list
}

func shown(ds *dicom.Dataset, p dicom.Path) string {
	e, in, ok := ds.Find(p)
	if !ok {
		return ""
	}
	return describe(in, e)
}

// describe shows a value in at most 64 characters, of a sequence what its first item means.
func describe(ds *dicom.Dataset, e *dicom.Element) string {
	switch {
	case e.Bulk || len(e.Value) > 0 && isBulk(e.VR):
		return fmt.Sprintf("(%d bytes)", e.Length)
	case len(e.Items) > 0:
		if meaning := e.Items[0].Text(pathMeaning); meaning != "" {
			return fmt.Sprintf("(%s) %s", counted(len(e.Items)), clean(meaning))
		}
		return "(" + counted(len(e.Items)) + ")"
	}
	return shortened(clean(strings.Join(ds.Texts(tagPath(e.Tag)), `\`)))
}

// tagPath is the path of one attribute of the data set at hand, private ones among them.
func tagPath(t dicom.Tag) dicom.Path {
	p, err := dicom.ParsePath(t.String())
	if err != nil {
		return dicom.Path{}
	}
	return p
}

func isBulk(vr dicom.VR) bool { return strings.HasPrefix(string(vr), "O") || vr == "UN" }

func counted(n int) string {
	if n == 1 {
		return "1 item"
	}
	return fmt.Sprint(n, " items")
}

func shortened(s string) string {
	const most = 64
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
