package mapping

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/fhir"
	"lightbox/mapping/hl7v2"
)

// result is the DiagnosticReport of one OBR with what follows it.
type result struct {
	r4.DiagnosticReport
	*letter
	scope    []hl7v2.Segment
	key      string // what makes two messages the same report
	sections []section
	stated   string         // OBR-25
	made     map[string]int // Observations by what they are of
	out      []fhir.Resource

	bare      bool // a message that tells of the report and does not hold it
	relatesTo []r4.DocumentReferenceRelatesTo
}

// section is a part of a report's text.
type section struct {
	name       string
	conclusion bool
	lines      []string
}

// resultTable reads what surrounds the observations of a report (HL7 v2.8.2 4.5.3 and 7.3.1; v2-to-FHIR ORU_R01; IHE RAD-28, RAD-128).
var resultTable = compileMessage("v2-report", []messageRule[result]{
	{From: "OBR-3 ORC-3", To: "DiagnosticReport.identifier", Need: required, Ref: "HL7 v2.8.2 4.5.3.3; HL7 0203 FILL", Set: resultFiller},
	{From: "OBR-2 ORC-2", To: "DiagnosticReport.identifier", Ref: "HL7 v2.8.2 4.5.3.2; HL7 0203 PLAC", Set: resultNumber("PLAC")},
	{From: "IPC-1 OBR-18", To: "DiagnosticReport.basedOn", Ref: "IHE RAD-28; HL7 0203 ACSN", Set: resultOrder("ACSN")},
	{From: "OBR-25", To: "DiagnosticReport.status", Ref: "HL7 0123", Set: resultStatus},
	{From: "OBR-24", To: "DiagnosticReport.category", Ref: "HL7 0074", Set: resultCategory},
	{From: "OBR-4", To: "DiagnosticReport.code", Need: required, Ref: "HL7 v2.8.2 4.5.3.4", Set: resultCode},
	{From: "PV1-19", To: "DiagnosticReport.encounter", Ref: "HL7 v2.8.2 3.4.3.19; HL7 0203 VN", Set: resultVisit},
	{From: "OBR-7", To: "DiagnosticReport.effectiveDateTime", Ref: "HL7 v2.8.2 7.4.1.7", Set: resultTime},
	{From: "OBR-22", To: "DiagnosticReport.issued", Ref: "HL7 v2.8.2 7.4.1.22", Set: resultIssued},
	{From: "OBR-32", To: "DiagnosticReport.resultsInterpreter", Ref: "HL7 v2.8.2 7.4.1.32", Set: resultInterpreters},
	{From: "OBR-34", To: "DiagnosticReport.performer", Ref: "HL7 v2.8.2 7.4.1.34; v3-ParticipationType SPRF", Set: resultHelper("SPRF", "secondary performer")},
	{From: "OBR-35", To: "DiagnosticReport.performer", Ref: "HL7 v2.8.2 7.4.1.35; v3-ParticipationType TRANS", Set: resultHelper("TRANS", "Transcriber")},
	{From: "ZDS-1 IPC-3", To: "DiagnosticReport.imagingStudy", Ref: "IHE RAD-4; HL7 v2.8.2 4.5.6.3", Set: resultStudy},
})

// results maps every report of a message: an OBR with the ORC before it and the segments after it.
func (r *run) results(l *letter) {
	r.outside(beforeOrders(l.segments))
	for _, scope := range orderScopes(l.segments) {
		if !slices.ContainsFunc(scope, func(s hl7v2.Segment) bool { return s.Name == "OBR" }) {
			r.outside(scope)
			continue
		}
		to := result{letter: l, scope: scope, made: map[string]int{}}
		to.Status = r4.DiagnosticReportStatusUnknown
		to.Category = []r4.CodeableConcept{
			coded("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD", "Radiology"), coded(loinc, "LP29684-5", "Radiology"),
		}
		to.Code = coded(loinc, "18748-4", "Diagnostic imaging study")
		to.Subject = &r4.Reference{Reference: &l.patient}
		resultTable.apply(r, &to, scope)
		if to.key == "" {
			header := scope[0]
			to.key = join("message", l.sender, header.Field(10).Text(), strconv.Itoa(len(l.reports)))
		}
		id := r.mapper.ID("DiagnosticReport", "hl7v2", to.key)
		to.Id = &id
		r.observations(&to)
		r.finish(&to)
	}
}

