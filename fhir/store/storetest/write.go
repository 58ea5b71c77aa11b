package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

var ctx = context.Background()

func testWrite(t *testing.T, fresh func(t testing.TB) Database) {
	for name, run := range map[string]func(f fixture){
		"versions":   versions,
		"unchanged":  unchanged,
		"refusals":   refusals,
		"mapped":     mapped,
		"re-created": recreated,
		"rollback":   rollback,
		"parallel":   parallelCreate,
		"grouped":    grouped,
		"many":       many,
	} {
		t.Run(name, func(t *testing.T) { run(open(t, fresh(t))) })
	}
	t.Run("clock backwards", func(t *testing.T) { clockBackwards(t, fresh(t)) })
	t.Run("reopened", func(t *testing.T) { reopened(t, fresh(t)) })
}

func device(id, status string) string {
	return fmt.Sprintf(`{"resourceType":"Device","id":%q,"status":%q,"identifier":[{"system":"urn:x","value":%q}]}`, id, status, id)
}

func (f fixture) wantRead(r fhir.Resource) {
	f.Helper()
	got, err := f.Read(ctx, search.Everything(), r.Type, r.ID)
	if err != nil {
		f.Fatalf("Read(%s): %v", r.Reference(), err)
	}
	got.Patient = r.Patient // a subject by identifier is found by what else is there
	if diff := cmp.Diff(r, got); diff != "" {
		f.Errorf("Read(%s) (-want +got):\n%s", r.Reference(), diff)
	}
}

func versions(f fixture) {
	first := f.put(device("a", "active"))
	if first.Version != 1 {
		f.Errorf("first version = %d, want 1", first.Version)
	}
	if !strings.Contains(string(first.Body), `"versionId":"1"`) {
		f.Errorf("body is not stamped: %s", first.Body)
	}
	f.wantRead(first)
	second := f.put(device("a", "inactive"))
	f.wantRead(second)
	gone := f.delete("Device", "a")
	want := []fhir.Resource{gone, second, first}
	got, err := f.versions(search.Everything(), "Device", "a", 10)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		f.Errorf("History (-want +got): %v\n%s", err, diff)
	}
	page, err := f.History(ctx, store.HistoryQuery{Type: "Device", ID: "a", Count: 1}, everyone)
	if err != nil || page.Next == "" {
		f.Fatalf("the first of three versions: next %q, %v", page.Next, err)
	}
	page, err = f.History(ctx, store.HistoryQuery{Type: "Device", ID: "a", Count: 1, Page: page.Next}, everyone)
	if diff := cmp.Diff([]store.Version{{Resource: second}}, page.Versions); err != nil || diff != "" {
		f.Errorf("the second page (-want +got): %v\n%s", err, diff)
	}
	for _, w := range []fhir.Resource{first, second} {
		got, err := f.VRead(ctx, search.Everything(), "Device", "a", w.Version)
		if diff := cmp.Diff(w, got); err != nil || diff != "" {
			f.Errorf("VRead(%d) (-want +got): %v\n%s", w.Version, err, diff)
		}
	}
	f.wantError(store.ErrGone)(f.VRead(ctx, search.Everything(), "Device", "a", 3))
	f.wantError(store.ErrGone)(f.Read(ctx, search.Everything(), "Device", "a"))
	f.wantError(store.ErrNotFound)(f.VRead(ctx, search.Everything(), "Device", "a", 4))
	f.wantError(store.ErrNotFound)(f.Read(ctx, search.Everything(), "Device", "b"))
	if _, err := f.versions(search.Everything(), "Device", "b", 10); !errors.Is(err, store.ErrNotFound) {
		f.Errorf("History of an absent resource: %v, want ErrNotFound", err)
	}
}

