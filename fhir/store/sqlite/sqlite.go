// Package sqlite keeps a store in one SQLite file: WAL, a commit is on disk before it is acknowledged (synchronous=FULL), one
// connection that writes and a pool that reads. Several processes may share the file.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"runtime"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // the driver

	"lightbox/fhir/store"
	"lightbox/fhir/store/internal/relational"
	"lightbox/fhir/store/internal/schema"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Open opens the store in the file at path, which it makes when there is none, and brings it to the present layout.
func Open(ctx context.Context, path string, o store.Options) (store.Store, error) {
	if path == "" || strings.Contains(path, ":memory:") {
		return nil, fmt.Errorf("sqlite: %q is no path of a file", path)
	}
	o = o.WithDefaults()
	db, err := openBoth(ctx, path, o)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	s, err := relational.Open(ctx, db, o)
	if err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	return s, nil
}

// openBoth opens the file of the store, and beside it that of the ledger where a schema has tables in it.
func openBoth(ctx context.Context, path string, o store.Options) (*database, error) {
	own, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	m, err := schema.New(goose.DialectSQLite3, own, o)
	if err != nil {
		return nil, err
	}
	ofLedger, err := schema.Ledger(goose.DialectSQLite3, o)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, path, m); err != nil {
		return nil, err
	}
	db, err := open(ctx, path, checkpoint)
	if err != nil || ofLedger == nil {
		return db, err
	}
	beside, err := openLedger(ctx, path+"-ledger", ofLedger)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ledger: %w", err), db.Close())
	}
	db.ledger = beside
	return db, nil
}

func openLedger(ctx context.Context, path string, m *schema.Migrator) (*ledger, error) {
	if err := migrate(ctx, path, m); err != nil {
		return nil, err
	}
	db, err := open(ctx, path, checkpointOfLedger)
	if err != nil {
		return nil, err
	}
	return newLedger(db), nil
}

// How long a connection waits for another process: a writer its turn, a starting one for a migration to end.
const (
	busyTimeout    = "busy_timeout(10000)"
	migrateTimeout = "busy_timeout(60000)"
)

// pageSize is of a new file: several resources fill a page, so that little of it stays empty.
const pageSize = "page_size=8192"

// source names the file with settings of its connections.
func source(path string, pragmas ...string) string {
	settings := url.Values{"_pragma": pragmas}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + settings.Encode()
}

// migrate changes the file under a lock, and leaves a file that is up to date alone.
func migrate(ctx context.Context, path string, m *schema.Migrator) (err error) {
	db, err := sql.Open("sqlite", source(path, migrateTimeout))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if current, err := m.Current(ctx, db); err != nil || current {
		return err
	}
	unlock, err := lock(ctx, path+"-migration")
	if err != nil {
		return fmt.Errorf("lock for migration: %w", err)
	}
	defer func() { err = errors.Join(err, unlock()) }()
	for _, pragma := range []string{pageSize, "journal_mode=WAL"} {
		if _, err := db.ExecContext(ctx, "PRAGMA "+pragma); err != nil {
			return err
		}
	}
	return m.Up(ctx, db)
}

// lock holds an empty file of its own, for SQLite has no lock on the database itself that would outlast the transactions of a
// migration. Who else starts now waits, and finds the migration done. The file stays: others may be waiting for it.
func lock(ctx context.Context, path string) (unlock func() error, err error) {
	db, err := sql.Open("sqlite", source(path, migrateTimeout))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db.Close, nil
}

// idleTimeout is after how long without a query a connection gives its cache back.
const idleTimeout = 5 * time.Minute

// readers is how many queries run at a time. They compute more than they wait.
func readers() int { return max(4, 2*runtime.GOMAXPROCS(0)) }

// From how many pages the log of what was written goes into the file. Whoever waits for a commit of the ledger waits for that too.
const (
	checkpoint         = "wal_autocheckpoint(32000)"
	checkpointOfLedger = "wal_autocheckpoint(1000)"
)

func open(ctx context.Context, path, checkpoint string) (*database, error) {
	common := []string{busyTimeout, "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(OFF)", "temp_store(MEMORY)"}
	write, err := sql.Open("sqlite", source(path, append(common, "cache_size(-262144)", checkpoint)...))
	if err != nil {
		return nil, err
	}
	write.SetMaxOpenConns(1)
	read, err := sql.Open("sqlite", source(path, append(common, "query_only(ON)", "cache_size(-16384)", "mmap_size(1073741824)")...))
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(2 * readers()) // as many may be kept for snapshots
	read.SetMaxIdleConns(2 * readers()) // to open one again takes longer than most queries: it compiles them anew, and its cache is empty
	read.SetConnMaxIdleTime(idleTimeout)
	db, err := newDatabase(ctx, read, write)
	if err != nil {
		return nil, errors.Join(err, read.Close(), write.Close())
	}
	return db, nil
}
