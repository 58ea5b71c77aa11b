package mapping

import (
	"slices"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
)

const keyObjects = "1.2.840.10008.5.1.4.1.1.88.59" // Key Object Selection Document

// rejection is why objects are taken back: the title of a key object selection that names them (PS3.16 CID 7011; IHE RAD IOCM).
type rejection struct {
	code, meaning string
	status        r4.ImagingStudyStatus // of a study all of whose objects are taken back for this
}

// rejections, the gravest first: of several notes about one object, or about one study, it decides. What was stored under the wrong
// patient or order should never have been; what was of no use was done; what is no longer kept was done and stays known.
var rejections = []rejection{
	{"113037", "Rejected for Patient Safety Reasons", r4.ImagingStudyStatusEnteredInError},
	{"113038", "Incorrect Modality Worklist Entry", r4.ImagingStudyStatusEnteredInError},
	{"113001", "Rejected for Quality Reasons", r4.ImagingStudyStatusCancelled},
	{"113039", "Data Retention Policy Expired", r4.ImagingStudyStatusAvailable},
}

var (
	pathEvidence      = dicom.MustPath("CurrentRequestedProcedureEvidenceSequence")
	pathEvidenceOf    = dicom.MustPath("ReferencedSeriesSequence")
	pathEvidenceSOPs  = dicom.MustPath("ReferencedSOPSequence")
	pathReferencedUID = dicom.MustPath("ReferencedSOPInstanceUID")
)

// evidence is what a rejection note names, as the index keeps it.
const evidence = "CurrentRequestedProcedureEvidenceSequence.ReferencedSeriesSequence.ReferencedSOPSequence.ReferencedSOPInstanceUID"

// rejectionOf is the place in rejections of what a key object selection says, -1 for one that takes nothing back.
func rejectionOf(header *dicom.Dataset) int {
	for _, one := range header.Items(pathConceptName) {
		if one.Text(pathScheme) == "DCM" {
			return slices.IndexFunc(rejections, func(r rejection) bool { return r.code == clean(one.Text(pathCodeValue)) })
		}
	}
	return -1
}

// rejected are objects of a study that were taken back, by SOP Instance UID, whether they are here or not, with the place in
// rejections of the reason; and the notes that did it.
type rejected struct {
	objects map[string]int
	notes   map[string]bool
}

// rejectedBy reads the rejection notes among objects. They come before or after what they name: it does not matter.
func rejectedBy(objects []object) rejected {
	found := rejected{map[string]int{}, map[string]bool{}}
	for _, o := range objects {
		if o.SOPClassUID != keyObjects {
			continue
		}
		why := rejectionOf(o.header)
		if why < 0 {
			continue
		}
		found.notes[o.SOPInstanceUID] = true
		for _, study := range o.header.Items(pathEvidence) {
			for _, series := range study.Items(pathEvidenceOf) {
				for _, one := range series.Items(pathEvidenceSOPs) {
					uid := one.Text(pathReferencedUID)
					if have, ok := found.objects[uid]; !ok || why < have {
						found.objects[uid] = why
					}
				}
			}
		}
	}
	return found
}

func (r rejected) isRejected(uid string) bool {
	_, ok := r.objects[uid]
	return ok
}

// admits reports whether an object is to be listed: it was not taken back, and is no note that takes back.
func (r rejected) admits(o object) bool {
	return !r.isRejected(o.SOPInstanceUID) && !r.notes[o.SOPInstanceUID]
}

// withdraw makes the study of which nothing is left: what it was stays known, and why it is gone.
func (r rejected) withdraw(to *r4.ImagingStudy, objects []object) {
	gravest := len(rejections) - 1
	for uid, why := range r.objects {
		if len(r.notes) == len(objects) || slices.ContainsFunc(objects, func(o object) bool { return o.SOPInstanceUID == uid }) {
			gravest = min(gravest, why)
		}
	}
	why := rejections[gravest]
	to.Status = why.status
	to.Series, to.Endpoint, to.NumberOfSeries, to.NumberOfInstances = nil, nil, new(0), new(0)
	to.Extension = append(to.Extension, r4.Extension{Url: "http://hl7.org/fhir/StructureDefinition/event-statusReason",
		ValueCodeableConcept: new(coded(dcm, why.code, why.meaning))})
}
