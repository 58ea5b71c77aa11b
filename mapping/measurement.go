package mapping

import (
	"slices"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
	"lightbox/dicom/sr"
)

// finding is an Observation being built of a measurement group, or of one statement of a report.
type finding struct {
	r4.Observation
	report    *report
	at        contentItem
	algorithm string // that found it
}

// groupContent reads a measurement group (PS3.16 TID 1410, 1411, 1501; DICOM SR on FHIR, brought to R4).
var groupContent = compileContent("measurementgroup", []contentRule[finding]{
	{From: "SCT:276214006", To: "Observation.code", Ref: "TID 1501; DICOM SR on FHIR", Set: findingCategory},
	{From: "121071", To: "Observation.valueCodeableConcept", Ref: "TID 1501; DICOM SR on FHIR", Set: findingValue},
	{From: "SCT:363698007", To: "Observation.bodySite", Ref: "TID 1501", Set: findingSite},
	{From: "SCT:370129005", To: "Observation.method", Ref: "TID 1501", Set: findingMethod},
	{From: "112040", To: "Observation.identifier", Ref: "TID 1501; DICOM SR on FHIR", Set: trackingUID},
	{From: "112039", To: "Observation.identifier", Ref: "TID 1501; DICOM SR on FHIR", Set: trackingIdentifier},
	{From: "111001", To: "Observation.device", Ref: "TID 4019; DICOM SR on FHIR", Set: algorithm},
	{From: "111012", To: "Observation.component", Ref: "TID 4105; PS3.16 111012", Set: certainty},
	{From: "111047", To: "Observation.component", Ref: "TID 4105; PS3.16 111047", Set: certainty},
})

// statementContent reads what modifies one measurement or statement (PS3.16 TID 300, 1419, 1420).
var statementContent = compileContent("measurement", []contentRule[finding]{
	{From: "SCT:363698007", To: "Observation.bodySite", Ref: "TID 300", Set: findingSite},
	{From: "SCT:370129005", To: "Observation.method", Ref: "TID 300", Set: findingMethod},
	{From: "121401", To: "Observation.method", Ref: "TID 300", Set: derivation},
	{From: "111001", To: "Observation.device", Ref: "TID 4019", Set: algorithm},
})

// Concepts that decide about the tree.
var (
	measurementGroup  = sr.Code{Value: "125007", Scheme: "DCM"}
	derivedMeasures   = sr.Code{Value: "126011", Scheme: "DCM"}
	evaluations       = sr.Code{Value: "C0034375", Scheme: "UMLS"}
	describesTheGroup = conceptPath("112039 121071 130400 NCIt:C67447 SCT:276214006 SCT:363698007 SCT:370129005 111001 111003 121401")
)

// maxFindings bounds the Observations of one report.
const maxFindings = 5000

// surroundings are what holds for all that stands in a section or group.
type surroundings struct {
	site     *r4.CodeableConcept
	device   *r4.Reference
	asserted bool   // by a program
	program  string // its name
}

// findings walks a report: each measurement group becomes an Observation with its members, each number elsewhere one of its own.
func (r *run) findings(to *report, below contentItem, around surroundings) []r4.Reference {
	var list []r4.Reference
	for _, child := range below.Children {
		one := contentItem{Item: child, parent: below.Item, root: below.root}
		switch {
		case len(to.observations) >= maxFindings:
			r.doubt("too-many-values", "more measurements than any real report has: the rest is left out")
			return list
		case child.ValueType == "CONTAINER" && (child.Concept.Is(measurementGroup.Value, measurementGroup.Scheme) || child.Concept.Is(derivedMeasures.Value, derivedMeasures.Scheme)):
			list = append(list, r.group(to, one, around))
		case child.ValueType == "CONTAINER":
			list = append(list, r.findings(to, one, r.within(one, around))...)
		case isCertainty(one):
		case child.ValueType == "NUM" || isEvaluation(one):
			list = append(list, r.statement(to, one, around))
			list = append(list, r.findings(to, one, around)...)
		default:
			list = append(list, r.findings(to, one, around)...)
		}
	}
	return list
}

// isEvaluation holds for what is stated of a group beside its numbers, and not of the group itself.
func isEvaluation(i contentItem) bool {
	inside := i.parent.Concept.Is(measurementGroup.Value, measurementGroup.Scheme) || i.parent.Concept.Is(evaluations.Value, evaluations.Scheme)
	return inside && i.Relationship == "CONTAINS" && (i.ValueType == "CODE" || i.ValueType == "TEXT") &&
		!slices.ContainsFunc(describesTheGroup, func(c sr.Code) bool { return isConcept(i.Item, c) })
}

// certainties are numbers that speak of a group as a whole: they are components of it.
var certainties = conceptPath("111012 111047")

