package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"lightbox/fhir/store"
	"lightbox/fhir/store/sqlite"
	"lightbox/fhir/store/storetest"
)

func database(t testing.TB) storetest.Database {
	path := filepath.Join(t.TempDir(), "store.db")
	return func(t testing.TB, o store.Options) store.Store {
		s, err := sqlite.Open(context.Background(), path, o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func TestStore(t *testing.T) { storetest.Run(t, database) }
