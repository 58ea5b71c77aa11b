package mapping_test

import (
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/mapping"
)

func override(id, element string) []byte {
	return []byte(`{"resourceType":"ConceptMap","id":"` + id + `","status":"active","group":[{"element":[` + element + `]}]}`)
}

const cancelled = "MSH|^~\\&|RIS|NORTH|||20250103||ORM^O01|3|P|2.5\rPID|1||7^^^CITY^MR\rORC|CA|P-1|F-1\rOBR|1|P-1|F-1|CT1^Head^L\r"

// A configured ConceptMap changes what codes mean, or takes a meaning away.
func TestConceptMapOverrides(t *testing.T) {
	for _, c := range []struct {
		name    string
		config  [][]byte
		status  string
		unknown bool
	}{
		{"as built in", nil, "active", false},
		{"CA means cancelled", [][]byte{override("order-control", `{"code":"CA","target":[{"code":"revoked","equivalence":"equivalent"}]}`)}, "revoked", false},
		{"a second one adds to the first", [][]byte{override("order-control", `{"code":"CA","target":[{"code":"revoked","equivalence":"equivalent"}]}`),
			override("order-control", `{"code":"DC","target":[{"code":"revoked","equivalence":"equivalent"}]}`)}, "revoked", false},
		{"CA means nothing", [][]byte{override("order-control", `{"code":"CA","target":[{"equivalence":"unmatched"}]}`)}, "active", true},
	} {
		m, err := mapping.New(mapping.Config{ConceptMaps: c.config})
		if err != nil {
			t.Fatal(err)
		}
		got := mapAll(t, m, nil, messagesOf(t, cancelled)...)
		if status := got.only(t, "ServiceRequest").Get("status").Str; status != c.status || got.hasIssue("unknown-code") != c.unknown {
			t.Errorf("%s: %s, unknown: %v", c.name, status, got.hasIssue("unknown-code"))
		}
		maps, err := m.ConceptMaps("http://hub.example/fhir")
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range maps {
			row := gjson.GetBytes(one.Body, `group.0.element.#(code=="CA").target.0.code`).Str
			if one.ID == "order-control" && row != c.status && !c.unknown {
				t.Errorf("%s: served as %q", c.name, row)
			}
		}
	}
}

// What is wrong with a configured ConceptMap is said at start.
func TestConceptMapIsWrong(t *testing.T) {
	row := `{"code":"CA","target":[{"code":"revoked","equivalence":"equivalent"}]}`
	for name, c := range map[string]struct {
		body []byte
		want string
	}{
		"no JSON":                    {[]byte("x"), "invalid character"},
		"another resource":           {[]byte(`{"resourceType":"Patient"}`), "not a ConceptMap"},
		"no table of that name":      {override("x", row), "no code table"},
		"a code that FHIR has not":   {override("order-control", strings.Replace(row, "revoked", "gone", 1)), `"gone" is no code`},
		"a row twice":                {override("order-control", row+","+row), "stands twice"},
		"a row without a target":     {override("order-control", `{"code":"CA"}`), "0 targets"},
		"a row with an empty target": {override("laterality", `{"code":"R","target":[{"equivalence":"equivalent"}]}`), "is no code"},
	} {
		_, err := mapping.New(mapping.Config{ConceptMaps: [][]byte{c.body}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every code table is a ConceptMap of a name and a row of its own.
func TestConceptMapsAreWhole(t *testing.T) {
	maps, err := mapper(t).ConceptMaps("http://hub.example/fhir")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, one := range maps {
		group := gjson.GetBytes(one.Body, "group.0")
		if seen[one.ID] || gjson.GetBytes(one.Body, "name").Str == "" || group.Get("target").Str == "" || len(group.Get("element").Array()) == 0 {
			t.Errorf("%s", one.Body)
		}
		seen[one.ID] = true
		if _, err := mapping.New(mapping.Config{ConceptMaps: [][]byte{one.Body}}); err != nil { // what is served can be given back
			t.Errorf("%s: %v", one.ID, err)
		}
	}
}
