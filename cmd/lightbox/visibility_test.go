package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serve goes by its table of labels and by its rule of release, until somebody releases a report.
func TestVisibilityServed(t *testing.T) {
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "labels.json")
			if err := os.WriteFile(file, []byte(`[{"who":"patient","except":["urn:x:label|SECRET"]}]`), 0o600); err != nil {
				t.Fatal(err)
			}
			h, _ := startServe(t, "--database", start(t), "--archive", t.TempDir(), "--labels", file, "--release", "held")
			token := func(claims map[string]any) string {
				claims["aud"] = h.origin + "/fhir"
				text, err := h.issuer.Token(claims, time.Hour)
				if err != nil {
					t.Fatal(err)
				}
				return text
			}
			anna, program := token(map[string]any{"scope": "patient/*.rs", "patient": "anna"}), token(map[string]any{"scope": "system/*.cruds"})
			put := func(method, path, body string) {
				t.Helper()
				r, err := http.NewRequestWithContext(t.Context(), method, h.origin+"/fhir/"+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer "+program)
				r.Header.Set("Content-Type", "application/fhir+json")
				response, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer response.Body.Close()
				if response.StatusCode >= 300 {
					t.Fatalf("%s %s: %s", method, path, response.Status)
				}
			}
			reads := func(path string, want int) {
				t.Helper()
				if status, body := fetch(t, h.origin+"/fhir/"+path, anna); status != want {
					t.Errorf("%s: %d, want %d: %s", path, status, want, body)
				}
			}
			put("PUT", "Patient/anna", `{"resourceType":"Patient","id":"anna"}`)
			for id, label := range map[string]string{"open": "OPEN", "secret": "SECRET"} {
				put("PUT", "Encounter/"+id, `{"resourceType":"Encounter","id":"`+id+`","meta":{"security":[{"system":"urn:x:label","code":"`+label+
					`"}]},"status":"finished","class":{"code":"AMB"},"subject":{"reference":"Patient/anna"}}`)
			}
			put("PUT", "DiagnosticReport/r", `{"resourceType":"DiagnosticReport","id":"r","status":"final","code":{"text":"x"},"issued":"2020-01-01T00:00:00Z","subject":{"reference":"Patient/anna"}}`)
			reads("Encounter/open", http.StatusOK)
			reads("Encounter/secret", http.StatusNotFound)
			reads("DiagnosticReport/r", http.StatusNotFound)
			put("POST", "DiagnosticReport/r/$release", "")
			reads("DiagnosticReport/r", http.StatusOK)
		})
	}
}

// A table of labels that cannot be what was meant ends serve before it listens.
func TestLabelsFileRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "labels.json")
	if err := os.WriteFile(file, []byte(`[{"who":"doctor"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, file + ".none"} {
		if exit, _, stderr := run(t, "serve", "--labels", name); exit != exitUsage || !strings.Contains(stderr, "--labels") {
			t.Errorf("%s: exit %d, %q", name, exit, stderr)
		}
	}
}

// And a rule of release.
func TestReleaseRefused(t *testing.T) {
	for _, rule := range []string{"never", "3x", "-1h", "d", "99999d"} {
		if exit, _, stderr := run(t, "serve", "--release="+rule); exit != exitUsage || !strings.Contains(stderr, "--release") {
			t.Errorf("%s: exit %d, %q", rule, exit, stderr)
		}
	}
}
