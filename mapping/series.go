package mapping

import (
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
)

// seriesTable reads what the instances of a series share.
var seriesTable = compile("series", []rule[r4.ImagingStudySeries]{
	{From: "SeriesInstanceUID", To: "ImagingStudy.series.uid", Need: required, Ref: "PS3.3 C.7.3.1", Set: seriesUID},
	{From: "SeriesNumber", To: "ImagingStudy.series.number", Ref: "PS3.3 C.7.3.1", Set: number(func(s *r4.ImagingStudySeries) **int { return &s.Number })},
	{From: "Modality", To: "ImagingStudy.series.modality", Need: required, Ref: "PS3.3 C.7.3.1.1.1; PS3.16 CID 33", Set: seriesModality},
	{From: "SeriesDescription SeriesDescriptionCodeSequence ProtocolName", To: "ImagingStudy.series.description", Ref: "PS3.3 C.7.3.1", Set: seriesDescription},
	{From: "AnatomicRegionSequence SharedFunctionalGroupsSequence.FrameAnatomySequence.AnatomicRegionSequence PerFrameFunctionalGroupsSequence.FrameAnatomySequence.AnatomicRegionSequence BodyPartExamined", To: "ImagingStudy.series.bodySite", Ref: "PS3.16 Annex L", Set: bodySite},
	{From: "Laterality SharedFunctionalGroupsSequence.FrameAnatomySequence.FrameLaterality PerFrameFunctionalGroupsSequence.FrameAnatomySequence.FrameLaterality", To: "ImagingStudy.series.laterality", Ref: "PS3.16 CID 244", Set: seriesLaterality},
	{From: "SpecimenDescriptionSequence", To: "ImagingStudy.series.specimen", By: union, Ref: "PS3.3 C.7.6.22", Set: specimens},
	{From: "SeriesDate", With: "SeriesTime", To: "ImagingStudy.series.started", Ref: "PS3.3 C.7.3.1", Set: moment("SeriesTime", func(s *r4.ImagingStudySeries) **string { return &s.Started })},
	{From: "PerformingPhysicianName", With: "PerformingPhysicianIdentificationSequence InstitutionName", To: "ImagingStudy.series.performer", By: union, Ref: "PS3.3 C.7.3.1; v3-ParticipationType PRF", Set: performers("PRF", "performer", "PerformingPhysicianIdentificationSequence")},
	{From: "OperatorsName", With: "OperatorIdentificationSequence InstitutionName", To: "ImagingStudy.series.performer", By: union, Ref: "PS3.3 C.7.3.1; v3-ParticipationType SPRF", Set: performers("SPRF", "secondary performer", "OperatorIdentificationSequence")},
	{From: "ConsultingPhysicianName", With: "ConsultingPhysicianIdentificationSequence InstitutionName", To: "ImagingStudy.series.performer", By: union, Ref: "PS3.3 C.7.2.1; v3-ParticipationType CON", Set: performers("CON", "consultant", "ConsultingPhysicianIdentificationSequence")},
	{From: "DeviceUID Manufacturer ManufacturerModelName", With: deviceAttributes, To: "ImagingStudy.series.performer", Ref: "PS3.3 C.7.5.1; v3-ParticipationType DEV", Set: performingDevice},
	{From: "InstitutionName", With: institutionAttributes, To: "ImagingStudy.series.performer", Ref: "PS3.3 C.7.5.1; v3-ParticipationType LOC", Set: performingInstitution},
})

// seriesHeadersTable reads what each instance says for itself and its series takes over.
var seriesHeadersTable = compile("series", []rule[r4.ImagingStudySeries]{
	{From: "ImageLaterality", To: "ImagingStudy.series.laterality", By: agreed, Ref: "PS3.3 C.7.6.1; PS3.16 CID 244", Set: imageLaterality},
	{From: "AcquisitionDateTime AcquisitionDate", With: "AcquisitionTime", To: "ImagingStudy.series.started", By: earliest, Ref: "PS3.3 C.7.6.1", Set: acquired},
})

// instanceTable reads one instance.
var instanceTable = compile("instance", []rule[r4.ImagingStudySeriesInstance]{
	{From: "SOPInstanceUID", To: "ImagingStudy.series.instance.uid", Need: required, Ref: "PS3.3 C.12.1", Set: instanceUID},
	{From: "SOPClassUID", To: "ImagingStudy.series.instance.sopClass", Need: required, Ref: "FHIR R4 imagingstudy.html; PS3.4 B.5", Set: sopClass},
	{From: "InstanceNumber", To: "ImagingStudy.series.instance.number", Ref: "PS3.3 C.7.6.1", Set: number(func(i *r4.ImagingStudySeriesInstance) **int { return &i.Number })},
	{From: "ContentLabel ConceptNameCodeSequence DocumentTitle ImageType", To: "ImagingStudy.series.instance.title", Ref: "FHIR R4 imagingstudy-mappings.html#dicom", Set: instanceTitle},
	{From: "NumberOfFrames", To: "ImagingStudy.series.instance.extension", Ref: "IHE RAD MADO MadoNumberOfFrames", Set: numberOfFrames},
	{From: "ConceptNameCodeSequence", With: "SOPClassUID", To: "ImagingStudy.series.instance.extension", Ref: "IHE RAD MADO MadoKoDocumentTitle; PS3.16 CID 7010", Set: keyObjectTitle},
})

