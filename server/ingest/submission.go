package ingest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/auth/audit"
	"lightbox/dicom/archive"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/mapping"
)

// Who sends objects under the name of an organisation (Origin.Owner) sees what became of them as a Task for each study, and may take back what it
// sent: then its objects are out of what is served, and stay in archive and index until they are purged. What it sends of that study again
// takes the withdrawal back.

// noteSubmissions records who sent objects of which study, and has a study built again whose withdrawal that takes back. What was refused before
// and is taken now is refused no more.
func noteSubmissions(ctx context.Context, tx store.Tx, batch []taken) error {
	now, generation := tx.Now().Unix(), rand.Int64()
	rows, dirty := newRows(6), newRows(3)
	refused := map[string][]string{}
	for _, o := range batch {
		if o.submitter == "" {
			continue
		}
		study := o.instance.StudyInstanceUID
		key := study + "\x00" + o.submitter
		if !rows.has(key) {
			back, err := texts(ctx, tx, "SELECT study_uid FROM ingest_submission WHERE study_uid = $1 AND owner = $2 AND withdrawn > 0", study, o.submitter)
			if err != nil {
				return err
			}
			if len(back) > 0 {
				dirty.add(study, studyType, study, generation)
			}
			rows.add(key, study, o.submitter, o.instance.Source, now, now, int64(0))
			if refused[key], err = texts(ctx, tx, "SELECT sop_uid FROM ingest_rejected WHERE study_uid = $1 AND owner = $2", study, o.submitter); err != nil {
				return err
			}
		}
		if !slices.Contains(refused[key], o.instance.SOPInstanceUID) {
			continue
		}
		_, err := tx.Exec(ctx, "DELETE FROM ingest_rejected WHERE study_uid = $1 AND owner = $2 AND sop_uid = $3 AND reason <> $4",
			study, o.submitter, o.instance.SOPInstanceUID, Conflict) // which stays one
		if err != nil {
			return err
		}
		dirty.add(study, studyType, study, generation)
	}
	err := rows.insert(ctx, tx, "ingest_submission (study_uid, owner, source, first, latest, withdrawn)",
		"(study_uid, owner) DO UPDATE SET latest = excluded.latest, withdrawn = 0")
	if err != nil {
		return err
	}
	return dirty.insert(ctx, tx, dirtyColumns, dirtyAgain)
}

// rejected is an object that was refused.
type rejected struct {
	instance archive.Instance // what it could be read of
	why      Refusal
}

// maxRejected bounds what is kept of them, of one run and of one organisation: the oldest go.
const maxRejected = 10_000

