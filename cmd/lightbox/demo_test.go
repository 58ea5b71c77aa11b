package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// runningDemo is a demo that answers.
type runningDemo struct {
	demoInfo
	dir    string
	stdout *syncBuffer
}

// syncBuffer is a buffer that one goroutine writes while another reads.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// startDemo runs the demo in this process on a free port, and stops it with the test.
func startDemo(t *testing.T, args ...string) runningDemo {
	t.Helper()
	d := runningDemo{dir: filepath.Join(t.TempDir(), "demo"), stdout: &syncBuffer{}}
	stderr := &syncBuffer{}
	ctx, cancel := context.WithCancel(context.Background())
	exit := make(chan int, 1)
	go func() {
		p := &program{Stdout: d.stdout, Stderr: stderr}
		exit <- p.Run(ctx, append([]string{"demo", "--dir", d.dir, "--listen", "127.0.0.1:0"}, args...))
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-exit; code != exitOK {
			t.Errorf("demo: exit %d\n%s", code, stderr)
		}
	})
	d.demoInfo = d.wait(t, stderr)
	return d
}

// wait returns what demo.json says once it is there.
func (d runningDemo) wait(t *testing.T, stderr *syncBuffer) demoInfo {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(2 * time.Minute)
	for {
		select {
		case <-tick.C:
			if info, err := readDemo(d.dir); err == nil {
				return info
			} else if !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
		case <-deadline:
			t.Fatalf("the demo did not become ready\n%s%s", d.stdout, stderr)
		}
	}
}

// get asks as one of demo.json's callers and returns status and body.
func (d runningDemo) get(t *testing.T, who, path string) (int, []byte) {
	t.Helper()
	return d.getWith(t, d.Tokens[who], path)
}

func (d runningDemo) getWith(t *testing.T, token, path string) (int, []byte) {
	t.Helper()
	return fetch(t, d.FHIR+"/"+path, token)
}

// references returns "Type/id" of every entry of a searchset or history.
func (d runningDemo) references(t *testing.T, who, path string) []string {
	t.Helper()
	status, body := d.get(t, who, path)
	if status != http.StatusOK {
		t.Fatalf("%s GET %s: %d\n%s", who, path, status, body)
	}
	var bundle struct {
		Entry []struct {
			Resource struct {
				ResourceType, ID string
				Subject          struct{ Reference string }
			}
		}
	}
	if err := json.Unmarshal(body, &bundle); err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range bundle.Entry {
		list = append(list, e.Resource.ResourceType+"/"+e.Resource.ID)
		if e.Resource.Subject.Reference != "" {
			list = append(list, e.Resource.Subject.Reference)
		}
	}
	return list
}

// patients returns the different patients among references.
func patients(references []string) []string {
	seen := map[string]bool{}
	var list []string
	for _, r := range references {
		if strings.HasPrefix(r, "Patient/") && !seen[r] {
			seen[r] = true
			list = append(list, r)
		}
	}
	return list
}

func TestDemo(t *testing.T) {
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			d := startDemo(t, "--database", start(t))
			t.Run("patient", func(t *testing.T) { d.seesOnly(t, "patient", d.Patients["patient"]) })
			t.Run("parent", func(t *testing.T) { d.seesOnly(t, "parent", d.Patients["child"]) })
			t.Run("emr", d.emrSeesAll)
			t.Run("partner", d.partnerSeesItsOwn)
			t.Run("clinician", d.clinicianSees)
			t.Run("token", d.tokens)
		})
	}
}

// seesOnly asks every way there is and demands that one patient alone is seen.
func (d runningDemo) seesOnly(t *testing.T, who, patient string) {
	for _, path := range []string{
		"Patient", "ImagingStudy?_include=*", "ImagingStudy?_include=ImagingStudy:patient", "DiagnosticReport?_include=*",
		"ServiceRequest", "Patient?_revinclude=ImagingStudy:patient&_revinclude=DiagnosticReport:patient", patient + "/_history",
	} {
		got := patients(d.references(t, who, path))
		if len(got) != 1 || got[0] != patient {
			t.Errorf("%s: %s sees %v", path, who, got)
		}
	}
	others := 0
	for _, other := range d.references(t, "emr", "Patient?_count=100") {
		if other == patient {
			continue
		}
		others++
		_, id, _ := strings.Cut(other, "/")
		for _, path := range []string{other, other + "/_history", other + "/_history/1"} {
			if status, _ := d.get(t, who, path); status != http.StatusNotFound {
				t.Errorf("%s GET %s: %d", who, path, status)
			}
		}
		for _, path := range []string{"Patient?_id=" + id, "ImagingStudy?patient=" + id, "ImagingStudy?_include=ImagingStudy:patient&patient=" + other} {
			if got := d.references(t, who, path); len(got) != 0 {
				t.Errorf("%s: %s sees %v", path, who, got)
			}
		}
	}
	if others < 11 {
		t.Errorf("the city has %d other patients", others)
	}
}

