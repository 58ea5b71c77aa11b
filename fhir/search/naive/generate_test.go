package naive_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lightbox/fhir"
	"lightbox/fhir/search/naive"
)

// drawDocuments draws some resources of each type, that refer to one another.
func drawDocuments(t *rapid.T) naive.Documents {
	var refs []string
	for _, resourceType := range naive.Types {
		for _, id := range []string{"a", "b", "c"} {
			refs = append(refs, resourceType+"/"+id)
		}
	}
	d := naive.New()
	for i, ref := range refs {
		resourceType, id, _ := strings.Cut(ref, "/")
		at := time.Date(2024, 1, 1, 0, i, 0, 0, time.UTC)
		body := naive.Resource(t, resourceType, id, refs)
		d.Put(ref, naive.Document{Body: body, LastUpdated: at, Row: i + 1, Created: naive.ClinicalTime(resourceType, body, at)})
	}
	return d
}

// TestDrawnQueriesHit: every query that is drawn is understood, and enough of them find something but not all.
func TestDrawnQueriesHit(t *testing.T) {
	asked, narrow, hits := 0, 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		d := drawDocuments(rt)
		for range 30 {
			resourceType := rapid.SampledFrom(naive.Types).Draw(rt, "type")
			query := naive.Query(rt, resourceType, d.References())
			refs, err := d.Search(resourceType, query, nil)
			if err != nil {
				rt.Fatalf("%s?%v: %v", resourceType, query, err)
			}
			asked++
			if len(query) > 0 && !(len(query) == 1 && query.Has("_sort")) {
				narrow++
				if len(refs) > 0 {
					hits++
				}
			}
		}
	})
	if share := float64(hits) / float64(narrow); share < 0.2 {
		t.Errorf("%.0f %% of %d queries find something", 100*share, narrow)
	} else {
		t.Logf("%.0f %% of %d queries find something, of %d", 100*share, narrow, asked)
	}
}

// TestEveryParameterHasValues: no parameter of the drawn types stays without a value, so that none is compared in vain.
func TestEveryParameterHasValues(t *testing.T) {
	seen := map[string]bool{}
	rapid.Check(t, func(rt *rapid.T) {
		d := drawDocuments(rt)
		for _, resourceType := range naive.Types {
			registered, _ := fhir.R4().Type(resourceType)
			for _, p := range registered.Params() {
				if seen[resourceType+"."+p.Name] || p.Kind == fhir.KindComposite {
					continue
				}
				refs, err := d.Search(resourceType, url.Values{p.Name + ":missing": {"false"}}, nil)
				if err != nil {
					rt.Fatal(err)
				}
				seen[resourceType+"."+p.Name] = len(refs) > 0
			}
		}
	})
	for name, ok := range seen {
		if !ok {
			t.Errorf("%s has no value in any document", name)
		}
	}
}

func TestCompare(t *testing.T) {
	d := documents(t, resource("Patient/a"), resource("Patient/b"))
	query := url.Values{"_id": {"a"}}
	answer := func(refs ...string) naive.Answer {
		return func(string, url.Values) ([]string, error) { return refs, nil }
	}
	if diff := d.Compare("Patient", query, nil, answer("Patient/a")); diff != "" {
		t.Errorf("the same answer: %s", diff)
	}
	diff := d.Compare("Patient", query, nil, answer("Patient/a", "Patient/b"))
	for _, part := range []string{"Patient?_id=a\n", "Patient/b", `{"resourceType":"Patient","id":"b"}`, "row 2"} {
		if !strings.Contains(diff, part) {
			t.Errorf("no %q in %s", part, diff)
		}
	}
	refuses := func(string, url.Values) ([]string, error) { return nil, fmt.Errorf("no") }
	if d.Compare("Patient", query, nil, refuses) == "" || d.Compare("Patient", url.Values{"x": {"1"}}, nil, refuses) != "" {
		t.Error("errors are compared")
	}
}
