package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Patients that may be one are listed without names, shown side by side, and decided of.
func TestMatches(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			hub := []string{"--database", database(t), "--archive", filepath.Join(dir, "objects"), "--id-key", testKey}
			write := func(name, text string) string {
				path := filepath.Join(dir, name)
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			}
			rules := write("rules.json", "{}")
			call := func(want int, args ...string) string {
				exit, stdout, stderr := run(t, append(args, hub...)...)
				if exit != want {
					t.Fatalf("%v: exit %d\n%s%s", args, exit, stdout, stderr)
				}
				return stdout + stderr
			}
			var messages []string
			for n, born := range []string{"19700102", "19700102", "19700201"} {
				messages = append(messages, write(string(rune('a'+n))+".hl7", "MSH|^~\\&|HIS|N|H|H|20250101100000||ADT^A28^ADT_A05|"+string(rune('1'+n))+"|P|2.5\rEVN||20250101100000\r"+
					"PID|1||"+string(rune('1'+n))+"^^^H"+string(rune('1'+n))+"^MR||Schmidt^Johanna||"+born+"|F|||Main 1^^City^^10115^DE||0301234567\r"))
			}
			call(exitOK, append([]string{"ingest", "--matching", rules}, messages...)...)
			list := call(exitOK, "matches")
			if !strings.HasSuffix(list, "2 pairs\n") || strings.Contains(list, "Schmidt") {
				t.Fatal(list)
			}
			a, b, _ := strings.Cut(strings.Join(strings.Fields(list)[:2], " "), " ")
			if linked := call(exitOK, "matches", "--linked", "--json"); strings.Count(linked, "\n") != 1 || !strings.Contains(linked, `"grade":"certain"`) {
				t.Error(linked)
			}
			if shown := call(exitOK, "matches", "show", a, b); !strings.Contains(shown, "Schmidt") || !strings.Contains(shown, "birthDate alike") {
				t.Error(shown)
			}
			call(exitOK, "matches", "reject", a, b)
			if left := call(exitOK, "matches"); strings.Contains(left, a+"  "+b) || !strings.HasSuffix(left, "1 pairs\n") {
				t.Error(left)
			}
			if again := call(exitOK, "matches", "again", "--matching", rules); again != "1 pairs linked, 1 for review\n" {
				t.Error(again)
			}
			call(exitFailure, "matches", "again")
			call(exitFailure, "matches", "accept", a, a)
			call(exitFailure, "matches", "accept", a, "Patient/none")
			call(exitUsage, "ingest", "--matching", write("bad.json", `{"rules":[["name"]]}`), messages[0])
		})
	}
}
