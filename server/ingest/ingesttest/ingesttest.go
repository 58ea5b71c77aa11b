// Package ingesttest makes the way in of a hub for tests: a real archive and the mapping, on a store that the test opens.
package ingesttest

import (
	"log/slog"
	"net/url"
	"testing"

	"lightbox/auth/audit"
	"lightbox/dicom/archive"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/mapping"
	"lightbox/server/ingest"
)

// Open opens a store of the test's own, with options.
type Open func(t *testing.T, o store.Options) (store.Store, error)

// New returns a Pipeline on a new store and the archive in dir, with an audit record. All go with the test.
func New(t *testing.T, open Open, dir string) *ingest.Pipeline {
	t.Helper()
	s, err := open(t, store.Options{Schemas: append(ingest.Schemas(), audit.Schema())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	objects, err := archive.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	mapper, err := mapping.New(mapping.Config{})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	record, err := audit.Open(t.Context(), s, "http://hub.example/fhir", log)
	if err != nil {
		t.Fatal(err)
	}
	return &ingest.Pipeline{Store: s, Objects: objects, Mapper: mapper, Audit: record, Log: log}
}

// AuditEvents returns what is on record, at most search.MaxCount events, and has the test fail where the chain of records is broken.
func AuditEvents(t *testing.T, p *ingest.Pipeline) []fhir.Resource {
	t.Helper()
	if v, err := p.Audit.Verify(t.Context(), nil); err != nil || v.Broken != "" {
		t.Errorf("%+v, %v", v, err)
	}
	if err := p.Audit.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	q, err := search.Parse(fhir.R4(), "AuditEvent", url.Values{}, search.Options{Strict: true, Count: search.MaxCount})
	if err != nil {
		t.Fatal(err)
	}
	page, err := p.Store.Search(t.Context(), q, store.Caller{Access: func(string) search.Filter { return search.Everything() }})
	if err != nil {
		t.Fatal(err)
	}
	return page.Matches
}