func seriesUID(_ *run, to *r4.ImagingStudySeries, v value) { to.Uid = v.text() }

func seriesModality(r *run, to *r4.ImagingStudySeries, v value) {
	to.Modality = r.modalityCoding(v.text())
}

func seriesDescription(_ *run, to *r4.ImagingStudySeries, v value) {
	if list := v.items(); len(list) > 0 {
		to.Description = text(list[0].text(pathMeaning))
		return
	}
	to.Description = text(v.text())
}

// bodySite prefers the coded region; the defined term of BodyPartExamined is looked up.
func bodySite(r *run, to *r4.ImagingStudySeries, v value) {
	if !r.framesAgree(v) {
		return
	}
	list := v.items()
	if len(list) == 0 {
		to.BodySite = new(r.bodyPart(v.text()))
		return
	}
	if len(list) > 1 {
		r.doubt("left-out", "R4 has room for one body site: the first is taken")
	}
	if c, ok := r.coding(list[0]); ok || c.Display != nil {
		to.BodySite = &c
	}
}

func seriesLaterality(r *run, to *r4.ImagingStudySeries, v value) {
	if !r.framesAgree(v) {
		return
	}
	to.Laterality = r.laterality(v.text())
}

func imageLaterality(r *run, to *r4.ImagingStudySeries, v value) {
	if to.Laterality == nil {
		to.Laterality = r.laterality(v.text())
	}
}

func acquired(r *run, to *r4.ImagingStudySeries, v value) {
	if to.Started == nil {
		to.Started = text(r.dateTime(v, v.of("AcquisitionTime")))
	}
}

var (
	pathSpecimenID     = dicom.MustPath("SpecimenIdentifier")
	pathSpecimenUID    = dicom.MustPath("SpecimenUID")
	pathSpecimenIssuer = dicom.MustPath("IssuerOfTheSpecimenIdentifierSequence")
)

// specimens are logical references: the header tells their number, not what they are.
func specimens(r *run, to *r4.ImagingStudySeries, v value) {
	for _, i := range v.items() {
		var one r4.Identifier
		if id := i.text(pathSpecimenID); id != "" {
			one = identifier("", id, r.issuer("", firstItem(i.items(pathSpecimenIssuer))))
		} else if uid := i.text(pathSpecimenUID); IsUID(uid) {
			one = uidIdentifier(uid, nil)
		} else {
			continue
		}
		to.Specimen = append(to.Specimen, r4.Reference{Type: new("Specimen"), Identifier: &one})
	}
}

func performers(role, display, identification string) func(*run, *r4.ImagingStudySeries, value) {
	function := coded(roles, role, display)
	return func(r *run, to *r4.ImagingStudySeries, v value) {
		for _, one := range r.practitioners(v, v.of(identification)) {
			to.Performer = addPerformer(to.Performer, &function, one)
		}
	}
}

func addPerformer(list []r4.ImagingStudySeriesPerformer, function *r4.CodeableConcept, actor r4.Reference) []r4.ImagingStudySeriesPerformer {
	for _, have := range list {
		if have.Function == function && deref(have.Actor.Reference) == deref(actor.Reference) {
			return list
		}
	}
	return append(list, r4.ImagingStudySeriesPerformer{Function: function, Actor: actor})
}

var (
	deviceFunction   = coded(roles, "DEV", "device")
	locationFunction = coded(roles, "LOC", "location")
)

func performingDevice(r *run, to *r4.ImagingStudySeries, v value) {
	if one := r.device(v.dataset); one != nil {
		to.Performer = addPerformer(to.Performer, &deviceFunction, *one)
	}
}

func performingInstitution(r *run, to *r4.ImagingStudySeries, v value) {
	to.Performer = addPerformer(to.Performer, &locationFunction, *r.institution(v))
}

func instanceUID(_ *run, to *r4.ImagingStudySeriesInstance, v value) { to.Uid = v.text() }

func sopClass(_ *run, to *r4.ImagingStudySeriesInstance, v value) {
	to.SopClass = codingOf(rfc, "urn:oid:"+v.text(), "")
}

// instanceTitle takes the label of a presentation state, the title of a document, else the kind of image.
func instanceTitle(_ *run, to *r4.ImagingStudySeriesInstance, v value) {
	if list := v.items(); len(list) > 0 {
		to.Title = text(list[0].text(pathMeaning))
		return
	}
	to.Title = text(strings.Join(v.texts(), `\`))
}

func numberOfFrames(r *run, to *r4.ImagingStudySeriesInstance, v value) {
	const url = "https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoNumberOfFrames"
	var frames *int
	number(func(**int) **int { return &frames })(r, &frames, v)
	if frames != nil && *frames > 1 {
		to.Extension = append(to.Extension, r4.Extension{Url: url, ValueInteger: frames})
	}
}

const keyObjectSelection = "1.2.840.10008.5.1.4.1.1.88.59"

func keyObjectTitle(r *run, to *r4.ImagingStudySeriesInstance, v value) {
	const url = "https://profiles.ihe.net/RAD/MADO/StructureDefinition/MadoKoDocumentTitle"
	if v.of("SOPClassUID").text() != keyObjectSelection {
		return
	}
	if one, ok := r.concept(v.first()); ok {
		to.Extension = append(to.Extension, r4.Extension{Url: url, ValueCodeableConcept: &one})
	}
}
