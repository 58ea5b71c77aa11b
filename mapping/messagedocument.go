package mapping

import (
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// documentTable reads what a message of document management says of a document (HL7 v2.8.2 9.6.1); what is in it stands in OBX, as in a
// result.
var documentTable = compileMessage("v2-document", []messageRule[result]{
	{From: "TXA-12", To: "DiagnosticReport.identifier", Need: required, Ref: "HL7 v2.8.2 9.6.1.12", Set: documentNumber},
	{From: "TXA-15", To: "DiagnosticReport.identifier", Ref: "HL7 v2.8.2 9.6.1.15; HL7 0203 FILL", Set: resultNumber("FILL")},
	{From: "TXA-14", To: "DiagnosticReport.basedOn", Ref: "HL7 v2.8.2 9.6.1.14; HL7 0203 PLAC", Set: resultOrder("PLAC")},
	{From: "TXA-17", To: "DiagnosticReport.status", Ref: "HL7 0271", Set: documentStatus},
	{From: "TXA-19", To: "DiagnosticReport.status", Ref: "HL7 0273", Set: documentAvailability},
	{From: "TXA-2", To: "DiagnosticReport.code", Need: required, Ref: "HL7 0270", Set: documentType},
	{From: "TXA-18", To: "DiagnosticReport.meta", Ref: "HL7 0272; HL7 v3 Confidentiality", Set: documentConfidentiality},
	{From: "PV1-19", To: "DiagnosticReport.encounter", Ref: "HL7 v2.8.2 3.4.3.19; HL7 0203 VN", Set: resultVisit},
	{From: "TXA-4 TXA-6", To: "DiagnosticReport.effectiveDateTime", Ref: "HL7 v2.8.2 9.6.1.4", Set: resultTime},
	{From: "TXA-22", To: "DiagnosticReport.issued", Ref: "HL7 v2.8.2 9.6.1.22", Set: documentIssued},
	{From: "TXA-22 TXA-10 TXA-9", To: "DiagnosticReport.resultsInterpreter", Ref: "HL7 v2.8.2 9.6.1.22, 9.6.1.10, 9.6.1.9", Set: documentAuthenticators},
	{From: "TXA-5", To: "DiagnosticReport.performer", Ref: "HL7 v2.8.2 9.6.1.5", Set: documentProvider},
})

// documentEvent is what an event of MDM makes of a document (HL7 v2.8.2 9.5).
type documentEvent struct {
	bare      bool // a notification, which has no content
	edited    bool // amended, where it is released
	withdrawn bool
	relation  *r4.DocumentRelationshipType // to the parent document
}

var (
	appends  = new(r4.DocumentRelationshipTypeAppends)
	replaces = new(r4.DocumentRelationshipTypeReplaces)
)

var documentEvents = map[string]documentEvent{
	"T01": {bare: true}, "T02": {}, "T03": {bare: true}, "T04": {},
	"T05": {bare: true, relation: appends}, "T06": {relation: appends}, "T07": {bare: true, edited: true}, "T08": {edited: true},
	"T09": {bare: true, relation: replaces}, "T10": {relation: replaces}, "T11": {bare: true, withdrawn: true},
}

// managed maps the document of a message: a report of its own, which an addendum or a replacement is too.
func (r *run) managed(l *letter, event string) {
	of := documentEvents[event]
	to := result{letter: l, scope: l.segments, made: map[string]int{}, bare: of.bare}
	to.Status = r4.DiagnosticReportStatusUnknown
	to.Code = coded(loinc, "18748-4", "Diagnostic imaging study")
	to.Subject = &r4.Reference{Reference: &l.patient}
	documentTable.apply(r, &to, to.scope)
	if to.key == "" {
		to.key = join("message", l.sender, fieldAt(to.scope, controlID).Text())
	}
	switch {
	case of.withdrawn:
		to.Status = r4.DiagnosticReportStatusEnteredInError
	case of.edited && to.Status == r4.DiagnosticReportStatusFinal:
		to.Status = r4.DiagnosticReportStatusAmended
	}
	if of.relation != nil {
		r.relate(&to, *of.relation)
	}
	to.Id = new(r.mapper.ID("DiagnosticReport", "hl7v2", to.key))
	r.observations(&to)
	r.finish(&to)
}

var (
	controlID    = newFieldPath("MSH-10")
	parentNumber = newFieldPath("TXA-13")
)

// relate names the parent by its number: the store finds it, now or when it comes.
func (r *run) relate(to *result, how r4.DocumentRelationshipType) {
	parent := fieldAt(to.scope, parentNumber)
	if clean(parent.Text()) == "" {
		r.add(Issue{Severity: "warning", Code: "missing", Attribute: "TXA-13", Element: "DocumentReference.relatesTo",
			Detail: "an addendum or replacement that does not name the document it is of", Ref: "HL7 v2.8.2 9.6.1.13"})
		return
	}
	one, _ := r.entityIdentifier("DOC", parent)
	one.Type = &r4.CodeableConcept{Text: new("Document number")}
	to.relatesTo = []r4.DocumentReferenceRelatesTo{{Code: how, Target: r4.Reference{Type: new("DocumentReference"), Identifier: &one}}}
}

func documentNumber(r *run, to *result, v fieldValue) {
	if one, ok := r.entityIdentifier("DOC", v.Field); ok {
		to.key = join("document", to.sender, *one.System, *one.Value)
		one.Type = &r4.CodeableConcept{Text: new("Document number")}
		to.Identifier = append(to.Identifier, one)
	}
}

// completions are HL7 table 0271.
var completions = enumTable(codeTable[r4.DiagnosticReportStatus]{
	name: "document-completion", title: "Document completion status (HL7 0271) to DiagnosticReport.status", source: "http://terminology.hl7.org/CodeSystem/v2-0271", target: "http://hl7.org/fhir/diagnostic-report-status",
	rows: map[string]r4.DiagnosticReportStatus{
		"AU": r4.DiagnosticReportStatusFinal, "LA": r4.DiagnosticReportStatusFinal, "PA": r4.DiagnosticReportStatusPreliminary,
		"DO": r4.DiagnosticReportStatusPreliminary, "DI": r4.DiagnosticReportStatusRegistered, "IP": r4.DiagnosticReportStatusPartial,
		"IN": r4.DiagnosticReportStatusPartial,
	},
})

func documentStatus(r *run, to *result, v fieldValue) {
	stated := strings.ToUpper(clean(v.Text()))
	status, ok := translate(r.mapper, completions, stated)
	if !ok {
		r.doubt("unknown-code", "not a code of HL7 table 0271: status unknown")
		return
	}
	to.Status, to.stated = status, "TXA-17"
}

// documentAvailability tells of a document that was taken away; one that is obsolete says so by what replaces it.
func documentAvailability(r *run, to *result, v fieldValue) {
	switch strings.ToUpper(clean(v.Text())) {
	case "CA":
		to.Status = r4.DiagnosticReportStatusEnteredInError
	case "AV", "OB", "UN":
	default:
		r.doubt("unknown-code", "not a code of HL7 table 0273: left out")
	}
}

// documentType is a report of imaging where it says so, and then in the category of radiology; any other document keeps its own type.
func documentType(r *run, to *result, v fieldValue) {
	one := v.First()
	stated := strings.ToUpper(code(one.Component(1).Text()))
	switch {
	case stated == "DI":
		to.Category = []r4.CodeableConcept{coded("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD", "Radiology"), coded(loinc, "LP29684-5", "Radiology")}
	case clean(one.Component(3).Text()) != "":
		to.Code, _ = r.codedElement(one)
	case stated != "":
		to.Code = coded("http://terminology.hl7.org/CodeSystem/v2-0270", stated, clean(one.Component(2).Text()))
	}
}

// confidentialities are HL7 table 0272 in codes of v3 Confidentiality.
var confidentialities = codingTable(codeTable[r4.Coding]{
	name: "document-confidentiality", title: "Document confidentiality (HL7 0272) to a security label", source: "http://terminology.hl7.org/CodeSystem/v2-0272", target: confidentialitySystem,
	rows: map[string]r4.Coding{
		"V": codingOf(confidentialitySystem, "V", "very restricted"), "R": codingOf(confidentialitySystem, "R", "restricted"), "U": codingOf(confidentialitySystem, "N", "normal"),
	},
})

func documentConfidentiality(r *run, to *result, v fieldValue) {
	label, ok := translate(r.mapper, confidentialities, strings.ToUpper(clean(v.Text())))
	if !ok {
		r.doubt("unknown-code", "not a code of HL7 table 0272: left out")
		return
	}
	to.Meta = &r4.Meta{Security: []r4.Coding{label}}
}

// documentIssued is when it was authenticated: an instant, which needs a zone.
func documentIssued(r *run, to *result, v fieldValue) {
	if at := r.pointInTime(nil, clean(v.First().Component(15).Text())); strings.Contains(at, "T") {
		to.Issued = &at
	}
}

func documentAuthenticators(r *run, to *result, v fieldValue) {
	to.ResultsInterpreter = to.people(to.ResultsInterpreter, v, r.person)
}

func documentProvider(r *run, to *result, v fieldValue) {
	to.Performer = to.people(to.Performer, v, r.person)
}
