package mapping

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/fhir/ucum"
	"lightbox/mapping/hl7v2"
)

// observations maps every OBX of a report, or says of it why not: text becomes the report's, what is coded or measured an Observation,
// what is embedded a document.
func (r *run) observations(to *result) {
	worst := len(leastFinal)
	for n, s := range to.scope {
		if s.Name != "OBX" {
			continue
		}
		rule := Rule{Table: "v2-observation", Field: "OBX-5", To: "DiagnosticReport", Ref: "HL7 v2.8.2 7.4.2.5"}
		r.rule, r.attribute = &rule, "OBX["+strconv.Itoa(n)+"]"
		r.obx(to, s)
		if at := slices.Index(leastFinal, strings.ToUpper(clean(s.Field(11).Text()))); at >= 0 {
			worst = min(worst, at)
		}
	}
	r.rule, r.attribute = nil, ""
	if to.stated == "" && worst < len(leastFinal) {
		if status, ok := translate(r.mapper, partStatuses, leastFinal[worst]); ok {
			to.Status = status
		}
	}
}

// partStatuses are what a report is that states no status of its own, by the codes of HL7 table 0085 of its parts: the first of leastFinal
// that any part has decides.
var partStatuses = enumTable(codeTable[r4.DiagnosticReportStatus]{
	name: "part-status", title: "Observation result status (HL7 0085) to DiagnosticReport.status, where OBR-25 is empty", source: "http://terminology.hl7.org/CodeSystem/v2-0085", target: "http://hl7.org/fhir/diagnostic-report-status",
	rows: map[string]r4.DiagnosticReportStatus{
		"I": r4.DiagnosticReportStatusRegistered, "O": r4.DiagnosticReportStatusRegistered, "S": r4.DiagnosticReportStatusPartial,
		"P": r4.DiagnosticReportStatusPreliminary, "R": r4.DiagnosticReportStatusPreliminary, "C": r4.DiagnosticReportStatusCorrected,
		"F": r4.DiagnosticReportStatusFinal, "X": r4.DiagnosticReportStatusCancelled,
	},
})

var leastFinal = []string{"I", "O", "S", "P", "R", "C", "F", "X"}

func (r *run) obx(to *result, s hl7v2.Segment) {
	name := clean(s.Field(3).First().Component(2).Text())
	r.checkField(s.Field(5))
	switch kind := strings.ToUpper(clean(s.Field(2).Text())); {
	case isStudyUID(s):
		r.addStudyUID(to, s.Field(5).Text())
	case s.Field(5).Raw() == "":
		if !r.observeAbsence(to, s) {
			r.remark("no-value", "an observation without a value: nothing to say")
		}
	case kind == "ED":
		r.encapsulated(to, s, name)
	case kind == "RP":
		r.pointer(to, s, name)
	case kind == "TX" || kind == "FT" || kind == "ST":
		r.say(to, s)
	case kind == "HD" || kind == "UI": // UIDs of series and objects: IHE RAD-28
		r.remark("identifier-only", "a UID that the images themselves tell: left out")
	case clean(s.Field(3).Text()) == "" || !r.observe(to, s, kind):
		r.say(to, s)
	}
}

// isStudyUID holds for the Study Instance UID as IHE RAD-28 and RAD-128 send it.
func isStudyUID(s hl7v2.Segment) bool {
	one := s.Field(3).First()
	code, name, scheme := clean(one.Component(1).Text()), clean(one.Component(2).Text()), clean(one.Component(3).Text())
	return scheme == "DCM" && (code == "113014" || code == "110180") || strings.EqualFold(name, "Study Instance UID")
}

// sectionsByCode are the parts of a report that OBX-3 names, by LOINC and by the suffixes of HL7 v2.8.2 7.3.2.
var sectionsByCode = map[string]section{
	"19005-8": {name: "Impression", conclusion: true}, "IMP": {name: "Impression", conclusion: true},
	"59776-5": {name: "Findings"}, "GDT": {name: "Description"}, "18782-3": {name: "Findings"},
	"11329-0": {name: "History"}, "18834-2": {name: "Comparison"}, "55111-9": {name: "Procedure"},
	"18783-1": {name: "Recommendation"}, "REC": {name: "Recommendation"}, "ADT": {name: "Addendum"}, "55107-7": {name: "Addendum"},
}