// shared are the segments that belong to all reports of a message.
var shared = []string{"MSH", "PID", "PV1"}

// outside tells of observations that stand in no report.
func (r *run) outside(scope []hl7v2.Segment) {
	for _, s := range scope {
		if s.Name == "OBX" {
			r.add(Issue{Severity: "warning", Code: "no-report", Attribute: "OBX", Element: "DiagnosticReport",
				Detail: "an observation outside of any report: left out", Ref: "HL7 v2.8.2 7.3.1"})
		}
	}
}

// orderScopes cuts a message at its ORCs and OBRs: each OBR with the ORC before it and what stands between the two, such as its times, and
// an ORC without one, such as of what became of an order. Of what is shared each has the first.
func orderScopes(all []hl7v2.Segment) [][]hl7v2.Segment {
	var list [][]hl7v2.Segment
	var common, order []hl7v2.Segment
	for _, s := range all {
		switch {
		case s.Name == "OBR":
			list = append(list, slices.Concat(common, order, []hl7v2.Segment{s}))
			order = nil
		case s.Name == "ORC":
			if order != nil {
				list = append(list, slices.Concat(common, order))
			}
			order = []hl7v2.Segment{s}
		case order != nil:
			order = append(order, s)
		case len(list) > 0:
			list[len(list)-1] = append(list[len(list)-1], s)
		case slices.Contains(shared, s.Name) && !slices.ContainsFunc(common, func(have hl7v2.Segment) bool { return have.Name == s.Name }):
			common = append(common, s)
		}
	}
	if order != nil {
		list = append(list, slices.Concat(common, order))
	}
	return list
}

// beforeOrders are the segments of a message about the patient alone.
func beforeOrders(all []hl7v2.Segment) []hl7v2.Segment {
	if at := slices.IndexFunc(all, func(s hl7v2.Segment) bool { return s.Name == "ORC" || s.Name == "OBR" }); at >= 0 {
		return all[:at]
	}
	return all
}

func resultFiller(r *run, to *result, v fieldValue) {
	if one, ok := r.entityIdentifier("FILL", v.Field); ok {
		to.Identifier = append(to.Identifier, one)
		to.key = join(to.sender, *one.System, *one.Value, clean(v.at("OBR-4").Text()))
	}
}

// resultNumber adds a number of the report, by its kind in HL7 table 0203.
func resultNumber(kind string) func(*run, *result, fieldValue) {
	return func(r *run, to *result, v fieldValue) {
		if one, ok := r.entityIdentifier(kind, v.Field); ok {
			to.Identifier = append(to.Identifier, one)
		}
	}
}

// resultOrder refers to the order that a number is of: the store finds it, now or when it comes.
func resultOrder(kind string) func(*run, *result, fieldValue) {
	return func(r *run, to *result, v fieldValue) {
		if one, ok := r.entityIdentifier(kind, v.Field); ok {
			to.BasedOn = append(to.BasedOn, r4.Reference{Type: new("ServiceRequest"), Identifier: &one})
		}
	}
}

// reportStatuses are HL7 table 0123. Codes that say more than FHIR's are kept beside it.
var reportStatuses = enumTable(codeTable[r4.DiagnosticReportStatus]{
	name: "result-status", title: "Result status (HL7 0123) to DiagnosticReport.status", source: "http://terminology.hl7.org/CodeSystem/v2-0123", target: "http://hl7.org/fhir/diagnostic-report-status",
	rows: map[string]r4.DiagnosticReportStatus{
		"O": r4.DiagnosticReportStatusRegistered, "I": r4.DiagnosticReportStatusRegistered, "S": r4.DiagnosticReportStatusRegistered,
		"N": r4.DiagnosticReportStatusRegistered, "P": r4.DiagnosticReportStatusPreliminary, "M": r4.DiagnosticReportStatusPreliminary,
		"R": r4.DiagnosticReportStatusPartial, "A": r4.DiagnosticReportStatusPartial, "F": r4.DiagnosticReportStatusFinal,
		"C": r4.DiagnosticReportStatusCorrected, "X": r4.DiagnosticReportStatusCancelled, "W": r4.DiagnosticReportStatusEnteredInError,
		"Y": r4.DiagnosticReportStatusUnknown, "Z": r4.DiagnosticReportStatusUnknown,
	},
})

