package mapping

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
	"github.com/tidwall/gjson"

	"lightbox/fhir"
)

// SubmissionSystem is of the codes that tell what became of what an organisation sent: of Task.code, Task.businessStatus and Task.output.type.
const SubmissionSystem = "urn:uuid:0b7a3f7e-52c4-8d1a-9b36-4e1f6a2c9d58"

// Codes of SubmissionSystem.
const (
	submissionCode = "submission" // of the Task itself
	published      = "published"  // objects that the ImagingStudy lists
	waiting        = "received"   // none is listed yet
	held           = "held"       // objects of another patient than the study's
	takenBack      = "taken-back" // by a rejection note, or the note itself
	refusedCode    = "refused"    // one object, with its reason
	withdrawn      = "withdrawn"
	matchedCode    = "matched" // whose record the study is of
	conflictCode   = "conflict"
)

// Submission is what an organisation sent of one study, and what became of it.
type Submission struct {
	StudyInstanceUID string // "" of what could not be read so far
	Owner            string // "Organization/<id>"
	First, Last      time.Time
	Withdrawn        time.Time // zero: it was not
	Sent, Listed     int       // objects that were taken, and those of them that the ImagingStudy lists
	Held             int       // those held for another patient
	Refused          []RefusedObject
	Stated           []fhir.Resource // ImagingStudies that it wrote of the study itself
}

// RefusedObject is one object that was not taken.
type RefusedObject struct{ SOPInstanceUID, Reason, Detail string }

// maxTold bounds the refused objects that a Task names one by one.
const maxTold = 100

// SubmissionID is the logical id of a submission's Task.
func (m *Mapper) SubmissionID(studyInstanceUID, owner string) string {
	return m.ID("Task", "submission", join(studyInstanceUID, owner))
}

// submissionTask is the Task of a submission. The library's has no values of inputs and outputs that can be left out.
type submissionTask struct {
	ResourceType    string              `json:"resourceType"`
	ID              string              `json:"id"`
	GroupIdentifier *r4.Identifier      `json:"groupIdentifier,omitempty"`
	Status          r4.TaskStatus       `json:"status"`
	StatusReason    *r4.CodeableConcept `json:"statusReason,omitempty"`
	BusinessStatus  r4.CodeableConcept  `json:"businessStatus"`
	Intent          string              `json:"intent"`
	Code            r4.CodeableConcept  `json:"code"`
	Focus           *r4.Reference       `json:"focus,omitempty"`
	AuthoredOn      string              `json:"authoredOn,omitempty"`
	LastModified    string              `json:"lastModified,omitempty"`
	Requester       r4.Reference        `json:"requester"`
	Input           []taskValue         `json:"input,omitempty"`
	Output          []taskValue         `json:"output,omitempty"`
}

// taskValue is an input or an output.
type taskValue struct {
	Type             r4.CodeableConcept `json:"type"`
	ValueString      *string            `json:"valueString,omitempty"`
	ValueUnsignedInt *int               `json:"valueUnsignedInt,omitempty"`
	ValueReference   *r4.Reference      `json:"valueReference,omitempty"`
}

// Submission is the Task by which an organisation sees what became of what it sent. It is that organisation's alone, and tells of no other's
// objects. study is the ImagingStudy where there is one.
func (m *Mapper) Submission(s Submission, study *Study) (fhir.Resource, error) {
	to := submissionTask{
		ResourceType: "Task", ID: m.SubmissionID(s.StudyInstanceUID, s.Owner), Intent: "order", Code: coded(SubmissionSystem, submissionCode, "Submission"),
		Requester: r4.Reference{Reference: &s.Owner}, AuthoredOn: instantOf(s.First), LastModified: instantOf(latest(s.Last, s.Withdrawn)),
		Input: []taskValue{count("objects", "Objects that were sent and taken", s.Sent)},
	}
	if s.StudyInstanceUID != "" {
		to.GroupIdentifier = &r4.Identifier{System: new(uidSystem), Value: new("urn:oid:" + s.StudyInstanceUID)}
	}
	to.Status, to.BusinessStatus = s.state()
	if s.Listed > 0 && study != nil {
		to.Focus = &r4.Reference{Reference: new(study.Resource.Reference())}
		to.Output = append(to.Output, taskValue{Type: coded(SubmissionSystem, matchedCode, "Matched with"), ValueReference: &r4.Reference{Reference: &study.Patient}},
			count(published, "Objects that are published", s.Listed))
	}
	if s.Held > 0 {
		to.Output = append(to.Output, count(held, "Objects held, since they name another patient than the study's", s.Held))
	}
	if back := s.Sent - s.Listed - s.Held; back > 0 && s.Listed > 0 {
		to.Output = append(to.Output, count(takenBack, "Objects taken back by a rejection note", back))
	}
	s.tellRefused(&to)
	if study != nil && s.Listed > 0 {
		for _, stated := range s.Stated {
			for _, difference := range differences(stated, study.Resource) {
				to.Output = append(to.Output, taskValue{Type: coded(SubmissionSystem, conflictCode, "What was stated is not what the objects say"), ValueString: &difference})
			}
		}
	}
	body, err := json.Marshal(to)
	return fhir.Resource{Type: "Task", ID: to.ID, Body: body}, err
}

