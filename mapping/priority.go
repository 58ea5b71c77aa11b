package mapping

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
	"github.com/tidwall/gjson"

	"lightbox/fhir"
)

// PriorityRule turns what a program finds into the priority of a study's reading. A program contributes findings, whoever runs the hub
// decides what they mean: without rules no finding hastens anything.
type PriorityRule struct {
	Finding   string   `json:"finding"`             // "system|code" of what was found: of the Observation's value or code
	Certainty *float64 `json:"certainty,omitempty"` // at least so many percent; nil: whatever is stated, if anything
	Algorithm string   `json:"algorithm,omitempty"` // name of the program, as the finding has it; "" for any
	Priority  string   `json:"priority"`            // urgent, asap or stat
}

// priorities are in rising order (FHIR R4 request-priority).
var priorities = []r4.RequestPriority{r4.RequestPriorityRoutine, r4.RequestPriorityUrgent, r4.RequestPriorityAsap, r4.RequestPriorityStat}

func (p PriorityRule) check() error {
	system, code, ok := strings.Cut(p.Finding, "|")
	switch {
	case !ok || !isURI(system) || code == "":
		return fmt.Errorf("finding %q is not system|code", p.Finding)
	case p.Certainty != nil && (*p.Certainty < 0 || *p.Certainty > 100):
		return fmt.Errorf("certainty %v is not a percentage", *p.Certainty)
	case p.priority() == r4.RequestPriorityRoutine:
		return fmt.Errorf("priority %q is not urgent, asap or stat", p.Priority)
	}
	return nil
}

// priority is the code of a rule; routine, which no rule may have, where it is none.
func (p PriorityRule) priority() r4.RequestPriority {
	for _, one := range priorities {
		if one.Code() == p.Priority {
			return one
		}
	}
	return r4.RequestPriorityRoutine
}

// Prioritizes reports whether findings may hasten readings at all.
func (m *Mapper) Prioritizes() bool { return len(m.config.Priorities) > 0 }

// asserted is a finding of a program that nobody has accepted.
type asserted struct {
	r4.Observation
	algorithm string
}

// matches reports whether a rule is about a finding: present, of its program, and certain enough.
func (p PriorityRule) matches(f asserted) bool {
	about := slices.Clone(f.Code.Coding)
	if v := f.ValueCodeableConcept; v != nil {
		if slices.ContainsFunc(v.Coding, func(c r4.Coding) bool { return slices.Contains(absent, deref(c.Code)) }) {
			return false
		}
		about = append(about, v.Coding...)
	}
	named := slices.ContainsFunc(about, func(c r4.Coding) bool { return deref(c.System)+"|"+deref(c.Code) == p.Finding })
	if !named || f.algorithm == "" || p.Algorithm != "" && !strings.EqualFold(p.Algorithm, f.algorithm) {
		return false
	}
	certain, stated := f.certainty()
	return p.Certainty == nil || stated && certain >= *p.Certainty
}

// certainty is the highest that is stated, in percent. What is sent as a share of 1 is compared as percent and kept as it was sent.
func (f asserted) certainty() (percent float64, stated bool) {
	for _, c := range f.Component {
		q := c.ValueQuantity
		if q == nil || q.Value == nil || !slices.ContainsFunc(c.Code.Coding, func(c r4.Coding) bool { return deref(c.Code) == "111012" || deref(c.Code) == "111047" }) {
			continue
		}
		value, err := q.Value.Float64()
		if err != nil {
			continue
		}
		switch deref(q.Code) {
		case "1":
			value *= 100
		case "%":
		default:
			continue
		}
		percent, stated = max(percent, value), true
	}
	return percent, stated
}

// Orders are the references of a study to its orders, whose priorities Ordered is to hold.
func (s Study) Orders() (list []string) {
	for _, reference := range gjson.GetBytes(s.Resource.Body, "basedOn.#.reference").Array() {
		list = append(list, reference.Str)
	}
	return list
}

// PriorityOf is the priority of a settled ServiceRequest; "" where it states none.
func PriorityOf(order fhir.Resource) string { return gjson.GetBytes(order.Body, "priority").Str }

// IsOfObjects reports whether a report was made of DICOM objects, not of messages.
func IsOfObjects(report fhir.Resource) bool {
	return bytes.Contains(report.Body, []byte(`"code":"sop-instance-uid"`))
}

// IsSigned reports whether somebody answers for the report.
func (t Told) IsSigned() bool { return slices.Contains(signedStatuses, t.Status) }

// ReportedOn returns the identifiers, as system|value, of the studies and the orders that a report is of.
func ReportedOn(report fhir.Resource) []string {
	return slices.Concat(tokensAt(report, "imagingStudy.#.identifier"), tokensAt(report, "basedOn.#.identifier"))
}

// Identifiers are those of the study, as ReportedOn has them.
func (s Study) Identifiers() []string { return tokensAt(s.Resource, "identifier") }

func tokensAt(r fhir.Resource, path string) (list []string) {
	for _, one := range gjson.GetBytes(r.Body, path).Array() {
		list = append(list, one.Get("system").Str+"|"+one.Get("value").Str)
	}
	return list
}

// reading is the Task of reading a study, where a rule matches a finding in it; it is done when a report is signed. Its priority is never
// below what was ordered (IHE RAD Reporting Worklist Prioritization).
func (r *run) reading(study Study) []fhir.Resource {
	highest, why := r4.RequestPriorityRoutine, -1
	for i, f := range r.asserted {
		for _, rule := range r.mapper.config.Priorities {
			if p := rule.priority(); rule.matches(f) && (why < 0 || slices.Index(priorities, p) > slices.Index(priorities, highest)) {
				highest, why = p, i
			}
		}
	}
	if why < 0 {
		return nil
	}
	for _, ordered := range study.Ordered {
		p := PriorityRule{Priority: ordered}.priority()
		if slices.Index(priorities, p) > slices.Index(priorities, highest) {
			highest = p
		}
	}
	id := r.mapper.ID("Task", "reading", study.Resource.ID)
	to := r4.Task{
		Id: &id, Status: r4.TaskStatusReady, Intent: "order", Priority: &highest,
		Meta:            &r4.Meta{Security: assertedLabel(), Tag: []r4.Coding{tag("ai-flagged", "Flagged by a finding of a program")}},
		Code:            &r4.CodeableConcept{Coding: []r4.Coding{codingOf("http://hl7.org/fhir/CodeSystem/task-code", "fulfill", "Fulfill the focal request")}, Text: new("Read the study")},
		Focus:           &r4.Reference{Reference: new(study.Resource.Reference())},
		For:             &r4.Reference{Reference: &study.Patient},
		ReasonCode:      &r4.CodeableConcept{Text: new("Found by " + r.asserted[why].algorithm)},
		ReasonReference: &r4.Reference{Reference: new("Observation/" + *r.asserted[why].Id)},
	}
	if r.signed || study.Reported {
		to.Status = r4.TaskStatusCompleted
	}
	if at := r.asserted[why].Issued; at != nil {
		to.AuthoredOn = at
	}
	for _, order := range study.Orders() {
		to.BasedOn = append(to.BasedOn, r4.Reference{Reference: &order})
	}
	body, err := encode("Task", r4.OtherTask(to))
	if err != nil {
		r.fail(err)
	}
	return []fhir.Resource{{Type: "Task", ID: id, Body: body}}
}
