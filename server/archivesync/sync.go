// Package archivesync reads other archives into the hub: first all that they have, then what is new. How far it has come is kept in the hub's
// database and moves only when what was read is durable, so that a run that was broken off is gone on with; reading the same again changes
// nothing.
//
// Objects stay where they are unless copies are asked for: then their headers alone are read, and who wants an object has it from there,
// through the hub (Archives). What such an archive has no more the hub forgets; copies stay. An archive is known by the name that the
// operator gives it, and nothing is read from any other host than its own.
package archivesync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"lightbox/auth/audit"
	"lightbox/dicom"
	"lightbox/fhir/store"
	"lightbox/server/ingest"
)

// Source is an archive.
type Source interface {
	// Next returns what comes after a position, "" for the beginning.
	Next(ctx context.Context, position string) (Batch, error)
	// Fetch opens an object as a Part 10 file. ErrGone when it is there no more.
	Fetch(ctx context.Context, object string) (Body, error)
}

// grouped is a Source that sends objects of a group together.
type grouped interface {
	Group(object string) string
	// FetchAll calls take for each object, one at a time. Reading fails with a *dicom.Error where the archive does not send it.
	FetchAll(ctx context.Context, objects []string, take func(object string, file io.Reader) error) error
}

// Body is an object being sent.
type Body struct {
	io.ReadCloser
	Size int64 // bytes, where the archive says so; -1: it does not
}

// Batch is a part of an archive.
type Batch struct {
	Objects  []string // as Fetch takes them
	Nameless int      // studies that the archive tells no UID of
	Position string   // after them
	Done     bool     // nothing more for now
}

// ErrGone is of an object that was deleted meanwhile.
var ErrGone = errors.New("archivesync: the object is there no more")

// Sync is one archive being read.
type Sync struct {
	Hub     *ingest.Pipeline
	Address               // a name whose URL changed is read from the beginning
	Source  Source        // nil: what is at the address
	Origin  ingest.Origin // its Source is Name
	Copy    bool          // objects are copied; otherwise Source is a Keeper
	At      int           // objects read at a time; default 4
	Rate    float64       // objects a second; 0: as fast as it goes
	Again   bool          // the first run begins at the beginning
	Check   time.Duration // between looks for what the archive has no more; 0: each run looks
	Report  func(Progress)
	By      string // who has it read, for the audit record; "" the hub by itself

	checked time.Time
}

// Progress counts what was done.
type Progress struct {
	Listed     int `json:"listed"`
	Gone       int `json:"gone"` // between being listed and being read
	Instances  int `json:"instances"`
	Duplicates int `json:"duplicates"`
	Refused    int `json:"refused"`
	Forgotten  int `json:"forgotten"` // the archive has them no more

	Reasons map[string]int `json:"reasons,omitempty"`
}

// maxObject bounds one object.
const maxObject = 8 << 30

// Run reads until there is nothing more for now. What it read is built by whoever builds for the hub.
func (s *Sync) Run(ctx context.Context) (p Progress, err error) {
	p.Reasons = map[string]int{}
	if s.Source == nil {
		if s.Source, err = Open(ctx, s.Address, s.Hub); err != nil {
			return p, err
		}
	}
	s.Origin.Visit = s.visit()
	keeper, keeps := s.Source.(Keeper)
	if !s.Copy && !keeps {
		return p, errors.New("objects of this kind of archive can be copied alone")
	}
	position, err := s.position(ctx)
	if s.Again && err == nil {
		position, s.Again = "", false
		err = s.forgive(ctx)
	}
	for err == nil {
		var b Batch
		if b, err = s.Source.Next(ctx, position); err != nil {
			break
		}
		if err = s.take(ctx, b, &p); err != nil {
			break
		}
		s.report(p)
		isOld := b.Position == position
		if position = b.Position; !isOld {
			err = s.remember(ctx, position)
		}
		if b.Done {
			break
		}
		if isOld && len(b.Objects) == 0 {
			err = fmt.Errorf("the archive has more, and does not say what, after %q", position)
		}
	}
	if err == nil && !s.Copy && time.Since(s.checked) >= s.Check {
		if err = s.check(ctx, keeper, &p); err == nil {
			s.checked = time.Now()
		}
	}
	return p, err
}

