// Package storetest is what every store must keep, as tests: one suite, run on each database by a test of its own package.
package storetest

import (
	"context"
	"net/url"
	"testing"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// Database opens stores on one database: a second call opens what the first one wrote.
type Database func(t testing.TB, o store.Options) store.Store

// Run proves a store. fresh returns a database that is empty.
func Run(t *testing.T, fresh func(t testing.TB) Database) {
	for _, suite := range []struct {
		name string
		run  func(t *testing.T, fresh func(t testing.TB) Database)
	}{
		{"Open", testOpen},
		{"Write", testWrite},
		{"Ledger", testLedger},
		{"Sequence", testSequence},
		{"Visible", testVisible},
		{"History", testHistory},
		{"Purge", testPurge},
		{"Reindex", testReindex},
		{"Search", testSearch},
		{"Parameters", testParameters},
		{"Examples", testExamples},
		{"Paging", testPaging},
		{"Include", testInclude},
		{"Logical", testLogical},
		{"Property", testProperty},
		{"Evaluator", testEvaluator},
	} {
		t.Run(suite.name, func(t *testing.T) { suite.run(t, fresh) })
	}
}

// fixture is an open store with short ways to use it.
type fixture struct {
	testing.TB
	store.Store
}

func open(t testing.TB, db Database) fixture {
	t.Helper()
	return openWith(t, db, store.Options{})
}

func openWith(t testing.TB, db Database, o store.Options) fixture {
	t.Helper()
	s := db(t, o)
	t.Cleanup(func() { _ = s.Close() })
	return fixture{t, s}
}

// everyone is a caller who may see all.
var everyone = store.Caller{ID: "everyone", Access: func(string) search.Filter { return search.Everything() }}

// as is a caller with the same filter for every type.
func as(id string, grants ...search.Grant) store.Caller {
	return store.Caller{ID: id, Access: func(string) search.Filter { return search.Filter{Grants: grants} }}
}

func parse(t testing.TB, body string) fhir.Resource {
	t.Helper()
	r, err := fhir.Parse([]byte(body))
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return r
}

// put writes one resource and returns it as stored.
func (f fixture) put(body string, owners ...string) fhir.Resource {
	f.Helper()
	r, _, err := f.tryPut(store.Write{Resource: parse(f, body), Owners: owners})
	if err != nil {
		f.Fatal(err)
	}
	return r
}

func (f fixture) tryPut(w store.Write) (r fhir.Resource, o store.Outcome, err error) {
	err = f.Write(context.Background(), func(tx store.Tx) error {
		r, o, err = tx.Put(context.Background(), w)
		return err
	})
	return r, o, err
}

func (f fixture) delete(resourceType, id string) fhir.Resource {
	f.Helper()
	var r fhir.Resource
	err := f.Write(context.Background(), func(tx store.Tx) (err error) {
		r, err = tx.Delete(context.Background(), store.Delete{Type: resourceType, ID: id})
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	return r
}

// versions returns the newest versions of a resource that a filter covers.
func (f fixture) versions(visible search.Filter, resourceType, id string, count int) ([]fhir.Resource, error) {
	by := store.Caller{ID: "versions", Access: func(string) search.Filter { return visible }}
	page, err := f.History(context.Background(), store.HistoryQuery{Type: resourceType, ID: id, Count: count}, by)
	var all []fhir.Resource
	for _, v := range page.Versions {
		all = append(all, v.Resource)
	}
	return all, err
}

// query parses a search.
func (f fixture) query(resourceType, query string) search.Query {
	f.Helper()
	params, err := url.ParseQuery(query)
	if err != nil {
		f.Fatal(err)
	}
	q, err := search.Parse(fhir.R4(), resourceType, params, search.Options{Strict: true})
	if err != nil {
		f.Fatalf("%s?%s: %v", resourceType, query, err)
	}
	return q
}

// search returns one page.
func (f fixture) search(caller store.Caller, resourceType, query string) store.Result {
	f.Helper()
	result, err := f.Search(context.Background(), f.query(resourceType, query), caller)
	if err != nil {
		f.Fatalf("%s?%s: %v", resourceType, query, err)
	}
	return result
}

// ids returns the ids of the matches of one page, in order.
func (f fixture) ids(caller store.Caller, resourceType, query string) []string {
	f.Helper()
	return idsOf(f.search(caller, resourceType, query).Matches)
}

func idsOf(resources []fhir.Resource) []string {
	ids := []string{}
	for _, r := range resources {
		ids = append(ids, r.ID)
	}
	return ids
}
