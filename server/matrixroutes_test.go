package server_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/tidwall/gjson"

	"lightbox/server"
)

// open are the routes that want no token.
var open = []string{"/healthz", "/readyz", "/fhir/metadata", "/fhir/.well-known/smart-configuration", "/fhir/SearchParameter", "/fhir/SearchParameter/{id}",
	"/fhir/ConceptMap", "/fhir/ConceptMap/{id}", "/fhir/OperationDefinition/{id}"}

// Every route of the router refuses who has no token, but for those that are open, and so does all that the CapabilityStatement names.
func TestAccessWithoutToken(t *testing.T) {
	var config server.Config
	h := newHub(t, openSQLite(t), func(c *server.Config) { config = *c })
	handler, err := server.New(config)
	if err != nil {
		t.Fatal(err)
	}
	m := &matrix{t: t, hub: h, world: newWorld(matrixSeed), client: http.DefaultClient, met: map[string]bool{}}
	m.rules = reference{m.world}
	m.world.settle(t, h.store)
	anonymous := &principal{name: "anonymous", forged: func(testing.TB, *hub, string) string { return "" }}
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
	patterns := map[string]bool{}
	err = chi.Walk(handler.(chi.Routes), func(_, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		patterns[route] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{id}", "self", "{type}", "Observation", "{vid}", "1", "*", "anything")
	for pattern := range patterns {
		path := h.root + fill.Replace(pattern)
		for _, method := range methods {
			want := http.StatusUnauthorized
			got := m.ask(anonymous, query{method, path, map[string]string{"Content-Type": jsonFHIR}, ""})
			if isOpen := slices.Contains(open, pattern); isOpen == (got.status == want) {
				t.Errorf("%s %s: status %d", method, pattern, got.status)
			}
		}
		m.ask(anonymous, query{method: "OPTIONS", path: path}) // says which methods there are, and nothing of what is there
	}
	statement := m.ask(anonymous, get("metadata")).body
	named := 0
	for _, resource := range gjson.Get(statement, "rest.0.resource").Array() {
		for _, operation := range resource.Get("operation").Array() {
			for _, method := range []string{"GET", "POST"} {
				for _, at := range []string{"/", "/self/"} {
					named++
					m.wantStatus(t, anonymous, fhirBody(method, resource.Get("type").Str+at+"$"+operation.Get("name").Str, ""), http.StatusUnauthorized)
				}
			}
		}
		for _, i := range resource.Get("interaction").Array() {
			q, known := interactionOf(i.Get("code").Str, resource.Get("type").Str)
			if !known {
				t.Errorf("%s has interaction %s, which is not tested", resource.Get("type").Str, i.Get("code").Str)
				continue
			}
			named++
			switch isOpen := slices.Contains(open, "/fhir/"+resource.Get("type").Str); {
			case !isOpen && resource.Get("type").Str != "OperationDefinition":
				m.wantStatus(t, anonymous, q, http.StatusUnauthorized)
			}
		}
	}
	t.Logf("%d routes by %d methods, %d interactions of the statement", len(patterns), len(methods), named)
	if len(patterns) < 100 || named < 100 {
		t.Error("the routes were not found")
	}
	m.report()
}

// interactionOf is a request for an interaction of a CapabilityStatement.
func interactionOf(code, resourceType string) (query, bool) {
	one := resourceType + "/self"
	q, known := map[string]query{
		"read": get(one), "vread": get(one + "/_history/1"), "history-instance": get(one + "/_history"), "history-type": get(resourceType + "/_history"),
		"search-type": get(resourceType), "create": fhirBody("POST", resourceType, "{}"), "update": fhirBody("PUT", one, "{}"),
		"patch": fhirBody("PATCH", one, "{}"), "delete": {method: "DELETE", path: one},
	}[code]
	return q, known
}