// visit is what the audit record tells of a run.
func (s *Sync) visit() *ingest.Visit {
	told := audit.Event{Kind: audit.Fetch, By: &audit.Caller{System: audit.OtherStore, Client: s.Name, Subject: s.By, Organization: s.Origin.Owner}}
	if from, err := url.Parse(s.URL); err == nil {
		told.Address = from.Hostname()
	}
	return ingest.NewVisit(told)
}

func (s *Sync) report(p Progress) {
	if s.Report != nil {
		s.Report(p)
	}
}

// take reads the objects of a batch into the hub.
func (s *Sync) take(ctx context.Context, b Batch, p *Progress) error {
	if b.Nameless > 0 {
		p.Refused += b.Nameless
		p.Reasons["no-uid"] += b.Nameless
		why := ingest.Refusal{File: s.fileName("studies without a UID"), Reason: "no-uid", Detail: fmt.Sprint(b.Nameless, " studies that the archive tells no UID of")}
		if err := s.refuse(ctx, []ingest.Refusal{why}); err != nil {
			return err
		}
	}
	slices.Sort(b.Objects)
	b.Objects = slices.Compact(b.Objects) // seen: one study listed for each of its patients
	if len(b.Objects) == 0 {
		return nil
	}
	var gone atomic.Int64
	files := func(ctx context.Context, yield func(ingest.File) bool) error {
		return s.readAll(ctx, b.Objects, &gone, yield)
	}
	summary, err := s.Hub.Take(ctx, files, s.Origin)
	p.Listed += len(b.Objects)
	p.Gone += int(gone.Load())
	p.Instances += summary.Instances
	p.Duplicates += summary.Duplicates
	p.Refused += summary.Refused
	for reason, n := range summary.Reasons {
		p.Reasons[reason] += n
	}
	return errors.Join(err, s.refuse(ctx, summary.Refusals))
}

// readAll reads objects, several groups at a time.
func (s *Sync) readAll(ctx context.Context, objects []string, gone *atomic.Int64, yield func(ingest.File) bool) error {
	out := make(chan ingest.File)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(cmp.Or(max(s.At, 0), 4))
	send := func(f ingest.File) {
		select {
		case out <- f:
		case <-gctx.Done():
		}
	}
	go func() {
		defer close(out)
		for _, group := range s.groups(objects) {
			if gctx.Err() != nil {
				break
			}
			s.pace(gctx, len(group))
			g.Go(func() error {
				n, err := s.read(gctx, group, send)
				gone.Add(int64(len(group) - n))
				return err
			})
		}
		_ = g.Wait() // its error is read below
	}()
	for file := range out {
		if !yield(file) {
			break
		}
	}
	for range out { // what is under way
	}
	return g.Wait()
}

// groups are the objects that are read together: each by itself where they are copied.
func (s *Sync) groups(objects []string) (groups [][]string) {
	at := map[string]int{}
	for _, object := range objects {
		name := object
		if together, ok := s.Source.(grouped); ok {
			name = together.Group(object)
		} else if keeper, ok := s.Source.(Keeper); ok && !s.Copy {
			name = keeper.Group(object)
		}
		n, known := at[name]
		if !known {
			n = len(groups)
			at[name], groups = n, append(groups, nil)
		}
		groups[n] = append(groups[n], object)
	}
	return groups
}

// pace waits for the turn of the next n objects.
func (s *Sync) pace(ctx context.Context, n int) {
	if s.Rate <= 0 {
		return
	}
	select {
	case <-time.After(time.Duration(float64(n) * float64(time.Second) / s.Rate)):
	case <-ctx.Done():
	}
}

