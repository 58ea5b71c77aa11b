package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// testExamples searches the official examples of R4 by each value that a parameter's expression selects in them: the resource is
// found by it, and not by another value. Values are selected by reading the expression's text (see selected), not by the registry's
// paths.
func testExamples(t *testing.T, fresh func(t testing.TB) Database) {
	files := exampleFiles(t)
	f := open(t, fresh(t))
	tried := map[*fhir.SearchParameter]int{}
	for n, file := range files {
		f.putExample(fmt.Sprint(n), file)
	}
	for n, file := range files {
		kind, body := decodeExample(t, file)
		if kind == nil {
			continue
		}
		for _, p := range kind.Params() {
			if tried[p] < 3 && f.tryExample(p, fmt.Sprint(n), body) {
				tried[p]++
			}
		}
	}
	reportUntried(t, tried)
}

// exampleFiles lists the official examples, and those of IHE's radiology guides.
func exampleFiles(t *testing.T) []string {
	t.Helper()
	root := filepath.Join("..", "..", "..", "..", "shared", "testdata", "fhir")
	var all []string
	for _, pattern := range []string{"google+fhir/spec/hl7.fhir.r4.examples/4.0.1/package/*.json", "FHIR+fhir-test-cases/r4/examples/*.json",
		"IHE+*/input/resources/*.json"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		t.Skip("left out: ../shared/testdata is not here")
	}
	return all
}

// decodeExample returns nothing for a type that is not served.
func decodeExample(t *testing.T, file string) (*fhir.Type, object) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var body object
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&body); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	name, _ := body["resourceType"].(string)
	kind, _ := fhir.R4().Type(name)
	return kind, body
}

// putExample stores an example under an id of its own: several files have the same.
func (f fixture) putExample(id, file string) {
	f.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		f.Fatal(err)
	}
	r := parse(f, string(text))
	if _, served := fhir.R4().Type(r.Type); !served {
		return
	}
	if _, _, err := f.tryPut(store.Write{Resource: r.WithID(id)}); err != nil {
		f.Errorf("%s: %v", filepath.Base(file), err)
	}
}

// tryExample reports whether the example has a value for the parameter.
func (f fixture) tryExample(p *fhir.SearchParameter, id string, body object) bool {
	f.Helper()
	if p.Name == "_id" || p.Name == "_lastUpdated" { // of the store's making
		return false
	}
	for _, v := range valuesOf(p, body) {
		query, ok := queryFor(p, v)
		if !ok {
			continue
		}
		if !f.finds(p, query, id) {
			f.Errorf("%s?%s=%s does not find %s %s", p.Type, p.Name, query, p.Type, body["id"])
		}
		if another := anotherFor(p, v); f.finds(p, another, id) {
			f.Errorf("%s?%s=%s finds %s %s", p.Type, p.Name, another, p.Type, body["id"])
		}
		return true
	}
	return false
}

func (f fixture) finds(p *fhir.SearchParameter, query, id string) bool {
	f.Helper()
	q, err := search.Parse(fhir.R4(), p.Type, url.Values{p.Name: {query}, "_count": {"1000"}}, search.Options{Strict: true})
	if err != nil {
		f.Errorf("%s?%s=%s: %v", p.Type, p.Name, query, err)
		return false
	}
	return slices.Contains(idsOf(f.page(q, everyone).Matches), id)
}

// reportUntried names the parameters for which no example has a value; testParameters has one for each.
func reportUntried(t *testing.T, tried map[*fhir.SearchParameter]int) {
	t.Helper()
	var untried []string
	for _, kind := range fhir.R4().Types() {
		for _, p := range kind.Params() {
			if tried[p] == 0 && !strings.HasPrefix(p.Name, "_") {
				untried = append(untried, kind.Name+"?"+p.Name)
			}
		}
	}
	t.Logf("%d parameters tried on examples, %d have no example: %s", len(tried), len(untried), strings.Join(untried, " "))
}
