// Package ingesttest makes the way in of a hub for tests: a real archive and the mapping, on a store that the test opens.
package ingesttest

import (
	"log/slog"
	"testing"

	"lightbox/auth/audit"
	"lightbox/dicom/archive"
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
