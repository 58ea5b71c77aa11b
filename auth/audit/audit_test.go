package audit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"lightbox/auth/audit"
	"lightbox/conformance/validate"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/fhir/store/postgres"
	"lightbox/fhir/store/postgres/pgtest"
	"lightbox/fhir/store/sqlite"
)

func eachLog(t *testing.T, test func(t *testing.T, st store.Store, log *audit.Log)) {
	options := store.Options{Schemas: []store.Schema{audit.Schema()}}
	for name, open := range map[string]func(*testing.T) (store.Store, error){
		"sqlite": func(t *testing.T) (store.Store, error) {
			return sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "a.db"), options)
		},
		"postgres": func(t *testing.T) (store.Store, error) { return postgres.Open(t.Context(), pgtest.Start(t), options) },
	} {
		t.Run(name, func(t *testing.T) {
			st, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = st.Close() })
			log, err := audit.Open(t.Context(), st, "https://hub.example/fhir", slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			test(t, st, log)
		})
	}
}

func event(n int) audit.Event {
	return audit.Event{At: time.Unix(int64(n), 0), Kind: "read", Address: "192.0.2.1", Request: fmt.Sprint("r-", n), Data: fmt.Sprintf("ImagingStudy/%d/_history/1", n),
		Patients: []string{"Patient/p"}, By: &audit.Caller{Issuer: "https://id.example", Subject: "s", Client: "app", User: "Patient/p"}}
}

