package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir/store"
	"lightbox/mapping"
)

// maxBatch is how many instances share one commit at most.
const maxBatch = 256

// taken is one object that is in the archive and not yet in the index.
type taken struct {
	name     string // of the file
	instance archive.Instance
	mentions []mapping.Mention
}

// index archives and indexes every file: workers read, one goroutine commits whatever they have ready.
func (p *Pipeline) index(ctx context.Context, files Files, origin Origin, t *tally) error {
	workers := p.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	in, out := make(chan File, workers), make(chan taken, maxBatch)
	g, gctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(in)
		return files(gctx, func(f File) bool {
			select {
			case in <- f:
				return true
			case <-gctx.Done():
				return false
			}
		})
	})
	reader := &reader{pipeline: p, origin: origin, tally: t, contexts: map[[32]byte][]mapping.Mention{}}
	readers, rctx := errgroup.WithContext(gctx)
	for range workers {
		readers.Go(func() error { return reader.run(rctx, in, out) })
	}
	g.Go(func() error {
		defer close(out)
		return readers.Wait()
	})
	g.Go(func() error { return p.commitAll(gctx, out, t) })
	return errors.Join(g.Wait(), ctx.Err()) // a walk that was broken off is no whole one
}

// reader turns files into taken objects.
type reader struct {
	pipeline *Pipeline
	origin   Origin
	tally    *tally
	mu       sync.Mutex
	contexts map[[32]byte][]mapping.Mention // what a context was mapped to: a series has one for all its instances
}

// maxContexts bounds the memory of contexts.
const maxContexts = 4096

