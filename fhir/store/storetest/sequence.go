package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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

// writeAtOnce runs writers in several stores on one database, with clocks that disagree; a third of their transactions fail.
// Each of the others creates devices a and b of its own, changes a, and changes or deletes a patient that all share. It returns
// how many stood.
func writeAtOnce(t *testing.T, db Database) (stood int) {
	stores := make([]fixture, 3)
	for i := range stores {
		stores[i] = openWith(t, db, store.Options{Clock: wrongClock})
	}
	failure := errors.New("changed my mind")
	var wg sync.WaitGroup
	for w := range pollWriters {
		f := stores[w%len(stores)]
		wg.Go(func() {
			for n := range pollWrites {
				err := f.Write(ctx, func(tx store.Tx) error {
					err := f.writeSome(tx, fmt.Sprintf("-%d-%d", w, n))
					if err == nil && n%3 == 2 {
						return failure
					}
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

func (f fixture) writeSome(tx store.Tx, name string) error {
	for _, body := range []string{device("a"+name, "active"), device("b"+name, "active"), device("a"+name, "inactive")} {
		if _, _, err := tx.Put(ctx, store.Write{Resource: parse(f, body)}); err != nil {
			return err
		}
	}
	if stored, err := tx.Get(ctx, "Patient", "shared"); err == nil && !stored.Deleted && stored.Version%4 == 3 {
		_, err := tx.Delete(ctx, store.Delete{Type: "Patient", ID: "shared"})
		return err
	}
	_, _, err := tx.Put(ctx, store.Write{Resource: parse(f, patient("shared", name))})
	return err
}

// polled asks for what is newer than the newest seen, while writers are at work: in the end nothing was passed over.
func polled(t *testing.T, db Database) {
	f := open(t, db)
	done := make(chan struct{})
	var stood int
	go func() {
		defer close(done)
		stood = writeAtOnce(t, db)
	}()
	devices, changes := map[string]bool{}, []store.Change{}
	newest, after := time.Unix(0, 0), int64(0)
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		for _, r := range f.search(everyone, "Device", "_sort=_lastUpdated&_count=1000&_lastUpdated=gt"+newest.UTC().Format(fhir.InstantLayout)).Matches {
			if devices[r.ID] || !r.LastUpdated.After(newest) {
				t.Errorf("%s of %v comes after %v", r.ID, r.LastUpdated, newest)
			}
			devices[r.ID], newest = true, r.LastUpdated
		}
		found, err := f.Changes(ctx, after, 1000)
		if err != nil {
			t.Error(err)
		}
		for _, c := range found {
			changes, after = append(changes, c), c.LastUpdated
		}
	}
	if len(devices) != 2*stood {
		t.Errorf("who polled the search saw %d devices, want %d", len(devices), 2*stood)
	}
	f.checkChanges(changes, stood)
}

// checkChanges compares the changes that a reader met bit by bit with all of them, and with what was written.
func (f fixture) checkChanges(met []store.Change, stood int) {
	var all []store.Change
	for after := int64(0); ; {
		found, err := f.Changes(ctx, after, 7)
		if err != nil {
			f.Fatal(err)
		}
		if len(found) == 0 {
			break
		}
		all, after = append(all, found...), found[len(found)-1].LastUpdated
	}
	if diff := cmp.Diff(all, met); diff != "" {
		f.Errorf("who polled the changes met other ones (-want +got):\n%s", diff)
	}
	if len(all) != 4*stood {
		f.Errorf("%d changes, want %d", len(all), 4*stood)
	}
	next := map[string]int64{}
	for i, c := range all {
		if next[c.Type+"/"+c.ID]++; c.Version != next[c.Type+"/"+c.ID] || i > 0 && c.LastUpdated <= all[i-1].LastUpdated {
			f.Errorf("change %d is %+v behind %+v", i, c, all[max(i-1, 0)])
		}
		if c.Deleted != (c.Type == "Patient" && c.Version%4 == 0) {
			f.Errorf("%+v: deleted", c)
		}
	}
}
