package mapping

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/fhir"
	"lightbox/mapping/hl7v2"
)

// Translation is what one HL7 v2 message became.
type Translation struct {
	Mentions []Mention // of resources that other messages and objects tell of too
	Reports  []Told
	Links    []PatientLink
	Issues   []Issue
}

// Told is one report as one message tells it.
type Told struct {
	ID        string // of the DiagnosticReport, by which messages about one report are known
	Sent      string // MSH-7
	Resources []fhir.Resource
	Status    r4.DiagnosticReportStatus
	Bare      bool // a notification: it tells what became of the report, and does not hold it
}

// Prevailing returns, of what messages told of one report, what counts: the newest, but that a report which was final does not become
// preliminary again, one that was corrected is not plainly final again, and a notification changes the status of what was told, not its
// content. The order of the list does not matter.
func (m *Mapper) Prevailing(told []Told) (Told, []Issue, error) {
	list := slices.SortedFunc(slices.Values(told), func(a, b Told) int {
		return cmp.Or(cmp.Compare(a.Sent, b.Sent), bytes.Compare(a.Resources[0].Body, b.Resources[0].Body))
	})
	last := list[0]
	var issues []Issue
	for _, one := range list[1:] {
		if slices.Contains(signedStatuses, last.Status) && slices.Contains(openStatuses, one.Status) {
			issues = append(issues, Issue{Severity: "warning", Code: "status-backwards", Attribute: "OBR-25", Element: "DiagnosticReport.status",
				Detail: "a report that was final is told as not final: the final one stays", Ref: "HL7 0123"})
			continue
		}
		status := one.Status
		if status == r4.DiagnosticReportStatusFinal && slices.Contains(changedStatuses, last.Status) {
			status = last.Status
		}
		if one.Bare && !last.Bare {
			one.Resources = last.Resources
		}
		var err error
		if last, err = m.withStatus(one, status); err != nil {
			return Told{}, nil, err
		}
	}
	return last, issues, nil
}

// withStatus is what was told with another status, and so perhaps as a document that it was not, or is no longer.
func (m *Mapper) withStatus(t Told, status r4.DiagnosticReportStatus) (Told, error) {
	var report r4.DiagnosticReport
	body := t.Resources[0].Body
	if err := json.Unmarshal(body, &report); err != nil {
		return t, err
	}
	if t.Status = status; report.Status == status {
		return t, nil
	}
	names, values, err := members(body)
	if err != nil {
		return t, err
	}
	edited := overlay{names: names, values: values}
	edited.set("status", json.RawMessage(strconv.Quote(status.Code())))
	edited.drop("_status") // which told of the code that status was of
	r := &run{mapper: m}
	report.Status = status
	list := []fhir.Resource{{Type: "DiagnosticReport", ID: t.ID, Body: edited.bytes()}}
	relatesTo, err := relationsOf(t.Resources)
	if err != nil {
		return t, err
	}
	document := r.asDocument(report, relatesTo)
	for _, one := range t.Resources[1:] {
		if one.Type != "DocumentReference" && !slices.ContainsFunc(document, func(d fhir.Resource) bool { return d.Reference() == one.Reference() }) {
			list = append(list, one)
		}
	}
	t.Resources = append(list, document...)
	return t, r.err
}

// relationsOf reads what a document has to do with others.
func relationsOf(resources []fhir.Resource) ([]r4.DocumentReferenceRelatesTo, error) {
	for _, one := range resources {
		if one.Type == "DocumentReference" {
			d, err := r4.UnmarshalDocumentReference(one.Body)
			return d.RelatesTo, err
		}
	}
	return nil, nil
}

var (
	signedStatuses  = []r4.DiagnosticReportStatus{r4.DiagnosticReportStatusFinal, r4.DiagnosticReportStatusCorrected, r4.DiagnosticReportStatusAmended, r4.DiagnosticReportStatusAppended}
	changedStatuses = []r4.DiagnosticReportStatus{r4.DiagnosticReportStatusCorrected, r4.DiagnosticReportStatusAmended, r4.DiagnosticReportStatusAppended}
	openStatuses    = []r4.DiagnosticReportStatus{r4.DiagnosticReportStatusRegistered, r4.DiagnosticReportStatusPartial, r4.DiagnosticReportStatusPreliminary, r4.DiagnosticReportStatusUnknown}
)

