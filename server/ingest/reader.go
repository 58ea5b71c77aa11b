package ingest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/mapping"
	"lightbox/mapping/hl7v2"
)

// taken is one object that was read and mapped, and is in the archive where there is one.
type taken struct {
	file     File
	instance archive.Instance
	mentions []mapping.Mention
	dataset  *dicom.Dataset // the whole of a report, where there is no archive to read it from again
	letters  []letter       // of a file of HL7 v2 messages, in place of an instance
	hashed   bool           // instance.Object is known
	bound    bool           // as Origin has it
	visit    *Visit         // the same

	submitter string // the organisation that sends it under its name; "" where the object itself says whose it is
}

// reader turns files into taken objects, several at a time.
type reader struct {
	mapper  *mapping.Mapper
	objects archive.Objects // nil: objects are not kept
	origin  Origin
	workers int // 0: the number of processors
	tally   *tally
	now     func() time.Time // nil: nobody notes when things were received

	mu       sync.Mutex
	contexts map[[sha256.Size]byte]known // a series has one for all its instances
}

// known is a context that was mapped before, and what it was mapped to.
type known struct {
	context  []byte
	mentions []mapping.Mention
}

// maxContexts bounds the memory of contexts.
const maxContexts = 4096

func newReader(m *mapping.Mapper, t *tally) *reader {
	return &reader{mapper: m, tally: t, contexts: map[[sha256.Size]byte]known{}}
}

// each reads every file and sends what is taken of it. Files that are refused go to the tally; the error is a failure of ours.
func (r *reader) each(ctx context.Context, files Files, out chan<- taken) error {
	workers := r.workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	in := make(chan File, workers)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(in)
		return files(ctx, func(f File) bool {
			select {
			case in <- f:
				return true
			case <-ctx.Done():
				return false
			}
		})
	})
	for range workers {
		g.Go(func() error { return r.run(ctx, in, out) })
	}
	return g.Wait()
}

