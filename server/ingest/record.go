package ingest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/auth/audit"
	"lightbox/dicom/archive"
	"lightbox/fhir/store"
	"lightbox/mapping"
	"lightbox/mapping/hl7v2"
)

// What comes in is on the audit record, whatever way it comes: of objects one event for each study and patient of a visit, of messages one for each. It
// is in the transaction of the first object, or of the message, so that what is acknowledged is on record.

// Visit is what objects and messages come by at a time: an association, a connection, a request, a run over a folder or an archive. It is for one
// call at a time.
type Visit struct {
	as   audit.Event
	told map[string]bool // study and patient of what is on record
}

// NewVisit returns a visit that is told of as an event: who sends, from where, and the kind of event that objects are. Of who sends messages a
// Client that is "" is taken from each.
func NewVisit(as audit.Event) *Visit { return &Visit{as: as, told: map[string]bool{}} }

// visit is that of an Origin. Of one that names none, what is known of the channel is told.
func (o Origin) visit() *Visit {
	if o.Visit != nil {
		return o.Visit
	}
	return NewVisit(audit.Event{Kind: audit.Submit, By: &audit.Caller{Client: o.Source, Organization: o.Owner}})
}

func (v *Visit) event() audit.Event {
	e := v.as
	e.At = time.Now()
	return e
}

// maxTold bounds what is remembered of a visit: beyond it, a study that comes once more is told once more.
const maxTold = 10_000

// remember takes down what is on record now.
func (v *Visit) remember(told []string) {
	if len(v.told)+len(told) > maxTold {
		clear(v.told)
	}
	for _, one := range told {
		v.told[one] = true
	}
}

// recordObjects puts on record of which studies and patients a visit brings the first object, and returns those.
func (p *Pipeline) recordObjects(ctx context.Context, tx store.SQL, batch []taken, outcomes []archive.Outcome) (told []string, err error) {
	if p.Audit == nil {
		return nil, nil
	}
	var events []audit.Event
	for i, o := range batch {
		key := o.instance.StudyInstanceUID + "\x00" + o.patient()
		if outcomes[i] == archive.Conflict || o.visit.told[key] || slices.Contains(told, key) {
			continue
		}
		e := o.visit.event()
		e.Data = "ImagingStudy/" + p.Mapper.StudyID(o.instance.StudyInstanceUID)
		if e.Patients, err = concerned(ctx, tx, o); err != nil {
			return nil, err
		}
		told, events = append(told, key), append(events, e)
	}
	return told, p.Audit.Append(ctx, tx, events...)
}

// patient is whom an object names, as a reference; "" where it names nobody.
func (o taken) patient() string {
	for _, m := range o.mentions {
		if m.Type == "Patient" {
			return "Patient/" + m.ID
		}
	}
	return ""
}

// isUnidentified holds for an object whose patient is known by its study alone.
func (o taken) isUnidentified() bool {
	for _, m := range o.mentions {
		if m.Type == "Patient" {
			return gjson.GetBytes(m.Body, `meta.tag.#(code=="unidentified")`).Exists()
		}
	}
	return true
}

// concerned are the patients whose data an object is: the one whose study it is known to be, and the one that it names. They differ where it will
// be held as another's.
func concerned(ctx context.Context, tx store.SQL, o taken) ([]string, error) {
	patients, err := texts(ctx, tx, "SELECT patient FROM ingest_study WHERE study_uid = $1 AND recorded = 1", o.instance.StudyInstanceUID)
	if err != nil {
		return nil, err
	}
	if named := o.patient(); named != "" && (len(patients) == 0 || !o.isUnidentified()) {
		patients = append(patients, named)
	}
	return survivors(ctx, tx, patients)
}

