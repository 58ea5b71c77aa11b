package mapping

import (
	"cmp"
	"slices"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/conformance"
	"lightbox/dicom/sr"
	"lightbox/fhir"
)

// doseTitles are root concepts of documents of dose (PS3.16 TID 10001, 10011, 10021), whatever their SOP class: enhanced SR carries it
// too.
var doseTitles = []string{"113701", "113500"}

// doseClasses are the SOP classes of documents that are made for dose (PS3.4 B.5).
var doseClasses = []string{
	"1.2.840.10008.5.1.4.1.1.88.67", // X-Ray Radiation Dose SR
	"1.2.840.10008.5.1.4.1.1.88.68", // Radiopharmaceutical Radiation Dose SR
}

// dose is an Observation being built of a document of dose, or of one irradiation in it.
type dose struct {
	r4.Observation
	version
	study  Study
	planes int // accumulated apart from each other
}

// doseTable reads the header of a document of dose.
var doseTable = compile("dose", []rule[dose]{
	{From: "SOPInstanceUID", To: "Observation.identifier", Need: required, Ref: "RDS sop-instance-uid", Set: doseUID},
	{From: "AccessionNumber", With: "IssuerOfAccessionNumberSequence", To: "Observation.basedOn", Ref: "PS3.3 C.7.2.1", Set: doseOrder},
	{From: "ReferencedRequestSequence", To: "Observation.basedOn", Ref: "PS3.3 C.17.2", Set: doseRequests},
	{From: "AdmissionID", With: "IssuerOfAdmissionIDSequence", To: "Observation.encounter", Ref: "PS3.3 C.3.4", Set: doseEncounter},
	{From: "ContentDate", With: "ContentTime", To: "Observation.issued", Ref: "PS3.3 C.17.2", Set: doseIssued},
	{From: "Manufacturer ManufacturerModelName DeviceUID", With: deviceAttributes, To: "Observation.device", Ref: "RDS ModalityDevice; PS3.3 C.7.5.1", Set: doseDevice},
})

// doseContent reads the totals of a document: CT (TID 10011, 10012), projection X-ray (TID 10001, 10002, 10004), mammography
// (TID 10005), radiopharmaceuticals (TID 10021, 10022).
var doseContent = compileContent("dose", []contentRule[dose]{
	{From: "113809", To: "Observation.effectiveDateTime", Ref: "TID 10011, 10001", Set: doseTime},
	{From: "121058", To: "Observation.component", Ref: "TID 10011, 10001, 10021; RDS procedureReported", Set: codedComponent},
	{From: "113705", To: "Observation.component", Ref: "TID 10011, 10001", Set: codedComponent},
	{From: "113811 113812", To: "Observation.component", Unit: "{events}", Ref: "TID 10012", Set: component},
	{From: "113811 113813", To: "Observation.component", Unit: "mGy.cm", Ref: "TID 10012; RDS ctDLPTotal", Set: component},
	{From: "113811 113814", To: "Observation.component", Unit: "mSv", Ref: "TID 10012", Set: component},
	{From: "113702 113722", To: "Observation.component", Unit: "mGy.cm2", Ref: "TID 10004, 10007", Set: summed},
	{From: "113702 113726", To: "Observation.component", Unit: "mGy.cm2", Ref: "TID 10004", Set: summed},
	{From: "113702 113727", To: "Observation.component", Unit: "mGy.cm2", Ref: "TID 10004", Set: summed},
	{From: "113702 113725", To: "Observation.component", Unit: "mGy", Ref: "TID 10004, 10007", Set: component},
	{From: "113702 113728", To: "Observation.component", Unit: "mGy", Ref: "TID 10004", Set: component},
	{From: "113702 113729", To: "Observation.component", Unit: "mGy", Ref: "TID 10004", Set: component},
	{From: "113702 113730", To: "Observation.component", Unit: "s", Ref: "TID 10004", Set: component},
	{From: "113702 113855", To: "Observation.component", Unit: "s", Ref: "TID 10004", Set: component},
	{From: "113702 113731", To: "Observation.component", Unit: "{frames}", Ref: "TID 10006, 10007", Set: component},
	{From: "113702 111637", To: "Observation.component", Unit: "mGy", Ref: "TID 10005", Set: component},
	{From: "113502 113507", To: "Observation.component", Unit: "MBq", Ref: "TID 10022; RDS administeredActivity", Set: component},
	{From: "113502 SCT:349358000", To: "Observation.component", Ref: "TID 10022; RDS radiopharmaceutical", Set: codedComponent},
	{From: "113502 SCT:349358000 SCT:89457008", To: "Observation.component", Ref: "TID 10022; RDS radioisotope", Set: codedComponent},
	{From: "113502 SCT:349358000 123005", To: "Observation.component", Unit: "cm3", Ref: "TID 10022; RDS radiopharmaceuticalVolume", Set: component},
	{From: "113502 SCT:410675002", To: "Observation.component", Ref: "TID 10022; RDS routeOfAdministration", Set: codedComponent},
	{From: "113502 123003", To: "Observation.effectiveDateTime", Ref: "TID 10022", Set: doseTime},
	{From: "113854", To: "Observation.component", Ref: "TID 10011, 10001", Set: codedComponent},
	{From: "113870", To: "Observation.performer", Ref: "TID 1020; RDS irradiationAuthorizingPerson", Set: authorizing},
})

