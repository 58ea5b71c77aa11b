package server_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// statedRest is what TestStatementHolds reads of the CapabilityStatement.
type statedRest struct {
	Interaction []struct{ Code string }
	Compartment []string // URLs that end in a type in lower case
	Resource    []statedType
}

type statedType struct {
	Type                            string
	Interaction                     []struct{ Code string }
	SearchInclude, SearchRevInclude []string
	SearchParam                     []struct{ Name, Type string }
	Operation                       []struct{ Name string }
}

// TestStatementHolds asks for everything that the CapabilityStatement states and finds it served; an interaction that it does not state
// is not.
func TestStatementHolds(t *testing.T) {
	h := newHub(t, openSQLite(t), nil)
	h.settle(t)
	rest := h.stated(t)
	h.holdsWhole(t, rest)
	for _, kind := range rest.Resource {
		if kind.Type == "SearchParameter" || kind.Type == "ConceptMap" { // definitions, which have routes of their own: definitions.txtar
			continue
		}
		t.Run(kind.Type, func(t *testing.T) {
			h.holdsInteractions(t, kind)
			for _, p := range kind.SearchParam {
				h.understands(t, kind.Type, p.Name+"="+askedBy[p.Type])
			}
			for _, value := range kind.SearchInclude {
				h.understands(t, kind.Type, "_id=x&_include="+value)
			}
			for _, value := range kind.SearchRevInclude {
				h.understands(t, kind.Type, "_id=x&_revinclude="+value)
			}
			for _, o := range kind.Operation {
				if path, byPost := map[string]string{"match": "/$match", "break-glass": "/$break-glass", "withdraw": "/x/$withdraw", "release": "/x/$release", "withhold": "/x/$withhold", "link": "/x/$link", "revoke-link": "/x/$revoke-link"}[o.Name]; byPost {
					if !h.takes(t, "POST", "/"+kind.Type+path) {
						t.Errorf("$%s is stated and not served", o.Name)
					}
					continue
				}
				id := map[string]string{"Patient": "anna", "ImagingStudy": "a1"}[kind.Type]
				h.ok(t, http.MethodGet, "/"+kind.Type+"/"+id+"/$"+o.Name, nil)
			}
		})
	}
}

// holdsWhole compares what is stated of the system.
func (h *hub) holdsWhole(t *testing.T, rest statedRest) {
	t.Helper()
	var compartments []string
	for _, kind := range rest.Resource {
		resp, _ := h.do(t, http.MethodGet, "/"+kind.Type+"/x/ServiceRequest", "all", nil, nil)
		if resp.StatusCode == http.StatusOK {
			compartments = append(compartments, "http://hl7.org/fhir/CompartmentDefinition/"+strings.ToLower(kind.Type))
		}
	}
	if diff := cmp.Diff(compartments, rest.Compartment); diff != "" {
		t.Errorf("compartments (-served +stated):\n%s", diff)
	}
	want := []struct{ Code string }{{"transaction"}, {"batch"}, {"search-system"}, {"history-system"}}
	if diff := cmp.Diff(want, rest.Interaction); diff != "" || !h.takes(t, "POST", "") || !h.takes(t, "GET", "") || !h.takes(t, "GET", "/_history") {
		t.Errorf("interactions of the system (-want +stated): %s", diff)
	}
}

func (h *hub) stated(t *testing.T) statedRest {
	t.Helper()
	_, body := h.do(t, http.MethodGet, "/metadata", "", nil, nil)
	var s struct{ Rest []statedRest }
	if err := json.Unmarshal(body, &s); err != nil {
		t.Fatal(err)
	}
	return s.Rest[0]
}

// askedBy is a value that each kind of parameter takes.
var askedBy = map[string]string{
	"token": "true", "string": "a", "date": "2026", "number": "1", "quantity": "1", "uri": "urn:a", "reference": "urn:a", "special": "1|1",
	"composite": "2026$2026",
}

// understands does a search that must not be refused, nor any parameter of it left out.
func (h *hub) understands(t *testing.T, kind, query string) {
	t.Helper()
	h.ok(t, http.MethodGet, "/"+kind+"?_count=1&"+query, http.Header{"Prefer": {"handling=strict"}})
}

func (h *hub) ok(t *testing.T, method, path string, header http.Header) http.Header {
	t.Helper()
	resp, body := h.do(t, method, path, "all", header, nil)
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusNoContent {
		t.Errorf("%s %s: %s: %s", method, path, resp.Status, body)
	}
	return resp.Header
}

// holdsInteractions compares what is stated with what the routes take.
func (h *hub) holdsInteractions(t *testing.T, kind statedType) {
	t.Helper()
	for code, where := range map[string]struct{ path, method string }{
		"read": {"/x", "GET"}, "update": {"/x", "PUT"}, "patch": {"/x", "PATCH"}, "delete": {"/x", "DELETE"},
		"vread": {"/x/_history/1", "GET"}, "history-instance": {"/x/_history", "GET"}, "history-type": {"/_history", "GET"},
		"create": {"", "POST"}, "search-type": {"", "GET"},
	} {
		stated := slices.ContainsFunc(kind.Interaction, func(i struct{ Code string }) bool { return i.Code == code })
		if served := h.takes(t, where.method, "/"+kind.Type+where.path); served != stated {
			t.Errorf("%s: stated %v, served %v", code, stated, served)
		}
	}
}

// takes reports whether a route takes the method.
func (h *hub) takes(t *testing.T, method, path string) bool {
	t.Helper()
	resp, _ := h.do(t, http.MethodOptions, path, "all", nil, nil)
	return slices.Contains(strings.Split(resp.Header.Get("Allow"), ", "), method)
}
