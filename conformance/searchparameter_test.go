package conformance_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/conformance"
	"lightbox/fhir"
)

// Each definition of ours that the statement refers to is there, complete, and found under its own URL.
func TestSearchParameters(t *testing.T) {
	const base = "https://hub.example/fhir"
	all, err := conformance.SearchParameters(fhir.R4(), base)
	if err != nil {
		t.Fatal(err)
	}
	var urls []string
	for _, res := range all {
		for _, element := range []string{"description", "code", "type", "base.0", "expression"} {
			if gjson.GetBytes(res.Body, element).String() == "" {
				t.Errorf("%s has no %s", res.ID, element)
			}
		}
		if parsed, err := fhir.Parse(res.Body); err != nil || parsed.ID != res.ID {
			t.Errorf("%s: %v", res.ID, err)
		}
		urls = append(urls, gjson.GetBytes(res.Body, "url").String())
		if urls[len(urls)-1] != base+"/"+res.Reference() {
			t.Errorf("%s has the URL %s", res.ID, urls[len(urls)-1])
		}
	}
	_, s := statement(t, conformance.SMART{})
	for _, r := range s.Rest[0].Resource {
		for _, p := range r.SearchParam {
			if strings.HasPrefix(p.Definition, base) && !slices.Contains(urls, p.Definition) {
				t.Errorf("%s is stated and not defined", p.Definition)
			}
		}
	}
}