// letter is a message being mapped.
type letter struct {
	segments []hl7v2.Segment
	sender   string // application and facility, for numbers without an issuer
	sent     string // MSH-7
	at       string // as sentAt has it
	patient  string // reference
	reports  []Told
	links    []PatientLink
	asides   map[string]int // Observations beside orders and the patient, by what they are of
}

// messageTypes are the ones that are mapped, by MSH-9.1, and what tells beside the patient.
var messageTypes = map[string]func(r *run, l *letter, event string){
	"ORU": func(r *run, l *letter, _ string) { r.results(l) },
	"ORM": func(r *run, l *letter, _ string) { r.orders(l) },
	"OMI": func(r *run, l *letter, _ string) { r.orders(l) },
	"OMG": func(r *run, l *letter, _ string) { r.orders(l) },
	"MDM": (*run).managed,
	"ADT": (*run).administration,
}

// MessageKind is what is mapped of one type of message: the events of MSH-9.2, none for any.
type MessageKind struct {
	Type   string
	Events []string
}

// MessageKinds are the messages that are mapped, by type.
func MessageKinds() (list []MessageKind) {
	events := map[string][]string{"ADT": slices.Sorted(slices.Values(administrationEvents)), "MDM": slices.Sorted(maps.Keys(documentEvents))}
	for _, kind := range slices.Sorted(maps.Keys(messageTypes)) {
		list = append(list, MessageKind{kind, events[kind]})
	}
	return list
}

// Message maps one HL7 v2 message. The error is a *Refusal where the message is at fault.
func (m *Mapper) Message(message *hl7v2.Message) (Translation, error) {
	r := &run{mapper: m, mentions: &mentions{made: map[string]bool{}}}
	return r.message(message)
}

func (r *run) message(message *hl7v2.Message) (Translation, error) {
	header, _ := message.First("MSH")
	kind, event := clean(header.Field(9).Text()), clean(header.Field(9).First().Component(2).Text())
	rest, ok := messageTypes[kind]
	if _, isDocument := documentEvents[event]; !ok || kind == "ADT" && !slices.Contains(administrationEvents, event) || kind == "MDM" && !isDocument {
		return Translation{}, &Refusal{Reason: "unsupported-message", Detail: "messages of this type are not mapped: ORU, ORM, OMI, OMG, MDM of T01 to T11, and ADT of " +
			strings.Join(administrationEvents, ", ") + " are"}
	}
	for _, remark := range message.Remarks {
		r.add(Issue{Severity: "warning", Code: "message-form", Element: "Resource", Detail: remark, Ref: "HL7 v2.8.2 2.5"})
	}
	r.senders = []string{clean(header.Field(4).Text()), clean(header.Field(3).Text())}
	at := sentAt(header.Field(7).Text())
	r.mentions.date = toldByMessage + at
	l := &letter{segments: message.Segments, sent: clean(header.Field(7).Text()), at: at, asides: map[string]int{},
		sender: join(header.Field(3).Text(), header.Field(4).Text())}
	if err := r.messagePatient(l); err != nil {
		return Translation{}, err
	}
	rest(r, l, event)
	return Translation{r.mentions.list, l.reports, l.links, r.issues}, r.err
}

// administrationEvents are the events of ADT that are mapped.
var administrationEvents = slices.Concat(visitEvents, mergeEvents, []string{unmergeEvent})

// administration maps what a message of patient administration tells beside the patient.
func (r *run) administration(l *letter, event string) {
	r.asides(l, l.segments, l.patient)
	switch {
	case slices.Contains(mergeEvents, event):
		r.merges(l)
	case event == unmergeEvent:
		r.unmerge(l)
	default:
		r.movement(l, event)
	}
}

// toldByMessage begins the date of what messages mention: it sorts after every date of an object, since who administers patients, orders and
// visits knows better than what was typed in at a modality.
const toldByMessage = "m"

// sentAt is the time of a message as mentions are ordered by it: the digits of a DTM, up to seconds.
func sentAt(dtm string) string {
	digits := dtm[:len(dtm)-len(strings.TrimLeft(dtm, "0123456789"))]
	if len(digits) < 8 {
		return ""
	}
	return digits[:min(len(digits), len("20060102150405"))]
}
