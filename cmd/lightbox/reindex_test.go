package main

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/fhir/store/sqlite"
)

func TestReindex(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	former, err := fhir.Vary(func(p *fhir.SearchParameter) bool { return p.Type != "Device" || p.Name != "status" })
	if err != nil {
		t.Fatal(err)
	}
	st, err := sqlite.Open(t.Context(), path, store.Options{Registry: former})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b"} {
		body := `{"resourceType":"Device","id":"` + id + `","status":"active"}`
		err := st.Write(t.Context(), func(tx store.Tx) error {
			r, err := fhir.Parse([]byte(body))
			if err != nil {
				return err
			}
			_, _, err = tx.Put(t.Context(), store.Write{Resource: r})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, want string
		args       []string
	}{
		{"what has changed", "reindexed, resources: 2\n", nil},
		{"nothing", "reindexed, resources: 0\n", nil},
		{"all", "reindexed, resources: 2\n", []string{"--all"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			exit, stdout, stderr := run(t, append([]string{"reindex", "--database", "sqlite:" + path}, c.args...)...)
			if diff := cmp.Diff(c.want, stdout+stderr); exit != exitOK || diff != "" {
				t.Errorf("exit %d, output (-want +got):\n%s", exit, diff)
			}
		})
	}
}
