package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/fhir/search"
	"lightbox/mapping"
)

// Two records that messages told of become one and two again.
func TestMerge(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "two.hl7")
	text := "MSH|^~\\&|HIS|CITY|HUB|CITY|20250101||ADT^A28|1|P|2.5\rPID|1||A^^^CITY^MR\rMSH|^~\\&|HIS|CITY|HUB|CITY|20250101||ADT^A01|2|P|2.5\rPID|1||B^^^CITY^MR\rPV1|1|I|||||||||||||||||V-1^^^CITY\r"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	hub := []string{"--database", "sqlite:" + filepath.Join(dir, "hub.db"), "--archive", filepath.Join(dir, "objects"), "--id-key", "00"}
	if exit, _, stderr := run(t, append([]string{"ingest", file}, hub...)...); exit != exitOK {
		t.Fatal(stderr)
	}
	m, err := mapping.New(mapping.Config{Key: []byte{0}})
	if err != nil {
		t.Fatal(err)
	}
	city := "urn:uuid:" + m.ID("NamingSystem", "", "CITY")
	a, b := "Patient/"+m.ID("Patient", city, "A"), "Patient/"+m.ID("Patient", city, "B")
	visit := m.ID("Encounter", city, "V-1")
	for _, c := range []struct {
		name           string
		args           []string
		exit           int
		stdout, stderr string
		subject        string
	}{
		{"no patient", []string{"Device/x", a}, exitFailure, "", "lightbox: \"Device/x\" is not Patient/id\n", b},
		{"unknown", []string{"Patient/x", a}, exitFailure, "", "lightbox: Patient/x: store: not found\n", b},
		{"itself", []string{a, a}, exitFailure, "", "lightbox: " + a + " is both records\n", b},
		{"merged", []string{b, a}, exitOK, b + " goes on as " + a + "\n", "", a},
		{"merged again", []string{b, a}, exitOK, b + " goes on as " + a + "\n", "", a},
		{"taken back", []string{"--undo", b, a}, exitOK, b + " no longer goes on as " + a + "\n", "", b},
	} {
		t.Run(c.name, func(t *testing.T) {
			exit, stdout, stderr := run(t, append(append([]string{"merge"}, c.args...), hub...)...)
			if exit != c.exit || stdout != c.stdout || stderr != c.stderr {
				t.Errorf("exit %d, %q, %q", exit, stdout, stderr)
			}
			if got := subjectOf(t, hub[1], visit); got != c.subject {
				t.Errorf("the visit is of %s, want %s", got, c.subject)
			}
		})
	}
	// A sender whose clock is ahead of ours does not have the last word for ever.
	future := "MSH|^~\\&|HIS|CITY|HUB|CITY|20990101||ADT^A40|3|P|2.5\rPID|1||A^^^CITY^MR\rMRG|B^^^CITY^MR\r"
	if err := os.WriteFile(file, []byte(future), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args    []string
		subject string
	}{{[]string{"ingest", file}, a}, {[]string{"merge", "--undo", b, a}, b}} {
		if exit, _, stderr := run(t, append(c.args, hub...)...); exit != exitOK {
			t.Fatal(stderr)
		}
		if got := subjectOf(t, hub[1], visit); got != c.subject {
			t.Errorf("%v: the visit is of %s, want %s", c.args, got, c.subject)
		}
	}
}

// subjectOf reads whom an Encounter is of.
func subjectOf(t *testing.T, database, id string) string {
	t.Helper()
	st, err := openStore(t.Context(), database, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	r, err := st.Read(t.Context(), search.Everything(), "Encounter", id)
	if err != nil {
		t.Fatal(err)
	}
	return gjson.GetBytes(r.Body, "subject.reference").Str
}