// survivors are the records that stand for patients, each once.
func survivors(ctx context.Context, tx store.SQL, patients []string) ([]string, error) {
	links, _, err := linksOf(ctx, tx, patients)
	var list []string
	for _, one := range patients {
		if one = links.Survivor(one); !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list, err
}

// header is what the audit record tells of a message: nothing of what it says.
type header struct {
	kind   string // MSH-9, "ORU^R01"
	sender string // MSH-4|MSH-3; "" where it names nobody
}

// maxSender bounds what is kept of who sends, in bytes. Names of senders are short.
const maxSender = 200

func headerOf(message *hl7v2.Message) header {
	msh, _ := message.First("MSH")
	h := header{kind: audit.Message}
	kind := msh.Field(9).First()
	if code, event := kind.Component(1).Text(), kind.Component(2).Text(); isCode(code) && isCode(event) {
		h.kind = code + "^" + event
	}
	facility, application := strings.TrimSpace(msh.Field(4).Text()), strings.TrimSpace(msh.Field(3).Text())
	if facility+application != "" && len(facility)+len(application) < maxSender {
		h.sender = facility + "|" + application
	}
	return h
}

// isCode holds for the three characters of a type of message or of an event (HL7 tables 0076 and 0003).
func isCode(text string) bool {
	return len(text) == 3 && strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") == ""
}

// message is the event that a message is.
func (v *Visit) message(h header) audit.Event {
	e := v.event()
	e.Kind = h.kind
	if e.By != nil && e.By.Client == "" && h.sender != "" {
		by := *e.By
		by.System, by.Client = audit.HL7Sender, h.sender
		e.By = &by
	}
	return e
}

// recordLetters puts messages on record, each with the patients that it tells of as they are known after it.
func (p *Pipeline) recordLetters(ctx context.Context, tx store.SQL, letters []letter) error {
	if p.Audit == nil {
		return nil
	}
	var events []audit.Event
	for _, one := range letters {
		e := one.visit.message(one.header)
		var err error
		if e.Patients, err = survivors(ctx, tx, one.patients()); err != nil {
			return err
		}
		for _, link := range one.Links { // whom a merge is about are both
			for _, about := range []string{link.Prior, link.Survivor} {
				if !slices.Contains(e.Patients, about) {
					e.Patients = append(e.Patients, about)
				}
			}
		}
		if len(one.Reports) == 1 {
			e.Data = "DiagnosticReport/" + one.Reports[0].ID
		}
		events = append(events, e)
	}
	return p.Audit.Append(ctx, tx, events...)
}

func (l letter) patients() (list []string) {
	for _, m := range l.Mentions {
		if m.Type == "Patient" {
			list = append(list, "Patient/"+m.ID)
		}
	}
	return list
}

// recordRefused puts on record what a visit brought and was refused: one event for each reason and study, with how many there were. No patient is
// named: nobody knows whether what was refused is theirs.
func (p *Pipeline) recordRefused(ctx context.Context, visit *Visit, s Summary, list []rejected) error {
	if p.Audit == nil || s.Refused == 0 {
		return nil
	}
	type about struct{ reason, study string }
	counts, left := map[about]int{}, maps.Clone(s.Reasons)
	for _, one := range list {
		of := about{reason: one.why.Reason}
		if mapping.IsUID(one.instance.StudyInstanceUID) {
			of.study = "ImagingStudy/" + p.Mapper.StudyID(one.instance.StudyInstanceUID)
		}
		counts[of]++
		left[of.reason]--
	}
	for reason, n := range left { // of which no list was kept
		counts[about{reason: reason}] += n
	}
	var events []audit.Event
	for of, n := range counts {
		e := visit.event()
		e.Outcome, e.Reason, e.Data, e.Repeated = audit.Minor, of.reason, of.study, n-1
		if n > 0 {
			events = p.admitted(events, e)
		}
	}
	return p.Audit.Record(ctx, events...)
}

// admitted adds a refusal, unless too many are recorded at this time.
func (p *Pipeline) admitted(events []audit.Event, e audit.Event) []audit.Event {
	passed, ok := p.refusals.Admit(e.At)
	if !ok {
		return events
	}
	e.Repeated += passed
	return append(events, e)
}

// Refuse puts on record that an object was refused before it was received.
func (p *Pipeline) Refuse(ctx context.Context, visit *Visit, reason string) error {
	return p.recordRefused(ctx, visit, Summary{Refused: 1, Reasons: map[string]int{reason: 1}}, nil)
}

// Strange puts on record that somebody was turned away who may not send here: told says who, as far as they said, and from where.
func (p *Pipeline) Strange(ctx context.Context, told audit.Event, reason string) {
	if p.Audit == nil {
		return
	}
	told.At, told.Kind, told.Outcome, told.Reason = time.Now(), audit.Node, audit.Serious, reason
	passed, ok := p.strangers.Admit(told.At)
	if !ok {
		return
	}
	told.Repeated = passed
	if err := p.Audit.Record(ctx, told); err != nil && !errors.Is(err, context.Canceled) {
		p.Log.Error("that somebody was turned away could not be recorded", "cause", err)
	}
}

// recordIn puts on record what somebody does, in the transaction in which it is done.
func (p *Pipeline) recordIn(ctx context.Context, tx store.SQL, e audit.Event) error {
	if p.Audit == nil {
		return nil
	}
	e.At = time.Now()
	return p.Audit.Append(ctx, tx, e)
}
