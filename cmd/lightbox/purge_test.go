package main

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// putInto writes resources to the database of a command.
func putInto(t *testing.T, database string, bodies ...string) {
	t.Helper()
	st, err := openStore(t.Context(), database, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for _, body := range bodies {
		r, err := fhir.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		err = st.Write(t.Context(), func(tx store.Tx) error {
			_, _, err := tx.Put(t.Context(), store.Write{Resource: r})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestPurge(t *testing.T) {
	database := "sqlite:" + filepath.Join(t.TempDir(), "hub.db")
	putInto(t, database, `{"resourceType":"Device","id":"a","status":"active"}`, `{"resourceType":"Device","id":"a","status":"inactive"}`,
		`{"resourceType":"Device","id":"b","status":"active"}`)
	for _, c := range []struct {
		name           string
		args           []string
		exit           int
		stdout, stderr string
	}{
		{"not confirmed", []string{"Device/a"}, exitFailure, "found   Device/a, versions: 2\n",
			"lightbox: nothing was removed; add --yes to remove these for good\n"},
		{"one is absent", []string{"--yes", "Device/a", "Device/c"}, exitFailure, "", "lightbox: Device/c: store: not found\n"},
		{"no reference", []string{"--yes", "Device/a/_history/1"}, exitFailure, "", "lightbox: \"Device/a/_history/1\" is not Type/id\n"},
		{"both", []string{"--yes", "Device/a", "Device/b", "Device/a"}, exitOK, "purged  Device/a, versions: 2\npurged  Device/b, versions: 1\n", ""},
		{"gone", []string{"--yes", "Device/a"}, exitFailure, "", "lightbox: Device/a: store: not found\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			exit, stdout, stderr := run(t, append([]string{"purge", "--database", database}, c.args...)...)
			if exit != c.exit {
				t.Errorf("exit %d, want %d", exit, c.exit)
			}
			if diff := cmp.Diff(c.stdout+c.stderr, stdout+stderr); diff != "" {
				t.Errorf("output (-want +got):\n%s", diff)
			}
		})
	}
}
