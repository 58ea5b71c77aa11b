package storetest

import (
	"context"
	"errors"
	"testing"
	"testing/fstest"
	"time"

	"lightbox/fhir/store"
)

// testLedger: what is put into the ledger is there for every store on the database, once, and waits for no writer of the store.
func testLedger(t *testing.T, fresh func(t testing.TB) Database) {
	t.Run("none", func(t *testing.T) {
		if l := open(t, fresh(t)).Ledger(); l != nil {
			t.Errorf("%v without a table in it", l)
		}
	})
	t.Run("kept", func(t *testing.T) { ledgerKeeps(t, fresh(t)) })
	t.Run("beside a writer", func(t *testing.T) { ledgerBesideWriter(t, fresh(t)) })
}

// ledgerOptions have a table in the ledger, and one in the store.
func ledgerOptions() store.Options {
	schemas := shelf("CREATE TABLE shelf (n BIGINT NOT NULL PRIMARY KEY);")
	schemas[0].Ledger = fstest.MapFS{"001_page.sql": &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE page (n BIGINT NOT NULL PRIMARY KEY);\n")}}
	return store.Options{Schemas: schemas}
}

const putPage = "INSERT INTO page (n) VALUES ($1)"

func ledgerKeeps(t *testing.T, db Database) {
	one, other := openWith(t, db, ledgerOptions()), openWith(t, db, ledgerOptions())
	if err := one.Ledger().Exec(ctx, putPage, 1); err != nil {
		t.Fatal(err)
	}
	if err := other.Ledger().Exec(ctx, putPage, 1); !errors.Is(err, store.ErrExists) {
		t.Errorf("a key that is taken: %v, want ErrExists", err)
	}
	if err := other.Ledger().Exec(ctx, putPage, 2); err != nil {
		t.Error(err)
	}
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	if err := one.Ledger().Exec(ctx, putPage, 3); err == nil {
		t.Error("put into a store that is closed")
	}
	again := openWith(t, db, ledgerOptions())
	if n := pagesOf(t, again); n != 2 {
		t.Errorf("%d pages after all, want 2", n)
	}
}

func pagesOf(t *testing.T, f fixture) (n int) {
	t.Helper()
	err := f.Ledger().View(ctx, func(tx store.SQL) error {
		return tx.Query(ctx, "SELECT COUNT(*) FROM page", nil, func(scan func(...any) error) error { return scan(&n) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// ledgerBesideWriter puts a page while a transaction of the store has not ended, and takes that one back.
func ledgerBesideWriter(t *testing.T, db Database) {
	f := openWith(t, db, ledgerOptions())
	failure := errors.New("enough")
	err := f.Write(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO shelf (n) VALUES (1)"); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if err := f.Ledger().Exec(ctx, putPage, 1); err != nil {
			t.Errorf("beside a writer: %v", err)
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Error(err)
	}
	if n := pagesOf(t, f); n != 1 {
		t.Errorf("%d pages, want 1", n)
	}
}