// wantError checks what a method returned.
func (f fixture) wantError(want error) func(fhir.Resource, error) {
	f.Helper()
	return func(r fhir.Resource, err error) {
		f.Helper()
		if !errors.Is(err, want) || r.Body != nil {
			f.Errorf("got %q, %v; want %v and nothing else", r.Body, err, want)
		}
	}
}

func unchanged(f fixture) {
	first := f.put(device("a", "active"), "Organization/one")
	for name, body := range map[string]string{"as written": device("a", "active"), "as read": string(first.Body)} {
		got, outcome, err := f.tryPut(store.Write{Resource: parse(f, body)})
		if err != nil || outcome != store.Unchanged {
			f.Errorf("%s: outcome %v, %v; want Unchanged", name, outcome, err)
		}
		if diff := cmp.Diff(first, got); diff != "" {
			f.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	both := []string{"Organization/two", "Organization/one"}
	if _, outcome, err := f.tryPut(store.Write{Resource: parse(f, device("a", "active")), Owners: both}); err != nil || outcome != store.Unchanged {
		f.Errorf("new owner: outcome %v, %v; want Unchanged", outcome, err)
	}
	f.wantRead(first)
	two := as("two", search.Grant{Owner: "Organization/two"})
	if diff := cmp.Diff([]string{"a"}, f.ids(two, "Device", "")); diff != "" {
		f.Errorf("what the new owner finds (-want +got):\n%s", diff)
	}
}

func refusals(f fixture) {
	f.put(device("a", "active"))
	f.put(device("a", "inactive"))
	write := store.Write{Resource: parse(f, device("a", "unknown"))}
	absent := store.Write{Resource: parse(f, device("b", "unknown")), IfVersion: 1}
	cases := map[string]struct {
		write store.Write
		want  error
	}{
		"create of what is there": {store.Write{Resource: write.Resource, MustBeNew: true}, store.ErrExists},
		"old version":             {store.Write{Resource: write.Resource, IfVersion: 1}, store.ErrConflict},
		"version of what is not":  {absent, store.ErrConflict},
	}
	for name, c := range cases {
		if _, _, err := f.tryPut(c.write); !errors.Is(err, c.want) {
			f.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, _, err := f.tryPut(store.Write{Resource: write.Resource, IfVersion: 2}); err != nil {
		f.Errorf("present version: %v", err)
	}
	if _, _, err := f.tryPut(store.Write{Resource: parse(f, `{"resourceType":"Basic","id":"a"}`)}); fhir.IssueTypeOf(err) != fhir.NotSupported {
		f.Errorf("unknown type: %v, want not-supported", err)
	}
	f.wantDeleteError(store.Delete{Type: "Device", ID: "a", IfVersion: 2}, store.ErrConflict)
	f.wantDeleteError(store.Delete{Type: "Device", ID: "b"}, store.ErrNotFound)
	f.delete("Device", "a")
	f.wantDeleteError(store.Delete{Type: "Device", ID: "a"}, store.ErrGone)
}

func (f fixture) wantDeleteError(d store.Delete, want error) {
	f.Helper()
	err := f.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Delete(ctx, d)
		return err
	})
	if !errors.Is(err, want) {
		f.Errorf("Delete(%+v): %v, want %v", d, err, want)
	}
}

func mapped(f fixture) {
	resource := parse(f, device("a", "active"))
	if _, _, err := f.tryPut(store.Write{Resource: resource, Mapped: true}); err != nil {
		f.Fatal(err)
	}
	if _, _, err := f.tryPut(store.Write{Resource: parse(f, device("a", "inactive"))}); !errors.Is(err, store.ErrMapped) {
		f.Errorf("outside change: %v, want ErrMapped", err)
	}
	f.wantDeleteError(store.Delete{Type: "Device", ID: "a"}, store.ErrMapped)
	err := f.Write(ctx, func(tx store.Tx) error {
		stored, err := tx.Get(ctx, "Device", "a")
		if err != nil || !stored.Mapped {
			f.Errorf("Get: mapped %v, %v; want true", stored.Mapped, err)
		}
		_, err = tx.Delete(ctx, store.Delete{Type: "Device", ID: "a", Mapped: true})
		return err
	})
	if err != nil {
		f.Errorf("delete by the hub: %v", err)
	}
}

func recreated(f fixture) {
	f.put(device("a", "active"), "Organization/one")
	f.delete("Device", "a")
	r, outcome, err := f.tryPut(store.Write{Resource: parse(f, device("a", "active")), MustBeNew: true})
	if err != nil || outcome != store.Created || r.Version != 3 {
		f.Errorf("version %d, outcome %v, %v; want 3, Created", r.Version, outcome, err)
	}
	one := as("one", search.Grant{Owner: "Organization/one"})
	if got := f.ids(one, "Device", ""); len(got) > 0 {
		f.Errorf("the owner before the deletion finds %v", got)
	}
}

func clockBackwards(t *testing.T, db Database) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 678901234, time.UTC)
	f := openWith(t, db, store.Options{Clock: func() time.Time { return now }})
	first := f.put(device("a", "active"))
	if want := now.Truncate(time.Microsecond); !first.LastUpdated.Equal(want) {
		t.Errorf("LastUpdated = %v, want %v", first.LastUpdated, want)
	}
	now = now.Add(-time.Hour)
	if second := f.put(device("a", "inactive")); second.LastUpdated.Before(first.LastUpdated) {
		t.Errorf("LastUpdated ran back from %v to %v", first.LastUpdated, second.LastUpdated)
	}
}