// say adds to the text: to the section that the one before it was of, where they are of the same.
func (r *run) say(to *result, s hl7v2.Segment) {
	one := s.Field(3).First()
	of, known := sectionsByCode[clean(one.Component(1).Subcomponent(2))]
	if !known {
		of, known = sectionsByCode[clean(one.Component(1).Text())]
	}
	if !known {
		of.name = cmp.Or(clean(one.Component(2).Text()), clean(one.Component(5).Text()))
		of.conclusion = strings.EqualFold(of.name, "impression") || strings.EqualFold(of.name, "conclusion")
	}
	lines := spoken(s)
	last := len(to.sections) - 1
	if last >= 0 && (to.sections[last].name == of.name || of.name == "") {
		to.sections[last].lines = append(to.sections[last].lines, lines...)
		return
	}
	of.lines = lines
	to.sections = append(to.sections, of)
}

// spoken are the lines of an OBX as a person reads them.
func spoken(s hl7v2.Segment) (lines []string) {
	for _, part := range s.Field(5).Repetitions() {
		lines = append(lines, plain(part, clean(s.Field(2).Text())))
	}
	if units := clean(s.Field(6).Text()); units != "" {
		lines[len(lines)-1] += " " + units
	}
	return lines
}

// plain is the text of a value: of what is coded its words, of anything else all of its components, since senders do not escape carets.
func plain(part hl7v2.Repetition, kind string) string {
	switch kind {
	case "CE", "CWE", "CNE":
		return cmp.Or(clean(part.Component(2).Text()), clean(part.Component(1).Text()))
	}
	return trimmed(part.Whole())
}

// trimmed keeps what stands in front of a line: reports are laid out with spaces.
func trimmed(s string) string { return strings.TrimRight(strings.Trim(cleanLines(s), "\n"), " ") }

// observationStatuses are HL7 table 0085.
var observationStatuses = enumTable(codeTable[r4.ObservationStatus]{
	name: "observation-status", title: "Observation result status (HL7 0085) to Observation.status", source: "http://terminology.hl7.org/CodeSystem/v2-0085", target: "http://hl7.org/fhir/observation-status",
	rows: map[string]r4.ObservationStatus{
		"F": r4.ObservationStatusFinal, "B": r4.ObservationStatusFinal, "V": r4.ObservationStatusFinal, "U": r4.ObservationStatusFinal,
		"P": r4.ObservationStatusPreliminary, "R": r4.ObservationStatusPreliminary, "S": r4.ObservationStatusPreliminary,
		"C": r4.ObservationStatusCorrected, "A": r4.ObservationStatusAmended, "D": r4.ObservationStatusEnteredInError,
		"W": r4.ObservationStatusEnteredInError, "X": r4.ObservationStatusCancelled, "N": r4.ObservationStatusCancelled,
		"I": r4.ObservationStatusRegistered, "O": r4.ObservationStatusRegistered,
	},
})

// part is the Observation of one OBX.
type part struct {
	r4.Observation
	*letter
}

// observationTable reads what an OBX says beside its code and value (HL7 v2.8.2 7.4.2; v2-to-FHIR OBX).
var observationTable = compileMessage("v2-observation", []messageRule[part]{
	{From: "OBX-21", To: "Observation.identifier", Ref: "HL7 v2.8.2 7.4.2.21", Set: partNumber},
	{From: "OBX-11", To: "Observation.status", Need: required, Ref: "HL7 0085", Set: partState},
	{From: "OBX-14", To: "Observation.effectiveDateTime", Ref: "HL7 v2.8.2 7.4.2.14", Set: partTime},
	{From: "OBX-16", To: "Observation.performer", Ref: "HL7 v2.8.2 7.4.2.16", Set: partPeople},
	{From: "OBX-23", To: "Observation.performer", Ref: "HL7 v2.8.2 7.4.2.23", Set: partOrganization},
	{From: "OBX-8", To: "Observation.interpretation", Ref: "HL7 0078", Set: partFlags},
	{From: "OBX-20", To: "Observation.bodySite", Ref: "HL7 v2.8.2 7.4.2.20", Set: partSite},
	{From: "OBX-17", To: "Observation.method", Ref: "HL7 v2.8.2 7.4.2.17", Set: partMethod},
	{From: "OBX-18", To: "Observation.device", Ref: "HL7 v2.8.2 7.4.2.18", Set: partDevice},
	{From: "OBX-7", To: "Observation.referenceRange", Ref: "HL7 v2.8.2 7.4.2.7", Set: partLimits},
})

// observe makes an Observation of a coded or measured value; false where its type has no FHIR value.
func (r *run) observe(to *result, s hl7v2.Segment, kind string) bool {
	var o r4.Observation
	if !r.observedValue(&o, s, kind) {
		return false
	}
	return r.observed(to, s, o)
}

// notObserved are codes of HL7 table 0085 that say why there is no value, as data-absent-reason.
var notObserved = map[string]r4.CodeableConcept{"N": coded(absentReasons, "not-asked", "Not Asked"), "X": coded(absentReasons, "unknown", "Unknown")}

