package mapping

import "slices"

//go:generate go test -run TestDrift -update

// derived are the elements that no single attribute decides.
var derived = []Rule{
	{Table: "derived", From: "PatientID", To: "Patient.meta.tag", Ref: "PS3.3 C.7.1.1: without PatientID a patient known by this study alone"},
	{Table: "derived", To: "Device.status", Ref: "active"},
	{Table: "derived", To: "Location.status", Ref: "active"},
	{Table: "derived", To: "Location.mode", Ref: "instance"},
	{Table: "derived", To: "Endpoint", Ref: "FHIR R4 imagingstudy.html#endpoint: one of the configured DICOMweb base"},
	{Table: "derived", To: "ServiceRequest.status", Ref: "completed: images exist (IHE RAD MADO)"},
	{Table: "derived", To: "ServiceRequest.intent", Ref: "order (IHE RAD MADO)"},
	{Table: "derived", To: "ServiceRequest.category", Ref: "SNOMED CT 363679005 Imaging (HL7 Europe)"},
	{Table: "derived", To: "ServiceRequest.subject", Ref: "the patient of the object"},
	{Table: "derived", To: "ServiceRequest.meta.tag", Ref: "stub: made from image headers, an order itself replaces it"},
	{Table: "derived", To: "ImagingStudy.status", Ref: "available: an instance exists (FHIR R4 codesystem-imagingstudy-status)"},
	{Table: "derived", From: "ConceptNameCodeSequence CurrentRequestedProcedureEvidenceSequence", To: "ImagingStudy.series.instance", Ref: "IHE RAD IOCM; PS3.16 CID 7011: not what a rejection note takes back, nor the note"},
	{Table: "derived", From: "ConceptNameCodeSequence", To: "ImagingStudy.extension", Ref: "IHE RAD IOCM: event-statusReason of a study all of whose objects are taken back; its status is entered-in-error (113037, 113038), cancelled (113001) or stays (113039)"},
	{Table: "derived", From: "ConceptNameCodeSequence CurrentRequestedProcedureEvidenceSequence", To: "DiagnosticReport.status", Ref: "IHE RAD IOCM: entered-in-error when every version is taken back; so is an Observation of dose"},
	{Table: "derived", From: "Modality", To: "ImagingStudy.modality", Ref: "those of acquisition, united over series; all where none is (PS3.16 CID 29)"},
	{Table: "derived", To: "ImagingStudy.endpoint", Ref: "the configured DICOMweb base"},
	{Table: "derived", To: "ImagingStudy.numberOfSeries", Ref: "counted"},
	{Table: "derived", To: "ImagingStudy.numberOfInstances", Ref: "counted"},
	{Table: "derived", To: "ImagingStudy.series.numberOfInstances", Ref: "counted"},
	{Table: "derived", To: "ImagingStudy.meta.source", Ref: "the channel, where it is a URI"},
	{Table: "derived", To: "DiagnosticReport.category", Ref: "HL7 0074 RAD, LOINC LP29684-5 (US Core), LOINC 85430-7 (HL7 Europe)"},
	{Table: "derived", To: "DiagnosticReport.subject", Ref: "the patient of the study"},
	{Table: "derived", Field: "MSH-9", To: "Encounter.status", Ref: "HL7 0003: the event; else finished where PV1-45 tells the end"},
	{Table: "derived", Field: "PID-3", To: "Encounter.subject", Ref: "the patient of the message"},
	{Table: "derived", Field: "OBX-5", To: "DiagnosticReport.conclusion", Ref: "LOINC 19005-8, the suffix IMP, or the word: the texts of OBX whose OBX-3 is an impression"},
	{Table: "derived", Field: "OBX-5", To: "DiagnosticReport.presentedForm", Ref: "HL7 v2.8.2 7.4.2.5: TX, FT and ST as a page, ED as a Binary, RP as an address"},
	{Table: "derived", Field: "OBX-5", To: "DiagnosticReport.result", Ref: "HL7 v2.8.2 7.4.2.5: NM, SN, CE, CWE, CNE, IS, ID, DT, TS and DTM with a code in OBX-3"},
	{Table: "derived", Field: "OBX-5", To: "ServiceRequest.supportingInfo", Ref: "HL7 v2.8.2 7.4.2.5; v2-to-FHIR ORM_O01, ADT_A01: what is observed beside an order, or beside a patient or visit, each an Observation"},
	{Table: "derived", Field: "OBX-11", To: "DiagnosticReport.status", Ref: "HL7 0085: the least final of the parts, where OBR-25 is empty"},
	{Table: "derived", From: "CompletionFlag", To: "Observation.status", Ref: "PS3.3 C.17.2: final where the document is COMPLETE"},
	{Table: "derived", To: "Observation.category", Ref: "imaging (IHE RAD IMR)"},
	{Table: "derived", To: "Observation.code", Ref: "LOINC 73569-6 (RDS); of an irradiation DCM 113852"},
	{Table: "derived", To: "Observation.subject", Ref: "the patient of the study"},
	{Table: "derived", From: "StudyInstanceUID", To: "Observation.partOf", Ref: "RDS imagingStudyRef"},
	{Table: "derived", From: "StudyInstanceUID", To: "Observation.focus", Ref: "RDS"},
	{Table: "derived", To: "Observation.meta.profile", Ref: "RDS radiation-dose-summary, where every demand of it is met; the title and modality of the equipment among them"},
	{Table: "derived", To: "Device.meta.profile", Ref: "RDS modality-device, where every demand of it is met"},
	{Table: "derived", To: "DocumentReference.meta.profile", Ref: "International Patient Access ipa-documentreference, where every demand of it is met"},
	{Table: "derived", To: "Observation.valueString", Ref: "RDS: the numbers in one sentence"},
	{Table: "derived", To: "Observation.hasMember", Ref: "the irradiations of the document"},
	{Table: "derived", From: "ContentSequence", Concept: "111017", To: "Observation.value[x]", Ref: "PS3.16 TID 4000, CID 6047: what became of CAD as a whole; where no algorithm succeeded cancelled, with the reason"},
	{Table: "derived", From: "ContentSequence", Concept: "111034 111059", To: "Observation.hasMember", Ref: "PS3.16 TID 4003, CID 6034: findings that are to be presented"},
	{Table: "derived", To: "DocumentReference", Ref: "IHE ITI MHD, International Patient Access: each released report, with its forms in Binaries; LOINC 85430-7"},
	{Table: "derived", Field: "TXA-13", To: "DocumentReference.relatesTo", Ref: "HL7 v2.8.2 9.5: T05 and T06 append, T09 and T10 replace"},
	{Table: "derived", Field: "MSH-9", To: "DiagnosticReport.status", Ref: "HL7 v2.8.2 9.5: T07 and T08 of a released document amended, T11 entered-in-error; a notification changes the status alone"},
	{Table: "derived", Field: "MRG-1", To: "Patient.link", Ref: "HL7 v2.8.2 3.3.40, 3.6.2; IHE ITI PMIR: replaced-by, and replaces of the survivor; A37 takes it back"},
	{Table: "derived", Field: "MRG-1", To: "Patient.active", Ref: "IHE ITI PMIR: false of a record that goes on as another, true of that one; what referred to the first refers to the second"},
	{Table: "derived", Field: "MRG-1", To: "Patient.identifier", Ref: "IHE ITI PMIR: the survivor is found by the numbers of those it replaces, use old"},
	{Table: "derived", From: "EncapsulatedDocument", To: "DiagnosticReport.text", Ref: "HL7 CDA R2 4.3: the narrative blocks of a CDA document in the elements of a FHIR narrative, no attribute of them; a body that is not XML as a form of its own"},
	{Table: "derived", From: "ContentSequence", To: "Media", Ref: "PS3.3 C.18.4: each image that a report or a selection of key objects (PS3.16 CID 7010) points to; those selected are in the media of the study's one report"},
	{Table: "derived", To: "Task", Ref: "IHE RAD Reporting Worklist Prioritization: the reading of a study in which a program found what a configured rule names; never below what was ordered, completed when a report is signed"},
	{Table: "derived", To: "Provenance", Ref: "FHIR R4 provenance.html: the study, document or message that resources were made of, the version of the rules, and when it was received"},
	{Table: "derived", To: "Observation.meta", Ref: "HL7 v3 ObservationValue AIAST: what a program found and nobody has accepted"},
	{Table: "derived", From: "EncapsulatedDocument", To: "Binary.data", Ref: "PS3.3 C.24.2"},
	{Table: "derived", From: "MIMETypeOfEncapsulatedDocument", To: "Binary.contentType", Ref: "the first bytes decide, then the stated type"},
	{Table: "derived", To: "Binary.securityContext", Ref: "the patient of the study: access follows it"},
}

// Rules returns every rule, table by table: what MAPPING.md prints.
func Rules() []Rule {
	return slices.Concat(everywhere, patientTable.rules(), studyTable.rules(), seriesTable.rules(), seriesHeadersTable.rules(),
		instanceTable.rules(), deviceTable.rules(), organizationTable.rules(), locationTable.rules(), orderTable.rules(),
		reportTable.rules(), reportPeopleTable.rules(), doseTable.rules(), doseContent.rules(), eventContent.rules(),
		groupContent.rules(), statementContent.rules(), cadContent.rules(),
		pidTable.rules(), resultTable.rules(), observationTable.rules(), requestTable.rules(), visitTable.rules(), mergeTable.rules(), documentTable.rules(), derived)
}