func rollback(f fixture) {
	before := f.put(device("a", "active"))
	failure := errors.New("changed my mind")
	err := f.Write(ctx, func(tx store.Tx) error {
		for _, body := range []string{device("a", "inactive"), device("b", "active"), device("b", "inactive")} {
			if _, _, err := tx.Put(ctx, store.Write{Resource: parse(f, body)}); err != nil {
				return err
			}
		}
		if seen, err := tx.Visible(ctx, search.Everything(), "Device", "b"); err != nil || !seen {
			f.Errorf("a write does not see its own: %v, %v", seen, err)
		}
		return failure
	})
	if !errors.Is(err, failure) {
		f.Errorf("Write: %v, want the error of its function", err)
	}
	f.wantRead(before)
	f.wantError(store.ErrNotFound)(f.Read(ctx, search.Everything(), "Device", "b"))
	if diff := cmp.Diff([]string{"a"}, f.ids(everyone, "Device", "status=active")); diff != "" {
		f.Errorf("search after a rollback (-want +got):\n%s", diff)
	}
	if got := f.ids(everyone, "Device", "status=inactive"); len(got) > 0 {
		f.Errorf("search finds what was rolled back: %v", got)
	}
}

func parallelCreate(f fixture) {
	var wg sync.WaitGroup
	created := make(chan error, 64)
	for n := range 64 {
		wg.Go(func() {
			body := strings.Replace(device("a", "active"), `"status"`, fmt.Sprintf(`"lotNumber":"%d","status"`, n), 1)
			_, _, err := f.tryPut(store.Write{Resource: parse(f, body), MustBeNew: true})
			created <- err
		})
	}
	wg.Wait()
	made := 0
	for range 64 {
		switch err := <-created; {
		case err == nil:
			made++
		case !errors.Is(err, store.ErrExists):
			f.Errorf("create: %v, want ErrExists", err)
		}
	}
	if history, err := f.versions(search.Everything(), "Device", "a", 10); made != 1 || err != nil || len(history) != 1 {
		f.Errorf("%d created, history %d, %v; want 1 and 1", made, len(history), err)
	}
}