// observeAbsence makes an Observation of one that was not sought or could not be had; false where the status says no such thing.
func (r *run) observeAbsence(to *result, s hl7v2.Segment) bool {
	reason, ok := notObserved[strings.ToUpper(clean(s.Field(11).Text()))]
	return ok && r.observed(to, s, r4.Observation{DataAbsentReason: &reason})
}

// observed keeps an Observation that has its value; false where OBX-3 names nothing.
func (r *run) observed(to *result, s hl7v2.Segment, o r4.Observation) bool {
	o.Subject, o.EffectiveDateTime = to.Subject, to.EffectiveDateTime
	one, ok := r.part(to.letter, s, o)
	if !ok {
		return false
	}
	id := r.partID(to.key, s, to.made)
	one.Id = &id
	to.out = append(to.out, r.observation(one))
	to.Result = append(to.Result, r4.Reference{Reference: new("Observation/" + id)})
	return true
}

// part adds to an Observation that has its value what its OBX says beside; false where OBX-3 names nothing.
func (r *run) part(l *letter, s hl7v2.Segment, o r4.Observation) (r4.Observation, bool) {
	var ok bool
	if o.Code, ok = r.codedElement(s.Field(3).First()); !ok {
		return o, false
	}
	o.Status, o.Category = r4.ObservationStatusUnknown, imaging()
	one := part{o, l}
	observationTable.apply(r, &one, []hl7v2.Segment{s})
	return one.Observation, true
}

// partID is the id of what an OBX observes within key; made counts what has been, for those that stand twice.
func (r *run) partID(key string, s hl7v2.Segment, made map[string]int) string {
	which := join(key, clean(s.Field(3).Text()), clean(s.Field(4).Text()))
	made[which]++
	return r.mapper.ID("Observation", "hl7v2", join(which, strconv.Itoa(made[which])))
}

func partNumber(r *run, to *part, v fieldValue) {
	if one, ok := r.entityIdentifier("", v.Field); ok {
		to.Identifier = append(to.Identifier, one)
	}
}

func partState(r *run, to *part, v fieldValue) {
	status, ok := translate(r.mapper, observationStatuses, strings.ToUpper(clean(v.Text())))
	if !ok {
		r.doubt("unknown-code", "not a code of HL7 table 0085: status unknown")
		return
	}
	to.Status = status
}

func partTime(r *run, to *part, v fieldValue) {
	if at := r.momentOf(v.Field); at != "" {
		to.EffectiveDateTime = &at
	}
}

func partPeople(r *run, to *part, v fieldValue) {
	to.Performer = to.people(to.Performer, v, r.person)
}

// partOrganization is an XON: a name, and perhaps a number (HL7 v2.8.2 2A.2.87).
func partOrganization(r *run, to *part, v fieldValue) {
	if name := clean(v.First().Component(1).Text()); name != "" {
		to.Performer = append(to.Performer, *r.organization(name))
	}
}

func partFlags(_ *run, to *part, v fieldValue) {
	for _, one := range v.Repetitions() {
		if flag := code(one.Component(1).Text()); flag != "" {
			to.Interpretation = append(to.Interpretation, coded("http://terminology.hl7.org/CodeSystem/v2-0078", flag, ""))
		}
	}
}

func partSite(r *run, to *part, v fieldValue) {
	if site, ok := r.codedElement(v.First()); ok {
		to.BodySite = &site
	}
}

func partMethod(r *run, to *part, v fieldValue) {
	if method, ok := r.codedElement(v.First()); ok {
		to.Method = &method
	}
}

// partDevice is equipment by its number alone.
func partDevice(r *run, to *part, v fieldValue) {
	number, ok := r.entityIdentifier("", v.Field)
	if !ok {
		return
	}
	id := r.mapper.ID("Device", *number.System, *number.Value)
	to.Device = r.refer("Device", id, func() any {
		return r4.OtherDevice(r4.Device{Id: &id, Status: new(r4.FHIRDeviceStatusActive), Identifier: []r4.Identifier{number}})
	})
}

func partLimits(_ *run, to *part, v fieldValue) {
	to.ReferenceRange = []r4.ObservationReferenceRange{{Text: text(clean(v.Text()))}}
}

func (r *run) momentOf(f hl7v2.Field) string {
	if at := clean(f.Text()); at != "" {
		return r.pointInTime(nil, at)
	}
	return ""
}

