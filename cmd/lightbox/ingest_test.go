package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lightbox/dicom"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/fhir/store/postgres/pgtest"
	"lightbox/server/ingest"
)

// databases are those that every test of the command runs on.
var databases = map[string]func(t *testing.T) string{
	"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "hub.db") },
	"postgres": func(t *testing.T) string { return pgtest.Start(t) },
}

// testKey makes logical ids comparable between databases.
const testKey = "00112233445566778899aabbccddeeff"

func ingestArgs(database, objects string, paths ...string) []string {
	return append([]string{"ingest", "--json", "--id-key", testKey, "--database", database, "--archive", objects}, paths...)
}

func ingestInto(t *testing.T, database, objects string, paths ...string) ingest.Summary {
	t.Helper()
	exit, stdout, stderr := run(t, ingestArgs(database, objects, paths...)...)
	if exit != exitOK && exit != exitRefused {
		t.Fatalf("ingest: exit %d\n%s", exit, stderr)
	}
	var s ingest.Summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatalf("ingest --json printed %q: %v", stdout, err)
	}
	return s
}

// contents returns every current resource of a database without versionId and lastUpdated, by reference.
func contents(t *testing.T, database string) map[string]string {
	t.Helper()
	st, err := openStore(t.Context(), database, newLog(&bytes.Buffer{}, "error"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	all := map[string]string{}
	for _, typ := range fhir.R4().Types() {
		q, err := search.Parse(fhir.R4(), typ.Name, url.Values{"_count": {"500"}}, search.Options{})
		if err != nil {
			t.Fatal(err)
		}
		caller := store.Caller{ID: "test", Access: func(string) search.Filter { return search.Everything() }}
		for {
			page, err := st.Search(t.Context(), q, caller)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range page.Matches {
				all[r.Reference()] = timeless(r)
			}
			if q.Page = page.Next; q.Page == "" {
				break
			}
		}
	}
	return all
}

var recorded = regexp.MustCompile(`"recorded":"[^"]*"`)

// timeless is a body without what tells when it was received or written.
func timeless(r fhir.Resource) string {
	return recorded.ReplaceAllString(string(r.Stamp(1, time.Unix(0, 0)).Body), `"recorded":""`)
}

func TestIngestTwiceChangesNothing(t *testing.T) {
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			database, objects, files := start(t), t.TempDir(), city(t)
			first := ingestInto(t, database, objects, files)
			if first.Instances == 0 || first.Resources == 0 || first.Refused != 0 {
				t.Fatalf("first run: %+v", first)
			}
			before := contents(t, database)
			second := ingestInto(t, database, objects, files)
			if second.Duplicates != first.Instances || second.Instances != 0 || second.Resources != 0 {
				t.Errorf("second run: %+v", second)
			}
			if diff := cmp.Diff(before, contents(t, database)); diff != "" {
				t.Errorf("the second run changed resources (-before +after):\n%s", diff)
			}
		})
	}
}

// What map prints is what ingest stores: one mapping, with and without a store.
func TestMapAndIngestAgree(t *testing.T) {
	files := city(t)
	exit, stdout, stderr := run(t, "map", "--trace", "--format", "ndjson", "--id-key", testKey, files)
	if exit != exitOK {
		t.Fatalf("map: exit %d\n%s", exit, stderr)
	}
	printed := map[string]string{}
	for line := range bytes.Lines([]byte(stdout)) {
		r, err := fhir.Parse(bytes.TrimSpace(line))
		if err != nil {
			t.Fatal(err)
		}
		printed[r.Reference()] = timeless(r)
	}
	database := databases["sqlite"](t)
	ingestInto(t, database, t.TempDir(), files)
	if diff := cmp.Diff(printed, contents(t, database)); diff != "" {
		t.Errorf("map and ingest differ (-map +ingest):\n%s", diff)
	}
}

// A run that SIGKILL ends half way and that is started again gives what an undisturbed run gives.
func TestIngestSurvivesKill(t *testing.T) {
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			paths := []string{city(t)}
			if real := realFiles(t); real != "" {
				paths = append(paths, real)
			}
			undisturbed := start(t)
			whole := ingestInto(t, undisturbed, t.TempDir(), paths...)
			want := contents(t, undisturbed)

			database, objects := start(t), t.TempDir()
			took := time.Duration(whole.Seconds * float64(time.Second))
			killed := 0
			for range 5 {
				if killAfter(t, time.Duration(rand.Int64N(int64(took))), ingestArgs(database, objects, paths...)) {
					killed++
				}
			}
			ingestInto(t, database, objects, paths...)
			t.Logf("an undisturbed run took %v; %d of 5 runs were killed", took, killed)
			if diff := cmp.Diff(want, contents(t, database)); diff != "" {
				t.Errorf("the killed run differs (-undisturbed +killed):\n%s", diff)
			}
		})
	}
}

