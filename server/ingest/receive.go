package ingest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"lightbox/dicom/archive"
	"lightbox/fhir/store"
)

// Receipt is what became of one file.
type Receipt struct {
	File     string
	Instance archive.Instance // of a refused file only what it could be read of: its UIDs, if any
	Outcome  archive.Outcome  // of one that was taken
	Refusal  *Refusal
}

// Receive takes DICOM objects in and tells what became of each, once that is durable. What they change is built soon after. The error is a
// failure of ours: files of which nothing was told are to be sent again.
func (p *Pipeline) Receive(ctx context.Context, files Files, from Origin, tell func(Receipt)) error {
	t := newTally(nil)
	var mu sync.Mutex
	t.receipt = func(r Receipt) {
		mu.Lock()
		defer mu.Unlock()
		tell(r)
	}
	from.objectsOnly = true // who may store images may not therefore say who is whom
	err := p.index(ctx, files, from, t)
	if p.Changed != nil {
		p.Changed()
	}
	return err
}

// Take takes files in that the hub itself went for, and returns what became of them. What they change is built soon after. The error is a
// failure of ours, or of files.
func (p *Pipeline) Take(ctx context.Context, files Files, from Origin) (Summary, error) {
	t := newTally(nil)
	err := p.index(ctx, files, from, t)
	if p.Changed != nil {
		p.Changed()
	}
	return t.summary(), err
}

// refuseObject counts a refused file and tells of it.
func (t *tally) refuseObject(object taken, why Refusal) {
	t.refuse(why)
	t.reject(rejected{object.instance, why})
	if t.receipt != nil {
		t.receipt(Receipt{File: why.File, Instance: object.instance, Refusal: &why})
	}
}

// Reasons for which an object is refused beside what is wrong with it.
const (
	OtherStudy = "other-study"   // not of the study that it was sent for
	Foreign    = "foreign-study" // of a study that another organisation submitted
	Conflict   = "conflict"      // other bytes have its SOP Instance UID
)

// withoutForeign leaves out what its sender may not add to: a study that others submitted and the sender did not. Who could would make
// itself a submitter of all of it.
func withoutForeign(ctx context.Context, tx store.SQL, batch []taken) (kept, foreign []taken, err error) {
	owners := map[string][]string{}
	for _, o := range batch {
		uid := o.instance.StudyInstanceUID
		if _, known := owners[uid]; known || !o.bound {
			continue
		}
		if owners[uid], err = archive.Owners(ctx, tx, uid); err != nil {
			return nil, nil, err
		}
	}
	for _, o := range batch {
		of := owners[o.instance.StudyInstanceUID]
		if o.bound && len(of) > 0 && !slices.Contains(of, o.instance.Owner) {
			foreign = append(foreign, o)
			continue
		}
		kept = append(kept, o)
	}
	return kept, foreign, nil
}

// asRefusal is the refusal in an error, if there is one.
func asRefusal(err error) (Refusal, bool) {
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		return Refusal{}, false
	}
	return *refusal, true
}
