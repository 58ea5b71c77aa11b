package conformance_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

var update = flag.Bool("update", false, "write SEARCH.md")

// TestDrift keeps SEARCH.md the print of registry and rows.
func TestDrift(t *testing.T) {
	got := document()
	if *update {
		if err := os.WriteFile("SEARCH.md", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("SEARCH.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("SEARCH.md has drifted: go generate ./conformance (-want +got)\n%s", diff)
	}
}

func document() []byte {
	var b bytes.Buffer
	b.WriteString(`# What can be asked

Printed from the registry by ` + "`go generate ./conformance`" + `; do not edit. It is what the CapabilityStatement states, with what parameters and
modifiers mean here and the test that proves each row: a request of a conversation in [server/testdata/conversations](../server/testdata/conversations),
or a test whose file has the case; a test holds that they are there. Where R4 leaves a choice or is not followed, [DIVERGENCES.md](DIVERGENCES.md) has the reason.

"Candidates are looked at" says that the index does not decide: what else is asked narrows the resources down, and each that is left is
read. Such a search may take longer on its own.

`)
	writeRows(&b, "Interactions", "Interaction", interactionRows)
	writeRows(&b, "", "Beside them", furtherRows)
	writeTypes(&b)
	writeRows(&b, "Kinds and modifiers", "Kind", modifierRows)
	writeRows(&b, "Prefixes of dates, numbers and quantities", "Prefix", prefixRows)
	writeRows(&b, "Along references, and several values", "Form", alongRows)
	writeRows(&b, "Result parameters", "Parameter", resultRows)
	writeRows(&b, "Form of the answer", "Asked", formRows)
	writeRows(&b, "What is refused", "Asked", refusalRows)
	writeParameters(&b)
	return b.Bytes()
}

func writeRows(b *bytes.Buffer, title, column string, rows []row) {
	if title != "" {
		fmt.Fprintf(b, "## %s\n\n", title)
	}
	fmt.Fprintf(b, "| %s | | Test |\n|---|---|---|\n", column)
	for _, r := range rows {
		name := r.name
		if kind, modifier, ok := strings.Cut(name, " "); ok && column == "Kind" {
			name = kind + " `:" + modifier + "`"
		}
		var proofs []string
		for _, proof := range r.proofs {
			proofs = append(proofs, cell(shown(proof)))
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", cell(name), cell(r.means), strings.Join(proofs, "<br>"))
	}
	b.WriteString("\n")
}

// shown writes a proof as it is looked for: "package TestName: text" or "conversation: title".
func shown(proof string) string {
	if file, title, ok := strings.Cut(proof, ".txtar: "); ok {
		return file + ": " + title
	}
	folder, rest, _ := strings.Cut(proof, " ")
	name, text, ok := strings.Cut(rest, " ")
	if suite, found := strings.CutPrefix(name, "test"); found { // a part of the suite that each store runs
		folder, name = "fhir/store", "TestStore/"+suite
	}
	if !ok {
		return folder + " " + name
	}
	return folder + " " + name + ": `" + text + "`"
}

// cell escapes what would end a cell.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func writeTypes(b *bytes.Buffer) {
	b.WriteString("## Types\n\n| Type | Whose data it is | Clinical time | Interactions |\n|---|---|---|---|\n")
	for _, kind := range fhir.R4().Types() {
		fmt.Fprintf(b, "| [%s](#%s) | %s | %s | %s |\n", kind.Name, strings.ToLower(kind.Name), kind.Patient, strings.Join(kind.Time, "<br>"),
			strings.Join(kind.Interactions, ", "))
	}
	b.WriteString("\n")
}

func writeParameters(b *bytes.Buffer) {
	b.WriteString("## Parameters\n\nEach row is proved by the subtest that it names, on SQLite and PostgreSQL: at every path of the expression there are resources\n" +
		"with two values and without one, and each is found as kind, modifiers and `_sort` have it. `TestStore/Examples` searches the official\n" +
		"examples of R4 by what is in them. For one row: `go test ./fhir/store/sqlite -run 'TestStore/Parameters/Patient/birthdate$'`.\n\n" +
		"References take the types that they lead to as modifiers, and can be chained.\n\n")
	b.WriteString("### Of every type\n\n")
	first := fhir.R4().Types()[0]
	writeTable(b, first, "*", func(p *fhir.SearchParameter) bool { return strings.HasPrefix(p.Name, "_") })
	for _, kind := range fhir.R4().Types() {
		fmt.Fprintf(b, "### %s\n\n", kind.Name)
		writeTable(b, kind, kind.Name, func(p *fhir.SearchParameter) bool { return !strings.HasPrefix(p.Name, "_") })
	}
	b.Truncate(b.Len() - 1)
}

func writeTable(b *bytes.Buffer, kind *fhir.Type, name string, wanted func(*fhir.SearchParameter) bool) {
	header := "| Name | Kind | Expression | Targets | Modifiers | Sort | Decided by | Test |\n|---|---|---|---|---|---|---|---|\n"
	for _, p := range kind.Params() {
		if !wanted(p) {
			continue
		}
		b.WriteString(header)
		header = ""
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s | %s | Parameters/%s/%s |\n", named(p), p.Kind, expression(p),
			strings.Join(p.Targets, ", "), modifiers(p), yes(search.Sortable(p)), decidedBy(p), name, p.Name)
	}
	if header != "" {
		b.WriteString("None of its own.\n")
	}
	b.WriteString("\n")
}

func named(p *fhir.SearchParameter) string {
	if p.Ours {
		return p.Name + " (Lightbox)"
	}
	return p.Name
}

// expression puts each branch on a line of its cell, and the components of a composite below.
func expression(p *fhir.SearchParameter) string {
	lines := strings.Split(p.Expression, " | ")
	for i := range lines {
		lines[i] = "`" + lines[i] + "`"
	}
	for _, c := range p.Components {
		lines = append(lines, "$ "+c.Param.Name)
	}
	return strings.Join(lines, "<br>")
}

func modifiers(p *fhir.SearchParameter) string {
	var all []string
	for _, m := range search.Modifiers(p) {
		all = append(all, ":"+string(m))
	}
	return strings.Join(all, " ")
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return ""
}

// decidedBy is for a search without a modifier.
func decidedBy(p *fhir.SearchParameter) string {
	if p.Kind == fhir.KindComposite || p.Kind == fhir.KindSpecial {
		return "candidates"
	}
	return "index"
}
