package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lightbox/dicom"
	"lightbox/server/ingest"
)

// The life of a study names every object, those that are not to be seen with their reason.
func TestStudyLife(t *testing.T) {
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(city(t), "central", "ct-*", "*.dcm"))
			if err != nil || len(files) < 2 {
				t.Fatal("the city has no CT", err)
			}
			database, objects := start(t), t.TempDir()
			other := filepath.Join(t.TempDir(), "other.dcm")
			if err := os.WriteFile(other, inOtherStudy(t, files[0]), 0o600); err != nil {
				t.Fatal(err)
			}
			ingestInto(t, database, objects, files[0], files[1], other)
			uid := studyOf(t, files[1])
			var life ingest.Life
			exit, stdout, stderr := run(t, "study", uid, "--json", "--database", database, "--archive", objects, "--id-key", testKey)
			if exit != exitOK {
				t.Fatalf("exit %d\n%s", exit, stderr)
			}
			if err := json.Unmarshal([]byte(stdout), &life); err != nil {
				t.Fatal(err)
			}
			states := map[string]int{}
			for _, o := range life.Objects {
				state, _, _ := strings.Cut(o.State, ":")
				states[state]++
				if o.Received.IsZero() || o.Size == 0 || len(o.Object) != 64 {
					t.Errorf("%+v", o)
				}
			}
			if life.Resource == "" || life.Status != "available" || life.Waits || states["listed"]+states["conflict"] != 2 || states["listed"] == 0 {
				t.Errorf("%v: %+v", states, life)
			}
			if exit, stdout, _ := run(t, "study", uid, "--database", database, "--archive", objects, "--id-key", testKey); exit != exitOK || !strings.Contains(stdout, "2 objects") {
				t.Error(exit, stdout)
			}
			if exit, _, stderr := run(t, "study", "1.2.3", "--database", database, "--archive", objects); exit != exitFailure || !strings.Contains(stderr, "no object of this study") {
				t.Error(exit, stderr)
			}
		})
	}
}

func studyOf(t *testing.T, file string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ds, err := dicom.Scan(bytes.NewReader(content), int64(len(content)), dicom.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return ds.Text(dicom.MustPath("StudyInstanceUID"))
}