// grouped writes from many sides at once, some of which fail by their function, a statement or a panic: the others' writes
// stand, each with its own time and version.
func grouped(f fixture) {
	err := f.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE tally (n BIGINT NOT NULL PRIMARY KEY)")
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	failure := errors.New("odd")
	var wg sync.WaitGroup
	for n := range 60 {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil && p != "third" {
					panic(p)
				}
			}()
			err := f.Write(ctx, func(tx store.Tx) error {
				if _, err := tx.Exec(ctx, "INSERT INTO tally (n) VALUES ($1)", n); err != nil {
					return err
				}
				if _, _, err := tx.Put(ctx, store.Write{Resource: parse(f, device("shared", fmt.Sprint("s", n)))}); err != nil {
					return err
				}
				switch n % 4 {
				case 1:
					return failure
				case 2:
					_, err := tx.Exec(ctx, "INSERT INTO tally (n) VALUES ($1)", n)
					return err
				case 3:
					panic("third")
				}
				return nil
			})
			if good := n%4 == 0; good != (err == nil) {
				f.Errorf("write %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	history, err := f.versions(search.Everything(), "Device", "shared", 100)
	if err != nil || len(history) != 15 {
		f.Errorf("history has %d versions, %v; want 15", len(history), err)
	}
	for i, r := range history {
		if want := int64(len(history) - i); r.Version != want {
			f.Errorf("version %d stands where %d belongs", r.Version, want)
		}
	}
	f.wantTally(15)
	if got := f.search(everyone, "Device", "_total=accurate").Total; got != 1 {
		f.Errorf("Total = %d, want 1", got)
	}
}

func (f fixture) wantTally(want int64) {
	f.Helper()
	var got int64
	err := f.View(ctx, func(tx store.SQL) error {
		return tx.Query(ctx, "SELECT COUNT(*) FROM tally", nil, func(scan func(...any) error) error { return scan(&got) })
	})
	if err != nil || got != want {
		f.Errorf("tally has %d rows, %v; want %d", got, err, want)
	}
}

// many puts hundreds of resources in one transaction, some of them twice.
func many(f fixture) {
	var writes []store.Write
	for n := range 600 {
		id := fmt.Sprint("d", n)
		writes = append(writes, store.Write{Resource: parse(f, device(id, "active"))})
		if n%100 == 0 {
			writes = append(writes, store.Write{Resource: parse(f, device(id, "inactive"))})
		}
	}
	err := f.Write(ctx, func(tx store.Tx) error {
		written, err := tx.PutAll(ctx, writes)
		if err != nil {
			return err
		}
		if got := written[1]; len(written) != len(writes) || got.Outcome != store.Updated || got.Resource.Version != 2 {
			f.Errorf("%d written, the second %v version %d; want %d, Updated, 2", len(written), got.Outcome, got.Resource.Version, len(writes))
		}
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	for query, want := range map[string]int64{"status=active": 594, "status=inactive": 6, "identifier=urn:x|d17": 1} {
		if got := f.search(everyone, "Device", query+"&_summary=count"); got.Total != want || !got.Exact {
			f.Errorf("%s: %d, exact %v; want %d", query, got.Total, got.Exact, want)
		}
	}
}

func reopened(t *testing.T, db Database) {
	f := open(t, db)
	secret, err := f.Secret(ctx, "test")
	if err != nil || len(secret) != 32 {
		t.Fatalf("Secret: %d bytes, %v; want 32", len(secret), err)
	}
	kept := f.put(device("a", "active"))
	f.put(device("b", "active"))
	first := f.search(everyone, "Device", "_count=1")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, db)
	again.wantRead(kept)
	if got, err := again.Secret(ctx, "test"); err != nil || !cmp.Equal(secret, got) {
		t.Errorf("Secret after reopening differs, %v", err)
	}
	q := again.query("Device", "_count=1")
	q.Page = first.Next
	if result, err := again.Search(ctx, q, everyone); err != nil || len(result.Matches) != 1 {
		t.Errorf("a cursor from before: %v, %d matches; want 1", err, len(result.Matches))
	}
}
