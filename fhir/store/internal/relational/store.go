package relational

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/fhir/store/internal/runs"
)

// Store is a store.Store on a Database.
type Store struct {
	db       Database
	registry *fhir.Registry
	log      *slog.Logger
	clock    func() time.Time
	catalog  *catalog
	writer   *writer
	seal     []byte // the key that cursors are sealed with
	limits   Limits
	runs     *runs.Index
	untidy   chan struct{} // tells tidy that there is something to do
	unwatch  func()        // ends watch
}

var _ store.Store = (*Store)(nil)

// cursorSecret is the name of the secret behind cursors.
const cursorSecret = "cursor"

// Open makes a store of a migrated database. It closes db when it fails.
func Open(ctx context.Context, db Database, o store.Options) (*Store, error) {
	o = o.WithDefaults()
	s := &Store{db: db, registry: o.Registry, log: o.Log, clock: o.Clock, limits: defaultLimits(),
		runs: runs.New(db.Runs()), untidy: make(chan struct{}, 1)}
	if err := s.load(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var watching sync.WaitGroup
	watching.Go(func() { s.watch(ctx) })
	watching.Go(func() { s.tidy(ctx) })
	s.nudge()
	s.unwatch = func() {
		cancel()
		watching.Wait()
	}
	return s, nil
}

func (s *Store) load(ctx context.Context) (err error) {
	if s.catalog, err = loadCatalog(ctx, s.db, s.registry); err != nil {
		return fmt.Errorf("dictionaries: %w", err)
	}
	if s.catalog.generations.Load().building {
		s.log.Warn("search parameters are defined otherwise than the index was built; searches by them are refused until it is reindexed")
	}
	s.writer = newWriter(s)
	if s.seal, err = s.Secret(ctx, cursorSecret); err != nil {
		return fmt.Errorf("cursor key: %w", err)
	}
	return nil
}

// now is the time to the precision that is stored.
func (s *Store) now() time.Time { return s.clock().UTC().Truncate(time.Microsecond) }

// Write runs fn in one transaction.
func (s *Store) Write(ctx context.Context, fn func(tx store.Tx) error) error {
	return s.failure(ctx, s.writer.write(ctx, fn))
}

// View runs fn on one state of the database.
func (s *Store) View(ctx context.Context, fn func(tx store.SQL) error) error {
	return s.onSnapshot(ctx, s.db.Snapshot, fn)
}

func (s *Store) onSnapshot(ctx context.Context, snapshot func(context.Context) (Transaction, error), fn func(tx store.SQL) error) error {
	ctx, cancel := statementContext(ctx, readTimeout)
	defer cancel()
	tx, err := snapshot(ctx)
	if err != nil {
		return s.failure(ctx, err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // it only read
	return s.failure(ctx, fn(tx))
}

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// Close waits for the write that runs, refuses further ones, and ends the connections.
func (s *Store) Close() error {
	s.unwatch()
	s.writer.close()
	return s.db.Close()
}

// Secret returns the installation's secret of that name.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) {
	value, err := s.secret(ctx, s.db, name)
	if err != nil || value != nil {
		return value, err
	}
	fresh := make([]byte, 32)
	if _, err := rand.Read(fresh); err != nil {
		return nil, err
	}
	err = s.Write(ctx, func(tx store.Tx) error {
		if value, err = s.secret(ctx, tx, name); err != nil || value != nil {
			return err
		}
		value = fresh
		_, err := tx.Exec(ctx, "INSERT INTO secret (name, value) VALUES ($1, $2)", name, fresh)
		return err
	})
	return value, err
}

// querier is what reads need of a database or transaction.
type querier interface {
	Query(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error
}

func (s *Store) secret(ctx context.Context, q querier, name string) (value []byte, err error) {
	ctx, cancel := statementContext(ctx, readTimeout)
	defer cancel()
	err = q.Query(ctx, "SELECT value FROM secret WHERE name = $1", []any{name}, func(scan func(...any) error) error {
		return scan(&value)
	})
	return value, s.failure(ctx, err)
}

// readTimeout is the limit of a read whose caller sets none.
const readTimeout = 30 * time.Second

// statementContext gives ctx a deadline if it has none.
func statementContext(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, limit)
}

// failure gives an error of the database its meaning in the contract.
func (s *Store) failure(ctx context.Context, err error) error {
	switch {
	case err == nil, errors.Is(err, store.ErrTimeout), errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrFull):
		return err
	case errors.Is(err, context.DeadlineExceeded), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", store.ErrTimeout, err)
	}
	if fault := s.db.Fault(err); fault != nil {
		return fmt.Errorf("%w: %w", fault, err)
	}
	return err
}

// indexOf evaluates the search parameters of a resource, unless it is prepared. Stamping it changes nothing of them.
func (s *Store) indexOf(w store.Write) (indexed, error) {
	if w.Document != nil {
		return s.catalog.forWriters.index(w.Resource.Type, *w.Document)
	}
	d, err := search.Index(s.registry, w.Resource)
	if err != nil {
		return indexed{}, err
	}
	return s.catalog.forWriters.index(w.Resource.Type, d)
}

// indexStored evaluates those of a version that is stored. It may be older than the definition of a parameter, which then may
// not take its value: that has no entry.
func (s *Store) indexStored(r *record) (indexed, []*fhir.Error, error) {
	d, faults, err := search.IndexStored(s.registry, r.resource())
	if err != nil {
		return indexed{}, nil, err
	}
	x, err := s.catalog.forWriters.index(r.resourceType, d)
	return x, faults, err
}

// indexLinked evaluates a resource with what its logical references lead to.
func (s *Store) indexLinked(r fhir.Resource, known links) (indexed, error) {
	d, _, err := search.IndexStored(s.registry, r)
	if err != nil {
		return indexed{}, err
	}
	linked, _, err := s.document(r, d, known)
	if err != nil {
		return indexed{}, err
	}
	linked.Logical = d.Logical
	return s.catalog.forWriters.index(r.Type, linked)
}

// addOwners adds the postings of who submitted a version.
func (s *Store) addOwners(e *entries, r *record) error {
	owner, err := s.catalog.forWriters.named(r.resourceType, ownerParam)
	for _, o := range splitOwners(r.owners) {
		e.postings = append(e.postings, owner.of(search.Hash(o)))
	}
	return err
}
