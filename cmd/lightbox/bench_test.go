package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lightbox/bench"
	"lightbox/conformance/validate"
	"lightbox/server/orthanctest"
)

// What the city is made of has the structure that the hub demands of what enters.
func TestBenchCityIsValid(t *testing.T) {
	check := validate.New()
	c := bench.City{Seed: 1, Studies: 300, Instances: 3}
	sample := []bench.Resource{c.Patient(0), c.Patient(1)}
	for r := range c.Directory {
		if sample = append(sample, r); len(sample) == 40 { // the whole of the first facility
			break
		}
	}
	for i := range 150 {
		sample = append(sample, c.Study(i)...)
	}
	seen := map[string]bool{}
	for _, r := range sample {
		seen[r.Type] = true
		for _, finding := range check(r.Body) {
			t.Errorf("%s: %v\n%s", r.Reference(), finding, r.Body)
		}
	}
	for _, name := range []string{
		"Device", "DiagnosticReport", "ImagingStudy", "Location", "Observation", "Organization", "Patient", "Practitioner", "ServiceRequest",
	} {
		if !seen[name] {
			t.Errorf("no %s was checked", name)
		}
	}
}

// runBench runs a tiny bench and returns its exit code, table and figures.
func runBench(t *testing.T, args ...string) (exit int, table string, report bench.Report, stderr string) {
	t.Helper()
	t.Setenv(runAsProgram, "1") // of the processes that it starts
	file := filepath.Join(t.TempDir(), "figures.json")
	exit, table, stderr = run(t, append([]string{"bench", "--studies", "300", "--seconds", "0.05", "--clients", "4", "--json", file}, args...)...)
	b, err := os.ReadFile(file)
	if err != nil {
		return exit, table, report, stderr
	}
	if err := json.Unmarshal(b, &report); err != nil {
		t.Fatal(err)
	}
	return exit, table, report, stderr
}

// figures of the table, each with what it may be refused with by a server that does not serve it.
var benchFigures = []string{
	"load, first tenth", "load, last tenth", "load", "disk", "start to ready", "idle memory", "read by id",
	"patient's newest 20 studies", "modality and date, newest 20", "study by accession number",
	"studies by their patient's identifier", "patients by birth date who have a modality",
	"patient's newest 20 studies with their reports", "everything of the patient with the most",
	"read by id, 64 clients, token, policy and audit of a program", "read by id, 64 clients, token, policy and audit of a clinician",
	"patient's newest 20 studies for a clinician", "read of a study of others, 1 client",
	"create", "update", "transaction of 10 entries", "transaction of 1000 entries",
	"read by id, 64 clients while 8 write", "create, 8 clients while 64 read",
	"C-STORE of 0.5 MB images, 1 at a time", "C-STORE of 0.5 MB images, 8 at a time", "STOW-RS of 10 0.5 MB images a request, 1 at a time",
	"STOW-RS of 10 0.5 MB images a request, 8 at a time", "HL7 v2 reports, 1 at a time", "HL7 v2 reports, 8 at a time",
}

func TestBench(t *testing.T) {
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			database, dir := start(t), t.TempDir()
			exit, table, report, stderr := runBench(t, "--database", database, "--dir", dir)
			if exit != exitOK {
				t.Fatalf("bench: exit %d\n%s", exit, stderr)
			}
			if report.Database != name || report.Studies != 300 {
				t.Errorf("%+v", report)
			}
			checkFigures(t, table, report)

			t.Run("again", func(t *testing.T) {
				exit, _, report, stderr := runBench(t, "--database", database, "--dir", dir, "--only", "load,read")
				if exit != exitOK || len(report.Rows) != 2 || !strings.Contains(report.Rows[0].Note, "there already") || report.Rows[1].N == 0 {
					t.Errorf("exit %d, %+v\n%s", exit, report.Rows, stderr)
				}
			})
			t.Run("another city", func(t *testing.T) {
				exit, _, _, stderr := runBench(t, "--database", database, "--seed", "2")
				if exit != exitFailure || !strings.Contains(stderr, "another city") {
					t.Errorf("exit %d\n%s", exit, stderr)
				}
			})
		})
	}
}

