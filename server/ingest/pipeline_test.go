package ingest_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/dicom/archive"
	"lightbox/dicom/synth"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/fhir/store/postgres"
	"lightbox/fhir/store/postgres/pgtest"
	"lightbox/fhir/store/sqlite"
	"lightbox/mapping"
	"lightbox/server/ingest"
)

// stores are the databases that the pipeline is tested on.
var stores = map[string]func(t *testing.T, o store.Options) (store.Store, error){
	"sqlite": func(t *testing.T, o store.Options) (store.Store, error) {
		return sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "hub.db"), o)
	},
	"postgres": func(t *testing.T, o store.Options) (store.Store, error) {
		return postgres.Open(t.Context(), pgtest.Start(t), o)
	},
}

// newPipeline opens a store and an archive of their own.
func newPipeline(t *testing.T, open func(t *testing.T, o store.Options) (store.Store, error)) *ingest.Pipeline {
	t.Helper()
	s, err := open(t, store.Options{Schemas: []store.Schema{
		{Name: "archive", FS: archive.Schema()}, {Name: "ingest", FS: ingest.Schema()},
	}})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := archive.OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	mapper, err := mapping.New(mapping.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &ingest.Pipeline{Store: s, Objects: objects, Mapper: mapper, Log: slog.New(slog.DiscardHandler)}
}

// interrupted is a store at which something else happens just before the nth write.
type interrupted struct {
	store.Store
	n     int
	other func()
}

func (s *interrupted) Write(ctx context.Context, fn func(store.Tx) error) error {
	if s.n--; s.n == 0 {
		s.other()
	}
	return s.Store.Write(ctx, fn)
}

// list yields files of the city.
func list(files ...synth.File) ingest.Files {
	return func(_ context.Context, yield func(ingest.File) bool) error {
		for _, f := range files {
			if !yield(ingest.Bytes(f.Path, f.Bytes)) {
				return nil
			}
		}
		return nil
	}
}

// oneStudy returns the files of a CT study.
func oneStudy(t *testing.T) []synth.File {
	t.Helper()
	city, err := synth.Make(1)
	if err != nil {
		t.Fatal(err)
	}
	var files []synth.File
	for _, f := range city.Files {
		if dir := filepath.Dir(f.Path); strings.Contains(dir, "ct-") && (files == nil || dir == filepath.Dir(files[0].Path)) {
			files = append(files, f)
		}
	}
	if len(files) < 2 {
		t.Fatal("the city has no CT")
	}
	return files
}

// A process that built from an older state of the index never writes over what another built from a newer one, whichever of
// its writes the other comes before.
func TestConcurrentBuildsEndInTheNewestState(t *testing.T) {
	files := oneStudy(t)
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			for n := 1; n <= 4; n++ {
				p := newPipeline(t, open)
				slow := *p
				slow.Store = &interrupted{Store: p.Store, n: n, other: func() { mustRun(t, p, list(files[1:]...)) }}
				mustRun(t, &slow, list(files[0]))
				if err := p.Build(t.Context(), nil); err != nil { // what is still due
					t.Fatal(err)
				}
				if got := countedInstances(t, p.Store); got != int64(len(files)) {
					t.Errorf("before write %d: the study has %d instances, want %d", n, got, len(files))
				}
			}
		})
	}
}

func mustRun(t *testing.T, p *ingest.Pipeline, files ingest.Files) {
	t.Helper()
	s, err := p.Run(t.Context(), files, ingest.Origin{}, nil)
	if err != nil || s.Refused > 0 {
		t.Fatalf("%+v, %v", s, err)
	}
}

// countedInstances returns numberOfInstances of the one study in a store.
func countedInstances(t *testing.T, s store.Store) int64 {
	t.Helper()
	everything := store.Caller{ID: "test", Access: func(string) search.Filter { return search.Everything() }}
	q, err := search.Parse(fhir.R4(), "ImagingStudy", nil, search.Options{})
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Search(t.Context(), q, everything)
	if err != nil || len(found.Matches) != 1 {
		t.Fatalf("%d studies, %v", len(found.Matches), err)
	}
	return gjson.GetBytes(found.Matches[0].Body, "numberOfInstances").Int()
}
