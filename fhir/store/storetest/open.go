package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/fstest"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

func testOpen(t *testing.T, fresh func(t testing.TB) Database) {
	t.Run("together", func(t *testing.T) { openedTogether(t, fresh(t)) })
	t.Run("schemas", func(t *testing.T) { schemas(t, fresh(t)) })
	t.Run("closed amid writes", func(t *testing.T) { closedAmidWrites(t, fresh(t)) })
	t.Run("several stores", func(t *testing.T) { severalStores(t, fresh(t)) })
}

// shelf is the schema of a package with a table of its own.
func shelf(files ...string) []store.Schema {
	all := fstest.MapFS{}
	for i, statement := range files {
		name := string(rune('1'+i)) + "_shelf.sql"
		all["00"+name] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + statement + "\n")}
	}
	return []store.Schema{{Name: "shelf", FS: all}}
}

// openedTogether is what happens when several processes start at the same time on an empty database.
func openedTogether(t *testing.T, db Database) {
	var wg sync.WaitGroup
	stores := make([]store.Store, 6)
	for i := range stores {
		wg.Go(func() {
			stores[i] = db(t, store.Options{Schemas: shelf("CREATE TABLE shelf (n BIGINT NOT NULL PRIMARY KEY);")})
		})
	}
	wg.Wait()
	for _, s := range stores {
		if s == nil {
			continue // db has failed the test
		}
		f := fixture{t, s}
		f.put(device("a", "active"))
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// closedAmidWrites: whoever writes while the store is closed gets an error or is on disk, and nothing faults.
func closedAmidWrites(t *testing.T, db Database) {
	f := openWith(t, db, store.Options{})
	const writers = 8
	written := make([]int, writers)
	var wg sync.WaitGroup
	begun := make(chan struct{}, writers)
	for n := range writers {
		wg.Go(func() {
			for {
				id := fmt.Sprintf("d%d-%d", n, written[n])
				_, _, err := f.tryPut(store.Write{Resource: fhir.Resource{Type: "Device", ID: id, Body: []byte(device(id, "active"))}})
				if err != nil {
					if !errors.Is(err, store.ErrUnavailable) {
						t.Errorf("a write amid closing: %v, want ErrUnavailable", err)
					}
					return
				}
				if written[n]++; written[n] == 3 {
					begun <- struct{}{}
				}
			}
		})
	}
	for range writers {
		<-begun
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	wg.Wait()
	again := openWith(t, db, store.Options{})
	for n, count := range written {
		if _, err := again.Read(ctx, search.Everything(), "Device", fmt.Sprintf("d%d-%d", n, count-1)); err != nil {
			t.Errorf("writer %d: what was acknowledged last: %v", n, err)
		}
	}
}

// schemas are migrated after the store's own, and later ones when they are added.
func schemas(t *testing.T, db Database) {
	one := "CREATE TABLE shelf (n BIGINT NOT NULL PRIMARY KEY);"
	f := openWith(t, db, store.Options{Schemas: shelf(one)})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = openWith(t, db, store.Options{Schemas: shelf(one, "ALTER TABLE shelf ADD COLUMN label TEXT;")})
	err := f.Write(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, "INSERT INTO shelf (n, label) VALUES ($1, $2), ($3, $2)", 1, "x", 2)
		if n != 2 {
			t.Errorf("%d rows inserted, want 2", n)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	err = f.View(ctx, func(tx store.SQL) error {
		_, err := tx.Exec(ctx, "INSERT INTO shelf (n) VALUES (9)")
		return err
	})
	if err == nil {
		t.Error("a view can write")
	}
	failure := errors.New("enough")
	err = f.View(ctx, func(tx store.SQL) error {
		return tx.Query(ctx, "SELECT n FROM shelf", nil, func(func(...any) error) error { return failure })
	})
	if !errors.Is(err, failure) {
		t.Errorf("View: %v, want the error of its function", err)
	}
}

// severalStores write to one resource through two stores, as two processes would.
func severalStores(t *testing.T, db Database) {
	one, two := open(t, db), open(t, db)
	var wg sync.WaitGroup
	for n := range 20 {
		f := []fixture{one, two}[n%2]
		wg.Go(func() { f.put(device("a", string(rune('a'+n)))) })
	}
	wg.Wait()
	r := one.put(device("a", "last"))
	if r.Version != 21 {
		t.Errorf("version %d after 21 changes", r.Version)
	}
	two.wantRead(r)
	first, err := one.Secret(ctx, "shared")
	if err != nil {
		t.Fatal(err)
	}
	if second, err := two.Secret(ctx, "shared"); err != nil || string(first) != string(second) {
		t.Errorf("two stores have two secrets, %v", err)
	}
}
