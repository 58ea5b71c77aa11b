package mapping

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"lightbox/dicom"
	"lightbox/dicom/archive"
)

// Explanation tells what one object became: each element that a rule set, and each attribute that no rule took.
type Explanation struct {
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
	r := &run{mapper: m, trace: &trace{taken: map[string]bool{}}, mentions: &mentions{made: map[string]bool{}}}
	study, err := r.study([]archive.Instance{instance}, "")
	if err != nil {
		return Explanation{}, err
	}
	if IsReport(instance.SOPClassUID) {
		r.reports(study, []Document{{instance, ds}})
	}
	for _, rule := range everywhere {
		r.trace.take(&rule, rule.From)
	}
	return Explanation{r.trace.told(), leftOver(nil, ds, "", r.trace.taken), r.issues}, r.err
}

// trace records what each rule took, and what came of it.
type trace struct {
	steps []Step
	taken map[string]bool // attribute paths
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
