package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// A clinician of an organisation in the file sees the patients of work for its specialty, one of another organisation does not.
func TestReadingCentres(t *testing.T) {
	file := filepath.Join(t.TempDir(), "centres.json")
	if err := os.WriteFile(file, []byte(`[{"organization":"Organization/centre","specialties":["http://snomed.info/sct|394914008"]}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	database := "sqlite:" + filepath.Join(t.TempDir(), "hub.db")
	h, _ := startServe(t, "--database", database, "--archive", t.TempDir(), "--id-key", testKey, "--reading-centres", file)
	putPatient(t, database, "anna")
	reads := func(organization string, want int) {
		t.Helper()
		token, err := h.issuer.Token(map[string]any{"aud": h.origin + "/fhir", "sub": "d", "scope": "user/*.rs", "fhirUser": "Practitioner/d", "organization": organization}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := fetch(t, h.origin+"/fhir/Patient/anna", token); status != want {
			t.Errorf("%s: %d, want %d\n%s", organization, status, want, body)
		}
	}
	reads("Organization/centre", http.StatusNotFound)
	st, err := openStore(t.Context(), database, newLog(&strings.Builder{}, "error"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	err = st.Write(t.Context(), func(tx store.Tx) error {
		_, _, err := tx.Put(t.Context(), store.Write{Resource: fhir.Resource{Type: "Task", ID: "read", Body: []byte(`{"resourceType":"Task","id":"read","status":"requested",` +
			`"intent":"order","for":{"reference":"Patient/anna"},"performerType":[{"coding":[{"system":"http://snomed.info/sct","code":"394914008"}]}]}`)}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	reads("Organization/centre", http.StatusOK)
	reads("Organization/other", http.StatusNotFound)
}

// A file that cannot be what was meant ends serve before it listens.
func TestReadingCentresFileRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "centres.json")
	for text, reason := range map[string]string{
		"": "EOF",
		`[{"organization":"Organization/a","speciality":[]}]`:             `"speciality"`,
		`[{"organization":"Organization/a","specialties":["394914008"]}]`: "system|code",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		exit, _, stderr := run(t, "serve", "--reading-centres", file)
		if exit != exitUsage || !strings.Contains(stderr, "--reading-centres "+file) || !strings.Contains(stderr, reason) {
			t.Errorf("%s: exit %d, %q", text, exit, stderr)
		}
	}
	if exit, _, stderr := run(t, "serve", "--reading-centres", file+".none"); exit != exitUsage || !strings.Contains(stderr, "--reading-centres") {
		t.Errorf("no file: exit %d, %q", exit, stderr)
	}
}