func (r *run) observedValue(o *r4.Observation, s hl7v2.Segment, kind string) bool {
	value := s.Field(5).First()
	switch kind {
	case "NM":
		if value.Component(2).Text() != "" { // seen: fields that changed places
			r.doubt("bad-number", "not a number: kept as text")
			return false
		}
		q, ok := r.measured(clean(value.Component(1).Text()), s.Field(6).First())
		if ok {
			o.ValueQuantity = &q
		}
		return ok
	case "SN":
		return r.structured(o, value, s.Field(6).First())
	case "CE", "CWE", "CNE", "IS", "ID":
		concept, ok := r.codedElement(value)
		if ok {
			o.ValueCodeableConcept = &concept
		}
		return ok
	case "DT", "TS", "DTM":
		o.ValueDateTime = text(r.momentOf(s.Field(5)))
		return o.ValueDateTime != nil
	}
	return false
}

// measured makes a Quantity of a number and the unit of OBX-6.
func (r *run) measured(number string, unit hl7v2.Repetition) (q r4.Quantity, ok bool) {
	value, ok := decimal(number)
	if !ok {
		r.doubt("bad-number", "not a number: kept as text")
		return q, false
	}
	q.Value = new(json.Number(value))
	words := code(unit.Component(1).Text())
	if alias, known := translate(r.mapper, unitAliases, words); known {
		words = alias
	}
	if words == "" {
		return q, true
	}
	q.Unit = &words
	if _, err := ucum.Parse(words); err == nil {
		q.System, q.Code = new(unitsOfMeasure), &words
	} else {
		r.doubt("unknown-unit", "not a UCUM unit: its words are kept")
	}
	return q, true
}

var comparators = map[string]r4.QuantityComparator{
	"<": r4.QuantityComparatorLessThan, "<=": r4.QuantityComparatorLessOrEquals,
	">": r4.QuantityComparatorGreaterThan, ">=": r4.QuantityComparatorGreaterOrEquals,
}

// structured is an SN: a comparator and a number, a range, or a ratio (HL7 v2.8.2 2A.2.72).
func (r *run) structured(o *r4.Observation, value, unit hl7v2.Repetition) bool {
	at := func(n int) string { return clean(value.Component(n).Text()) }
	first, ok := r.measured(at(2), unit)
	if !ok {
		return false
	}
	if comparator, known := comparators[at(1)]; known {
		first.Comparator = &comparator
	}
	if at(4) == "" {
		o.ValueQuantity = &first
		return true
	}
	second, ok := r.measured(at(4), unit)
	switch {
	case !ok:
		return false
	case at(3) == "-":
		o.ValueRange = &r4.Range{Low: &first, High: &second}
	case at(3) == ":" || at(3) == "/":
		o.ValueRatio = &r4.Ratio{Numerator: &first, Denominator: &second}
	default:
		return false
	}
	return true
}

// encapsulated is an ED: the data is base64 or text, and what it is its own first bytes tell before the sender (HL7 v2.8.2 2A.2.24).
func (r *run) encapsulated(to *result, s hl7v2.Segment, name string) {
	value := s.Field(5).First()
	data := value.Component(5).Raw()
	if data == "" && value.Component(2).Raw() == "" {
		data = value.Component(1).Raw() // the data alone
	}
	content, ok := decoded(data, clean(value.Component(4).Text()))
	if !ok || len(content) == 0 {
		r.doubt("bad-document", "the data of a document cannot be decoded: left out")
		return
	}
	stated := strings.ToLower(clean(value.Component(2).Text()) + "/" + clean(value.Component(3).Text()))
	switch {
	case strings.HasSuffix(stated, "/pdf"):
		stated = "application/pdf"
	case stated == "/" || !mediaType.MatchString(stated):
		stated = ""
	}
	r.document(to, r.contentType(stated, content), name, content)
}

var mediaType = regexp.MustCompile(`^(application|text|image|audio|video|multipart)/[a-z0-9.+-]+$`)

// breaks are what senders break long base64 with.
var breaks = strings.NewReplacer(`\.br\`, "", `\X0D\`, "", `\X0A\`, "", `\X0D0A\`, "", " ", "", "\n", "", "\r", "", "\t", "")

func decoded(data, encoding string) ([]byte, bool) {
	data = breaks.Replace(data)
	switch strings.ToUpper(encoding) {
	case "A":
		return []byte(data), true
	case "HEX":
		content, err := hex.DecodeString(data)
		return content, err == nil
	}
	content, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(data, "="))
	return content, err == nil
}

// pointer is an RP: an address that is kept and never followed.
func (r *run) pointer(to *result, s hl7v2.Segment, name string) {
	address := clean(s.Field(5).Text())
	if !isURI(address) {
		r.doubt("bad-pointer", "an address that is no URL: left out")
		return
	}
	to.PresentedForm = append(to.PresentedForm, r4.Attachment{Title: text(name), Url: &address})
}