func isCertainty(i contentItem) bool {
	return i.parent.Concept.Is(measurementGroup.Value, measurementGroup.Scheme) &&
		slices.ContainsFunc(certainties, func(c sr.Code) bool { return isConcept(i.Item, c) })
}

// within is what a section says of the place of what is in it, else what holds around it.
func (r *run) within(section contentItem, around surroundings) surroundings {
	for _, said := range find(section, conceptPath("SCT:363698007")) {
		if where, ok := said.code(r); ok {
			around.site = &where
			break
		}
	}
	return around
}

func (r *run) group(to *report, i contentItem, around surroundings) r4.Reference {
	g := r.newFinding(to, i, around)
	g.Code = i.concept(r)
	groupContent.apply(r, &g, i.root, i.Item)
	g.HasMember = r.findings(to, i, surroundings{g.BodySite, g.Device, g.Meta != nil, g.algorithm})
	if g.ValueCodeableConcept == nil && len(g.HasMember)+len(g.Component) == 0 {
		g.DataAbsentReason = notKnown()
	}
	return r.keepFinding(to, &g)
}

func (r *run) statement(to *report, i contentItem, around surroundings) r4.Reference {
	s := r.newFinding(to, i, around)
	s.Code = i.concept(r)
	switch i.ValueType {
	case "NUM":
		if q, ok := i.quantity(r); ok {
			s.ValueQuantity = &q
		} else {
			s.DataAbsentReason = r.absence(i)
		}
	case "CODE":
		if value, ok := i.code(r); ok {
			s.ValueCodeableConcept = &value
		} else {
			s.DataAbsentReason = notKnown()
		}
	case "TEXT":
		s.ValueString = text(clean(i.Text))
	}
	statementContent.apply(r, &s, i.root, i.Item)
	return r.keepFinding(to, &s)
}

var pathNumericQualifier = dicom.MustPath("NumericValueQualifierCodeSequence")

// absence is why there is no number (PS3.16 CID 42), else that nobody knows.
func (r *run) absence(i contentItem) *r4.CodeableConcept {
	for _, one := range items(i.root, i.Dataset.Items(pathNumericQualifier)) {
		if said, ok := r.concept(one); ok {
			return &said
		}
	}
	return notKnown()
}

// newFinding has what every Observation of a report shares.
func (r *run) newFinding(to *report, i contentItem, around surroundings) finding {
	f := finding{report: to, at: i}
	switch f.Status = r4.ObservationStatusPreliminary; {
	case to.study.rejected.isRejected(to.version().uid):
		f.Status = r4.ObservationStatusEnteredInError
	case slices.Contains(signedStatuses, to.Status):
		f.Status = r4.ObservationStatusFinal
	}
	f.Category = imaging()
	f.Subject, f.Encounter, f.BasedOn, f.EffectiveDateTime = to.Subject, to.Encounter, to.BasedOn, to.EffectiveDateTime
	f.BodySite, f.Device, f.algorithm = around.site, around.device, around.program
	if around.asserted {
		f.markAsserted()
	}
	of := studyReference(to.study, to.version().Instance.StudyInstanceUID)
	f.PartOf, f.DerivedFrom = []r4.Reference{of}, []r4.Reference{of}
	if uid := clean(i.ObservationUID); IsUID(uid) {
		kind := coded("http://hl7.org/fhir/uv/dicom-sr/CodeSystem/dicom-identifier-type", "observation-uid", "Observation UID")
		f.Identifier = []r4.Identifier{uidIdentifier(uid, &kind)}
	}
	if at := clean(i.ObservationDateTime); at != "" {
		if issued := r.pointInTime(i.root, at); len(issued) > len("2006-01-02") {
			f.Issued = &issued
		}
	}
	return f
}

// keepFinding names the Observation by its UID, else by the report and its place in it.
func (r *run) keepFinding(to *report, f *finding) r4.Reference {
	key := join(to.version().uid, f.at.Position)
	if uid := clean(f.at.ObservationUID); IsUID(uid) {
		key = join(to.chain.root, uid)
	}
	f.Id = new(r.mapper.ID("Observation", uidSystem, key))
	if f.Meta != nil && r.mapper.Prioritizes() {
		r.asserted = append(r.asserted, asserted{f.Observation, f.algorithm})
	}
	to.observations = append(to.observations, r.observation(f.Observation))
	return r4.Reference{Reference: new("Observation/" + *f.Id)}
}

// reportFindings maps the measurements of a report.
func reportFindings(r *run, to *report, v value) {
	if doc := to.version().sr; doc != nil {
		to.Result = r.findings(to, contentItem{Item: doc.Root, root: v.dataset}, surroundings{})
	}
}

func findingCategory(r *run, to *finding, all []contentItem) {
	if kind, ok := all[0].code(r); ok {
		to.Category = append(to.Category, to.Code)
		to.Code = kind
	}
}

