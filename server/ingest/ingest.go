// Package ingest is the durable way in: receive, archive, index, map, store. Every channel that brings DICOM objects goes
// through it.
//
// An object is acknowledged once its bytes are in the archive and its row in the index is committed, together with a note of
// what has to be built from it. Building is a pure function of the index, so a process that dies between the two loses
// nothing: the next one finds the note. Order of arrival, duplicates and restarts cannot matter.
//
// The notes are a table of our own in place of a job queue. A study of 5,000 objects that come one by one is one note, of which
// each object makes a newer generation, and a build of an older one is not written. A queue's unique jobs cannot say that: river
// counts a job that runs as there already, so that what comes meanwhile would wait for nobody. Measured beside it (river 0.47, the
// transaction of each object alone, eight senders, 100 studies): PostgreSQL 2,087 notes and 1,375 jobs a second, SQLite 26,056 and
// 3,387 at eight to a commit, before any job is fetched.
package ingest

import (
	"context"
	"embed"
	"log/slog"

	"lightbox/auth/audit"
	"lightbox/dicom/archive"
	"lightbox/fhir/store"
	"lightbox/mapping"
	"lightbox/mapping/match"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schemas returns the tables that the way in keeps in the store's database: the instance index, and those of this package.
func Schemas() []store.Schema {
	return []store.Schema{{Name: "archive", FS: archive.Schema()}, store.EmbeddedSchema("ingest", migrations)}
}

// Pipeline takes objects in and builds resources from what it took. It is safe for concurrent use; several processes may run
// one on the same database.
type Pipeline struct {
	Store   store.Store
	Objects archive.Objects
	Mapper  *mapping.Mapper
	// Elsewhere opens objects that stay in other archives; nil: there are none.
	Elsewhere Elsewhere
	// Matching links records that are one person's by rules, and lists those that may be; nil: nobody is compared.
	Matching *match.Rules
	Log      *slog.Logger
	Workers  int // files read at a time; 0: the number of processors
	// Changed is called when something was committed that has to be built; nil: nobody waits for it.
	Changed func()
	// Completed is called with a study when its sender has sent all that it was about to; nil: nobody builds sooner for it.
	Completed func(study string)
	// Audit records what comes in, and what operators do to it; nil: nothing is recorded, which is for tests alone.
	Audit *audit.Log

	refusals, strangers audit.Throttle // two, so that who may not send does not hide what was refused of who may
}

// Origin says where objects come from.
type Origin struct {
	Owner  string // "Organization/<id>" that submits them; "" takes the institution that each object names
	Source string // channel or calling AE title
	Study  string // Study Instance UID that they are sent for; "" for any
	Bound  bool   // the sender may not add to a study that only others have submitted
	Visit  *Visit // for the audit record, what they come by; nil: Source and Owner are what is known

	objectsOnly bool // a message among them is no object, whatever it says
}

// Run takes in every file of files, builds what they change, and returns the summary. report, when given, is called now and
// then with the counts so far. The error is a failure of ours; a file that is refused is in the summary.
func (p *Pipeline) Run(ctx context.Context, files Files, origin Origin, report func(Summary)) (Summary, error) {
	s := newTally(report)
	if err := p.index(ctx, files, origin, s); err != nil {
		return s.summary(), err
	}
	err := p.Build(ctx, s)
	if err == nil {
		err = p.record(ctx)
	}
	return s.summary(), err
}
