package mapping

import (
	"cmp"
	"slices"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/dicom/sr"
	"lightbox/fhir"
)

// Document is one object of a document, such as a report, with its whole data set.
type Document struct {
	Instance archive.Instance
	Dataset  *dicom.Dataset
}

// reportTable reads the version of a report that prevails.
var reportTable = compile("report", []rule[report]{
	{From: "SOPInstanceUID", To: "DiagnosticReport.identifier", Need: required, Ref: "RDS sop-instance-uid", Set: reportUID},
	{From: "HL7InstanceIdentifier", To: "DiagnosticReport.identifier", Ref: "PS3.3 C.24.2", Set: hl7Identifier},
	{From: "AccessionNumber", With: "IssuerOfAccessionNumberSequence", To: "DiagnosticReport.basedOn", Ref: "PS3.3 C.7.2.1", Set: reportOrder},
	{From: "ReferencedRequestSequence", To: "DiagnosticReport.basedOn", Ref: "PS3.3 C.17.2", Set: reportRequests},
	{From: "CompletionFlag VerificationFlag", With: "VerificationFlag PreliminaryFlag PredecessorDocumentsSequence", To: "DiagnosticReport.status", Need: required, Ref: "PS3.3 C.17.2, C.24.2", Set: reportStatus},
	{From: "ConceptNameCodeSequence DocumentTitle", To: "DiagnosticReport.code", Need: required, Ref: "PS3.3 C.17.3; LOINC 18748-4", Set: reportCode},
	{From: "AdmissionID", With: "IssuerOfAdmissionIDSequence", To: "DiagnosticReport.encounter", Ref: "PS3.3 C.3.4", Set: reportEncounter},
	{From: "StudyDate", With: "StudyTime", To: "DiagnosticReport.effectiveDateTime", Ref: "FHIR R4 diagnosticreport-definitions.html#DiagnosticReport.effective_x_", Set: reportEffective},
	{From: "VerifyingObserverSequence ContentDate", With: "ContentDate ContentTime", To: "DiagnosticReport.issued", Ref: "PS3.3 C.17.2; IHE RAD IMR", Set: reportIssued},
	{From: "StudyInstanceUID", To: "DiagnosticReport.imagingStudy", Ref: "PS3.3 C.7.2.1", Set: reportStudy},
	{From: "ReferencedRequestSequence", To: "DiagnosticReport.imagingStudy", Ref: "PS3.3 C.17.2", Set: requestedStudies},
	{From: "CurrentRequestedProcedureEvidenceSequence", To: "DiagnosticReport.imagingStudy", Ref: "PS3.3 C.17.2", Set: requestedStudies},
	{From: "IdenticalDocumentsSequence", To: "DiagnosticReport.imagingStudy", Ref: "PS3.3 C.17.2", Set: requestedStudies},
	{From: "PertinentOtherEvidenceSequence", To: "DiagnosticReport.extension", Ref: "PS3.3 C.17.2; IHE RAD IMR comparisonStudy", Set: comparedStudies},
	{From: "ContentSequence", To: "DiagnosticReport.language", Ref: "PS3.16 TID 1204", Set: reportLanguage},
	{From: "ContentSequence", To: "DiagnosticReport.conclusion", Ref: "PS3.16 TID 2000, CID 7001", Set: conclusion},
	{From: "ContentSequence", To: "DiagnosticReport.conclusionCode", Ref: "PS3.16 TID 2000, CID 7001", Set: conclusionCodes},
	{From: "ContentSequence", To: "DiagnosticReport.result", Ref: "PS3.16 TID 1500; DICOM SR on FHIR", Set: reportFindings},
	{From: "ContentSequence", To: "DiagnosticReport.media", Ref: "PS3.3 C.18.4; FHIR R4 media.html", Set: reportMedia},
	{From: "ContentSequence", To: "DiagnosticReport.text", Ref: "FHIR R4 narrative.html", Set: narrative},
	{From: "ContentSequence", With: "ContentDate ContentTime", To: "DiagnosticReport.presentedForm", Ref: "IHE RAD IMR", Set: presentedTree},
	{From: "EncapsulatedDocument", With: "DocumentTitle", To: "DiagnosticReport.text", Ref: "FHIR R4 narrative.html", Set: documentNarrative},
	{From: "EncapsulatedDocument", With: "MIMETypeOfEncapsulatedDocument EncapsulatedDocumentLength DocumentTitle ContentDate ContentTime", To: "DiagnosticReport.presentedForm", Ref: "PS3.3 C.24.2", Set: presentedDocument},
})

// report is a DiagnosticReport being built.
type report struct {
	r4.DiagnosticReport
	chain        chain
	at           int // of the version that prevails
	study        Study
	title        string
	binaries     []fhir.Resource
	observations []fhir.Resource
	images       []fhir.Resource
}

func (p *report) version() version { return p.chain.versions[p.at] }

// reportClasses are the SOP classes whose objects are reports (PS3.4 B.5), unless their title says that they are measurements of
// dose or findings of CAD.
var reportClasses = []string{
	"1.2.840.10008.5.1.4.1.1.88.11", // Basic Text SR
	"1.2.840.10008.5.1.4.1.1.88.22", // Enhanced SR
	"1.2.840.10008.5.1.4.1.1.88.33", // Comprehensive SR
	"1.2.840.10008.5.1.4.1.1.88.34", // Comprehensive 3D SR
	"1.2.840.10008.5.1.4.1.1.88.35", // Extensible SR
	"1.2.840.10008.5.1.4.1.1.104.1", // Encapsulated PDF
	"1.2.840.10008.5.1.4.1.1.104.2", // Encapsulated CDA
}