func (r *reader) run(ctx context.Context, in <-chan File, out chan<- taken) error {
	for f := range in {
		object, err := r.read(ctx, f)
		var refusal *Refusal
		if errors.As(err, &refusal) {
			r.tally.add(func(s *Summary) { s.Files++ })
			r.tally.refuse(refusal.File, refusal.Reason, refusal.Detail)
			continue
		}
		if err != nil {
			return err
		}
		r.tally.add(func(s *Summary) { s.Files++; s.Bytes += f.Size })
		select {
		case out <- object:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Error makes a Refusal an error within this package.
func (r *Refusal) Error() string { return r.Reason + ": " + r.Detail }

func refusal(f File, err error) error {
	reason, detail := Reason(err)
	return &Refusal{File: f.Name, Reason: reason, Detail: detail}
}

// Reason names why a file is refused, in a word that summaries count by and a sentence.
func Reason(err error) (reason, detail string) {
	var broken *dicom.Error
	if errors.As(err, &broken) {
		return string(broken.Reason), broken.Detail
	}
	var unmapped *mapping.Refusal
	if errors.As(err, &unmapped) {
		return unmapped.Reason, unmapped.Detail
	}
	return "unreadable", err.Error()
}

// conflict says why an object is not served that shares its SOP Instance UID with another.
var conflict = mapping.Refusal{
	Reason: "conflict",
	Detail: "another object has this SOP Instance UID and other bytes; both are kept, the one of the lower digest is served",
}

// read scans, maps and archives one file. The error is a *Refusal where the file is at fault.
func (r *reader) read(ctx context.Context, f File) (taken, error) {
	content, err := f.Open()
	if err != nil {
		return taken{}, refusal(f, err)
	}
	defer content.Close()
	ds, err := dicom.Scan(content, f.Size, dicom.Limits{})
	if err != nil {
		return taken{}, refusal(f, err)
	}
	instance, err := r.pipeline.Mapper.Index(ds)
	if err != nil {
		return taken{}, refusal(f, err)
	}
	mentions, err := r.mentions(instance.Context)
	if err != nil {
		return taken{}, refusal(f, err)
	}
	instance.Owner, instance.Source = r.origin.Owner, r.origin.Source
	if instance.Owner == "" {
		instance.Owner = institution(mentions)
	}
	instance.Object, instance.Size, err = r.pipeline.Objects.Put(ctx, io.NewSectionReader(content, 0, f.Size))
	if err != nil {
		return taken{}, fmt.Errorf("archive %s: %w", f.Name, err)
	}
	return taken{f.Name, instance, mentions}, nil
}

// institution returns the organisation that an object names as its place of origin.
func institution(mentions []mapping.Mention) string {
	for _, m := range mentions {
		if m.Type == "Organization" {
			return m.Type + "/" + m.ID
		}
	}
	return ""
}

func (r *reader) mentions(context []byte) ([]mapping.Mention, error) {
	key := sha256.Sum256(context)
	r.mu.Lock()
	found, ok := r.contexts[key]
	r.mu.Unlock()
	if ok {
		return found, nil
	}
	found, issues, err := r.pipeline.Mapper.Mentions(context)
	if err != nil {
		return nil, err
	}
	r.tally.issues(issues)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.contexts) >= maxContexts {
		clear(r.contexts)
	}
	r.contexts[key] = found
	return found, nil
}

func (t *tally) issues(issues []mapping.Issue) {
	t.add(func(s *Summary) {
		for _, i := range issues {
			s.Issues[i.Code]++
		}
	})
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
	instances := make([]archive.Instance, len(batch))
	for i, o := range batch {
		instances[i] = o.instance
	}
	var outcomes []archive.Outcome
	err := p.Store.Write(ctx, func(tx store.Tx) error {
		var err error
		if outcomes, err = archive.Add(ctx, tx, instances); err != nil {
			return err
		}
		if err := note(ctx, tx, changed(batch, outcomes)); err != nil {
			return err
		}
		return noteConflicts(ctx, tx, batch, outcomes)
	})
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	for i, o := range outcomes {
		t.outcome(batch[i].name, o)
	}
	return nil
}

// outcome counts what the index made of a file.
func (t *tally) outcome(file string, o archive.Outcome) {
	switch o {
	case archive.New:
		t.add(func(s *Summary) { s.Instances++ })
	case archive.Duplicate, archive.Resubmitted:
		t.add(func(s *Summary) { s.Duplicates++ })
	case archive.Conflict:
		t.refuse(file, conflict.Reason, conflict.Detail)
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

// note records what the shared resources are now said to be, and everything that has to be built.
func note(ctx context.Context, tx store.SQL, objects []taken) error {
	mentions, owners, dirty := newRows(5), newRows(3), newRows(3)
	for _, o := range objects {
		dirty.add(studyType+"\x00"+o.instance.StudyInstanceUID, studyType, o.instance.StudyInstanceUID, 1)
		for _, m := range o.mentions {
			key := m.Type + "\x00" + m.ID
			hash := contentHash(m.Body)
			mentions.newest(fmt.Sprint(key, hash), m.Date, m.Type, m.ID, hash, m.Date, m.Body)
			dirty.add(key, m.Type, m.ID, 1)
			if o.instance.Owner != "" {
				owners.add(key+"\x00"+o.instance.Owner, m.Type, m.ID, o.instance.Owner)
			}
		}
	}
	err := mentions.insert(ctx, tx, "ingest_mention (type, id, hash, latest, body)",
		"(type, id, hash) DO UPDATE SET latest = excluded.latest WHERE ingest_mention.latest < excluded.latest")
	if err != nil {
		return err
	}
	if err := owners.insert(ctx, tx, "ingest_owner (type, id, owner)", "DO NOTHING"); err != nil {
		return err
	}
	return dirty.insert(ctx, tx, dirtyColumns, dirtyAgain)
}

const (
	dirtyColumns = "ingest_dirty (type, id, generation)"
	dirtyAgain   = "(type, id) DO UPDATE SET generation = ingest_dirty.generation + 1"
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
	dirty := newRows(3)
	for _, uid := range studies {
		dirty.add(uid, studyType, uid, 1)
	}
	return dirty.insert(ctx, tx, dirtyColumns, dirtyAgain)
}

func contentHash(b []byte) int64 {
	sum := sha256.Sum256(b)
	return int64(binary.BigEndian.Uint64(sum[:]))
}
