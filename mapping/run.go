package mapping

import (
	"slices"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
)

// run is one walk of tables: where findings, mentions and the trace go.
type run struct {
	mapper    *Mapper
	rule      *Rule  // being applied
	attribute string // path that decided
	issues    []Issue
	mentions  *mentions  // nil: references are made, their resources are not
	content   *mentions  // the same for what only the content of a document tells of; nil: as mentions
	trace     *trace     // nil: not asked for
	asserted  []asserted // what programs found in the study being mapped
	selected  []media    // key images of the one report
	signed    bool       // a report of it is
	links     Links      // which patients are one person
	senders   []string   // of the message being mapped: facility and application
	cleared   []string   // members that the message being mapped takes back from the resource being built
	err       error      // the first fault of ours

	whose *dicom.Dataset // context that was last asked whom it is about
	who   identity
}

// doubt records a warning about the rule being applied. detail never holds a value.
func (r *run) doubt(code, detail string) { r.find("warning", code, detail) }

// remark records a finding that loses nothing.
func (r *run) remark(code, detail string) { r.find("information", code, detail) }

func (r *run) find(severity, code, detail string) {
	issue := Issue{Severity: severity, Code: code, Detail: detail, Attribute: r.attribute}
	if r.rule != nil {
		issue.Element, issue.Ref = r.rule.To, r.rule.Ref
	}
	r.add(issue)
}

// maxIssues bounds what is told of one input: of a hostile one there would be no end.
const maxIssues = 1000

// add keeps an issue once, however many instances raise it.
func (r *run) add(issue Issue) {
	switch {
	case slices.Contains(r.issues, issue):
	case len(r.issues) < maxIssues:
		r.issues = append(r.issues, issue)
	case len(r.issues) == maxIssues:
		r.issues = append(r.issues, Issue{Severity: "warning", Code: "more-issues", Detail: "there are more findings than are told", Ref: "a bound of the hub"})
	}
}

// fail keeps the first fault of ours; what is built after it is thrown away.
func (r *run) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// mentions collects the shared resources that one context tells of.
type mentions struct {
	date string
	list []Mention
	made map[string]bool // references

	traced int // of list, in Provenance
}

// fromContent refers to what no header tells of, so that Mentions cannot know it.
func (r *run) fromContent(refer func() *r4.Reference) *r4.Reference {
	outer := r.mentions
	defer func() { r.mentions = outer }()
	if r.content != nil {
		r.mentions = r.content
	}
	return refer()
}

// refer returns a reference to a shared resource. The resource itself is built only when mentions are collected: so nothing
// can be referred to that nobody mentions.
func (r *run) refer(resourceType, id string, build func() any) *r4.Reference {
	reference := resourceType + "/" + id
	if m := r.mentions; m != nil && !m.made[reference] {
		m.made[reference] = true
		at := len(m.list)
		m.list = append(m.list, Mention{Type: resourceType, ID: id, Date: m.date})
		outer := r.cleared
		r.cleared = nil
		body, err := encode(resourceType, build())
		if err == nil {
			body, err = withNulls(body, r.cleared)
		}
		if err != nil {
			r.fail(err)
		}
		m.list[at].Body, r.cleared = body, outer
	}
	return &r4.Reference{Reference: &reference}
}
