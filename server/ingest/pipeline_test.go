package ingest_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"lightbox/dicom"
	"lightbox/dicom/synth"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/fhir/store/postgres"
	"lightbox/fhir/store/postgres/pgtest"
	"lightbox/fhir/store/sqlite"
	"lightbox/mapping"
	"lightbox/server/ingest"
	"lightbox/server/ingest/ingesttest"
)

// stores are the databases that the pipeline is tested on.
var stores = map[string]ingesttest.Open{
	"sqlite": func(t *testing.T, o store.Options) (store.Store, error) {
		return sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "hub.db"), o)
	},
	"postgres": func(t *testing.T, o store.Options) (store.Store, error) {
		return postgres.Open(t.Context(), pgtest.Start(t), o)
	},
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

// oneStudy returns the files of a CT study, its report last.
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
	slices.SortStableFunc(files, func(a, b synth.File) int { return cmp.Compare(isReport(t, a), isReport(t, b)) })
	if len(files) < 3 || isReport(t, files[len(files)-1]) == 0 {
		t.Fatal("the city has no CT with a report")
	}
	return files
}

// isReport returns 1 for a report and 0 for anything else.
func isReport(t *testing.T, f synth.File) int {
	t.Helper()
	ds, err := dicom.Scan(bytes.NewReader(f.Bytes), int64(len(f.Bytes)), dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if mapping.IsDocument(ds.Text(dicom.MustPath("SOPClassUID"))) {
		return 1
	}
	return 0
}

// A process that built from an older state of the index never writes over what another built from a newer one, whichever of
// its writes the other comes before.
func TestConcurrentBuildsEndInTheNewestState(t *testing.T) {
	files := oneStudy(t)
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			for n := 1; n <= 4; n++ {
				p := ingesttest.New(t, open, t.TempDir())
				late := &interrupted{Store: p.Store, n: n, other: func() { mustRun(t, p, list(files[1:]...)) }}
				mustRun(t, &ingest.Pipeline{Store: late, Objects: p.Objects, Mapper: p.Mapper, Log: p.Log}, list(files[0]))
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

// A report whose object is damaged in the archive stays what it was, and its study stays due until the object is there again.
func TestDamagedReportObject(t *testing.T) {
	files := oneStudy(t)
	report := files[len(files)-1]
	dir := t.TempDir()
	p := ingesttest.New(t, stores["sqlite"], dir)
	mustRun(t, p, list(files[1:]...))
	before := all(t, p.Store, "DiagnosticReport")
	if len(before) != 1 {
		t.Fatalf("%d reports", len(before))
	}
	name := fmt.Sprintf("%x", sha256.Sum256(report.Bytes))
	object := filepath.Join(dir, "objects", name[:2], name)
	if err := os.Chmod(object, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(object, report.Bytes[:len(report.Bytes)-100], 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := p.Run(t.Context(), list(files[0]), ingest.Origin{}, nil)
	if err != nil || s.Issues["not-built"] != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	if diff := gocmp.Diff(before, all(t, p.Store, "DiagnosticReport")); diff != "" {
		t.Errorf("the report changed (-before +after):\n%s", diff)
	}
	if err := os.WriteFile(object, report.Bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Build(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := countedInstances(t, p.Store); got != int64(len(files)) {
		t.Errorf("%d instances after the object came back, want %d", got, len(files))
	}
}

// countedInstances returns numberOfInstances of the one study in a store.
func countedInstances(t *testing.T, s store.Store) int64 {
	t.Helper()
	studies := all(t, s, "ImagingStudy")
	if len(studies) != 1 {
		t.Fatalf("%d studies", len(studies))
	}
	return gjson.Get(studies[0], "numberOfInstances").Int()
}

// all returns the resources of a type, as they stand.
func all(t *testing.T, s store.Store, resourceType string) []string {
	t.Helper()
	everything := store.Caller{ID: "test", Access: func(string) search.Filter { return search.Everything() }}
	q, err := search.Parse(fhir.R4(), resourceType, nil, search.Options{Count: search.MaxCount})
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Search(t.Context(), q, everything)
	if err != nil {
		t.Fatal(err)
	}
	if found.Next != "" {
		t.Fatalf("more than %d of %s", search.MaxCount, resourceType)
	}
	var list []string
	for _, r := range found.Matches {
		list = append(list, string(r.Body))
	}
	return list
}
