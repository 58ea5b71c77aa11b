// Package archivesync reads another archive into the hub: first all that it has, then what is new. How far it has come is kept in the hub's
// database and moves only when what was read is durable, so that a run that was broken off is gone on with; reading the same again changes
// nothing.
//
// Objects are copied: each is read once, as it is stored there. An archive is known by the name that the operator gives it, and nothing is
// read from any other host than its own.
package archivesync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"lightbox/fhir/store"
	"lightbox/server/ingest"
)

// Source is an archive.
type Source interface {
	// Next returns what comes after a position, "" for the beginning.
	Next(ctx context.Context, position string) (Batch, error)
	// Fetch opens an object as a Part 10 file. ErrGone when it is there no more.
	Fetch(ctx context.Context, object string) (io.ReadCloser, error)
}

// Batch is a part of an archive.
type Batch struct {
	Objects  []string // as Fetch takes them
	Position string   // after them
	Done     bool     // nothing more for now
}

// ErrGone is of an object that was deleted meanwhile.
var ErrGone = errors.New("archivesync: the object is there no more")

// Sync is one archive being read.
type Sync struct {
	Hub    *ingest.Pipeline
	Name   string
	URL    string // where the archive is; a name whose URL changed is read from the beginning
	Source Source
	Origin ingest.Origin
	At     int     // objects read at a time; default 4
	Rate   float64 // objects a second; 0: as fast as it goes
	Again  bool    // the first run begins at the beginning
	Report func(Progress)
}

// Progress counts what was done.
type Progress struct {
	Listed     int `json:"listed"`
	Gone       int `json:"gone"`
	Instances  int `json:"instances"`
	Duplicates int `json:"duplicates"`
	Refused    int `json:"refused"`

	Reasons map[string]int `json:"reasons,omitempty"`
}

// maxObject bounds one object.
const maxObject = 8 << 30

// Run reads until there is nothing more for now. What it read is built by whoever builds for the hub.
func (s *Sync) Run(ctx context.Context) (Progress, error) {
	p := Progress{Reasons: map[string]int{}}
	position, err := s.position(ctx)
	if s.Again {
		position, s.Again = "", false
	}
	for err == nil {
		var b Batch
		if b, err = s.Source.Next(ctx, position); err != nil {
			break
		}
		if err = s.take(ctx, b, &p); err != nil {
			break
		}
		if b.Position != position {
			position = b.Position
			err = s.remember(ctx, position)
		}
		if s.Report != nil {
			s.Report(p)
		}
		if b.Done {
			break
		}
	}
	return p, err
}

// take reads the objects of a batch into the hub.
func (s *Sync) take(ctx context.Context, b Batch, p *Progress) error {
	if len(b.Objects) == 0 {
		return nil
	}
	var gone atomic.Int64
	files := func(ctx context.Context, yield func(ingest.File) bool) error {
		return s.fetchAll(ctx, b.Objects, &gone, yield)
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
	return err
}

// fetchAll reads objects, several at a time.
func (s *Sync) fetchAll(ctx context.Context, objects []string, gone *atomic.Int64, yield func(ingest.File) bool) error {
	at := s.At
	if at <= 0 {
		at = 4
	}
	out := make(chan ingest.File)
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(at)
	go func() {
		defer close(out)
		for _, object := range objects {
			if gctx.Err() != nil {
				break
			}
			s.pace(gctx)
			g.Go(func() error {
				file, err := s.fetch(gctx, object)
				if errors.Is(err, ErrGone) {
					gone.Add(1)
					return nil
				}
				if err != nil {
					return err
				}
				select {
				case out <- file:
				case <-gctx.Done():
				}
				return nil
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

// pace waits for the next object's turn.
func (s *Sync) pace(ctx context.Context) {
	if s.Rate <= 0 {
		return
	}
	select {
	case <-time.After(time.Duration(float64(time.Second) / s.Rate)):
	case <-ctx.Done():
	}
}

func (s *Sync) fetch(ctx context.Context, object string) (ingest.File, error) {
	body, err := s.Source.Fetch(ctx, object)
	if err != nil {
		return ingest.File{}, err
	}
	file, err := ingest.Spool(s.Name+" "+object, body, maxObject)
	if err := errors.Join(err, body.Close()); err != nil {
		return ingest.File{}, fmt.Errorf("read %s: %w", object, err)
	}
	return file, nil
}

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

// Open finds out what kind of archive is at a URL: an Orthanc by its REST API, else a DICOMweb service at its root.
func Open(ctx context.Context, url string, credentials Credentials, hub *ingest.Pipeline) (Source, error) {
	c := newClient(url, credentials)
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
	return &dicomweb{client: c, hub: hub}, nil
}