// What many record at the same time, on several logs of one database, is one chain with each event in it once, and its AuditEvents are
// there once, however many make them.
func TestOneChain(t *testing.T) {
	eachLog(t, func(t *testing.T, st store.Store, log *audit.Log) {
		other, err := audit.Open(t.Context(), st, "https://hub.example/fhir", slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		const callers, each = 16, 20
		var all sync.WaitGroup
		for c := range callers {
			all.Go(func() {
				to := []*audit.Log{log, other}[c%2]
				for n := range each {
					if err := to.Record(t.Context(), event(c*each+n)); err != nil {
						t.Error(err)
					}
					if n%7 == 0 {
						if err := to.CatchUp(t.Context()); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		all.Wait()
		if err := log.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		v, err := log.Verify(t.Context(), nil)
		if err != nil || v.Broken != "" || v.Events != callers*each {
			t.Errorf("%+v, %v", v, err)
		}
		seen := map[string]int{}
		for _, e := range auditEvents(t, st) {
			seen[gjson.GetBytes(e.Body, `entity.#(type.code=="XrequestId").what.identifier.value`).Str]++
		}
		for n := range callers * each {
			if seen[fmt.Sprint("r-", n)] != 1 {
				t.Errorf("event %d is there %d times", n, seen[fmt.Sprint("r-", n)])
			}
		}
	})
}

func auditEvents(t *testing.T, st store.Store) (list []fhir.Resource) {
	t.Helper()
	q, err := search.Parse(fhir.R4(), "AuditEvent", url.Values{"_count": {"200"}}, search.Options{Strict: true})
	for more := true; more && err == nil; {
		var page store.Result
		page, err = st.Search(t.Context(), q, store.Caller{Access: func(string) search.Filter { return search.Everything() }})
		list = append(list, page.Matches...)
		q.Page, more = page.Next, page.Next != ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A record that was changed, taken out or put in afterwards shows, in either chain; so does an end that was cut off, to who kept the head.
func TestTamperingShows(t *testing.T) {
	eachLog(t, func(t *testing.T, st store.Store, log *audit.Log) {
		append10 := func(ctx context.Context, n int) error {
			return st.Write(ctx, func(tx store.Tx) error { return log.Append(ctx, tx, event(n)) })
		}
		record10 := func(ctx context.Context, n int) error { return log.Record(ctx, event(n)) }
		inStore := func(ctx context.Context, statement string) error {
			return st.Write(ctx, func(tx store.Tx) error {
				_, err := tx.Exec(ctx, statement)
				return err
			})
		}
		inLedger := func(ctx context.Context, statement string) error { return st.Ledger().Exec(ctx, statement) }
		for n := range 10 {
			if err := errors.Join(append10(t.Context(), n), record10(t.Context(), n)); err != nil {
				t.Fatal(err)
			}
		}
		t.Run("changes", func(t *testing.T) { tamperingShows(t, log, "changes", "audit_record", inStore) })
		t.Run("accesses", func(t *testing.T) { tamperingShows(t, log, "accesses", "audit_access", inLedger) })
	})
}

func tamperingShows(t *testing.T, log *audit.Log, chain, table string, exec func(ctx context.Context, statement string) error) {
	head := must(log.Verify(t.Context(), nil)).Head
	change := func(statements ...string) {
		t.Helper()
		for _, one := range statements {
			if err := exec(t.Context(), strings.ReplaceAll(one, "TABLE_", table)); err != nil {
				t.Fatal(err)
			}
		}
	}
	tampered := func(statement string) (v audit.Verified, held bool) {
		change("CREATE TABLE kept AS SELECT * FROM TABLE_", statement)
		v, held = must(log.Verify(t.Context(), nil)), must(log.Holds(t.Context(), head))
		change("DELETE FROM TABLE_", "INSERT INTO TABLE_ SELECT * FROM kept", "DROP TABLE kept")
		return v, held
	}
	for name, c := range map[string]struct{ statement, want string }{
		"changed":                 {`UPDATE TABLE_ SET body = '{"kind":"read"}' WHERE seq = 4`, "4"},
		"taken out":               {"DELETE FROM TABLE_ WHERE seq = 5", "5"},
		"changed, with its hash":  {"UPDATE TABLE_ SET hash = (SELECT hash FROM TABLE_ WHERE seq = 2) WHERE seq = 7", "7"},
		"the first was taken out": {"DELETE FROM TABLE_ WHERE seq = 1", "1"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, _ := tampered(c.statement); got.Broken != chain+":"+c.want {
				t.Errorf("broken at %s, want %s of %s", got.Broken, c.want, chain)
			}
		})
	}
	if got, held := tampered("DELETE FROM TABLE_ WHERE seq = 10"); got.Broken != "" || got.Head == head || held {
		t.Errorf("the end was cut off: %+v, before %s; held %v", got, head, held)
	}
	if !must(log.Holds(t.Context(), head)) {
		t.Errorf("%s is not held", head)
	}
}

// A head of before there was a chain of accesses is one of changes; what is none is told apart from one that is not held.
func TestHeads(t *testing.T) {
	eachLog(t, func(t *testing.T, st store.Store, log *audit.Log) {
		err := st.Write(t.Context(), func(tx store.Tx) error { return log.Append(t.Context(), tx, event(1)) })
		if err != nil {
			t.Fatal(err)
		}
		head := must(log.Verify(t.Context(), nil)).Head
		first, _, _ := strings.Cut(strings.TrimPrefix(head, "changes:"), ",")
		for _, text := range []string{head, first, "0:", "accesses:0:"} {
			if held, err := log.Holds(t.Context(), text); !held || err != nil {
				t.Errorf("%q: %v, %v", text, held, err)
			}
		}
		for _, text := range []string{"", "x", "1", "x:abc", "reads:1:00", "changes:1:00:0", "changes:x:00"} {
			if held, err := log.Holds(t.Context(), text); held || !errors.Is(err, audit.ErrHead) {
				t.Errorf("%q: %v, %v; want ErrHead", text, held, err)
			}
		}
		if held, err := log.Holds(t.Context(), "accesses:1:00"); held || err != nil {
			t.Errorf("one that never was: %v, %v", held, err)
		}
	})
}

// What is appended in a transaction that fails is not on record.
func TestAppendIsPartOfTheTransaction(t *testing.T) {
	eachLog(t, func(t *testing.T, st store.Store, log *audit.Log) {
		failure := fmt.Errorf("no")
		for n, want := range []error{failure, nil} {
			err := st.Write(t.Context(), func(tx store.Tx) error {
				if err := log.Append(t.Context(), tx, event(n), event(n+10)); err != nil {
					return err
				}
				return want
			})
			if (err == nil) != (want == nil) {
				t.Error(err)
			}
		}
		if v := must(log.Verify(t.Context(), nil)); v.Events != 2 || v.Broken != "" {
			t.Errorf("%+v", v)
		}
	})
}

// A record that cannot be made durable is an error for who waits for it.
func TestRecordFailsWithItsStore(t *testing.T) {
	eachLog(t, func(t *testing.T, st store.Store, log *audit.Log) {
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		if err := log.Record(context.Background(), event(1)); err == nil {
			t.Error("recorded in a store that is closed")
		}
	})
}

// Every kind of event becomes an AuditEvent that is valid R4, for each patient one.
func TestAuditEventsAreValid(t *testing.T) {
	check := validate.New()
	eachLog(t, func(t *testing.T, st store.Store, log *audit.Log) {
		kinds := []string{"read", "vread", "history-instance", "history-type", "history-system", "search-type", "search-system", "create", "update", "patch", "delete",
			audit.Operation, audit.Retrieve, audit.Query, audit.Submit, audit.Fetch, audit.Login, audit.Emergency, audit.Grant, audit.Node, audit.Identity, audit.Message,
			"ADT^A08", "ORM^O01", "ORU^R01"}
		for _, kind := range kinds {
			for _, e := range []audit.Event{
				{Kind: kind, Data: "ImagingStudy/1/_history/2", Patients: []string{"Patient/a", "Patient/b"}, By: &audit.Caller{Issuer: "https://id.example", Subject: "u", Client: "app",
					Token: "jti-1", User: "Practitioner/d", Organization: "Organization/o", Roles: []string{"doctor"}, Purpose: []string{"TREAT"}}},
				{Kind: kind, Outcome: audit.Serious, Reason: "forbidden", Query: "GET /fhir/Patient?name=%00<b>", Repeated: 3, By: &audit.Caller{Issuer: "i", Subject: "x", Client: "x"}},
				{Kind: kind, Outcome: audit.Minor, Reason: "not-found", By: &audit.Caller{Subject: "u", User: "Person/p"}},
				{Kind: kind, By: &audit.Caller{System: audit.AETitle, Client: "CT1", Organization: "Organization/o"}},
				{Kind: kind},
			} {
				e.At, e.Address, e.Request = time.Now(), "2001:db8::1", "request-1"
				if err := log.Record(t.Context(), e); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := log.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		found := auditEvents(t, st)
		if diff := cmp.Diff(6*len(kinds), len(found)); diff != "" {
			t.Error(diff)
		}
		for _, e := range found {
			if issues := check(e.Body); len(issues) > 0 {
				t.Errorf("%v\n%s", issues[0], e.Body)
			}
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