func (r *reader) run(ctx context.Context, in <-chan File, out chan<- taken) error {
	for f := range in {
		object, err := r.read(ctx, f)
		r.tally.add(func(s *Summary) { s.Files++; s.Bytes += f.Size })
		if refusal, ok := asRefusal(err); ok {
			r.tally.refuseObject(object, refusal)
			continue
		}
		if err != nil {
			return err
		}
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
	var unread *hl7v2.Error
	if errors.As(err, &unread) {
		return string(unread.Reason), unread.Detail
	}
	var unmapped *mapping.Refusal
	if errors.As(err, &unmapped) {
		return unmapped.Reason, unmapped.Detail
	}
	return "unreadable", err.Error()
}

// read scans, maps and archives one file. The error is a *Refusal where the file is at fault.
func (r *reader) read(ctx context.Context, f File) (taken, error) {
	if f.Header != nil {
		return r.remote(f)
	}
	content, err := f.Open()
	if err != nil {
		return taken{}, refusal(f, err)
	}
	defer content.Close()
	if !r.origin.objectsOnly {
		messages, err := Messages(content, f.Size)
		if err != nil {
			return taken{}, refusal(f, err)
		}
		if messages != nil {
			return r.letters(ctx, f, messages)
		}
	}
	ds, err := dicom.Scan(content, f.Size, dicom.Limits{})
	if err != nil {
		return taken{}, refusal(f, err)
	}
	object, err := r.header(f, ds)
	if err != nil {
		return object, err
	}
	if r.objects == nil {
		return object, r.keep(&object, content)
	}
	if err := r.archive(ctx, &object, content); err != nil {
		return taken{}, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	return object, nil
}

// archive keeps the bytes of an object, which are in the archive already where they came in by it.
func (r *reader) archive(ctx context.Context, o *taken, content Content) (err error) {
	if in, ok := content.(archive.Incoming); ok {
		o.instance.Size = in.Size()
		o.instance.Object, err = in.Commit(ctx)
		return err
	}
	o.instance.Object, o.instance.Size, err = archive.Put(ctx, r.objects, io.NewSectionReader(content, 0, o.file.Size))
	return err
}

// header maps what the header of a file says.
func (r *reader) header(f File, ds *dicom.Dataset) (object taken, err error) {
	object = taken{file: f, bound: r.origin.Bound, visit: r.origin.Visit, submitter: r.origin.Owner}
	if object.instance, err = r.mapper.Index(ds); err != nil {
		return object, refusal(f, err)
	}
	if r.origin.Study != "" && object.instance.StudyInstanceUID != r.origin.Study {
		return object, &Refusal{File: f.Name, Reason: OtherStudy, Detail: "an object of another study than the one that it was sent for"}
	}
	if r.now != nil {
		object.instance.Received = r.now()
	}
	if err := r.mapContext(&object); err != nil {
		return object, refusal(f, err)
	}
	return object, nil
}

// remote maps an object that stays where it is.
func (r *reader) remote(f File) (taken, error) {
	object, err := r.header(f, f.Header)
	if err == nil {
		object.instance.Object = archive.Remote(object.instance)
	}
	return object, err
}

// keep takes what cannot be read again: a report as a whole, and the digest of an entry that opens once.
func (r *reader) keep(o *taken, content Content) error {
	if mapping.IsDocument(o.instance.SOPClassUID) {
		ds, issues, err := wholeReport(content, o.file.Size)
		if err != nil {
			return refusal(o.file, err)
		}
		r.tally.issues(issues)
		o.dataset = ds
	}
	if !o.file.Once {
		return nil
	}
	if err := o.hash(content); err != nil {
		return refusal(o.file, err)
	}
	return nil
}

// wholeReport reads a report object with its document. One that cannot be read as a whole, since it is larger than a scan may hold, is
// an issue: it keeps neither its study nor the other reports out. The error is that of reading, not the object's.
func wholeReport(content io.ReaderAt, size int64) (*dicom.Dataset, []mapping.Issue, error) {
	ds, err := dicom.Scan(content, size, dicom.Limits{Bulk: true})
	var broken *dicom.Error
	if errors.As(err, &broken) && broken.Reason != dicom.Unreadable {
		return nil, []mapping.Issue{{Severity: "error", Code: "unreadable-report", Element: "DiagnosticReport", Detail: broken.Detail}}, nil
	}
	return ds, nil, err
}

// settle makes sure of the object's digest.
func (o *taken) settle() error {
	if o.hashed {
		return nil
	}
	content, err := o.file.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	return o.hash(content)
}

func (o *taken) hash(content io.ReaderAt) error {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(content, 0, o.file.Size)); err != nil {
		return err
	}
	h.Sum(o.instance.Object[:0])
	o.hashed = true
	return nil
}

// mapContext maps what the object's context says of shared resources, once for each different context, and has the object share the
// one copy of it.
func (r *reader) mapContext(o *taken) error {
	key := sha256.Sum256(o.instance.Context)
	r.mu.Lock()
	found, ok := r.contexts[key]
	r.mu.Unlock()
	if !ok {
		mentions, issues, err := r.mapper.Mentions(o.instance.Context)
		if err != nil {
			return err
		}
		found = r.remember(key, known{o.instance.Context, mentions}, issues)
	}
	o.instance.Context, o.mentions = found.context, found.mentions
	o.instance.Owner, o.instance.Source = r.origin.Owner, r.origin.Source
	if o.instance.Owner == "" {
		o.instance.Owner = institution(o.mentions)
	}
	return nil
}

// remember keeps the first of those who mapped a context at the same time, and counts its issues alone.
func (r *reader) remember(key [sha256.Size]byte, k known, issues []mapping.Issue) known {
	r.mu.Lock()
	defer r.mu.Unlock()
	if found, ok := r.contexts[key]; ok {
		return found
	}
	r.tally.issues(issues)
	if len(r.contexts) >= maxContexts {
		clear(r.contexts)
	}
	r.contexts[key] = k
	return k
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
