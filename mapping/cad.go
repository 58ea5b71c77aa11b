package mapping

import (
	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom/sr"
	"lightbox/fhir"
)

// cadTitles are root concepts of documents of computer-aided detection, whatever their SOP class: mammography, chest, colon (PS3.16 TID
// 4000, 4100, 4120).
var cadTitles = []string{"111036", "112000", "112220"}

// cadClasses are the SOP classes that are made for them (PS3.4 B.5).
var cadClasses = []string{
	"1.2.840.10008.5.1.4.1.1.88.50", // Mammography CAD SR
	"1.2.840.10008.5.1.4.1.1.88.65", // Chest CAD SR
	"1.2.840.10008.5.1.4.1.1.88.69", // Colon CAD SR
}

// cadContent reads one finding of a program (PS3.16 TID 4003, 4004, 4006, 4104, 4128).
var cadContent = compileContent("cad", []contentRule[finding]{
	{From: "111012", To: "Observation.component", Ref: "TID 4006; PS3.16 111012", Set: certainty},
	{From: "111047", To: "Observation.component", Ref: "TID 4006; PS3.16 111047", Set: certainty},
	{From: "111013", To: "Observation.component", Ref: "TID 4003; PS3.16 111013", Set: certainty},
	{From: "111053", To: "Observation.component", Ref: "TID 4003; PS3.16 111053", Set: cadCode},
	{From: "111056", To: "Observation.component", Ref: "TID 4003, 4006; PS3.16 CID 6034", Set: cadCode},
	{From: "SCT:363698007", To: "Observation.bodySite", Ref: "TID 4104", Set: findingSite},
	{From: "111001", To: "Observation.device", Ref: "TID 4019", Set: algorithm},
})

// cadSummary is what became of the processing as a whole (PS3.16 CID 6047).
var (
	cadSummary     = conceptPath("111017")
	cadImpressions = conceptPath("111034")
	cadFindings    = conceptPath("111015 111059")
)

const (
	cadFailed       = "111245" // No algorithms succeeded; without findings
	mustBePresented = "111150"
)

// cads maps the documents of CAD of a study: of each what became of it as a whole, and the findings that are to be presented. They are
// preliminary, whoever stored them: nobody has answered for them.
func (r *run) cads(study Study, documents []version) []fhir.Resource {
	var list []fhir.Resource
	for _, v := range documents {
		to := report{chain: chain{root: v.uid, versions: []version{v}}, study: study}
		to.Status = r4.DiagnosticReportStatusPreliminary
		to.Subject, to.EffectiveDateTime = &r4.Reference{Reference: &study.Patient}, text(study.started)
		around := surroundings{device: r.device(v.Dataset), asserted: true, program: clean(v.Dataset.Text(pathModel))}
		for _, summary := range find(contentItem{Item: v.sr.Root, root: v.Dataset}, cadSummary) {
			r.cad(&to, summary, around)
		}
		if study.rejected.isRejected(v.uid) {
			continue
		}
		list = append(list, to.observations...)
		if r.trace != nil {
			r.trace.trees = append(r.trace.trees, v.sr.Root)
		}
	}
	return list
}

func (r *run) cad(to *report, summary contentItem, around surroundings) {
	whole := r.newFinding(to, summary, around)
	whole.Code = summary.concept(r)
	said, _ := summary.code(r)
	if summary.Code.Is(cadFailed, "DCM") { // not the same as nothing found
		whole.Status, whole.DataAbsentReason = r4.ObservationStatusCancelled, &r4.CodeableConcept{
			Coding: []r4.Coding{codingOf(absentReasons, "error", "Error")}, Text: said.Text}
	} else {
		whole.ValueCodeableConcept = &said
	}
	whole.HasMember = r.cadFindings(to, summary, around, false)
	for _, below := range find(contentItem{Item: to.version().sr.Root, root: summary.root}, cadImpressions) {
		whole.HasMember = append(whole.HasMember, r.cadFindings(to, below, around, isRequired(below.Item))...)
	}
	r.keepFinding(to, &whole)
}

// cadFindings walks impressions for findings that are to be presented: by what they say themselves, else by what is said around them.
func (r *run) cadFindings(to *report, below contentItem, around surroundings, required bool) []r4.Reference {
	var list []r4.Reference
	for _, child := range below.Children {
		one := contentItem{Item: child, parent: below.Item, root: below.root}
		shown := required
		if child.Child("111056", "DCM") != nil {
			shown = isRequired(child)
		}
		if len(to.observations) >= maxFindings {
			r.doubt("too-many-values", "more findings than any real document has: the rest is left out")
			return list
		}
		if !isConcept(child, cadFindings[0]) && !isConcept(child, cadFindings[1]) {
			list = append(list, r.cadFindings(to, one, around, shown)...)
			continue
		}
		if !shown {
			r.add(Issue{Severity: "information", Code: "not-presented", Attribute: contentSequence, Element: "Observation",
				Detail: "a finding of CAD that is not to be presented, or only on request: left out", Ref: "PS3.16 CID 6034"})
			continue
		}
		f := r.newFinding(to, one, around)
		f.Code = one.concept(r)
		if what, ok := one.code(r); ok {
			f.ValueCodeableConcept = &what
		}
		cadContent.apply(r, &f, one.root, child)
		f.HasMember = r.cadFindings(to, one, surroundings{f.BodySite, f.Device, true, f.algorithm}, shown)
		list = append(list, r.keepFinding(to, &f))
	}
	return list
}

func isRequired(i *sr.Item) bool {
	intent := i.Child("111056", "DCM")
	return intent != nil && intent.Code.Is(mustBePresented, "DCM")
}

func cadCode(r *run, to *finding, all []contentItem) {
	for _, s := range all {
		if value, ok := s.code(r); ok {
			to.Component = append(to.Component, r4.ObservationComponent{Code: s.concept(r), ValueCodeableConcept: &value})
		}
	}
}