func checkFigures(t *testing.T, table string, report bench.Report) {
	t.Helper()
	rows := map[string]bench.Row{}
	for _, row := range report.Rows {
		rows[row.Name] = row
		if !strings.Contains(table, row.Name) {
			t.Errorf("the table has no %q:\n%s", row.Name, table)
		}
	}
	for _, name := range benchFigures {
		row, ok := rows[name]
		if !ok || row.Errors > 0 || row.N <= 0 || row.Value <= 0 {
			t.Errorf("%s: %+v", name, row)
		}
		if row.Ratio <= 0 && name != "idle memory" {
			t.Errorf("%s stands without its limit: %+v", name, row)
		}
	}
	if len(rows) != len(benchFigures) {
		t.Errorf("%d figures, want %d", len(rows), len(benchFigures))
	}
}

// A city that is loaded in another order is the same city; a load that was stopped is finished by the next run.
func TestBenchLoadIsResumed(t *testing.T) {
	database := "sqlite:" + filepath.Join(t.TempDir(), "city.db")
	ctx, cancel := context.WithCancel(t.Context())
	c := &benchCommand{Studies: 300, Seed: 1, Order: "random", Clients: 1, Seconds: 0.05, LoadOnly: true}
	var out, errs bytes.Buffer
	config := c.config(&program{Stdout: &out, Stderr: &errs}, t.TempDir(), database)
	config.Progress = func(p bench.Progress) {
		if p.Studies > 100 {
			cancel()
		}
	}
	if _, err := bench.Run(ctx, config); err == nil {
		t.Fatal("a run that is stopped ends with no error")
	}
	config.Progress = nil
	report, err := bench.Run(t.Context(), config)
	if err != nil || len(report.Rows) == 0 || !strings.Contains(report.Rows[0].Note, "there already") {
		t.Errorf("%+v, %v", report.Rows, err)
	}
}

// Nobody's data is mixed with a synthetic city.
func TestBenchRefusesADatabaseInUse(t *testing.T) {
	database, dir := "sqlite:"+filepath.Join(t.TempDir(), "hub.db"), t.TempDir()
	ingestInto(t, database, dir, city(t))
	before := contents(t, database)
	exit, _, _, stderr := runBench(t, "--database", database)
	if exit != exitFailure || !strings.Contains(stderr, "give an empty one") {
		t.Errorf("exit %d\n%s", exit, stderr)
	}
	if after := contents(t, database); len(after) != len(before) {
		t.Errorf("%d resources, before %d", len(after), len(before))
	}
}

func TestBenchUsage(t *testing.T) {
	exit, _, stderr := run(t, "bench", "--only", "nonsense", "--dir", t.TempDir())
	if exit != exitFailure || !strings.Contains(stderr, "there are load, disk, start, read") {
		t.Errorf("exit %d\n%s", exit, stderr)
	}
	exit, stdout, _ := run(t, "bench", "--help")
	if exit != exitOK || !strings.Contains(stdout, "transaction-1000") {
		t.Errorf("exit %d\n%s", exit, stdout)
	}
}

func TestBenchProgress(t *testing.T) {
	var b bytes.Buffer
	p := &loadProgress{w: &b}
	for range 3 {
		p.show(bench.Progress{Studies: 1000, Of: 4000, Now: 100, Overall: 50, Remaining: time.Minute})
	}
	if got, want := b.String(), "1000 of 4000 studies, 100/s now, 50/s overall, 1m0s left\n"; got != want {
		t.Errorf("%q, want %q once in %v", got, want, progressEvery)
	}
}

// An Orthanc is read, and its own time beside it.
func TestBenchSync(t *testing.T) {
	pacs := orthanctest.Start(t, nil)
	for n := range 30 {
		pacs.Put(t, objectOf("1.2.3", fmt.Sprint("1.2.3.1.", n), 64))
	}
	exit, _, report, stderr := runBench(t, "--from", pacs.URL, "--only", "sync")
	if exit != exitOK || len(report.Rows) != 1 || report.Rows[0].N != 30 || report.Rows[0].Limit == 0 || report.Rows[0].Note != "" {
		t.Errorf("exit %d, %+v\n%s", exit, report.Rows, stderr)
	}
}
