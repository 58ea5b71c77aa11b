package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/conformance"
	"lightbox/conformance/validate"
	"lightbox/mapping"
)

// mapped runs `lightbox map` and returns what it prints.
func mapped(t *testing.T, args ...string) (out, told []byte, exit int) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := &program{Stdout: &stdout, Stderr: &stderr}
	exit = p.Run(context.Background(), append([]string{"map"}, args...))
	return stdout.Bytes(), stderr.Bytes(), exit
}

// TestMapIsValid holds every resource that the real files become to the structure of R4, to the profiles that it claims, and patients to
// International Patient Access.
func TestMapIsValid(t *testing.T) {
	const root = "../../../shared/testdata"
	if _, err := os.Stat(root); err != nil {
		t.Skip("left out: ../shared/testdata is not here")
	}
	out, told, exit := mapped(t, "--trace", "--format", "ndjson", "--json", filepath.Join(root, "dicom"), filepath.Join(root, "hl7v2"))
	if exit != exitRefused { // some are made to be refused
		t.Fatalf("exit %d: %s", exit, told)
	}
	check, kinds, invalid := validate.New(), map[string]int{}, 0
	for line := range bytes.Lines(out) {
		body := bytes.TrimSpace(line)
		kind := gjson.GetBytes(body, "resourceType").Str
		kinds[kind]++
		faults := slices.Concat(check(body), conformance.ClaimFaults(body))
		if kind == "Patient" {
			faults = append(faults, conformance.Faults(conformance.PatientAccess, body)...)
		}
		for _, f := range faults {
			if invalid++; invalid <= 20 {
				t.Errorf("%s/%s: %v", kind, gjson.GetBytes(body, "id").Str, f)
			}
		}
	}
	t.Logf("%v; %s", kinds, told[:min(len(told), 1500)])
	for _, kind := range []string{"Patient", "ImagingStudy", "DiagnosticReport", "Observation", "Device", "Practitioner", "Binary"} {
		if kinds[kind] == 0 {
			t.Errorf("no %s", kind)
		}
	}
}

// TestMapUnmapped shows names and numbers of what no rule takes, and no value.
func TestMapUnmapped(t *testing.T) {
	file := filepath.Join(t.TempDir(), "message.hl7")
	message := "MSH|^~\\&|RIS|CITY|||20260601||ORU^R01|1|P|2.5\rPID|1||7||Secretova||||||||||||MARRIED\rOBR|1||F\rZZZ|1|hidden\r" +
		"MSH|^~\\&|RIS|CITY|||20260601||ORU^R01|2|P|2.5\rPID|1||8\rOBR|1||G\rZZZ|2"
	if err := os.WriteFile(file, []byte(message), 0o600); err != nil {
		t.Fatal(err)
	}
	out, told, exit := mapped(t, "--unmapped", "--json", file)
	if exit != exitOK {
		t.Fatalf("exit %d: %s", exit, told)
	}
	var list []unmappedSource
	if err := json.Unmarshal(out, &list); err != nil {
		t.Fatal(err, string(out))
	}
	if len(list) != 1 || list[0].Source != "RIS CITY" || list[0].Files != 2 {
		t.Fatalf("%+v", list)
	}
	got := map[string]int{}
	for _, p := range list[0].Paths {
		got[p.Path] = p.Files
	}
	for path, want := range map[string]int{"ZZZ-1": 2, "ZZZ-2": 1, "PID-17": 1, "PID-3": 0, "OBR-3": 0} {
		if got[path] != want {
			t.Errorf("%s in %d, want %d", path, got[path], want)
		}
	}
	for _, value := range []string{"Secretova", "hidden", "MARRIED"} {
		if bytes.Contains(out, []byte(value)) {
			t.Errorf("the list shows %q", value)
		}
	}
}

// The code tables that are served pass the validation of what enters.
func TestConceptMapsValidate(t *testing.T) {
	m, err := mapping.New(mapping.Config{})
	if err != nil {
		t.Fatal(err)
	}
	maps, err := m.ConceptMaps("http://hub.example/fhir")
	if err != nil {
		t.Fatal(err)
	}
	check := validate.New()
	for _, one := range maps {
		for _, finding := range check(one.Body) {
			t.Errorf("%s: %v", one.ID, finding)
		}
	}
}

// Everything that is mapped is told of by Provenance, but for what is of the configuration.
func TestMapTraces(t *testing.T) {
	out, _, exit := mapped(t, "--trace", "--format", "ndjson", "--dicomweb", "https://hub.example/dicom-web", city(t))
	if exit != exitOK {
		t.Fatalf("exit %d", exit)
	}
	traced, all := map[string]bool{}, map[string]bool{}
	for line := range bytes.Lines([]byte(out)) {
		kind := gjson.GetBytes(line, "resourceType").Str
		if kind != "Provenance" && kind != "Endpoint" {
			all[kind+"/"+gjson.GetBytes(line, "id").Str] = true
		}
		for _, target := range gjson.GetBytes(line, "target.#.reference").Array() {
			traced[target.Str] = true
		}
	}
	if len(all) == 0 {
		t.Fatal("nothing is mapped")
	}
	for reference := range all {
		if !traced[reference] {
			t.Errorf("nothing tells where %s comes from", reference)
		}
	}
}