func resultStatus(r *run, to *result, v fieldValue) {
	stated := strings.ToUpper(clean(v.Text()))
	status, ok := translate(r.mapper, reportStatuses, stated)
	if !ok {
		r.doubt("unknown-code", "not a code of HL7 table 0123: status unknown")
		return
	}
	to.Status, to.stated = status, stated
}

func resultCategory(_ *run, to *result, v fieldValue) {
	if section := strings.ToUpper(code(v.Text())); section != "" && section != "RAD" {
		to.Category = []r4.CodeableConcept{coded("http://terminology.hl7.org/CodeSystem/v2-0074", section, "")}
	}
}

func resultCode(r *run, to *result, v fieldValue) {
	if one, ok := r.codedElement(v.First()); ok {
		to.Code = one
	}
}

func resultVisit(r *run, to *result, v fieldValue) { to.Encounter = r.visitOf(v) }

// visitOf refers to a visit by its number.
func (r *run) visitOf(v fieldValue) *r4.Reference {
	if clean(v.Text()) == "" {
		return nil
	}
	return &r4.Reference{Type: new("Encounter"), Identifier: new(identifier("VN", clean(v.Text()), r.visitIssuer(v.Field)))}
}

func (r *run) visitIssuer(f hl7v2.Field) issuer {
	by := r.hierarchic(f.First().Component(4))
	if !by.known {
		by.system = r.mapper.local("NamingSystem", "AdmissionID")
	}
	return by
}

func resultTime(r *run, to *result, v fieldValue) {
	to.EffectiveDateTime = text(r.pointInTime(nil, clean(v.Text())))
}

// resultIssued is an instant, which needs a zone.
func resultIssued(r *run, to *result, v fieldValue) {
	if at := r.pointInTime(nil, clean(v.Text())); strings.Contains(at, "T") {
		to.Issued = &at
	}
}

func resultInterpreters(r *run, to *result, v fieldValue) {
	to.ResultsInterpreter = to.people(to.ResultsInterpreter, v, r.signer)
}

// resultHelper adds who took part, and as what: the extension tells that they do not answer for the report.
func resultHelper(role, display string) func(*run, *result, fieldValue) {
	function := r4.Extension{Url: "http://hl7.org/fhir/StructureDefinition/event-performerFunction", ValueCodeableConcept: new(coded(roles, role, display))}
	return func(r *run, to *result, v fieldValue) {
		for _, one := range to.people(nil, v, r.signer) {
			one.Extension = []r4.Extension{function}
			to.Performer = append(to.Performer, one)
		}
	}
}

// people adds whoever a field names, each once.
func (l *letter) people(list []r4.Reference, v fieldValue, who func(*letter, hl7v2.Repetition) *r4.Reference) []r4.Reference {
	for _, one := range v.Repetitions() {
		if person := who(l, one); person != nil {
			list = addReference(list, *person)
		}
	}
	return list
}

func resultStudy(r *run, to *result, v fieldValue) { r.addStudyUID(to, v.Text()) }

// addStudyUID refers to a study by its UID alone: the store finds it, now or when it comes.
func (r *run) addStudyUID(to *result, uid string) {
	uid = clean(uid)
	if !IsUID(uid) {
		r.doubt("bad-uid", "not a UID: left out")
		return
	}
	one := r4.Reference{Type: new("ImagingStudy"), Identifier: new(studyIdentifier(uid))}
	if len(to.ImagingStudy) >= maxValues {
		r.doubt("too-many-values", "more studies than any real report is of: the rest is left out")
		return
	}
	if !slices.ContainsFunc(to.ImagingStudy, func(have r4.Reference) bool { return sameIdentifier(*have.Identifier, *one.Identifier) }) {
		to.ImagingStudy = append(to.ImagingStudy, one)
	}
}