// killAfter starts the program and kills it; it reports whether it was still running.
func killAfter(t *testing.T, delay time.Duration, args []string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), delay)
	defer cancel()
	err := command(ctx, args...).Run() // CommandContext ends it with SIGKILL
	return err != nil && ctx.Err() != nil
}

// realFiles returns a folder of real objects, or "" where there is none.
func realFiles(t *testing.T) string {
	dir := "../../../shared/testdata/dicom/GPL-3.0-or-later"
	if _, err := os.Stat(dir); err != nil {
		t.Log("left out: ../shared/testdata is not here, the synthetic city alone is used")
		return ""
	}
	return dir
}

func TestIngestRefusesWithReasons(t *testing.T) {
	dir := t.TempDir()
	bad := map[string]string{
		"note.txt":      "this is no DICOM object",
		"empty.dcm":     "",
		"truncated.dcm": string(make([]byte, 128)) + "DICM\x02\x00\x00\x00UL\x04\x00",
	}
	for name, content := range bad {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	database, objects := databases["sqlite"](t), t.TempDir()
	exit, stdout, _ := run(t, ingestArgs(database, objects, dir)...)
	if exit != exitRefused {
		t.Errorf("exit %d, want %d", exit, exitRefused)
	}
	var s ingest.Summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		t.Fatal(err)
	}
	if s.Files != len(bad) || s.Refused != len(bad) || len(s.Refusals) != len(bad) {
		t.Errorf("summary: %+v", s)
	}
	if all := contents(t, database); len(all) != 0 {
		t.Errorf("refused files left %d resources", len(all))
	}
}

func TestIngestFailsOnMissingPath(t *testing.T) {
	exit, _, stderr := run(t, ingestArgs("sqlite:"+filepath.Join(t.TempDir(), "hub.db"), t.TempDir(), "no/such/path")...)
	if exit != exitFailure {
		t.Errorf("exit %d, want %d\n%s", exit, exitFailure, stderr)
	}
}

// Two objects with one SOP Instance UID in two studies: which one counts, and so which study there is, does not depend on which
// came first.
func TestIngestSettlesConflictsWhateverTheOrder(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(city(t), "central", "ct-*", "*.dcm"))
	if err != nil || len(files) == 0 {
		t.Fatal("the city has no CT", err)
	}
	one, other := files[0], filepath.Join(t.TempDir(), "other.dcm")
	if err := os.WriteFile(other, inOtherStudy(t, one), 0o600); err != nil {
		t.Fatal(err)
	}
	results := map[string]map[string]string{}
	for name, order := range map[string][]string{"one first": {one, other}, "other first": {other, one}, "together": nil} {
		database, objects := databases["sqlite"](t), t.TempDir()
		for _, path := range order {
			ingestInto(t, database, objects, path)
		}
		s := ingestInto(t, database, objects, one, other)
		if s.Files != 2 || s.Files != s.Instances+s.Duplicates+s.Refused {
			t.Errorf("%s: %+v", name, s)
		}
		results[name] = contents(t, database)
	}
	for name, got := range results {
		if diff := cmp.Diff(results["together"], got); diff != "" {
			t.Errorf("%s (-together +now):\n%s", name, diff)
		}
		studies := 0
		for reference := range got {
			if strings.HasPrefix(reference, "ImagingStudy/") {
				studies++
			}
		}
		if studies != 1 {
			t.Errorf("%s: %d studies", name, studies)
		}
	}
}

// inOtherStudy returns an object's header under another Study Instance UID.
func inOtherStudy(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	ds, err := dicom.Scan(bytes.NewReader(b), int64(len(b)), dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	study, _ := dicom.TagOf("StudyInstanceUID")
	for i := range ds.Elements {
		if ds.Elements[i].Tag == study {
			ds.Elements[i] = dicom.NewText(study, "UI", "2.25.4711")
		}
	}
	var out bytes.Buffer
	if err := dicom.WriteFile(&out, ds); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
