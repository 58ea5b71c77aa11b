package server_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/fhir/store"
	"lightbox/fhir/store/postgres"
	"lightbox/fhir/store/postgres/pgtest"
	"lightbox/fhir/store/sqlite"
	"lightbox/server/links"
)

// eachStore runs test on both databases; open gives an empty store each time.
func eachStore(t *testing.T, test func(t *testing.T, open func(testing.TB) store.Store)) {
	t.Run("sqlite", func(t *testing.T) { test(t, openSQLite) })
	t.Run("postgres", func(t *testing.T) { test(t, openPostgres) })
}

func openSQLite(t testing.TB) store.Store { return openSQLiteAt(t, nil) }

func openPostgres(t testing.TB) store.Store { return openPostgresAt(t, nil) }

// openSQLiteAt has the time of a clock; nil: that of the machine.
func openSQLiteAt(t testing.TB, clock func() time.Time) store.Store {
	s, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "lightbox.db"), storeOptions(clock))
	return opened(t, s, err)
}

func openPostgresAt(t testing.TB, clock func() time.Time) store.Store {
	s, err := postgres.Open(context.Background(), pgtest.Start(t), storeOptions(clock))
	return opened(t, s, err)
}

func storeOptions(clock func() time.Time) store.Options {
	return store.Options{Clock: clock, Schemas: []store.Schema{auth.Schema(), audit.Schema(), links.Schema()}}
}

func opened(t testing.TB, s store.Store, err error) store.Store {
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
