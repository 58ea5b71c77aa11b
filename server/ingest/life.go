package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/dicom/archive"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/mapping"
)

// Life is what the hub knows of a study: who sent what and when, what became of it, and why an object is not in it.
type Life struct {
	StudyInstanceUID string          `json:"studyInstanceUID"`
	Resource         string          `json:"resource,omitempty"` // "ImagingStudy/<id>"; "" where none is built yet
	Version          string          `json:"version,omitempty"`
	Updated          string          `json:"updated,omitempty"`
	Status           string          `json:"status,omitempty"`
	Patient          string          `json:"patient,omitempty"`
	Owners           []string        `json:"owners"` // whose callers see it
	Waits            bool            `json:"waits"`  // it changed, and is still to be built
	Failure          string          `json:"failure,omitempty"`
	Submissions      []Submitted     `json:"submissions,omitempty"`
	Objects          []ObjectLife    `json:"objects"`
	Reports          []string        `json:"reports"`
	Issues           []mapping.Issue `json:"issues"`
}

// ObjectLife is one object of a study.
type ObjectLife struct {
	SOPInstanceUID    string    `json:"sopInstanceUID"`
	SeriesInstanceUID string    `json:"seriesInstanceUID"`
	SOPClassUID       string    `json:"sopClassUID"`
	Object            string    `json:"object"` // digest
	Size              int64     `json:"size"`
	Received          time.Time `json:"received,omitzero"`
	Owners            []string  `json:"owners"`
	Source            string    `json:"source"`
	State             string    `json:"state"`
	Elsewhere         bool      `json:"elsewhere,omitempty"` // it stays in the archive that is its source
}

// Submitted is what an organisation sent under its own name.
type Submitted struct {
	Owner     string    `json:"owner"`
	First     time.Time `json:"first,omitzero"`
	Last      time.Time `json:"last,omitzero"`
	Withdrawn time.Time `json:"withdrawn,omitzero"`
	Refused   []string  `json:"refused,omitempty"` // objects, each with its reason
}

func submitted(list []mapping.Submission) (all []Submitted) {
	for _, s := range list {
		one := Submitted{Owner: s.Owner, First: s.First, Last: s.Last, Withdrawn: s.Withdrawn}
		for _, r := range s.Refused {
			one.Refused = append(one.Refused, r.SOPInstanceUID+" "+r.Reason)
		}
		all = append(all, one)
	}
	return all
}

// States of an object in its study.
const (
	objectWithdrawn = "withdrawn by who sent it"
	objectListed    = "listed"
	objectHeld      = "held: another patient's"
	objectTaken     = "taken back by a rejection note, or the note itself"
	objectConflict  = "conflict: other bytes with its SOP Instance UID count"
	objectWaits     = "waits to be built"
)

// ErrNoStudy is of a study of which the hub has no object.
var ErrNoStudy = errors.New("no object of this study has been received")

// Life tells the life of a study. The error is ErrNoStudy, or a failure of ours.
func (p *Pipeline) Life(ctx context.Context, uid string) (Life, error) {
	l := Life{StudyInstanceUID: uid, Owners: []string{}, Objects: []ObjectLife{}, Reports: []string{}, Issues: []mapping.Issue{}}
	var all, instances, conflicts []archive.Instance
	var submissions []mapping.Submission
	var patient string
	var links mapping.Links
	err := p.Store.View(ctx, func(tx store.SQL) (err error) {
		if all, err = archive.Study(ctx, tx, uid); err != nil {
			return err
		}
		if submissions, err = submissionsOf(ctx, tx, uid); err != nil {
			return err
		}
		instances = withoutWithdrawn(all, submissions)
		if conflicts, err = archive.Conflicts(ctx, tx, uid); err != nil {
			return err
		}
		if l.Owners, err = archive.Owners(ctx, tx, uid); err != nil {
			return err
		}
		notes, err := texts(ctx, tx, "SELECT id FROM ingest_dirty WHERE "+isStudy+" AND id = $1", uid)
		l.Waits = len(notes) > 0
		if err != nil {
			return err
		}
		recorded, err := texts(ctx, tx, "SELECT patient FROM ingest_study WHERE study_uid = $1 AND recorded = 1", uid)
		if len(recorded) > 0 {
			patient = recorded[0]
		}
		if err != nil {
			return err
		}
		patients, err := p.Mapper.Patients(instances)
		if err == nil {
			links, _, err = linksOf(ctx, tx, append(patients, patient))
		}
		return err
	})
	switch {
	case err != nil:
		return l, fmt.Errorf("study %s: %w", uid, err)
	case len(all)+len(conflicts)+len(submissions) == 0:
		return l, ErrNoStudy
	}
	l.Submissions = submitted(submissions)
	var mapped mapping.Study
	if len(instances) > 0 {
		if mapped, err = p.Mapper.Study(instances, patient, links); err != nil {
			l.Failure = err.Error()
		}
		l.Issues = append(l.Issues, mapped.Issues...)
	}
	listed, err := p.published(ctx, &l)
	if err != nil {
		return l, err
	}
	isKept := map[string]bool{}
	for _, i := range instances {
		isKept[i.SOPInstanceUID] = true
	}
	for _, i := range all {
		if !isKept[i.SOPInstanceUID] {
			l.Objects = append(l.Objects, lifeOf(i, objectWithdrawn))
		}
	}
	for _, i := range instances {
		state := objectListed
		switch {
		case isHeld(mapped, i):
			state = objectHeld
		case !listed[i.SOPInstanceUID] && l.Waits:
			state = objectWaits
		case !listed[i.SOPInstanceUID]:
			state = objectTaken
		}
		l.Objects = append(l.Objects, lifeOf(i, state))
	}
	for _, i := range conflicts {
		l.Objects = append(l.Objects, lifeOf(i, objectConflict))
	}
	return l, nil
}

func lifeOf(i archive.Instance, state string) ObjectLife {
	return ObjectLife{i.SOPInstanceUID, i.SeriesInstanceUID, i.SOPClassUID, i.Object.String(), i.Size, i.Received, i.Owners, i.Source, state, i.Object.IsRemote()}
}

// published reads what is served of a study, and returns the instances that it lists.
func (p *Pipeline) published(ctx context.Context, l *Life) (map[string]bool, error) {
	listed := map[string]bool{}
	study, err := p.Store.Read(ctx, search.Everything(), "ImagingStudy", p.Mapper.StudyID(l.StudyInstanceUID))
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrGone) {
		return listed, nil
	}
	if err != nil {
		return nil, err
	}
	body := gjson.ParseBytes(study.Body)
	l.Resource, l.Version, l.Updated = study.Reference(), body.Get("meta.versionId").Str, body.Get("meta.lastUpdated").Str
	l.Status, l.Patient = body.Get("status").Str, body.Get("subject.reference").Str
	for _, series := range body.Get("series").Array() {
		for _, one := range series.Get("instance.#.uid").Array() {
			listed[one.Str] = true
		}
	}
	err = p.Store.View(ctx, func(tx store.SQL) error {
		made, err := texts(ctx, tx, "SELECT type || '/' || id FROM ingest_resource WHERE study_uid = $1", l.StudyInstanceUID)
		for _, reference := range made {
			if strings.HasPrefix(reference, "DiagnosticReport/") {
				l.Reports = append(l.Reports, reference)
			}
		}
		return err
	})
	slices.Sort(l.Reports)
	return listed, err
}
