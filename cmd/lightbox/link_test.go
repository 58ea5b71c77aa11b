package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/conformance/validate"
	"lightbox/fhir"
	"lightbox/fhir/store"
)

// A subject of another house's issuer is refused until it is linked, and then is who the link says; each change is on record.
func TestLink(t *testing.T) {
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			database := start(t)
			outside := startIssuer(t)
			issuer := outside.Metadata().Issuer
			file := filepath.Join(t.TempDir(), "issuers.json")
			rules := fmt.Sprintf(`[{"issuer":%q,"audience":"urn:hub","linked":true}]`, issuer)
			if err := os.WriteFile(file, []byte(rules), 0o600); err != nil {
				t.Fatal(err)
			}
			h, _ := startServe(t, "--database", database, "--archive", t.TempDir(), "--id-key", testKey, "--issuers", file)
			putPatient(t, database, "anna")
			putPatient(t, database, "boris")
			token, err := outside.Token(map[string]any{"aud": "urn:hub", "sub": "4f1c", "scope": "patient/*.rs", "patient": "boris"}, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			reads := func(id string, want int) string {
				t.Helper()
				status, body := fetch(t, h.origin+"/fhir/Patient/"+id, token)
				if status != want {
					t.Errorf("Patient/%s: %d, want %d\n%s", id, status, want, body)
				}
				return string(body)
			}
			if body := reads("boris", http.StatusUnauthorized); !strings.Contains(body, "the token's subject is not known here") {
				t.Error(body)
			}
			for _, c := range []struct {
				name           string
				args           []string
				exit           int
				stdout, stderr string
			}{
				{"nobody yet", []string{"list"}, exitOK, "", ""},
				{"no such patient", []string{"add", issuer, "4f1c", "Patient/nobody"}, exitFailure, "", "lightbox: auth: not known here: Patient/nobody\n"},
				{"no type of a caller", []string{"add", issuer, "4f1c", "Device/x"}, exitFailure, "", "lightbox: auth: \"Device/x\" is not Type/id with a type of Patient, Practitioner, RelatedPerson, Organization\n"},
				{"no issuer", []string{"add", "id", "4f1c", "Patient/anna"}, exitFailure, "", "lightbox: auth: issuer \"id\" is not an http(s) URL without query\n"},
				{"added", []string{"add", issuer, "4f1c", "Patient/anna", "--by", "desk"}, exitOK, "4f1c of " + issuer + " is Patient/anna\n", ""},
				{"again", []string{"add", issuer, "4f1c", "Patient/anna"}, exitOK, "4f1c of " + issuer + " as Patient/anna was recorded before\n", ""},
				{"to two", []string{"add", issuer, "4f1c", "Patient/boris"}, exitFailure, "", "lightbox: auth: the subject is linked to another resource of the type: Patient/anna\n"},
			} {
				exit, stdout, stderr := run(t, append(append([]string{"link"}, c.args...), "--database", database)...)
				if exit != c.exit || stdout != c.stdout || stderr != c.stderr {
					t.Errorf("%s: exit %d, %q, %q", c.name, exit, stdout, stderr)
				}
			}
			reads("anna", http.StatusOK)
			reads("boris", http.StatusNotFound) // which the token claims
			_, list, _ := run(t, "link", "list", "--json", issuer, "--database", database)
			if got := gjson.Get(list, "#.reference").Raw + gjson.Get(list, "#.by").Raw; got != `["Patient/anna"]["desk"]` {
				t.Error(list)
			}
			for _, want := range []string{" is no longer Patient/anna\n", " as Patient/anna was not recorded\n"} {
				if exit, stdout, stderr := run(t, "link", "remove", issuer, "4f1c", "Patient/anna", "--database", database); exit != exitOK || !strings.HasSuffix(stdout, want) {
					t.Errorf("exit %d, %q, %q", exit, stdout, stderr)
				}
			}
			if _, stdout, _ := run(t, "link", "list", "--database", database); stdout != "" {
				t.Error(stdout)
			}
			checkLinkEvents(t, h)
		})
	}
}

// checkLinkEvents wants one AuditEvent of the link's making and one of its end, each of the patient.
func checkLinkEvents(t *testing.T, h servingHub) {
	t.Helper()
	auditor, err := h.issuer.Token(map[string]any{"aud": h.origin + "/fhir", "sub": "a", "scope": "system/*.rs", "roles": []string{"auditor"}}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	_, body := fetch(t, h.origin+"/fhir/AuditEvent?entity=Patient/anna&type=110106", auditor)
	said := gjson.GetBytes(body, "entry.#.resource.outcomeDesc").String()
	for _, e := range gjson.GetBytes(body, "entry.#.resource").Array() {
		if issues := validate.New()([]byte(e.Raw)); len(issues) > 0 {
			t.Errorf("%v\n%s", issues[0], e.Raw)
		}
	}
	for _, word := range []string{"is Patient/anna", "is no longer Patient/anna"} {
		if strings.Count(said, word) != 1 {
			t.Errorf("%q is not there once: %s", word, said)
		}
	}
}

func putPatient(t *testing.T, database, id string) {
	t.Helper()
	st, err := openStore(t.Context(), database, newLog(&strings.Builder{}, "error"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	err = st.Write(t.Context(), func(tx store.Tx) error {
		_, _, err := tx.Put(context.Background(), store.Write{Resource: fhir.Resource{Type: "Patient", ID: id, Body: []byte(`{"resourceType":"Patient","id":"` + id + `"}`)}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A file that cannot be what was meant ends serve before it listens.
func TestIssuersFileRefused(t *testing.T) {
	file := filepath.Join(t.TempDir(), "issuers.json")
	for text, reason := range map[string]string{
		"":                                    "EOF",
		`[{"issuer":"https://a","clams":{}}]`: `"clams"`,
		`[{"issuer":"https://a","introspection":{"clientId":"hub"}}]`: "secret",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		exit, _, stderr := run(t, "serve", "--issuers", file)
		if exit != exitUsage || !strings.Contains(stderr, "--issuers "+file) || !strings.Contains(stderr, reason) {
			t.Errorf("%s: exit %d, %q", text, exit, stderr)
		}
	}
	if exit, _, stderr := run(t, "serve", "--issuers", file+".none"); exit != exitUsage || !strings.Contains(stderr, "--issuers") {
		t.Errorf("no file: exit %d, %q", exit, stderr)
	}
}