func findingValue(r *run, to *finding, all []contentItem) {
	if what, ok := all[0].code(r); ok {
		to.ValueCodeableConcept = &what
	}
}

// findingSite is the place with its side and what narrows it down.
func findingSite(r *run, to *finding, all []contentItem) {
	where, ok := all[0].code(r)
	if !ok {
		return
	}
	for _, narrower := range []string{all[0].side(), meaningOf(all[0].Child("106233006", "SCT"))} {
		if narrower != "" {
			where.Text = new(nameOf(where) + ", " + narrower)
		}
	}
	to.BodySite = &where
}

func findingMethod(r *run, to *finding, all []contentItem) {
	if how, ok := all[0].code(r); ok {
		to.Method = &how
	}
}

// derivation says how a number came about, where no method does.
func derivation(r *run, to *finding, all []contentItem) {
	if to.Method == nil {
		findingMethod(r, to, all)
	}
}

func trackingUID(r *run, to *finding, all []contentItem) {
	uid := clean(all[0].Text)
	if !IsUID(uid) {
		r.doubt("bad-uid", "not a UID: left out")
		return
	}
	to.Identifier = append(to.Identifier, uidIdentifier(uid, new(coded(dcm, "112040", "Tracking Unique Identifier"))))
}

func trackingIdentifier(r *run, to *finding, all []contentItem) {
	value := clean(all[0].Text)
	if value == "" {
		return
	}
	one := identifier("", value, issuer{system: r.mapper.local("NamingSystem", join("tracking", to.study()))})
	one.Type = new(coded(dcm, "112039", "Tracking Identifier"))
	to.Identifier = append(to.Identifier, one)
}

func (f *finding) study() string { return f.report.study.Resource.ID }

// certainty is kept as it was sent: nobody rescales what an algorithm means.
func certainty(r *run, to *finding, all []contentItem) {
	for _, s := range all {
		if q, ok := s.quantity(r); ok {
			to.Component = append(to.Component, r4.ObservationComponent{Code: s.concept(r), ValueQuantity: &q})
		}
	}
}

// algorithm is the program that found it (PS3.16 TID 4019): a Device of its own for each version.
func algorithm(r *run, to *finding, all []contentItem) {
	one := all[0]
	name := clean(one.Text)
	if name == "" {
		return
	}
	version, maker := one.sibling("111003"), one.sibling("122405")
	id := r.mapper.ID("Device", "algorithm", join(strings.ToUpper(name), version, strings.ToUpper(maker)))
	to.Device = r.fromContent(func() *r4.Reference {
		return r.refer("Device", id, func() any {
			d := r4.Device{Id: &id, Status: new(r4.FHIRDeviceStatusActive), Manufacturer: text(maker),
				DeviceName: []r4.DeviceDeviceName{{Name: name, Type: r4.DeviceNameTypeUserFriendlyName}}}
			if version != "" {
				d.Version = []r4.DeviceVersion{{Value: version}}
			}
			d.Type = r.algorithmFamily(one)
			d.Property = algorithmParameters(one)
			return r4.OtherDevice(d)
		})
	})
	to.Device.Display = new(strings.TrimSpace(name + " " + version))
	to.algorithm = name
	to.markAsserted()
}

var (
	pathFamily     = conceptPath("111000")
	pathParameters = conceptPath("111002")
)

// algorithmFamily is the kind of a program, where it is told.
func (r *run) algorithmFamily(name contentItem) *r4.CodeableConcept {
	if name.parent == nil {
		return nil
	}
	for _, said := range find(contentItem{Item: name.parent, root: name.root}, pathFamily) {
		if kind, ok := said.code(r); ok {
			return &kind
		}
	}
	return nil
}

// maxParameters bounds the parameters of one program.
const maxParameters = 50

func algorithmParameters(name contentItem) (list []r4.DeviceProperty) {
	if name.parent == nil {
		return nil
	}
	for _, said := range find(contentItem{Item: name.parent, root: name.root}, pathParameters) {
		if words := clean(said.Text); words != "" && len(list) < maxParameters {
			list = append(list, r4.DeviceProperty{Type: coded(dcm, "111002", "Algorithm Parameters"), ValueCode: []r4.CodeableConcept{{Text: &words}}})
		}
	}
	return list
}

// markAsserted labels what a program found and nobody has accepted: patients do not see it.
func (f *finding) markAsserted() {
	if f.Meta == nil && f.Status == r4.ObservationStatusPreliminary {
		f.Meta = &r4.Meta{Security: assertedLabel()}
	}
}

func assertedLabel() []r4.Coding {
	return []r4.Coding{codingOf("http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "AIAST", "Artificial Intelligence asserted")}
}

// sibling is the text of another item beside it.
func (s contentItem) sibling(code string) string {
	if s.parent == nil {
		return ""
	}
	if i := s.parent.Child(code, "DCM"); i != nil {
		return clean(i.Text)
	}
	return ""
}
