package server_test

import (
	"context"
	"path/filepath"
	"testing"

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

func openSQLite(t testing.TB) store.Store { return openSQLiteWith(t, storeOptions()) }

func openPostgres(t testing.TB) store.Store { return openPostgresWith(t, storeOptions()) }

func openSQLiteWith(t testing.TB, o store.Options) store.Store {
	s, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "lightbox.db"), o)
	return opened(t, s, err)
}

func openPostgresWith(t testing.TB, o store.Options) store.Store {
	s, err := postgres.Open(context.Background(), pgtest.Start(t), o)
	return opened(t, s, err)
}

// storeOptions are those of a hub without a way in of its own.
func storeOptions() store.Options {
	return store.Options{Schemas: []store.Schema{auth.Schema(), audit.Schema(), links.Schema()}}
}

func opened(t testing.TB, s store.Store, err error) store.Store {
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
