package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/fhir/store/internal/relational"
)

// testPurge counts the rows of every table: nothing of a purged resource is left, wherever it was.
func testPurge(t *testing.T, fresh func(t testing.TB) Database) {
	for name, run := range map[string]func(f fixture){
		"nothing is left":    nothingLeft,
		"in one transaction": purgedAtOnce,
		"rolled back":        purgeRolledBack,
		"among others":       purgedAmongOthers,
		"deleted":            deletedLeaves,
	} {
		t.Run(name, func(t *testing.T) { run(open(t, fresh(t))) })
	}
	t.Run("numbers", func(t *testing.T) { purgedNumbers(t, fresh(t)) })
}

func (f fixture) purge(references ...string) error {
	return f.Write(ctx, func(tx store.Tx) error {
		for _, ref := range references {
			resourceType, id, _ := strings.Cut(ref, "/")
			if err := tx.Purge(ctx, resourceType, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// tables returns the names of all tables but the dictionaries, in whatever database it is.
func (f fixture) tables() []string {
	f.Helper()
	var names []string
	list := func(query string) error {
		return f.View(ctx, func(tx store.SQL) error {
			return tx.Query(ctx, query, nil, func(scan func(...any) error) error {
				var name string
				err := scan(&name)
				names = append(names, name)
				return err
			})
		})
	}
	if list("SELECT tablename FROM pg_tables WHERE schemaname = 'public'") != nil {
		if err := list("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"); err != nil {
			f.Fatal(err)
		}
	}
	return slices.DeleteFunc(names, func(n string) bool {
		return strings.HasPrefix(n, "goose_") || strings.HasPrefix(n, "run") || slices.Contains([]string{"resource_type", "search_param", "head", "secret", "posting_fresh"}, n)
	})
}

// counts returns the number of rows of each table.
func (f fixture) counts() map[string]int64 {
	f.Helper()
	all := map[string]int64{}
	for _, name := range f.tables() {
		all[name] = f.count(name)
	}
	return all
}

func (f fixture) count(from string) (n int64) {
	f.Helper()
	err := f.View(ctx, func(tx store.SQL) error {
		return tx.Query(ctx, "SELECT COUNT(*) FROM "+from, nil, func(scan func(...any) error) error { return scan(&n) })
	})
	if err != nil {
		f.Fatal(err)
	}
	return n
}

// life gives resources a past: changes, a deletion, owners that come and go.
func (f fixture) life(id string) []string {
	f.put(patient(id, "von der Heide"), clinicOne)
	f.put(`{"resourceType":"Patient","id":"`+id+`","birthDate":"1980-05","name":[{"family":"Weber","given":["Anna"]}]}`, clinicOne, clinicTwo)
	f.delete("Patient", id)
	f.put(`{"resourceType":"Patient","id":"`+id+`","birthDate":"1981","identifier":[{"system":"urn:mrn","value":"`+id+`"}],"active":true,"name":[{"family":"Weber"}]}`, clinicTwo, hospital)
	f.put(imagingStudy("s-"+id, "Patient/"+id, "available", "2024-01-01T10:00:00Z"), hospital)
	f.put(strings.Replace(imagingStudy("s-"+id, "Patient/"+id, "registered", "2024-01-02T10:00:00Z"), `"status"`, `"numberOfInstances":3,"status"`, 1))
	f.put(imagingStudy("gone-"+id, "Patient/"+id, "available", "2024-01-01T10:00:00Z"), hospital)
	f.delete("ImagingStudy", "gone-"+id)
	f.put(`{"resourceType":"Observation","id":"o-`+id+`","identifier":[{"value":"`+id+`"}],"status":"final","code":{"text":"dose"},"subject":{"reference":"Patient/`+id+`"},`+
		`"focus":[{"type":"Patient","identifier":{"system":"urn:mrn","value":"`+id+`"}}],`+
		`"valueQuantity":{"value":5,"system":"http://unitsofmeasure.org","code":"mGy"}}`, hospital)
	f.put(`{"resourceType":"Task","id":"t-`+id+`","status":"requested","intent":"order","for":{"reference":"Patient/`+id+`"},"owner":{"reference":"`+clinicOne+`"}}`, hospital)
	f.put(consent("c-"+id, "Patient/"+id, `"type":"deny","actor":[{"reference":{"reference":"`+clinicTwo+`"}}]`), hospital)
	f.put(report("r-"+id, "Patient/"+id, "final", "", "o-"+id), hospital)
	f.delete("DiagnosticReport", "r-"+id)
	f.put(report("r-"+id, "Patient/"+id, "final", "2024-01-01T10:00:00Z", "o-"+id), hospital)
	f.decide("r-"+id, true)
	return []string{"DiagnosticReport/r-" + id, "Consent/c-" + id, "Task/t-" + id, "Patient/" + id, "ImagingStudy/s-" + id, "ImagingStudy/gone-" + id, "Observation/o-" + id}
}

// rare returns how many entries the runs hold once they are merged.
func (f fixture) rare() (n int64) {
	f.Helper()
	if err := f.Store.(*relational.Store).Tidy(ctx); err != nil {
		f.Fatal(err)
	}
	err := f.View(ctx, func(tx store.SQL) error {
		return tx.Query(ctx, "SELECT COALESCE(SUM(entries), 0) FROM run WHERE state = 1", nil, func(scan func(...any) error) error { return scan(&n) })
	})
	if err != nil {
		f.Fatal(err)
	}
	return n + f.count("posting_fresh")
}

func nothingLeft(f fixture) {
	empty := f.counts()
	f.life("other")
	before := f.counts()
	for name, n := range before {
		if n == empty[name] {
			f.Errorf("the test fills no %s", name)
		}
	}
	if err := f.purge(f.life("q")...); err != nil {
		f.Fatal(err)
	}
	rare := f.rare()
	purged := f.life("p")
	if err := f.purge(purged...); err != nil {
		f.Fatal(err)
	}
	if got := f.rare(); got != rare || rare == 0 {
		f.Errorf("%d entries in the runs, want %d", got, rare)
	}
	if diff := cmp.Diff(before, f.counts()); diff != "" {
		f.Errorf("rows of each table (-want +got):\n%s", diff)
	}
	for _, ref := range purged {
		resourceType, id, _ := strings.Cut(ref, "/")
		f.wantError(store.ErrNotFound)(f.Read(ctx, search.Everything(), resourceType, id))
		f.wantError(store.ErrNotFound)(f.VRead(ctx, search.Everything(), resourceType, id, 1))
		if history, err := f.versions(search.Everything(), resourceType, id, 10); !errors.Is(err, store.ErrNotFound) {
			f.Errorf("%d versions, %v; want ErrNotFound", len(history), err)
		}
		if err := f.purge(ref); !errors.Is(err, store.ErrNotFound) {
			f.Errorf("purged again: %v, want ErrNotFound", err)
		}
	}
	if got := f.ids(everyone, "Patient", "family=weber"); !slices.Equal(got, []string{"other"}) {
		f.Errorf("search finds %v", got)
	}
	f.life("p")
	if r := f.put(patient("p", "New")); r.Version != 5 {
		f.Errorf("version %d after four anew", r.Version)
	}
}

// purgedAtOnce writes and purges the same resource over and over in one transaction.
func purgedAtOnce(f fixture) {
	f.put(patient("a", "Old"), clinicOne)
	err := f.Write(ctx, func(tx store.Tx) error {
		for n := range 3 {
			for _, family := range []string{"One", "Two"} {
				if _, _, err := tx.Put(ctx, store.Write{Resource: parse(f, patient("a", family)), Owners: []string{clinicTwo}}); err != nil {
					return err
				}
			}
			if err := tx.Purge(ctx, "Patient", "a"); err != nil {
				return fmt.Errorf("purge %d: %w", n, err)
			}
			if _, err := tx.Get(ctx, "Patient", "a"); !errors.Is(err, store.ErrNotFound) {
				f.Errorf("Get after a purge: %v, want ErrNotFound", err)
			}
			if seen, err := tx.Visible(ctx, search.Everything(), "Patient", "a"); seen || err != nil {
				f.Errorf("visible after a purge: %v, %v", seen, err)
			}
		}
		r, outcome, err := tx.Put(ctx, store.Write{Resource: parse(f, patient("a", "Last")), MustBeNew: true})
		if r.Version != 1 || outcome != store.Created {
			f.Errorf("made anew as version %d, outcome %v, %v; want 1, Created", r.Version, outcome, err)
		}
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	fresh := f.counts()
	if fresh["resource"] != 1 || fresh["resource_history"] != 0 || fresh["care"] != 0 {
		f.Errorf("rows left: %v", fresh)
	}
	if got := f.ids(everyone, "Patient", "family=last"); !slices.Equal(got, []string{"a"}) {
		f.Errorf("search finds %v", got)
	}
}

func purgeRolledBack(f fixture) {
	all := f.life("p")
	before, failure := f.counts(), errors.New("changed my mind")
	err := f.Write(ctx, func(tx store.Tx) error {
		for _, ref := range all {
			resourceType, id, _ := strings.Cut(ref, "/")
			if err := tx.Purge(ctx, resourceType, id); err != nil {
				return err
			}
		}
		_, _, err := tx.Put(ctx, store.Write{Resource: parse(f, patient("p", "Anew"))})
		return errors.Join(err, failure)
	})
	if !errors.Is(err, failure) {
		f.Errorf("Write: %v", err)
	}
	if diff := cmp.Diff(before, f.counts()); diff != "" {
		f.Errorf("rows of each table (-want +got):\n%s", diff)
	}
	if history, err := f.versions(search.Everything(), "Patient", "p", 10); err != nil || len(history) != 4 {
		f.Errorf("%d versions, %v; want 4", len(history), err)
	}
}

// purgedAmongOthers purges while others write, in transactions that share commits.
func purgedAmongOthers(f fixture) {
	before := f.counts()
	var wg sync.WaitGroup
	for n := range 40 {
		wg.Go(func() {
			id := fmt.Sprint("p", n%8)
			for range 5 {
				if _, _, err := f.tryPut(store.Write{Resource: parse(f, patient(id, fmt.Sprint("n", n))), Owners: []string{clinicOne}}); err != nil {
					f.Error(err)
				}
				if err := f.purge("Patient/" + id); err != nil && !errors.Is(err, store.ErrNotFound) {
					f.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for n := range 8 {
		if err := f.purge(fmt.Sprint("Patient/p", n)); err != nil && !errors.Is(err, store.ErrNotFound) {
			f.Error(err)
		}
	}
	if diff := cmp.Diff(before, f.counts()); diff != "" {
		f.Errorf("rows of each table (-want +got):\n%s", diff)
	}
}

// deletedLeaves: a deletion takes the index entries and keeps the past.
func deletedLeaves(f fixture) {
	before := f.counts()
	f.put(imagingStudy("s", "Patient/p1", "available", "2024-01-01T10:00:00Z"), hospital)
	f.put(imagingStudy("s", "Patient/p2", "available", "2024-01-02T10:00:00Z"), hospital)
	f.delete("ImagingStudy", "s")
	want := before
	want["resource"], want["resource_history"] = want["resource"]+1, want["resource_history"]+2
	if diff := cmp.Diff(want, f.counts()); diff != "" {
		f.Errorf("rows of each table (-want +got):\n%s", diff)
	}
}

// purgedNumbers purges the newest of all and writes with a clock that has run back.
func purgedNumbers(t *testing.T, db Database) {
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	f := openWith(t, db, store.Options{Clock: func() time.Time { return now }})
	purged := f.put(device("a", "active"))
	if err := f.purge("Device/a"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(-time.Hour)
	again := openWith(t, db, store.Options{Clock: func() time.Time { return now }})
	for _, f := range []fixture{f, again} {
		r := f.put(device("a", "active"))
		if r.Version != 1 || !r.LastUpdated.After(purged.LastUpdated) {
			t.Errorf("version %d of %v, want 1 after %v", r.Version, r.LastUpdated, purged.LastUpdated)
		}
		if n := f.count("resource WHERE row <= 1"); n > 0 {
			t.Error("a row is given again")
		}
		purged = r
		if err := f.purge("Device/a"); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.purge("Basic/a"); fhir.IssueTypeOf(err) != fhir.NotSupported {
		t.Errorf("unknown type: %v, want not-supported", err)
	}
}
