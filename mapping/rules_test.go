package mapping_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/dicom"
	"lightbox/mapping"
	"lightbox/mapping/hl7v2"
)

func TestRulesAreWhole(t *testing.T) {
	elements := r4Elements(t)
	seen := map[string]bool{}
	for _, r := range mapping.Rules() {
		name := fmt.Sprintf("%s: %s %s -> %s", r.Table, r.From+r.Field, r.Concept, r.To)
		if r.Ref == "" {
			t.Error(name, "has no Ref")
		}
		if seen[name] {
			t.Error(name, "stands twice")
		}
		seen[name] = true
		for path := range strings.FieldsSeq(r.From + " " + r.With) {
			if _, err := dicom.ParsePath(path); err != nil {
				t.Error(name, err)
			}
		}
		if r.Table != "everywhere" && elements != nil && !elements[r.To] {
			t.Error(name, "is no element of R4")
		}
	}
}

// r4Elements reads the elements of R4, those of data types below elements of that type included; nil where the list is not here.
func r4Elements(t *testing.T) map[string]bool {
	t.Helper()
	types := map[string]string{}
	for _, name := range []string{"elements", "datatypes"} {
		text, err := os.ReadFile("../../shared/r4/" + name + ".tsv")
		if err != nil {
			t.Log("left out: elements are not checked, ../shared/r4 is not here")
			return nil
		}
		for line := range strings.Lines(string(text)) {
			cells := strings.Split(line, "\t")
			types[cells[0]] = cells[3]
		}
	}
	known := map[string]bool{}
	for path, of := range types {
		known[path] = true
		if base, ok := strings.CutSuffix(path, "[x]"); ok {
			for one := range strings.FieldsSeq(of) {
				known[base+strings.ToUpper(one[:1])+one[1:]] = true
			}
		}
		for inner := range types {
			if rest, ok := strings.CutPrefix(inner, of+"."); ok && of != "" {
				known[path+"."+rest] = true
			}
		}
	}
	return known
}

// hits are the rules that set their element in something.
type hits map[mapping.Rule]bool

func (h hits) object(m *mapping.Mapper, ds *dicom.Dataset) {
	if x, err := m.Explain(ds); err == nil {
		h.add(x)
	}
}

func (h hits) message(m *mapping.Mapper, message *hl7v2.Message) {
	if x, err := m.ExplainMessage(message); err == nil {
		h.add(x)
	}
}

func (h hits) add(x mapping.Explanation) {
	for _, s := range x.Steps {
		h[s.Rule] = h[s.Rule] || s.IsSet
	}
}

// missed are the rules of tables that are not among them.
func (h hits) missed() (list []mapping.Rule, of int) {
	for _, r := range mapping.Rules() {
		if r.Table == "everywhere" || r.Table == "derived" {
			continue
		}
		of++
		if !h[r] {
			list = append(list, r)
		}
	}
	return list, of
}

// TestRulesAreHit holds every rule to a golden in which it sets its element.
func TestRulesAreHit(t *testing.T) {
	hit := hits{}
	for _, g := range goldens(t) {
		for _, ds := range g.objects {
			hit.object(g.mapper, ds)
		}
		for _, message := range g.messages {
			hit.message(g.mapper, message)
		}
	}
	missed, of := hit.missed()
	for _, r := range missed {
		t.Errorf("no golden hits %s: %s %s -> %s", r.Table, r.From+r.Field, r.Concept, r.To)
	}
	t.Logf("%d of %d rules are hit by goldens", of-len(missed), of)
}

// TestRulesOnRealFiles counts apart which rules real files hit.
func TestRulesOnRealFiles(t *testing.T) {
	hit, m := hits{}, mapper(t)
	files := objects(t) // skips where there are none
	for _, content := range files {
		if ds, err := dicom.Scan(bytes.NewReader(content), int64(len(content)), dicom.Limits{Bulk: true}); err == nil {
			hit.object(m, ds)
		}
	}
	messages := 0
	for _, text := range realMessages(t) {
		if message, err := hl7v2.Parse(text, hl7v2.Options{}); err == nil {
			messages++
			hit.message(m, message)
		}
	}
	missed, of := hit.missed()
	t.Logf("%d of %d rules are hit by %d real files and %d real messages", of-len(missed), of, len(files), messages)
	for _, r := range missed {
		t.Logf("by none: %s: %s %s -> %s", r.Table, r.From+r.Field, r.Concept, r.To)
	}
	if of-len(missed) < of/2 {
		t.Errorf("real files hit only %d rules of %d", of-len(missed), of)
	}
}

// realMessages are the messages of the files of real HL7 v2 that are here.
func realMessages(t *testing.T) (list [][]byte) {
	t.Helper()
	err := filepath.WalkDir("../../shared/testdata/hl7v2", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil && hl7v2.Begins(content) {
			list = append(list, hl7v2.Split(content)...)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("left out: ../shared/testdata is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestDrift keeps MAPPING.md the print of the tables.
func TestDrift(t *testing.T) {
	got := document()
	if *update {
		if err := os.WriteFile("MAPPING.md", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("MAPPING.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("MAPPING.md has drifted: go generate ./mapping (-want +got)\n%s", diff)
	}
}

func document() []byte {
	var b bytes.Buffer
	b.WriteString(`# What becomes what

Printed from the rule tables by ` + "`go generate ./mapping`" + `; do not edit. The first attribute of **From** that is present decides; those of
**With** are read beside it. What stands in brackets are the concepts of content items, from the outermost inwards: codes of DCM, or
SCHEME:code. **By** tells how objects of one study that disagree are settled: by majority of instances, then the lowest SOP
Instance UID, unless it says otherwise. ` + "`lightbox map --explain FILE`" + ` shows the same rules at work on a file.
`)
	var tables []string
	for _, r := range mapping.Rules() {
		if !slices.Contains(tables, r.Table) {
			tables = append(tables, r.Table)
		}
	}
	for _, table := range tables {
		fmt.Fprintf(&b, "\n## %s\n\n| From | With | To | Need | By | Reference |\n|---|---|---|---|---|---|\n", table)
		for _, r := range mapping.Rules() {
			if r.Table == table {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", spaced(r.From+r.Field)+bracketed(r.Concept), spaced(r.With), r.To+in(r.Unit), r.Need, r.By, r.Ref)
			}
		}
	}
	return b.Bytes()
}

// spaced puts each attribute on a line of its cell.
func spaced(paths string) string { return strings.Join(strings.Fields(paths), "<br>") }

func bracketed(concepts string) string {
	if concepts == "" {
		return ""
	}
	return " [" + strings.Join(strings.Fields(concepts), " > ") + "]"
}

func in(unit string) string {
	if unit == "" {
		return ""
	}
	return " in `" + unit + "`"
}
