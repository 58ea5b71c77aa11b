package mapping_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"lightbox/conformance"
	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir"
	"lightbox/mapping"
	"lightbox/mapping/hl7v2"
)

var update = flag.Bool("update", false, "write goldens and MAPPING.md anew")

// golden is one file of testdata: objects as lists of attributes, the FHIR that they become, the issues that they raise.
type golden struct {
	path     string
	mapper   *mapping.Mapper
	objects  []*dicom.Dataset
	messages []*hl7v2.Message
	archive  *txtar.Archive
}

func goldens(t testing.TB) []golden {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no goldens", err)
	}
	var list []golden
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		g := golden{path: path, archive: a, mapper: configured(t, section(a, "config"))}
		if input := section(a, "input"); input != "" {
			for _, object := range strings.Split(input, "---\n") {
				g.objects = append(g.objects, parseObject(t, path, object))
			}
		}
		for _, text := range hl7v2.Split([]byte(section(a, "messages"))) {
			message, err := hl7v2.Parse(text, hl7v2.Options{})
			if err != nil {
				t.Fatal(path, err)
			}
			g.messages = append(g.messages, message)
		}
		list = append(list, g)
	}
	return list
}

func section(a *txtar.Archive, name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

func configured(t testing.TB, text string) *mapping.Mapper {
	t.Helper()
	var c struct {
		Systems        map[string]string
		Zone, DICOMweb string
		Zones          map[string]string
		Priorities     []mapping.PriorityRule
	}
	if text != "" {
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			t.Fatal(err)
		}
	}
	config := mapping.Config{Systems: c.Systems, DICOMweb: c.DICOMweb, Priorities: c.Priorities}
	if c.Zone != "" {
		zone, err := time.LoadLocation(c.Zone)
		if err != nil {
			t.Fatal(err)
		}
		config.Zone = zone
	}
	config.Zones = map[string]*time.Location{}
	for source, name := range c.Zones {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		config.Zones[source] = zone
	}
	m, err := mapping.New(config)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// result is what the objects of a golden become.
type result struct {
	resources []fhir.Resource
	issues    []mapping.Issue
	refusals  []string
}

// mapAll goes the way that ingest goes.
func mapAll(t *testing.T, m *mapping.Mapper, objects []*dicom.Dataset, messages ...*hl7v2.Message) result {
	t.Helper()
	var out result
	mentions := map[string][]mapping.Mention{}
	instances := map[string][]archive.Instance{}
	documents := map[string][]mapping.Document{}
	for _, ds := range objects {
		i, err := m.Index(ds)
		if err != nil {
			out.refusals = append(out.refusals, err.Error())
			continue
		}
		i.Source = "test"
		instances[i.StudyInstanceUID] = append(instances[i.StudyInstanceUID], i)
		said, issues, err := m.Mentions(i.Context)
		if err != nil {
			t.Fatal(err)
		}
		out.add(issues)
		for _, one := range said {
			mentions[one.Type+"/"+one.ID] = append(mentions[one.Type+"/"+one.ID], one)
		}
		if mapping.IsDocument(i.SOPClassUID) {
			documents[i.StudyInstanceUID] = append(documents[i.StudyInstanceUID], mapping.Document{Instance: i, Dataset: ds})
		}
	}
	told := map[string][]mapping.Told{}
	var said []mapping.PatientLink
	for _, message := range messages {
		got, err := m.Message(message)
		if err != nil {
			out.refusals = append(out.refusals, err.Error())
			continue
		}
		out.add(got.Issues)
		for _, one := range got.Reports {
			told[one.ID] = append(told[one.ID], one)
		}
		said = append(said, got.Links...)
		for _, one := range got.Mentions {
			mentions[one.Type+"/"+one.ID] = append(mentions[one.Type+"/"+one.ID], one)
		}
	}
	links, issues := mapping.SettleLinks(said)
	out.add(issues)
	for _, of := range told {
		report, issues, err := m.Prevailing(of)
		if err != nil {
			t.Fatal(err)
		}
		out.add(issues)
		out.resources = append(out.resources, report.Resources...)
	}
	for uid, of := range instances {
		study, err := m.Study(of, "", links)
		if err != nil {
			t.Fatal(err)
		}
		for _, order := range study.Orders() {
			if settled, _, err := mapping.Merge(mentions[order]); err == nil {
				study.Ordered = append(study.Ordered, mapping.PriorityOf(settled))
			}
		}
		told, err := m.Documents(study, documents[uid])
		if err != nil {
			t.Fatal(err)
		}
		out.add(study.Issues)
		out.add(told.Issues)
		out.resources = append(append(out.resources, study.Resource), told.Resources...)
		for _, one := range told.Mentions {
			mentions[one.Type+"/"+one.ID] = append(mentions[one.Type+"/"+one.ID], one)
		}
	}
	for _, said := range mentions {
		r, issues, err := mapping.Merge(said)
		if err != nil {
			t.Fatal(err)
		}
		out.add(issues)
		out.resources = append(out.resources, r)
	}
	if err := links.Apply(out.resources); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(out.resources, func(a, b fhir.Resource) int { return strings.Compare(a.Reference(), b.Reference()) })
	return out
}

func (r *result) add(issues []mapping.Issue) {
	for _, i := range issues {
		if !slices.Contains(r.issues, i) {
			r.issues = append(r.issues, i)
		}
	}
}

func (r *result) fhir(t *testing.T) string {
	var b bytes.Buffer
	for _, one := range r.resources {
		if err := json.Indent(&b, one.Body, "", "  "); err != nil {
			t.Fatalf("%s: %v", one.Reference(), err)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (r *result) findings() string {
	var lines []string
	for _, i := range r.issues {
		lines = append(lines, fmt.Sprintf("%s %s: %s -> %s: %s [%s]\n", i.Severity, i.Code, i.Attribute, i.Element, i.Detail, i.Ref))
	}
	for _, one := range r.refusals {
		lines = append(lines, "refused "+one+"\n")
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func TestGoldens(t *testing.T) {
	for _, g := range goldens(t) {
		t.Run(strings.TrimSuffix(filepath.Base(g.path), ".txtar"), func(t *testing.T) {
			got := mapAll(t, g.mapper, g.objects, g.messages...)
			want := txtar.Archive{Comment: g.archive.Comment}
			for _, name := range []string{"config", "input", "messages"} {
				if s := section(g.archive, name); s != "" {
					want.Files = append(want.Files, txtar.File{Name: name, Data: []byte(s)})
				}
			}
			want.Files = append(want.Files, txtar.File{Name: "fhir", Data: []byte(got.fhir(t))}, txtar.File{Name: "issues", Data: []byte(got.findings())})
			if *update {
				if err := os.WriteFile(g.path, txtar.Format(&want), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(section(g.archive, "fhir"), got.fhir(t)); diff != "" {
				t.Errorf("FHIR (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(section(g.archive, "issues"), got.findings()); diff != "" {
				t.Errorf("issues (-want +got):\n%s", diff)
			}
		})
	}
}

// TestProfilesAreKept holds what is mapped to the profiles that it claims, and patients to International Patient Access.
func TestProfilesAreKept(t *testing.T) {
	claimed := map[string]int{}
	for _, g := range goldens(t) {
		for _, one := range mapAll(t, g.mapper, g.objects, g.messages...).resources {
			faults := conformance.ClaimFaults(one.Body)
			if one.Type == "Patient" {
				faults = conformance.Faults(conformance.PatientAccess, one.Body)
			}
			for _, f := range faults {
				t.Errorf("%s: %s: %v", g.path, one.Reference(), f)
			}
			for _, p := range conformance.Profiles {
				if bytes.Contains(one.Body, []byte(strconv.Quote(p.URL))) {
					claimed[p.URL]++
				}
			}
		}
	}
	for _, url := range []string{conformance.RadiationDoseSummary, conformance.ModalityDevice, conformance.PatientDocument} {
		if claimed[url] == 0 {
			t.Error("nothing claims", url)
		}
	}
}

// TestReferencesResolve holds every reference of a mapped resource to a resource that was mapped with it.
func TestReferencesResolve(t *testing.T) {
	for _, g := range goldens(t) {
		got := mapAll(t, g.mapper, g.objects, g.messages...)
		known := map[string]bool{}
		for _, one := range got.resources {
			known[one.Reference()] = true
		}
		for _, one := range got.resources {
			for _, reference := range references(t, one.Body) {
				if !known[reference] {
					t.Errorf("%s: %s refers to %s, which is not mapped", g.path, one.Type, reference)
				}
			}
		}
	}
}

func references(t *testing.T, body []byte) []string {
	t.Helper()
	var tree any
	if err := json.Unmarshal(body, &tree); err != nil {
		t.Fatal(err)
	}
	var list []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if s, ok := v["reference"].(string); ok {
				list = append(list, s)
			}
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(tree)
	return list
}