// noteRejected keeps what was refused of an organisation's objects, for its Tasks.
func (p *Pipeline) noteRejected(ctx context.Context, owner string, list []rejected) error {
	if owner == "" || len(list) == 0 {
		return nil
	}
	return p.Store.Write(ctx, func(tx store.Tx) error {
		rows, dirty, generation := newRows(6), newRows(3), rand.Int64()
		for _, one := range list {
			study := one.instance.StudyInstanceUID
			if !mapping.IsUID(study) {
				study = ""
			}
			sop := one.instance.SOPInstanceUID
			if !mapping.IsUID(sop) {
				sop = ""
			}
			rows.add(fmt.Sprint(study, "\x00", sop, "\x00", one.why.Reason), study, owner, sop, one.why.Reason, one.why.Detail, tx.Now().Unix())
			dirty.add(study, studyType, study, generation)
		}
		err := rows.insert(ctx, tx, "ingest_rejected (study_uid, owner, sop_uid, reason, detail, received)",
			"(study_uid, owner, sop_uid, reason) DO UPDATE SET detail = excluded.detail, received = excluded.received")
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM ingest_rejected WHERE owner = $1 AND received <
			(SELECT received FROM ingest_rejected WHERE owner = $1 ORDER BY received DESC LIMIT 1 OFFSET $2)`, owner, maxRejected)
		if err != nil {
			return err
		}
		return dirty.insert(ctx, tx, dirtyColumns, dirtyAgain)
	})
}

// submissionsOf are those of a study, each with what was refused.
func submissionsOf(ctx context.Context, tx store.SQL, study string) ([]mapping.Submission, error) {
	found := map[string]*mapping.Submission{}
	of := func(owner string) *mapping.Submission {
		if found[owner] == nil {
			found[owner] = &mapping.Submission{StudyInstanceUID: study, Owner: owner}
		}
		return found[owner]
	}
	query := "SELECT owner, first, latest, withdrawn FROM ingest_submission WHERE study_uid = $1"
	err := tx.Query(ctx, query, []any{study}, func(scan func(...any) error) error {
		var owner string
		var first, last, withdrawn int64
		err := scan(&owner, &first, &last, &withdrawn)
		s := of(owner)
		s.First, s.Last, s.Withdrawn = at(first), at(last), at(withdrawn)
		return err
	})
	if err != nil {
		return nil, err
	}
	query = "SELECT owner, sop_uid, reason, detail, received FROM ingest_rejected WHERE study_uid = $1 ORDER BY received, sop_uid, reason LIMIT 10000"
	err = tx.Query(ctx, query, []any{study}, func(scan func(...any) error) error {
		var owner string
		var received int64
		var one mapping.RefusedObject
		err := scan(&owner, &one.SOPInstanceUID, &one.Reason, &one.Detail, &received)
		s := of(owner)
		s.Refused = append(s.Refused, one)
		if s.Last = later(s.Last, at(received)); s.First.IsZero() {
			s.First = at(received)
		}
		return err
	})
	var list []mapping.Submission
	for _, s := range found {
		list = append(list, *s)
	}
	slices.SortFunc(list, func(a, b mapping.Submission) int { return strings.Compare(a.Owner, b.Owner) })
	return list, err
}

func at(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, 0).UTC()
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// withoutWithdrawn leaves out the objects that all who sent them have taken back.
func withoutWithdrawn(instances []archive.Instance, submissions []mapping.Submission) []archive.Instance {
	gone := map[string]bool{}
	for _, s := range submissions {
		gone[s.Owner] = !s.Withdrawn.IsZero()
	}
	var kept []archive.Instance
	for _, i := range instances {
		owners := slices.DeleteFunc(slices.Clone(i.Owners), func(owner string) bool { return gone[owner] })
		if len(owners) == 0 {
			continue
		}
		i.Owners, i.Owner = owners, owners[0]
		kept = append(kept, i)
	}
	return kept
}

// tasks are the Tasks of a study's submissions, each its sender's alone.
func (p *Pipeline) tasks(ctx context.Context, submissions []mapping.Submission, all []archive.Instance, s *mapping.Study) (writes []store.Write, err error) {
	listed := map[string]bool{}
	if s != nil {
		for _, series := range gjson.GetBytes(s.Resource.Body, "series").Array() {
			for _, one := range series.Get("instance.#.uid").Array() {
				listed[one.Str] = true
			}
		}
	}
	for _, one := range submissions {
		for _, i := range all {
			if !slices.Contains(i.Owners, one.Owner) {
				continue
			}
			one.Sent++
			switch {
			case !one.Withdrawn.IsZero():
			case listed[i.SOPInstanceUID]:
				one.Listed++
			case s != nil && isHeld(*s, i):
				one.Held++
			}
		}
		if one.Listed > 0 {
			if one.Stated, err = p.stated(ctx, one.StudyInstanceUID, one.Owner); err != nil {
				return nil, err
			}
		}
		task, err := p.Mapper.Submission(one, s)
		if err != nil {
			return nil, err
		}
		writes = append(writes, mapped(task, []string{one.Owner}))
	}
	return writes, nil
}

// stated are the ImagingStudies that an organisation wrote of a study itself, beside its objects.
func (p *Pipeline) stated(ctx context.Context, study, owner string) ([]fhir.Resource, error) {
	q, err := search.Parse(fhir.R4(), "ImagingStudy", url.Values{"identifier": {"urn:dicom:uid|urn:oid:" + study}, "_count": {"10"}}, search.Options{})
	if err != nil {
		return nil, err
	}
	own := store.Caller{ID: "submissions", Access: func(string) search.Filter { return search.Filter{Grants: []search.Grant{{Owner: owner}}} }}
	page, err := p.Store.Search(ctx, q, own)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(page.Matches, func(r fhir.Resource) bool { return r.ID == p.Mapper.StudyID(study) }), nil
}

// Stated has the Tasks of a study built again, since its sender wrote an ImagingStudy of it.
func (p *Pipeline) Stated(ctx context.Context, tx store.Tx, stated fhir.Resource) error {
	dirty, generation := newRows(3), rand.Int64()
	for _, one := range gjson.GetBytes(stated.Body, "identifier").Array() {
		uid, isUID := strings.CutPrefix(one.Get("value").Str, "urn:oid:")
		if one.Get("system").Str != "urn:dicom:uid" || !isUID {
			continue
		}
		sent, err := texts(ctx, tx, "SELECT owner FROM ingest_submission WHERE study_uid = $1", uid)
		if err != nil {
			return err
		}
		if len(sent) > 0 {
			dirty.add(uid, studyType, uid, generation)
		}
	}
	return dirty.insert(ctx, tx, dirtyColumns, dirtyAgain)
}

// ErrNoSubmission is of something that is no submission, or was taken back before.
var ErrNoSubmission = errors.New("no submission of that kind")

// Withdraw takes back what an organisation sent of a study, as its Task tells, and returns once none of it is served.
func (p *Pipeline) Withdraw(ctx context.Context, task fhir.Resource) error {
	study := strings.TrimPrefix(gjson.GetBytes(task.Body, "groupIdentifier.value").Str, "urn:oid:")
	owner := gjson.GetBytes(task.Body, "requester.reference").Str
	if study == "" || task.ID != p.Mapper.SubmissionID(study, owner) {
		return ErrNoSubmission
	}
	return p.setWithdrawn(ctx, study, owner, nil)
}

// Restore undoes a withdrawal. by is who has it done, for the audit record. The error is ErrNoSubmission where there is none.
func (p *Pipeline) Restore(ctx context.Context, study, owner string, by *audit.Caller) error {
	return p.setWithdrawn(ctx, study, owner, &audit.Event{Kind: audit.Operation, By: by, Reason: "what " + owner + " sent is served again",
		Data: "ImagingStudy/" + p.Mapper.StudyID(study)})
}

// setWithdrawn takes a submission back, or restores it, which is told.
func (p *Pipeline) setWithdrawn(ctx context.Context, study, owner string, restored *audit.Event) error {
	note := due{studyType, study, rand.Int64()}
	err := p.Store.Write(ctx, func(tx store.Tx) error {
		query, value := "UPDATE ingest_submission SET withdrawn = $3 WHERE study_uid = $1 AND owner = $2 AND withdrawn = 0", tx.Now().Unix()
		if restored != nil {
			query, value = "UPDATE ingest_submission SET withdrawn = $3 WHERE study_uid = $1 AND owner = $2 AND withdrawn > 0", 0
		}
		n, err := tx.Exec(ctx, query, study, owner, value)
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrNoSubmission
		}
		dirty := newRows(3)
		dirty.add(study, note.Type, note.ID, note.Generation)
		if err := dirty.insert(ctx, tx, dirtyColumns, dirtyAgain); err != nil || restored == nil {
			return err
		}
		told := *restored
		patients, err := texts(ctx, tx, "SELECT patient FROM ingest_study WHERE study_uid = $1 AND recorded = 1", study)
		if err != nil {
			return err
		}
		if told.Patients, err = survivors(ctx, tx, patients); err != nil {
			return err
		}
		return p.recordIn(ctx, tx, told)
	})
	if err != nil {
		return err
	}
	return p.buildStudy(ctx, note)
}

// buildStudy builds one study at once. A newer note of it is left to who builds all.
func (p *Pipeline) buildStudy(ctx context.Context, note due) error {
	b, err := p.study(ctx, note)
	if err != nil {
		return err
	}
	return p.put(ctx, []built{b}, newTally(nil))
}