// finish writes the report when its observations are read.
func (r *run) finish(to *result) {
	to.sections = slices.DeleteFunc(to.sections, func(s section) bool { return r.isDocument(to, s) })
	if len(to.sections) > 0 {
		body := to.rendered()
		to.Text = &r4.Narrative{Status: r4.NarrativeStatusGenerated, Div: xhtml(body)}
		to.PresentedForm = append([]r4.Attachment{page(nameOf(to.Code), nil, body)}, to.PresentedForm...)
		to.Conclusion = text(to.concluded())
	}
	out := spliced{resource: r4.OtherDiagnosticReport(to.DiagnosticReport)}
	if _, ok := translate(r.mapper, reportStatuses, to.stated); ok && to.stated != "F" && to.stated != "P" && to.stated != "C" && to.stated != "X" {
		original := r4.Extension{Url: "http://hl7.org/fhir/StructureDefinition/alternate-codes",
			ValueCodeableConcept: new(coded("http://terminology.hl7.org/CodeSystem/v2-0123", to.stated, ""))}
		out.members = []member{{"_status", map[string]any{"extension": []r4.Extension{original}}}}
	}
	body, err := encode("DiagnosticReport", out)
	if err != nil {
		r.fail(err)
	}
	report := fhir.Resource{Type: "DiagnosticReport", ID: *to.Id, Body: body}
	to.out = withheld(to.Status, append(to.out, r.asDocument(to.DiagnosticReport, to.relatesTo)...))
	to.reports = append(to.reports, Told{*to.Id, to.sent, append([]fhir.Resource{report}, to.out...), to.Status, to.bare && len(to.PresentedForm) == 0})
}

// isDocument keeps a text as the document that it is, whatever the message calls it: RTF, XML, or a PDF in base64, in one OBX or cut over
// several.
func (r *run) isDocument(to *result, s section) bool {
	content := []byte(strings.Join(s.lines, "\n"))
	if bytes.HasPrefix(bytes.TrimSpace(content), []byte("JVBER")) { // %PDF
		if pdf, ok := decoded(string(content), ""); ok {
			content = pdf
		}
	}
	kind := sniff(content)
	if kind == "" {
		return false
	}
	r.add(Issue{Severity: "information", Code: "document-as-text", Attribute: "OBX-5", Element: "DiagnosticReport.presentedForm",
		Detail: "stated as text, and is " + kind + ": kept as a document", Ref: "HL7 v2.8.2 7.4.2.5"})
	r.document(to, kind, s.name, content)
	return true
}

func (to *result) rendered() string {
	var b strings.Builder
	heading(&b, 0, nameOf(to.Code))
	for _, s := range to.sections {
		heading(&b, 1, s.name)
		b.WriteString("<p>" + strings.ReplaceAll(escape(strings.Join(s.lines, "\n")), "\n", "<br/>") + "</p>")
	}
	return b.String()
}

func (to *result) concluded() string {
	var parts []string
	for _, s := range to.sections {
		if s.conclusion {
			parts = append(parts, strings.TrimSpace(strings.Join(s.lines, "\n")))
		}
	}
	return strings.Join(parts, "\n\n")
}

// document keeps an embedded document in a Binary that follows its patient's access.
func (r *run) document(to *result, contentType, title string, content []byte) {
	key := join(to.key, "document", strconv.Itoa(len(to.PresentedForm)))
	id := r.mapper.ID("Binary", "hl7v2", key)
	one := attachmentOf(contentType, content)
	one.Title, one.Url = text(title), new("Binary/"+id)
	to.PresentedForm = append(to.PresentedForm, one)
	to.out = append(to.out, r.binary(id, contentType, base64Of(content), to.Subject))
	c, ok := r.clinical(contentType, content)
	if ok && c.page != "" {
		if to.Text == nil {
			to.Text = &r4.Narrative{Status: r4.NarrativeStatusGenerated, Div: xhtml(c.page)}
		}
		to.PresentedForm = append(to.PresentedForm, page(cmp.Or(c.title, title), nil, c.page))
	}
	if ok && c.body != nil && !isCDA(sniff(c.body), c.body) {
		r.document(to, r.contentType("", c.body), title, c.body)
	}
}
