package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir/store"
	"lightbox/mapping"
)

// maxBatch is how many instances share one commit at most.
const maxBatch = 256

// index archives and indexes every file: workers read, one goroutine commits whatever they have ready.
func (p *Pipeline) index(ctx context.Context, files Files, origin Origin, t *tally) error {
	read := newReader(p.Mapper, t)
	origin.Visit = origin.visit()
	read.objects, read.origin, read.workers, read.now = p.Objects, origin, p.Workers, time.Now
	out := make(chan taken, maxBatch)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(out)
		return read.each(gctx, files, out)
	})
	g.Go(func() error { return p.commitAll(gctx, out, t) })
	err := g.Wait()
	err = errors.Join(err, p.noteRejected(context.WithoutCancel(ctx), origin.Owner, t.rejected))
	err = errors.Join(err, p.recordRefused(context.WithoutCancel(ctx), origin.Visit, t.summary(), t.rejected))
	return errors.Join(err, ctx.Err()) // a walk that was broken off is no whole one
}

// commitAll commits objects as they come, as many together as are ready.
func (p *Pipeline) commitAll(ctx context.Context, in <-chan taken, t *tally) error {
	for first := range in {
		batch := []taken{first}
	fill:
		for len(batch) < maxBatch {
			select {
			case next, more := <-in:
				if !more {
					break fill
				}
				batch = append(batch, next)
			default:
				break fill
			}
		}
		if err := p.commit(ctx, batch, t); err != nil {
			return err
		}
	}
	return nil
}

// commit puts a batch into the index together with the notes of what it changes.
func (p *Pipeline) commit(ctx context.Context, batch []taken, t *tally) error {
	var letters []letter
	for _, o := range batch {
		letters = append(letters, o.letters...)
	}
	objects := slices.DeleteFunc(batch, func(o taken) bool { return o.letters != nil })
	var foreign []taken
	var outcomes []archive.Outcome
	var told []string
	fresh := 0
	err := p.Store.Write(ctx, func(tx store.Tx) error {
		var err error
		if batch, foreign, err = withoutForeign(ctx, tx, objects); err != nil {
			return err
		}
		instances := make([]archive.Instance, len(batch))
		for i, o := range batch {
			instances[i] = o.instance
		}
		if outcomes, err = archive.Add(ctx, tx, instances); err != nil {
			return err
		}
		if err := note(ctx, tx, changed(batch, outcomes)); err != nil {
			return err
		}
		if err := noteSubmissions(ctx, tx, batch); err != nil {
			return err
		}
		if err := noteConflicts(ctx, tx, batch, outcomes); err != nil {
			return err
		}
		if err := p.settleOutcomes(ctx, tx, batch, outcomes); err != nil {
			return err
		}
		if told, err = p.recordObjects(ctx, tx, batch, outcomes); err != nil {
			return err
		}
		fresh, err = p.deliver(ctx, tx, letters)
		return err
	})
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	if len(told) > 0 {
		batch[0].visit.remember(told)
	}
	t.add(func(s *Summary) { s.Messages += fresh; s.Duplicates += len(letters) - fresh })
	for i, o := range outcomes {
		t.outcome(batch[i], o)
	}
	for _, o := range foreign {
		t.refuseObject(o, Refusal{File: o.file.Name, Reason: Foreign, Detail: "an object for a study that another organisation submitted"})
	}
	return nil
}

// settleOutcomes tells what is sent again in a file of another writer from a conflict. Both files are kept and the lower digest counts, as of a
// conflict, so that the order of arrival does not matter; but nobody is refused for file meta information.
func (p *Pipeline) settleOutcomes(ctx context.Context, tx store.SQL, batch []taken, outcomes []archive.Outcome) error {
	for i, o := range outcomes {
		if o != archive.Conflict || batch[i].instance.Object.IsRemote() || p.Objects == nil {
			continue
		}
		others, err := archive.ObjectsOf(ctx, tx, batch[i].instance.SOPInstanceUID)
		if err != nil {
			return err
		}
		for _, other := range others {
			if other == batch[i].instance.Object {
				continue
			}
			same, err := p.sameDataSet(ctx, batch[i].instance.Object, other)
			if err != nil {
				return err
			}
			if same {
				outcomes[i] = archive.Resubmitted
				break
			}
		}
	}
	return nil
}