// read reads the objects of a group, and returns how many are still there.
func (s *Sync) read(ctx context.Context, group []string, send func(ingest.File)) (n int, err error) {
	if !s.Copy {
		err := s.Source.(Keeper).Headers(ctx, group, func(object string, header *dicom.Dataset, err error) {
			n++
			send(ingest.File{Name: s.fileName(object), Header: header, Open: func() (ingest.Content, error) { return nil, err }})
		})
		return n, err
	}
	if together, ok := s.Source.(grouped); ok {
		err := together.FetchAll(ctx, group, func(object string, content io.Reader) error {
			file, err := s.incoming(ctx, object, content)
			if err == nil {
				n++
				send(file)
			}
			return err
		})
		return n, err
	}
	for _, object := range group {
		file, err := s.copied(ctx, object)
		if errors.Is(err, ErrGone) {
			continue
		}
		if err != nil {
			return n, err
		}
		n++
		send(file)
	}
	return n, nil
}

func (s *Sync) copied(ctx context.Context, object string) (ingest.File, error) {
	body, err := s.Source.Fetch(ctx, object)
	if err != nil {
		return ingest.File{}, err
	}
	file, err := s.incoming(ctx, object, body)
	return file, errors.Join(err, body.Close())
}

// incoming takes what is sent of an object. What is said of it by its sender alone is a file that cannot be read.
func (s *Sync) incoming(ctx context.Context, object string, content io.Reader) (ingest.File, error) {
	name := s.fileName(object)
	file, err := s.Hub.Incoming(ctx, name, content, maxObject)
	var refused *dicom.Error
	switch {
	case errors.As(err, &refused):
		return ingest.File{Name: name, Open: func() (ingest.Content, error) { return nil, refused }}, nil
	case err != nil:
		return ingest.File{}, fmt.Errorf("read %s: %w", object, err)
	}
	return file, nil
}

// fileName is what an object is called in refusals.
func (s *Sync) fileName(object string) string { return s.Name + " " + object }

func (s *Sync) position(ctx context.Context) (position string, err error) {
	err = s.Hub.Store.View(ctx, func(tx store.SQL) error {
		query := "SELECT position FROM sync_cursor WHERE name = $1 AND source = $2"
		return tx.Query(ctx, query, []any{s.Name, s.URL}, func(scan func(...any) error) error { return scan(&position) })
	})
	return position, err
}

func (s *Sync) remember(ctx context.Context, position string) error {
	return s.Hub.Store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO sync_cursor (name, source, position) VALUES ($1, $2, $3)
			ON CONFLICT (name) DO UPDATE SET source = excluded.source, position = excluded.position`, s.Name, s.URL, position)
		return err
	})
}

// Open finds out what kind of archive is at an address: an Orthanc by its REST API, else a DICOMweb service at its root.
func Open(ctx context.Context, at Address, hub *ingest.Pipeline) (Source, error) {
	return openWith(ctx, at, hub, delays)
}

func openWith(ctx context.Context, at Address, hub *ingest.Pipeline, delays []time.Duration) (Source, error) {
	if is, err := IsDIMSE(at.URL); is || err != nil {
		return newDIMSE(at, hub)
	}
	c := newClient(at.URL, at.Credentials)
	c.delays = delays
	return c.source(ctx, at.Name, hub)
}

func (c *client) source(ctx context.Context, name string, hub *ingest.Pipeline) (Source, error) {
	var system struct {
		Name    string
		Version string
	}
	err := c.json(ctx, "/system", nil, &system)
	var answered *statusError
	switch {
	case err == nil && system.Version != "":
		return &orthanc{c}, nil
	case err != nil && !errors.As(err, &answered):
		return nil, err
	case answered != nil && (answered.status == http.StatusUnauthorized || answered.status == http.StatusForbidden):
		return nil, err
	}
	return &dicomweb{client: c, name: name, hub: hub}, nil
}

// Follow runs until ctx ends, every so often, and tells of each run. One that failed is tried again, later and later.
func (s *Sync) Follow(ctx context.Context, every time.Duration, tell func(Progress, error)) {
	failures := 0
	for ctx.Err() == nil {
		done, err := s.Run(ctx)
		if ctx.Err() != nil {
			return
		}
		tell(done, err)
		if failures++; err == nil {
			failures = 0
		}
		select {
		case <-time.After(min(every<<min(failures, 10), max(longestWait, every))):
		case <-ctx.Done():
		}
	}
}

// longestWait is how long an archive that fails is left alone, unless it is looked at more seldom.
const longestWait = 10 * time.Minute
