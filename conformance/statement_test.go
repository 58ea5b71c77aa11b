package conformance_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/conformance"
	"lightbox/fhir"
)

// stated is what the tests read of a CapabilityStatement.
type stated struct {
	ResourceType, Status, Date, Kind, FHIRVersion string
	Implementation                                struct{ URL string }
	Format                                        []string
	Rest                                          []struct {
		Mode     string
		Security struct {
			CORS      bool
			Extension []struct {
				URL       string
				Extension []struct{ URL, ValueURI string }
			}
			Service []struct {
				Coding []struct{ System, Code string }
			}
		}
		Interaction []struct{ Code string }
		Resource    []statedResource
	}
}

type statedResource struct {
	Type             string
	Interaction      []struct{ Code string }
	Versioning       string
	SearchInclude    []string
	SearchRevInclude []string
	SearchParam      []struct{ Name, Definition, Type string }
}

func statement(t *testing.T, smart conformance.SMART) ([]byte, stated) {
	t.Helper()
	body, err := conformance.Statement(fhir.R4(), "https://hub.example/fhir", "1.0.0", smart)
	if err != nil {
		t.Fatal(err)
	}
	var s stated
	if err := json.Unmarshal(body, &s); err != nil {
		t.Fatal(err)
	}
	return body, s
}

func TestStatementIsDeterministic(t *testing.T) {
	first, _ := statement(t, conformance.SMART{})
	second, _ := statement(t, conformance.SMART{})
	if !bytes.Equal(first, second) {
		t.Error("two statements differ")
	}
}

func TestStatementHead(t *testing.T) {
	_, s := statement(t, conformance.SMART{})
	got := []string{s.ResourceType, s.Status, s.Kind, s.FHIRVersion, s.Implementation.URL, s.Rest[0].Mode, s.Rest[0].Security.Service[0].Coding[0].Code}
	want := []string{"CapabilityStatement", "active", "instance", "4.0.1", "https://hub.example/fhir", "server", "SMART-on-FHIR"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(s.Format, "json") || s.Date == "" || len(s.Rest[0].Security.Extension) != 0 {
		t.Errorf("format %v, date %q, extensions %v", s.Format, s.Date, s.Rest[0].Security.Extension)
	}
}

func TestStatementOAuthURIs(t *testing.T) {
	_, s := statement(t, conformance.SMART{AuthorizationEndpoint: "https://id.example/a", TokenEndpoint: "https://id.example/t"})
	got := map[string]string{}
	for _, e := range s.Rest[0].Security.Extension[0].Extension {
		got[e.URL] = e.ValueURI
	}
	if diff := cmp.Diff(map[string]string{"authorize": "https://id.example/a", "token": "https://id.example/t"}, got); diff != "" {
		t.Error(diff)
	}
}

// What is stated is what the registry has, no more and no less.
func TestStatementIsTheRegistry(t *testing.T) {
	_, s := statement(t, conformance.SMART{})
	var got, want []string
	for _, r := range s.Rest[0].Resource {
		if r.Type == "SearchParameter" || r.Type == "ConceptMap" { // the definitions of our own, which no store holds
			continue
		}
		for _, i := range r.Interaction {
			got = append(got, r.Type+" "+i.Code)
		}
		for _, p := range r.SearchParam {
			got = append(got, r.Type+"?"+p.Name+" "+p.Type)
		}
	}
	for _, r := range fhir.R4().Types() {
		for _, code := range r.Interactions {
			want = append(want, r.Name+" "+code)
		}
		for _, p := range r.Params() {
			if r.Serves("search-type") {
				want = append(want, r.Name+"?"+p.Name+" "+string(p.Kind))
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStatementIncludes(t *testing.T) {
	_, s := statement(t, conformance.SMART{})
	for _, r := range s.Rest[0].Resource {
		if r.Type == "ImagingStudy" && !slices.Contains(r.SearchInclude, "ImagingStudy:patient") {
			t.Errorf("ImagingStudy includes %v", r.SearchInclude)
		}
		if r.Type == "Patient" && !slices.Contains(r.SearchRevInclude, "ImagingStudy:patient") {
			t.Errorf("Patient is included by %v", r.SearchRevInclude)
		}
		for _, i := range r.SearchInclude {
			if !strings.HasPrefix(i, r.Type+":") {
				t.Errorf("%s states _include=%s", r.Type, i)
			}
		}
	}
}

// Every definition is the one that R4's own statement of everything (CapabilityStatement/base) gives.
func TestDefinitionsAreR4s(t *testing.T) {
	official, err := os.ReadFile("../../shared/testdata/fhir/google+fhir/spec/hl7.fhir.r4.examples/4.0.1/package/CapabilityStatement-base.json")
	if err != nil {
		t.Skip("left out: ../shared/testdata is not here")
	}
	var base stated
	if err := json.Unmarshal(official, &base); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for _, r := range base.Rest[0].Resource {
		for _, p := range r.SearchParam {
			want[r.Type+"?"+p.Name] = p.Definition
		}
	}
	_, s := statement(t, conformance.SMART{})
	for _, r := range s.Rest[0].Resource {
		for _, p := range r.SearchParam {
			if official, ok := want[r.Type+"?"+p.Name]; ok && official != p.Definition {
				t.Errorf("%s?%s: %s, R4 has %s", r.Type, p.Name, p.Definition, official)
			} else if !ok && !strings.HasPrefix(p.Name, "_") && !strings.HasPrefix(p.Definition, "https://hub.example/fhir/SearchParameter/") {
				t.Errorf("%s?%s is not in R4", r.Type, p.Name)
			}
		}
	}
}
