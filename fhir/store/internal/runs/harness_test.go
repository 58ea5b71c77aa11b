package runs_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"lightbox/fhir/store"
	"lightbox/fhir/store/internal/runs"
	"lightbox/fhir/store/postgres"
	"lightbox/fhir/store/postgres/pgtest"
	"lightbox/fhir/store/sqlite"
)

var ctx = context.Background()

// onBoth runs a test on each database.
func onBoth[T interface {
	testing.TB
	Run(string, func(T)) bool
}](t T, test func(T, *bench)) {
	t.Run("sqlite", func(t T) {
		path := filepath.Join(t.TempDir(), "store.db")
		s, err := sqlite.Open(ctx, path, store.Options{})
		test(t, open(t, s, err, runs.JSON{}))
	})
	t.Run("postgres", func(t T) {
		s, err := postgres.Open(ctx, pgtest.Start(t), store.Options{})
		test(t, open(t, s, err, runs.Arrays{}))
	})
}

func open(t testing.TB, s store.Store, err error, d runs.Dialect) *bench {
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &bench{Index: runs.New(d), store: s, dialect: d}
}

// bench is an index in a database.
type bench struct {
	*runs.Index
	store   store.Store
	dialect runs.Dialect

	added                     int // by a benchmark
	adding, stepping, slowest time.Duration
}

// fatal is what tests and rapid's have in common.
type fatal interface {
	Helper()
	Fatal(...any)
}

var errRollback = errors.New("rolled back")

func (x *bench) write(t fatal, fn func(tx store.SQL) error) {
	t.Helper()
	if err := x.store.Write(ctx, func(tx store.Tx) error { return fn(tx) }); err != nil {
		t.Fatal(err)
	}
}

// lost is write, but of a process that dies before it commits.
func (x *bench) lost(t fatal, fn func(tx store.SQL) error) {
	t.Helper()
	err := x.store.Write(ctx, func(tx store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return errRollback
	})
	if !errors.Is(err, errRollback) {
		t.Fatal(err)
	}
}

func (x *bench) add(t fatal, entries []runs.Entry) {
	t.Helper()
	x.write(t, func(tx store.SQL) error { return x.Add(ctx, tx, entries) })
}

func (x *bench) step(t fatal) (more bool) {
	t.Helper()
	x.write(t, func(tx store.SQL) (err error) {
		more, err = x.Step(ctx, tx, nil)
		return err
	})
	return more
}

func (x *bench) settle(t fatal) {
	t.Helper()
	for x.step(t) {
	}
}

func (x *bench) lookup(t fatal, ranges []runs.Range, limit int) (found []runs.Entry) {
	t.Helper()
	err := x.store.View(ctx, func(tx store.SQL) (err error) {
		found, err = x.Lookup(ctx, tx, ranges, limit)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// number reads one.
func (x *bench) number(t fatal, query string) (n int64) {
	t.Helper()
	err := x.store.View(ctx, func(tx store.SQL) error {
		return tx.Query(ctx, query, nil, func(scan func(...any) error) error { return scan(&n) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
