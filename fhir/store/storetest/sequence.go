package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// testSequence proves that lastUpdated counts the versions of a database in the order in which they become visible.
func testSequence(t *testing.T, fresh func(t testing.TB) Database) {
	t.Run("one by one", func(t *testing.T) { stampedOneByOne(t, fresh(t)) })
	t.Run("polled", func(t *testing.T) { polled(t, fresh(t)) })
}

// wrongClock is a clock that jumps back and forth, as those of several machines do.
func wrongClock() time.Time {
	return time.Now().Add(time.Duration(rand.Int64N(int64(2*time.Second)) - int64(time.Second))) //nolint:gosec // not a secret
}

// stampedOneByOne writes in one transaction, through two stores and with clocks that run backwards.
func stampedOneByOne(t *testing.T, db Database) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 6000, time.UTC)
	one := openWith(t, db, store.Options{Clock: func() time.Time { return now }})
	two := openWith(t, db, store.Options{Clock: func() time.Time { return now.Add(-time.Hour) }})
	err := one.Write(ctx, func(tx store.Tx) error {
		written, err := tx.PutAll(ctx, []store.Write{{Resource: parse(t, device("a", "active"))}, {Resource: parse(t, device("b", "active"))}})
		if err != nil {
			return err
		}
		for i, w := range written {
			if want := now.Add(time.Duration(i) * time.Microsecond); !w.Resource.LastUpdated.Equal(want) || !tx.Now().Equal(now) {
				t.Errorf("stamp %d is %v at %v, want %v", i, w.Resource.LastUpdated, tx.Now(), want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	last := now.Add(time.Microsecond)
	for i, f := range []fixture{two, one, two} {
		var seen time.Time
		var r fhir.Resource
		err := f.Write(ctx, func(tx store.Tx) (err error) {
			seen = tx.Now()
			r, _, err = tx.Put(ctx, store.Write{Resource: parse(f, device("c", fmt.Sprint("s", i)))})
			return err
		})
		if err != nil || !r.LastUpdated.After(last) || !seen.Equal(r.LastUpdated) {
			t.Errorf("write %d is stamped %v after %v; Now was %v, %v", i, r.LastUpdated, last, seen, err)
		}
		last = r.LastUpdated
	}
}

const (
	pollWriters = 8
	pollWrites  = 25
)

// writeAtOnce runs writers in several stores on one database, a third of whose transactions fail. It returns how many
// resources they created.
func writeAtOnce(t *testing.T, db Database) (created int) {
	failure := errors.New("changed my mind")
	stores := make([]fixture, 3)
	for i := range stores {
		stores[i] = openWith(t, db, store.Options{Clock: wrongClock})
	}
	var wg sync.WaitGroup
	for w := range pollWriters {
		f := stores[w%len(stores)]
		wg.Go(func() {
			for n := range pollWrites {
				err := f.Write(ctx, func(tx store.Tx) error {
					for _, id := range []string{"a", "b"} {
						id = fmt.Sprintf("%s-%d-%d", id, w, n)
						if _, _, err := tx.Put(ctx, store.Write{Resource: parse(f, device(id, "active"))}); err != nil {
							return err
						}
					}
					if n%3 == 2 {
						return failure
					}
					_, _, err := tx.Put(ctx, store.Write{Resource: parse(f, patient(fmt.Sprintf("%d-%d", w, n), "x"))})
					return err
				})
				if (n%3 == 2) != errors.Is(err, failure) {
					t.Errorf("write: %v", err)
				}
			}
		})
	}
	wg.Wait()
	return pollWriters * (pollWrites - pollWrites/3)
}

// polled asks for what is newer than the newest seen, while writers are at work: in the end nothing was passed over.
func polled(t *testing.T, db Database) {
	f := open(t, db)
	done := make(chan struct{})
	var created int
	go func() {
		defer close(done)
		created = writeAtOnce(t, db)
	}()
	seen := map[string]bool{}
	last := time.Unix(0, 0)
	poll := func() {
		result := f.search(everyone, "Device", "_sort=_lastUpdated&_count=1000&_lastUpdated=gt"+last.UTC().Format(fhir.InstantLayout))
		for _, r := range result.Matches {
			if seen[r.ID] || !r.LastUpdated.After(last) {
				t.Errorf("%s of %v comes after %v", r.ID, r.LastUpdated, last)
			}
			seen[r.ID], last = true, r.LastUpdated
		}
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		poll()
	}
	if len(seen) != 2*created {
		t.Errorf("a reader who polled saw %d devices, want %d", len(seen), 2*created)
	}
}
