// Package store states what a database of resources must keep. Package sqlite and package postgres keep it, package
// storetest proves it on both.
package store

import (
	"context"
	"errors"
	"time"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// Errors that every store returns, wrapped or as they are.
var (
	ErrNotFound = errors.New("store: not found")        // absent, or not visible: nobody can tell which
	ErrGone     = errors.New("store: deleted")          // deleted, and the caller could have seen it
	ErrConflict = errors.New("store: version conflict") // Write.IfVersion does not match
	ErrExists   = errors.New("store: exists")           // Create of an id that is taken
	ErrMapped   = errors.New("store: mapped resource")  // an outside change of what the hub maps
	ErrTimeout  = errors.New("store: deadline passed")
	// ErrUnavailable is of a database that does not answer, or is about to end. Whether a Write was committed is then not known.
	ErrUnavailable = errors.New("store: the database does not answer")
	ErrFull        = errors.New("store: the database has no space")
	ErrCursor      = errors.New("store: cursor not valid for this caller and query")
)

// Caller identifies who asks, for what outlives one call: a cursor works for the caller it was made for alone.
type Caller struct {
	ID     string // stable for one principal and its rights
	Access search.Access
}

// Store keeps resources. Every method is safe for concurrent use, obeys ctx, and returns only what the filter covers.
//
// A reference by identifier alone counts as the literal one, for searches and for whose data the resource is, as long as exactly one
// current resource that it may lead to has the identifier. That makes no version, and past versions stay whose they were.
type Store interface {
	// Read returns the current version. ErrNotFound; ErrGone together with the deletion.
	Read(ctx context.Context, visible search.Filter, resourceType, id string) (fhir.Resource, error)
	// VRead returns one version. Both the current version and the one asked for must be visible. Errors as of Read.
	VRead(ctx context.Context, visible search.Filter, resourceType, id string, version int64) (fhir.Resource, error)
	// History answers one page of the versions of one resource, of a type or of all types, newest first. ErrNotFound when one
	// resource is asked for that is absent or not visible; ErrCursor as of Search.
	History(ctx context.Context, q HistoryQuery, by Caller) (HistoryPage, error)
	// Search answers one page. q.Page is a cursor of an earlier Result; ErrCursor when it is another caller's or query's.
	Search(ctx context.Context, q search.Query, by Caller) (Result, error)
	// Changes returns the versions of all types, past ones and deletions too, that were made after a lastUpdated (microseconds
	// since 1970 UTC, 0 for the beginning), oldest first and at most limit. No two have the same lastUpdated, it rises in the
	// order in which versions become visible, over all processes, and whatever becomes visible later has a greater one: a reader
	// who asks again after the last change that it saw misses none. It asks for nobody: what a caller may see is for who passes
	// it on. What was purged is not told, nor is a change of owners that made no version.
	Changes(ctx context.Context, after int64, limit int) ([]Change, error)
	// Write runs fn in one transaction and returns after it is durable. fn may run again after a serialization failure, so it
	// must not act on anything but tx. Concurrent calls may share one commit. On error nothing is changed.
	Write(ctx context.Context, fn func(tx Tx) error) error
	// View runs fn on a read transaction for packages that keep tables of their own.
	View(ctx context.Context, fn func(tx SQL) error) error
	// Reindex adds the index entries that are missing since the registry has defined a search parameter otherwise than when the
	// resources were written. Until it is through, a search by such a parameter is refused (fhir.Transient), and all else goes on.
	// It works in many small transactions; a run that was broken off is finished by the next, and several may share the work.
	Reindex(ctx context.Context, o Reindexing) error
	// Secret returns the installation's secret of that name: 32 random bytes made on first use, the same for every process on the database.
	Secret(ctx context.Context, name string) ([]byte, error)
	// Ledger is the store's own; nil where no Schema has tables in it.
	Ledger() Ledger
	Ping(ctx context.Context) error
	Close() error
}

// Ledger keeps tables that are only appended to, beside the store: what is put into it waits for no writer of the store, holds none up,
// and makes no reader look anew. In return it is part of no transaction of the store.
type Ledger interface {
	// Exec runs one statement in a transaction of its own, durable when it returns. ErrExists: a unique key is taken, and nothing is changed.
	// Of any other error whether it was committed is not known.
	Exec(ctx context.Context, query string, args ...any) error
	// View runs fn on a read transaction of the ledger, which sees none of the store's tables.
	View(ctx context.Context, fn func(tx SQL) error) error
}

// SQL is what a package with tables of its own needs of a transaction. Statements use $1, $2 and must run on both databases.
type SQL interface {
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	// Query calls row once a row, with a function that scans it.
	Query(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error
}

// Tx is one unit of work.
type Tx interface {
	SQL
	// Get returns the current version whatever any caller may see, deleted ones too. ErrNotFound.
	Get(ctx context.Context, resourceType, id string) (Stored, error)
	// Visible reports whether filter covers the current version of a resource, as this transaction sees it.
	Visible(ctx context.Context, filter search.Filter, resourceType, id string) (bool, error)
	// Put creates or updates w.Resource and returns it stamped. An unchanged update writes nothing and returns the stored version.
	Put(ctx context.Context, w Write) (fhir.Resource, Outcome, error)
	// PutAll puts many resources in order, faster than one by one. On an error it returns what came before it.
	PutAll(ctx context.Context, writes []Write) ([]Written, error)
	// Delete makes a deletion version. Deleting what is absent or deleted does nothing and returns ErrNotFound or ErrGone.
	Delete(ctx context.Context, d Delete) (fhir.Resource, error)
	// Find returns the current versions that answer q, as this transaction sees them, newest first and at most limit: what a
	// conditional interaction goes by. Writers exclude one another, so what it says stays true until the commit.
	Find(ctx context.Context, q search.Query, by Caller, limit int) ([]fhir.Resource, error)
	// Purge removes a resource with every version and index entry of it, as if it had never been. ErrNotFound.
	Purge(ctx context.Context, resourceType, id string) error
	// Decide records that a report is released to its patient, with what belongs to it, or kept back, whatever versions of it come; changed is
	// false where that was decided before. ErrNotFound where there is no such report, or it is deleted. See search.Release.
	Decide(ctx context.Context, d Decision) (changed bool, err error)
	// Now is the time that this transaction stamps first; each version has a time of its own, later than all before it.
	Now() time.Time
}

// Decision is what somebody decides about a report.
type Decision struct {
	Report   string // id of the DiagnosticReport
	Released bool
	By       string // who decides
	At       time.Time
}

// Stored is a current version with what the store knows beside it.
type Stored struct {
	fhir.Resource
	Mapped bool
	Owners []string
}

// Write is one resource to put.
type Write struct {
	Resource  fhir.Resource // Type, ID and Body
	Owners    []string      // "Organization/<id>" of those who submitted it; nil on update keeps what is stored
	Mapped    bool          // the hub maps it: only a Mapped write may change it (ErrMapped otherwise)
	MustBeNew bool          // create: ErrExists when the id is taken
	IfVersion int64         // 0: any; else ErrConflict unless it is the current version
	// Document is what Prepare made of Resource; nil: it is evaluated when the resource is put.
	Document *search.Document
}

// Written is what one Write of PutAll came to.
type Written struct {
	Resource fhir.Resource // stamped
	Outcome  Outcome
}

// Delete names one resource to delete.
type Delete struct {
	Type, ID  string
	Mapped    bool
	IfVersion int64
}

// Outcome tells what Put did.
type Outcome int

const (
	Unchanged Outcome = iota
	Created
	Updated
)

// HistoryQuery asks for versions.
type HistoryQuery struct {
	Type, ID string    // both: of one resource; Type alone: of a type; none: of all types that the caller may see
	Since    time.Time // only versions made at this time or later; zero: all
	From, To time.Time // _at: only versions that were current at some time within; zero: all
	Count    int       // page size, 1 to search.MaxCount
	Page     string    // cursor of an earlier page, sealed for caller and query
}

// Version is one version in a history.
type Version struct {
	fhir.Resource
	Made bool // there was no resource before it, or a deleted one
}

// HistoryPage is one page of a history. Total is the number of all versions, -1 when not counted.
type HistoryPage struct {
	Versions []Version
	Next     string
	Total    int64
}

// Change tells that a version was made.
type Change struct {
	Type, ID    string
	Version     int64
	LastUpdated int64 // microseconds since 1970 UTC
	Deleted     bool
}

// Reindexing says how to reindex.
type Reindexing struct {
	All      bool                    // build everything anew, as a damaged index needs; searches by any parameter are refused meanwhile
	Progress func(done, total int64) // resources, after each transaction; nil: nobody asks
}

// Result is one page of a search.
type Result struct {
	Matches  []fhir.Resource
	Included []fhir.Resource // each once, none of them in Matches
	Next     string          // sealed cursor; empty on the last page
	Previous string          // the same; empty on the first page
	// Truncated says that more than MaxIncluded resources were to be included: the rest is left out.
	Truncated bool
	Total     int64 // -1 when not counted
	Exact     bool  // Total is exact
}

// MaxIncluded bounds the resources that one page includes.
const MaxIncluded = 1000