func (p *Pipeline) sameDataSet(ctx context.Context, a, b archive.Digest) (bool, error) {
	x, err := p.Objects.Open(ctx, a)
	if err != nil {
		return false, err
	}
	defer x.Close()
	y, err := p.Objects.Open(ctx, b)
	if err != nil {
		return false, err
	}
	defer y.Close()
	return dicom.SameDataSet(x, y)
}

// outcome counts what the index made of an object, and tells of it.
func (t *tally) outcome(object taken, o archive.Outcome) {
	switch o {
	case archive.New:
		t.add(func(s *Summary) { s.Instances++ })
	case archive.Duplicate, archive.Resubmitted:
		t.add(func(s *Summary) { s.Duplicates++ })
	case archive.Conflict:
		t.refuseObject(object, Refusal{
			File:   object.file.Name,
			Reason: Conflict,
			Detail: "another object has this SOP Instance UID and other bytes; the one of the lower digest is served",
		})
		return
	}
	if t.receipt != nil {
		t.receipt(Receipt{File: object.file.Name, Instance: object.instance, Outcome: o})
	}
}

func changed(batch []taken, outcomes []archive.Outcome) []taken {
	var list []taken
	for i, o := range batch {
		if outcomes[i] != archive.Duplicate {
			list = append(list, o)
		}
	}
	return list
}

// sayings gathers what the shared resources are now said to be, and everything that has to be built.
type sayings struct {
	mentions, owners, dirty *rows
	generation              int64
}

func newSayings() *sayings {
	return &sayings{newRows(5), newRows(3), newRows(3), rand.Int64()}
}

func (s *sayings) add(mentions []mapping.Mention, owner string) {
	for _, m := range mentions {
		key := m.Type + "\x00" + m.ID
		hash := contentHash(m.Body)
		s.mentions.newest(fmt.Sprint(key, hash), m.Date, m.Type, m.ID, hash, m.Date, m.Body)
		s.dirty.add(key, m.Type, m.ID, s.generation)
		if owner != "" {
			s.owners.add(key+"\x00"+owner, m.Type, m.ID, owner)
		}
	}
}

func (s *sayings) insert(ctx context.Context, tx store.SQL) error {
	err := s.mentions.insert(ctx, tx, "ingest_mention (type, id, hash, latest, body)",
		"(type, id, hash) DO UPDATE SET latest = excluded.latest WHERE ingest_mention.latest < excluded.latest")
	if err != nil {
		return err
	}
	if err := s.owners.insert(ctx, tx, "ingest_owner (type, id, owner)", "DO NOTHING"); err != nil {
		return err
	}
	return s.dirty.insert(ctx, tx, dirtyColumns, dirtyAgain)
}

// note records what objects say, and what has to be built.
func note(ctx context.Context, tx store.SQL, objects []taken) error {
	said := newSayings()
	for _, o := range objects {
		said.dirty.add(studyType+"\x00"+o.instance.StudyInstanceUID, studyType, o.instance.StudyInstanceUID, said.generation)
		said.add(o.mentions, o.instance.Owner)
	}
	return said.insert(ctx, tx)
}

// A note's generation is drawn anew each time, so that one that was taken back and made again is never taken for the former.
const (
	dirtyColumns = "ingest_dirty (type, id, generation)"
	dirtyAgain   = "(type, id) DO UPDATE SET generation = excluded.generation"
)

// noteConflicts has every study built again that holds an object of the same SOP Instance UID: which one counts may have changed.
func noteConflicts(ctx context.Context, tx store.SQL, batch []taken, outcomes []archive.Outcome) error {
	var uids []string
	for i, o := range outcomes {
		if o == archive.Conflict {
			uids = append(uids, batch[i].instance.SOPInstanceUID)
		}
	}
	if len(uids) == 0 {
		return nil
	}
	studies, err := archive.Studies(ctx, tx, uids)
	if err != nil {
		return err
	}
	dirty, generation := newRows(3), rand.Int64()
	for _, uid := range studies {
		dirty.add(uid, studyType, uid, generation)
	}
	return dirty.insert(ctx, tx, dirtyColumns, dirtyAgain)
}

func contentHash(b []byte) int64 {
	sum := sha256.Sum256(b)
	return int64(binary.BigEndian.Uint64(sum[:]))
}
