package postgres_test

import (
	"context"
	"testing"

	"lightbox/fhir/store"
	"lightbox/fhir/store/postgres"
	"lightbox/fhir/store/postgres/pgtest"
	"lightbox/fhir/store/storetest"
)

func database(t testing.TB) storetest.Database {
	url := pgtest.Start(t)
	return func(t testing.TB, o store.Options) store.Store {
		s, err := postgres.Open(context.Background(), url, o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func TestStore(t *testing.T) { storetest.Run(t, database) }
