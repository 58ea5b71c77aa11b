package mapping

import (
	"slices"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
)

var (
	pathContent     = dicom.MustPath("ContentSequence")
	pathContentDate = dicom.MustPath("ContentDate")
	pathContentTime = dicom.MustPath("ContentTime")
	pathVerifiedAt  = dicom.MustPath("VerificationDateTime")
)

// reportUID names every version, the one that prevails first: whoever looks for any of them finds the report.
func reportUID(_ *run, to *report, _ value) {
	kind := coded(deviceIdentifiers, "sop-instance-uid", "SOP Instance UID")
	add := func(v version, use r4.IdentifierUse) {
		one := uidIdentifier(v.uid, &kind)
		one.Use = &use
		to.Identifier = append(to.Identifier, one)
	}
	add(to.version(), r4.IdentifierUseOfficial)
	for i, v := range to.chain.versions {
		switch {
		case i < to.at:
			add(v, r4.IdentifierUseOld)
		case i > to.at:
			add(v, r4.IdentifierUseTemp)
		}
	}
}

// hl7Identifier is the id of a CDA document: root UID, and extension after a caret (PS3.3 C.24.2).
func hl7Identifier(r *run, to *report, v value) {
	root, extension, found := strings.Cut(v.text(), "^")
	switch {
	case !isOID(root):
		r.doubt("bad-uid", "the root is not an OID: left out")
	case found && extension != "":
		to.Identifier = append(to.Identifier, r4.Identifier{System: new("urn:oid:" + root), Value: &extension})
	default:
		to.Identifier = append(to.Identifier, r4.Identifier{System: new(rfc), Value: new("urn:oid:" + root)})
	}
}

func reportOrder(r *run, to *report, v value) {
	to.BasedOn = addOrder(to.BasedOn, r.ownOrder(v.dataset))
}

func reportRequests(r *run, to *report, v value) { to.BasedOn = r.addRequests(to.BasedOn, v) }

// reportCode is the title; a document without a coded one is a diagnostic imaging study report in its own words.
func reportCode(r *run, to *report, v value) {
	list := v.items()
	if len(list) == 0 {
		to.title = v.text()
		to.Code.Text = text(to.title)
		return
	}
	one, ok := r.concept(list[0])
	if !ok {
		return
	}
	to.title = deref(one.Text)
	if len(one.Coding) == 0 {
		one.Coding = to.Code.Coding
	}
	to.Code = one
}

func reportEncounter(r *run, to *report, v value) { to.Encounter = r.visit(v) }

// reportEffective is the clinically relevant time: when the study was made, as the study itself says it.
func reportEffective(r *run, to *report, v value) {
	to.EffectiveDateTime = text(to.study.started)
	if to.study.started == "" {
		to.EffectiveDateTime = text(r.dateTime(v, v.of("StudyTime")))
	}
}

// reportIssued is the last verification, else when the content was written; an instant needs a zone.
func reportIssued(r *run, to *report, v value) {
	latest := ""
	for _, i := range v.items() {
		if at := i.text(pathVerifiedAt); at > latest {
			latest = at
		}
	}
	issued := ""
	if latest != "" {
		issued = r.pointInTime(v.root, latest)
	} else if date := v.of("ContentDate"); date.isPresent() {
		issued = r.dateTime(date, v.of("ContentTime"))
	}
	if strings.Contains(issued, "T") {
		to.Issued = &issued
	}
}

func reportStudy(r *run, to *report, v value) {
	to.addStudy(r4.Reference{Reference: new("ImagingStudy/" + to.study.Resource.ID)}, v.text())
}

// requestedStudies are other studies that the document reports on, known by their UID alone: they may not be here.
func requestedStudies(_ *run, to *report, v value) {
	for _, i := range v.items() {
		if uid := i.text(pathStudyUID); IsUID(uid) {
			to.addStudy(r4.Reference{}, uid)
		}
	}
}

// comparedStudies are those that the images were compared with, not those that the document reports on.
func comparedStudies(_ *run, to *report, v value) {
	const url = "https://profiles.ihe.net/RAD/IMR/StructureDefinition/comparisonStudy"
	reported := to.ImagingStudy
	for _, i := range v.items() {
		uid := i.text(pathStudyUID)
		isReported := func(have r4.Reference) bool { return deref(have.Identifier.Value) == "urn:oid:"+uid }
		if IsUID(uid) && !slices.ContainsFunc(reported, isReported) {
			one := r4.Reference{Type: new("ImagingStudy"), Identifier: new(studyIdentifier(uid))}
			to.Extension = append(to.Extension, r4.Extension{Url: url, ValueReference: &one})
		}
	}
}

func (p *report) addStudy(one r4.Reference, uid string) {
	one.Type, one.Identifier = new("ImagingStudy"), new(studyIdentifier(uid))
	for _, have := range p.ImagingStudy {
		if sameIdentifier(*have.Identifier, *one.Identifier) {
			return
		}
	}
	p.ImagingStudy = append(p.ImagingStudy, one)
}
