package naive_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"lightbox/fhir/search/naive"
)

// documents makes a set of the bodies, created in that order, the first at the first minute of 2024.
func documents(t *testing.T, bodies ...string) naive.Documents {
	t.Helper()
	d := naive.New()
	for i, body := range bodies {
		if !gjson.Valid(body) {
			t.Fatalf("not JSON: %s", body)
		}
		at := time.Date(2024, 1, 1, 0, i, 0, 0, time.UTC)
		resourceType := gjson.Get(body, "resourceType").Str
		d.Put(resourceType+"/"+gjson.Get(body, "id").Str, naive.Document{Body: []byte(body), LastUpdated: at, Row: i + 1,
			Created: naive.ClinicalTime(resourceType, []byte(body), at)})
	}
	return d
}

// resource spells out "Type id member..." as JSON.
func resource(short string) string {
	head, members, _ := strings.Cut(short, " {")
	resourceType, id, _ := strings.Cut(head, "/")
	body := fmt.Sprintf(`{"resourceType":%q,"id":%q`, resourceType, id)
	if members != "" {
		return body + "," + members
	}
	return body + "}"
}

// answer is the ids that a search "Type?query" finds, or "error".
func answer(t *testing.T, d naive.Documents, ask string) string {
	t.Helper()
	resourceType, query, _ := strings.Cut(ask, "?")
	params, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	refs, err := d.Search(resourceType, params, nil)
	if err != nil {
		return "error"
	}
	for i := range refs {
		_, refs[i], _ = strings.Cut(refs[i], "/")
	}
	return strings.Join(refs, " ")
}

// examples are searches on a few documents, each with the clause of search.html that it is from.
type examples struct {
	documents []string // as resource takes them
	asks      []ask
}

type ask struct{ clause, search, want string }

func (e examples) run(t *testing.T) {
	var bodies []string
	for _, short := range e.documents {
		bodies = append(bodies, resource(short))
	}
	d := documents(t, bodies...)
	for _, a := range e.asks {
		if !strings.Contains(a.search, "_sort") {
			a.search += "&_sort=_lastUpdated"
		}
		if diff := cmp.Diff(a.want, answer(t, d, a.search)); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", a.clause, a.search, diff)
		}
	}
}
