package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What a serving hub shows is in the chain of audit records; one that is changed afterwards shows.
func TestAuditVerify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hub.db")
	database := "sqlite:" + path
	h, _ := startServe(t, "--database", database, "--archive", t.TempDir(), "--id-key", testKey)
	token, err := h.issuer.Token(map[string]any{"aud": h.origin + "/fhir", "sub": "emr", "scope": "system/*.rs"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	verify := func(args ...string) (exit int, stdout, stderr string) {
		t.Helper()
		return run(t, append([]string{"audit", "verify", "--database", database}, args...)...)
	}
	_, before, _ := verify()
	for range 3 {
		if status, _ := fetch(t, h.origin+"/fhir/Patient", token); status != http.StatusOK {
			t.Fatal(status)
		}
	}
	head := strings.TrimSpace(strings.TrimPrefix(before, "0 events; head "))
	exit, after, stderr := verify("--head", head)
	if exit != exitOK || !strings.HasPrefix(after, "3 events; head changes:0:,accesses:3:") {
		t.Errorf("exit %d, %q, %q", exit, after, stderr)
	}
	if exit, _, stderr := verify("--head", "2:00"); exit == exitOK || !strings.Contains(stderr, "head") {
		t.Errorf("a head that was never: exit %d, %q", exit, stderr)
	}
	st, err := openStore(t.Context(), database, newLog(&strings.Builder{}, "error"))
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if err := st.Ledger().Exec(t.Context(), "UPDATE audit_access SET body = '{}' WHERE seq = 2"); err != nil {
		t.Fatal(err)
	}
	if exit, stdout, stderr := verify("--json"); exit == exitOK || !strings.Contains(stderr, "record accesses:2") || !strings.Contains(stdout, `"broken":"accesses:2"`) {
		t.Errorf("a record that was changed: exit %d, %q, %q", exit, stdout, stderr)
	}
}