// IsDocument reports whether objects of a SOP class become resources by what is in them, so that their whole data set is needed.
func IsDocument(sopClassUID string) bool {
	return slices.Contains(reportClasses, sopClassUID) || slices.Contains(doseClasses, sopClassUID) || slices.Contains(cadClasses, sopClassUID) ||
		sopClassUID == keyObjects
}

// Documented is what the documents of a study became.
type Documented struct {
	Resources []fhir.Resource // of the study alone, its Task among them
	Mentions  []Mention       // of what other studies' documents may tell of too, and no header does
	Issues    []Issue
}

// Documents maps the documents of one study, in a fixed order whatever theirs: reports to DiagnosticReports (one for each chain of
// versions), their Binaries and measurements, dose and what programs found to Observations.
func (m *Mapper) Documents(study Study, documents []Document) (Documented, error) {
	r := &run{mapper: m, content: &mentions{made: map[string]bool{}}}
	for _, d := range documents {
		r.content.date = max(r.content.date, mentionDate(d.Dataset))
	}
	list := r.documents(study, documents)
	return Documented{list, r.content.list, r.issues}, r.err
}

func (r *run) documents(study Study, documents []Document) []fhir.Resource {
	var list []fhir.Resource
	var reports, doses, cads, keys []version
	for _, v := range r.versions(documents) {
		switch {
		case v.Instance.SOPClassUID == keyObjects:
			keys = append(keys, v)
		case v.isTitled(doseTitles):
			doses = append(doses, v)
		case v.isTitled(cadTitles):
			cads = append(cads, v)
		default:
			reports = append(reports, v)
		}
	}
	selections, selected := r.keys(study, keys)
	list = append(list, r.traced(selections, keys...)...)
	all := chains(reports)
	if len(all) == 1 { // of several reports nobody says whose the images are
		r.selected = selected
	}
	for _, c := range all {
		list = append(list, r.traced(r.report(study, c.without(study.rejected)), c.versions...)...)
	}
	list = append(list, r.traced(r.doses(study, doses), doses...)...)
	list = append(list, r.traced(r.cads(study, cads), cads...)...)
	return append(list, r.reading(study)...)
}

func (v version) isTitled(codes []string) bool {
	return v.sr != nil && v.sr.Title.Scheme == "DCM" && slices.Contains(codes, v.sr.Title.Value)
}

// versions reads the documents.
func (r *run) versions(documents []Document) []version {
	var list []version
	for _, d := range documents {
		v := version{Document: d, uid: d.Instance.SOPInstanceUID}
		if len(d.Dataset.Items(pathContent)) > 0 {
			tree, err := sr.Parse(d.Dataset)
			if err != nil {
				r.add(Issue{Severity: "error", Code: "unreadable-report", Attribute: "ContentSequence", Element: "DiagnosticReport",
					Detail: err.Error(), Ref: "PS3.3 C.17.3"})
				continue
			}
			v.sr = tree
			v.predecessors = predecessors(tree)
		}
		if slices.Contains(doseClasses, d.Instance.SOPClassUID) && !v.isTitled(doseTitles) ||
			slices.Contains(cadClasses, d.Instance.SOPClassUID) && !v.isTitled(cadTitles) {
			r.add(Issue{Severity: "information", Code: "not-a-report", Attribute: "ConceptNameCodeSequence", Element: "DiagnosticReport",
				Detail: "dose or CAD in a template that is not known: listed in the study, not mapped", Ref: "PS3.16 TID 4000, 10001, 10011"})
			continue
		}
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b version) int { return cmp.Compare(a.uid, b.uid) })
	return slices.CompactFunc(list, func(a, b version) bool { return a.uid == b.uid })
}

func predecessors(d *sr.Document) []string {
	var list []string
	for _, p := range d.Predecessors {
		if IsUID(p.SOPInstanceUID) {
			list = append(list, p.SOPInstanceUID)
		}
	}
	return list
}

// report maps one chain.
func (r *run) report(study Study, c chain) []fhir.Resource {
	to := report{chain: c, at: c.prevailing(), study: study}
	id := r.mapper.ID("DiagnosticReport", uidSystem, c.root)
	to.Id = &id
	to.Status = r4.DiagnosticReportStatusUnknown
	to.Category = []r4.CodeableConcept{
		coded("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD", "Radiology"),
		coded(loinc, "LP29684-5", "Radiology"),
		coded(loinc, "85430-7", "Diagnostic imaging report"),
	}
	to.Code = coded(loinc, "18748-4", "Diagnostic imaging study")
	to.Subject = &r4.Reference{Reference: &study.Patient}
	if to.at < len(c.versions)-1 {
		r.add(Issue{Severity: "information", Code: "pending-version", Element: "DiagnosticReport.status",
			Detail: "a later version is not verified: the verified one prevails", Ref: "PS3.3 C.17.2"})
	}
	all := whole(to.version().Dataset)
	reportTable.apply(r, &to, all)
	if study.rejected.isRejected(to.version().uid) {
		to.Status = r4.DiagnosticReportStatusEnteredInError
	}
	for _, one := range r.selected {
		to.Media = append(to.Media, one.link())
	}
	r.signed = r.signed || slices.Contains(signedStatuses, to.Status)
	reportPeopleTable.apply(r, &to.DiagnosticReport, all)
	body, err := encode("DiagnosticReport", r4.OtherDiagnosticReport(to.DiagnosticReport))
	if err != nil {
		r.fail(err)
	}
	return append([]fhir.Resource{{Type: "DiagnosticReport", ID: id, Body: body}}, withheld(to.Status, slices.Concat(to.binaries, to.images, to.observations, r.asDocument(to.DiagnosticReport, nil)))...)
}