func (d runningDemo) emrSeesAll(t *testing.T) {
	if got := len(d.references(t, "emr", "Patient?_count=100")); got < 12 {
		t.Errorf("the EMR sees %d patients", got)
	}
	studies := 0
	for _, r := range d.references(t, "emr", "ImagingStudy?_count=100") {
		if strings.HasPrefix(r, "ImagingStudy/") {
			studies++
		}
	}
	if studies < 25 {
		t.Errorf("the EMR sees %d studies", studies)
	}
}

func (d runningDemo) partnerSeesItsOwn(t *testing.T) {
	all, own := d.references(t, "emr", "ImagingStudy?_count=100"), d.references(t, "partner", "ImagingStudy?_count=100")
	if len(own) == 0 || len(own) >= len(all) {
		t.Errorf("the partner sees %d of %d", len(own), len(all))
	}
	if status, _ := d.get(t, "partner", "Device"); status != http.StatusForbidden {
		t.Errorf("partner GET Device: %d", status)
	}
}

func (d runningDemo) clinicianSees(t *testing.T) {
	if got := d.references(t, "clinician", "ImagingStudy?modality=CT"); len(got) == 0 {
		t.Error("the clinician sees no CT")
	}
}

func (d runningDemo) tokens(t *testing.T) {
	token := func(args ...string) string {
		exit, stdout, stderr := run(t, append([]string{"token", "--dir", d.dir}, args...)...)
		if exit != exitOK {
			t.Fatalf("token: exit %d\n%s", exit, stderr)
		}
		return strings.TrimSpace(stdout)
	}
	for _, test := range []struct {
		name, token, path string
		want              int
	}{
		{"none", "", "Patient", http.StatusUnauthorized},
		{"nonsense", "nonsense", "Patient", http.StatusUnauthorized},
		{"expired", token("--scope", "system/*.rs", "--ttl=-1h"), "Patient", http.StatusUnauthorized},
		{"no patient", token("--scope", "patient/*.rs"), d.Patients["patient"], http.StatusForbidden},
		{"another type", token("--scope", "system/Device.rs"), "Patient", http.StatusForbidden},
		{"read only", token("--scope", "system/Patient.r"), "Patient", http.StatusForbidden},
		{"reads", token("--scope", "system/Patient.r"), d.Patients["patient"], http.StatusOK},
		{"context", token("--scope", "patient/Patient.r", "--patient", strings.TrimPrefix(d.Patients["child"], "Patient/")), d.Patients["child"], http.StatusOK},
	} {
		if status, body := d.getWith(t, test.token, test.path); status != test.want {
			t.Errorf("%s: %d, want %d\n%s", test.name, status, test.want, body)
		}
	}
}

// The lines that the demo prints work when pasted.
func TestDemoLines(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("left out: needs curl")
	}
	d := startDemo(t)
	ran := 0
	for line := range strings.Lines(d.stdout.String()) {
		if !strings.HasPrefix(line, "curl ") {
			continue
		}
		ran++
		out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
		if err != nil {
			t.Errorf("%s%v\n%s", line, err, out)
		}
		refusal := strings.Contains(line, "-si")
		answer := `"Bundle"`
		if strings.Contains(line, "/dicom-web/") {
			answer = `"0020000D"`
		}
		if strings.Contains(line, "$link") {
			answer = `"valueUrl"`
		}
		if bytes.Contains(out, []byte(answer)) == refusal || bytes.Contains(out, []byte("401 Unauthorized")) != refusal {
			t.Errorf("%s%s", line, out)
		}
	}
	if ran < 11 {
		t.Errorf("%d lines to paste", ran)
	}
}