// accumulated is what a document says of each plane as a whole.
var accumulated = conceptPath("113702")

// doses maps the documents of dose of a study: an Observation of each, and one of each irradiation in it.
func (r *run) doses(study Study, documents []version) []fhir.Resource {
	var list []fhir.Resource
	made := map[string]bool{}
	for _, v := range newestFirst(documents) { // the same irradiation may stand in several
		to := r.newDose(study, v)
		to.planes = len(find(contentItem{Item: v.sr.Root}, accumulated))
		doseTable.apply(r, &to, whole(v.Dataset))
		doseContent.apply(r, &to, v.Dataset, v.sr.Root)
		to.Id = new(r.mapper.ID("Observation", uidSystem, v.uid))
		to.Code = coded(loinc, "73569-6", "Radiation exposure and protection information [Description] Document Diagnostic imaging")
		to.summarize()
		for _, one := range r.irradiations(&to) {
			to.HasMember = append(to.HasMember, r4.Reference{Reference: new("Observation/" + *one.Id)})
			if !made[*one.Id] {
				made[*one.Id] = true
				list = append(list, r.observation(one.Observation))
			}
		}
		list = append(list, r.doseSummary(&to))
		if r.trace != nil {
			r.trace.trees = append(r.trace.trees, v.sr.Root)
		}
	}
	slices.SortFunc(list, func(a, b fhir.Resource) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// doseSummary claims the profile of RDS where its demands are met. One of them is of the equipment: it has the title of its application
// entity, and what it acquired tells what kind of modality it is.
func (r *run) doseSummary(to *dose) fhir.Resource {
	plain := r.observation(to.Observation)
	isModality := to.Device == nil || to.study.modalities[*to.Device.Reference] && senderTitle(to.Dataset) != ""
	if !isModality || len(conformance.Faults(conformance.RadiationDoseSummary, plain.Body)) > 0 {
		return plain
	}
	to.Meta = &r4.Meta{Profile: []string{conformance.RadiationDoseSummary}}
	return r.observation(to.Observation)
}

// newestFirst orders documents by when they were written.
func newestFirst(documents []version) []version {
	return slices.SortedFunc(slices.Values(documents), func(a, b version) int {
		return cmp.Or(cmp.Compare(b.written(), a.written()), cmp.Compare(b.uid, a.uid))
	})
}

// newDose is an Observation of a study with what its dose and each irradiation in it share.
func (r *run) newDose(study Study, v version) dose {
	to := dose{study: study, version: v}
	to.Status = r4.ObservationStatusPreliminary
	if v.flag(pathCompletion) == "COMPLETE" {
		to.Status = r4.ObservationStatusFinal
	}
	if study.rejected.isRejected(v.uid) {
		to.Status = r4.ObservationStatusEnteredInError
	}
	to.Category = imaging()
	to.Subject = &r4.Reference{Reference: &study.Patient}
	to.EffectiveDateTime = text(study.started)
	of := studyReference(study, clean(v.Dataset.Text(pathStudyUID)))
	of.Identifier.Type.Coding = append(of.Identifier.Type.Coding, codingOf(deviceIdentifiers, "study-instance-uid", "Study Instance UID"))
	to.PartOf, to.Focus = []r4.Reference{of}, []r4.Reference{of}
	return to
}

// studyReference refers to a study by its resource and by its UID.
func studyReference(study Study, uid string) r4.Reference {
	return r4.Reference{Reference: new("ImagingStudy/" + study.Resource.ID), Type: new("ImagingStudy"),
		Identifier: new(studyIdentifier(uid))}
}

func (r *run) observation(o r4.Observation) fhir.Resource {
	body, err := encode("Observation", r4.OtherObservation(o))
	if err != nil {
		r.fail(err)
	}
	return fhir.Resource{Type: "Observation", ID: *o.Id, Body: body}
}

// summarize says the numbers in one sentence, which RDS demands; a document without one has no value.
func (p *dose) summarize() {
	var numbers []string
	for _, c := range p.Component {
		if q := c.ValueQuantity; q != nil {
			numbers = append(numbers, strings.TrimSpace(nameOf(c.Code)+" = "+q.Value.String()+" "+deref(q.Unit)))
		}
	}
	if len(numbers) == 0 {
		p.DataAbsentReason = notKnown()
		return
	}
	p.ValueString = new(strings.Join(numbers, "; "))
}

func nameOf(c r4.CodeableConcept) string {
	if c.Text != nil || len(c.Coding) == 0 {
		return deref(c.Text)
	}
	return deref(c.Coding[0].Display)
}

func doseUID(_ *run, to *dose, v value) {
	kind := coded(deviceIdentifiers, "sop-instance-uid", "SOP Instance UID")
	to.Identifier = append(to.Identifier, uidIdentifier(v.text(), &kind))
}

func doseOrder(r *run, to *dose, v value) {
	to.BasedOn = addOrder(to.BasedOn, r.ownOrder(v.dataset))
}

func doseRequests(r *run, to *dose, v value) { to.BasedOn = r.addRequests(to.BasedOn, v) }

func doseEncounter(r *run, to *dose, v value) { to.Encounter = r.visit(v) }

// doseIssued is when the document was written; an instant needs a zone.
func doseIssued(r *run, to *dose, v value) {
	if at := r.dateTime(v, v.of("ContentTime")); strings.Contains(at, "T") {
		to.Issued = &at
	}
}

func doseDevice(r *run, to *dose, v value) { to.Device = r.device(v.root) }

// doseTime is when the irradiation began, else the study.
func doseTime(r *run, to *dose, all []contentItem) {
	if at := r.pointInTime(all[0].root, clean(all[0].Text)); at != "" {
		to.EffectiveDateTime = &at
	}
}

// component keeps each number apart: those of two planes or two sides are different doses, which nobody may add up.
func component(r *run, to *dose, all []contentItem) {
	for _, s := range all {
		q, ok := s.quantity(r)
		if !ok {
			continue
		}
		name := s.concept(r)
		name.Text = text(strings.Join(cleaned([]string{nameOf(name), s.plane(to.planes), s.side()}), ", "))
		to.Component = append(to.Component, r4.ObservationComponent{Code: name, ValueQuantity: &q})
	}
}

// summed adds up numbers of several planes: the area product of both went through one patient. A sum that lacks one would be a lie.
func summed(r *run, to *dose, all []contentItem) {
	sum, ok := all[0].quantity(r)
	for _, s := range all[1:] {
		q, readable := s.quantity(r)
		if ok = ok && readable && deref(q.Code) == deref(sum.Code); !ok {
			r.doubt("no-sum", "not every plane tells a number in the same unit: kept apart")
			component(r, to, all)
			return
		}
		sum.Value = new(added(*sum.Value, *q.Value))
	}
	if ok {
		to.Component = append(to.Component, r4.ObservationComponent{Code: all[0].concept(r), ValueQuantity: &sum})
	}
}

func codedComponent(r *run, to *dose, all []contentItem) {
	for _, s := range all {
		if value, ok := s.code(r); ok {
			to.Component = append(to.Component, r4.ObservationComponent{Code: s.concept(r), ValueCodeableConcept: &value})
		}
	}
}

func textComponent(r *run, to *dose, all []contentItem) {
	for _, s := range all {
		if words := clean(s.Text); words != "" {
			to.Component = append(to.Component, r4.ObservationComponent{Code: s.concept(r), ValueString: &words})
		}
	}
}

// authorizing is who answers for the irradiation, among those who took part.
func authorizing(r *run, to *dose, all []contentItem) {
	for _, s := range all {
		if role := s.Child("113875", "DCM"); role == nil || !role.Code.Is("113850", "DCM") {
			continue
		}
		one := r.fromContent(func() *r4.Reference { return r.practitioner(s.root, personNames([]personName{s.Name})[0], nil) })
		if one != nil {
			to.Performer = addReference(to.Performer, *one)
		}
	}
}

// plane names the plane of an accumulated dose, where there are several.
func (s contentItem) plane(of int) string {
	if of < 2 || s.parent == nil {
		return ""
	}
	return meaningOf(s.parent.Child("113764", "DCM"))
}

func (s contentItem) side() string { return meaningOf(s.Child("272741003", "SCT")) }

func meaningOf(i *sr.Item) string {
	if i == nil {
		return ""
	}
	return clean(i.Code.Meaning)
}
