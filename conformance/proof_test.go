package conformance_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"lightbox/conformance"
	"lightbox/fhir"
	"lightbox/fhir/search"
)

// TestProofs holds SEARCH.md to its word: every test and conversation that it names is there, and has what it is named for.
func TestProofs(t *testing.T) {
	for _, rows := range [][]row{interactionRows, furtherRows, modifierRows, prefixRows, alongRows, resultRows, formRows, refusalRows} {
		for _, r := range rows {
			if len(r.proofs) == 0 {
				t.Errorf("%s has no proof", r.name)
			}
			for _, proof := range r.proofs {
				if missing := unproved(t, proof); missing != "" {
					t.Errorf("%s: %s: %s", r.name, proof, missing)
				}
			}
		}
	}
}

// unproved tells what a proof lacks.
func unproved(t *testing.T, proof string) string {
	t.Helper()
	if file, title, ok := strings.Cut(proof, ".txtar: "); ok {
		conversation, err := txtar.ParseFile(filepath.Join("..", "server", "testdata", "conversations", file+".txtar"))
		if err != nil {
			return err.Error()
		}
		if !slices.ContainsFunc(conversation.Files, func(f txtar.File) bool { return f.Name == "request: "+title }) {
			return "no such request"
		}
		return ""
	}
	folder, rest, _ := strings.Cut(proof, " ")
	name, text, _ := strings.Cut(rest, " ")
	source := declaring(t, filepath.Join("..", folder), name)
	switch {
	case source == "":
		return "no such test"
	case !strings.Contains(source, text):
		return "its file does not have the text"
	}
	return ""
}

// declaring returns the file of a folder that declares a function.
func declaring(t *testing.T, folder, name string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	declaration := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(name) + `\(`)
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if declaration.Match(source) {
			return string(source)
		}
	}
	return ""
}

// TestRowsAreWhole: what the registry and the statement have is what the rows have, no more and no less.
func TestRowsAreWhole(t *testing.T) {
	for name, c := range map[string]struct {
		rows []row
		want []string
	}{
		"interactions":      {interactionRows, statedInteractions(t)},
		"modifiers":         {modifierRows, takenModifiers()},
		"result parameters": {resultRows, resultNames()},
	} {
		var got []string
		for _, r := range c.rows {
			got = append(got, r.name)
		}
		slices.Sort(got)
		slices.Sort(c.want)
		for _, one := range slices.Concat(got, c.want) {
			if !slices.Contains(got, one) || !slices.Contains(c.want, one) {
				t.Errorf("%s: %q stands in one only of rows and registry", name, one)
			}
		}
		if len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Errorf("%s: a row stands twice", name)
		}
	}
}

func statedInteractions(t *testing.T) []string {
	_, s := statement(t, conformance.SMART{})
	codes := map[string]bool{}
	for _, i := range s.Rest[0].Interaction {
		codes[i.Code] = true
	}
	for _, r := range s.Rest[0].Resource {
		for _, i := range r.Interaction {
			codes[i.Code] = true
		}
	}
	return keys(codes)
}

// takenModifiers are the kinds that parameters have, alone and with each modifier that one of them takes.
func takenModifiers() []string {
	taken := map[string]bool{}
	for _, kind := range fhir.R4().Types() {
		for _, p := range kind.Params() {
			taken[string(p.Kind)] = true
			for _, m := range search.Modifiers(p) {
				taken[string(p.Kind)+" "+string(m)] = true
			}
		}
	}
	return keys(taken)
}

func resultNames() []string {
	var names []string
	for _, p := range search.ResultParameters() {
		names = append(names, p.Name)
		if p.Iterates {
			names = append(names, p.Name+":iterate")
		}
	}
	return names
}

func keys(set map[string]bool) []string {
	var all []string
	for key := range set {
		all = append(all, key)
	}
	return all
}