// compared are the elements in which what is stated of a study has to be what its objects say, each as a path that is the same of both.
var compared = []struct{ element, path string }{
	{"numberOfSeries", "numberOfSeries"}, {"numberOfInstances", "numberOfInstances"}, {"started", "started|@day"},
	{"modality", "modality.#.code"}, {"series.uid", "series.#.uid"}, {"subject", "subject.reference"},
}

// differences name the elements in which two ImagingStudies of a study differ, where what is stated says them at all. No value is repeated but
// numbers, codes and UIDs.
func differences(stated, mapped fhir.Resource) (list []string) {
	for _, one := range compared {
		said, is := valuesAt(stated.Body, one.path), valuesAt(mapped.Body, one.path)
		if len(said) == 0 || slices.Equal(said, is) {
			continue
		}
		text := stated.Reference() + ": ImagingStudy." + one.element
		if one.element != "subject" {
			text += ": stated " + strings.Join(said, ", ") + ", the objects say " + strings.Join(is, ", ")
		}
		list = append(list, text)
	}
	return list
}

// valuesAt are the values of a path, sorted; of a time its day.
func valuesAt(body []byte, path string) (list []string) {
	path, isDay := strings.CutSuffix(path, "|@day")
	for _, one := range gjson.GetBytes(body, path).Array() {
		text := one.String()
		if isDay {
			text = text[:min(len(text), len("2006-01-02"))]
		}
		list = append(list, text)
	}
	slices.Sort(list)
	return list
}

// state is the status of a Task, as FHIR and as we name it.
func (s Submission) state() (r4.TaskStatus, r4.CodeableConcept) {
	switch {
	case !s.Withdrawn.IsZero():
		return r4.TaskStatusCancelled, coded(SubmissionSystem, withdrawn, "Withdrawn by its sender")
	case s.Listed > 0:
		return r4.TaskStatusCompleted, coded(SubmissionSystem, published, "Published")
	case s.Sent > 0:
		return r4.TaskStatusInProgress, coded(SubmissionSystem, waiting, "Received")
	}
	return r4.TaskStatusRejected, coded(SubmissionSystem, refusedCode, "Refused")
}

// tellRefused names each object that was refused, and why.
func (s Submission) tellRefused(to *submissionTask) {
	if len(s.Refused) == 0 {
		return
	}
	to.StatusReason = &r4.CodeableConcept{Text: new(fmt.Sprintf("%d objects were refused", len(s.Refused)))}
	for i, one := range s.Refused {
		if i == maxTold {
			break
		}
		told := one.Reason + ": " + one.Detail
		if one.SOPInstanceUID != "" {
			told = one.SOPInstanceUID + " " + told
		}
		to.Output = append(to.Output, taskValue{Type: coded(SubmissionSystem, refusedCode, "Refused"), ValueString: &told})
	}
}

func count(code, display string, n int) taskValue {
	return taskValue{Type: coded(SubmissionSystem, code, display), ValueUnsignedInt: &n}
}

func instantOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return instant(t)
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// TransactionTask is the Task by which an organisation sees what became of a transaction that it posted.
type TransactionTask struct {
	ID, Owner string
	At        time.Time
	Entries   []EntryResult
	Refusals  []string // why nothing was stored; in words that are safe to show
}

// EntryResult is what became of one entry.
type EntryResult struct {
	Code      string // EntryCreated and so on
	Reference string // "Type/<id>"
}

// What becomes of an entry, in codes of SubmissionSystem.
const (
	EntryCreated = "created"
	EntryUpdated = "updated"
	EntryKnown   = "known" // it was there
	EntryDeleted = "deleted"
)

// Task is the resource.
func (t TransactionTask) Task() (fhir.Resource, error) {
	n := len(t.Entries)
	to := submissionTask{
		ResourceType: "Task", ID: t.ID, Intent: "order", Code: coded(SubmissionSystem, submissionCode, "Submission"), Requester: r4.Reference{Reference: &t.Owner},
		AuthoredOn: instant(t.At), LastModified: instant(t.At), Status: r4.TaskStatusCompleted, BusinessStatus: coded(SubmissionSystem, published, "Published"),
		Input: []taskValue{count("entries", "Entries of the transaction", n)},
	}
	for _, e := range t.Entries[:min(n, maxTold)] {
		to.Output = append(to.Output, taskValue{Type: coded(SubmissionSystem, e.Code, e.Code), ValueReference: &r4.Reference{Reference: &e.Reference}})
	}
	if len(t.Refusals) > 0 {
		to.Status, to.BusinessStatus = r4.TaskStatusRejected, coded(SubmissionSystem, refusedCode, "Refused")
		to.StatusReason = &r4.CodeableConcept{Text: new("nothing of the transaction was stored")}
		to.Input = nil
		for _, why := range t.Refusals[:min(len(t.Refusals), maxTold)] {
			to.Output = append(to.Output, taskValue{Type: coded(SubmissionSystem, refusedCode, "Refused"), ValueString: &why})
		}
	}
	body, err := json.Marshal(to)
	return fhir.Resource{Type: "Task", ID: t.ID, Body: body}, err
}
