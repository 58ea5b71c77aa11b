package naive_test

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOrder(t *testing.T) {
	d := documents(t,
		resource(`ImagingStudy/old {"started":"2019","description":"beta","modality":[{"system":"urn:b","code":"MR"}]}`),
		resource(`ImagingStudy/none {"meta":{"profile":["http://b"]}}`),
		resource(`ImagingStudy/new {"started":"2023-05","description":"Álpha","modality":[{"system":"urn:a","code":"mr"},{"code":"XA"}]}`),
		resource(`ImagingStudy/same {"started":"2019-01-01","description":"alpha","meta":{"profile":["http://a"]},"modality":[{"code":"CT"}]}`),
		resource(`DiagnosticReport/issued {"issued":"2021-01-01T00:00:00Z","effectiveDateTime":"2024-05-05"}`),
		resource(`DiagnosticReport/ended {"effectivePeriod":{"end":"2022-01-01"}}`),
		resource(`DiagnosticReport/code {"code":{"text":"no code"}}`),
	)
	for _, c := range []struct{ search, want string }{
		{"ImagingStudy?", "none new old same"},                                       // the one without a time by its update
		{"ImagingStudy?_sort=started", "same old new none"},                          // equal starts by row, backwards
		{"ImagingStudy?_sort=-started", "new old same none"},                         // as without _sort, but what has none last
		{"ImagingStudy?_sort=description", "new same old none"},                      // folded
		{"ImagingStudy?_sort=-description", "old same new none"},                     // rows of equals backwards
		{"ImagingStudy?_sort=description,-started", "new same old none"},             // the second key
		{"ImagingStudy?_sort=study-modality", "same new old none"},                   // code, then system
		{"ImagingStudy?_sort=-study-modality", "new old same none"},                  // the greatest of several
		{"ImagingStudy?_sort=_profile", "same none old new"},                         // a uri
		{"ImagingStudy?_sort=-_id", "same old none new"},                             //
		{"ImagingStudy?_sort=-_lastUpdated", "same new none old"},                    //
		{"ImagingStudy?_sort=near", "error"},                                         //
		{"DiagnosticReport?", "code ended issued"},                                   // issued before effective
		{"DiagnosticReport?_sort=code", "issued ended code"},                         // a text alone is no code
		{"DiagnosticReport?_sort=date,code&_count=1", "ended issued code"},           // a period without a start begins first
		{"Observation?_sort=code-value-quantity", "error"},                           // a composite
		{"DiagnosticReport?_sort=date&_sort=code", "error"},                          // twice
		{"DiagnosticReport?_total=none&_include=*&_sort=-date", "issued ended code"}, // what shapes the answer
	} {
		if diff := cmp.Diff(c.want, answer(t, d, c.search)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.search, diff)
		}
	}
}

// TestBase: an absolute URL below our own base is a reference to our own resource, in a document as in a search.
func TestBase(t *testing.T) {
	d := documents(t, resource(`Patient/p {"gender":"male"}`),
		resource(`Observation/a {"subject":{"reference":"http://ours/fhir/Patient/p/_history/1"}}`), resource(`Observation/b {"subject":{"reference":"Patient/p"}}`))
	d.Base = "http://ours/fhir"
	for _, c := range []struct{ search, want string }{
		{"Observation?subject=Patient/p&_sort=_id", "a b"},
		{"Observation?subject=http://ours/fhir/Patient/p&_sort=_id", "a b"},
		{"Observation?patient.gender=male&_sort=_id", "a b"},
		{"Patient?_has:Observation:subject:_id=a", "p"},
	} {
		if diff := cmp.Diff(c.want, answer(t, d, c.search)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.search, diff)
		}
	}
}

func TestRefuses(t *testing.T) {
	d := documents(t)
	for _, c := range []struct{ resourceType, name, value string }{
		{"Basic", "_id", "1"},
		{"Patient", "nothing", "1"},
		{"Patient", "gender", ""},
		{"Patient", "gender", "male,"},
		{"Patient", "identifier", "a|b|c"},
		{"Patient", "identifier", "|"},
		{"Patient", "birthdate", "1980-13"},
		{"Patient", "birthdate", "xx1980"},
		{"Patient", "birthdate:exact", "1980"},
		{"Patient", "family", "-"},
		{"Patient", "family:missing", "yes"},
		{"Patient", "_filter", "x"},
		{"Patient", "_list", "$current-problems"},
		{"Patient", "birthdate.year", "1980"},
		{"Observation", "value-quantity", "5.4|mg"},
		{"Observation", "value-quantity", "five"},
		{"Observation", "subject", "#p"},
		{"Observation", "focus:nothing", "1"},
		{"Device", "url:below", "urn:oid:1.2"},
		{"Location", "near", "1"},
		{"Location", "near", "1|2|3|parsec"},
		{"Patient", "_has:Observation:code:code", "1"},
		{"Patient", "_has:Observation:patient", "1"},
	} {
		if refs, err := d.Search(c.resourceType, url.Values{c.name: {c.value}}, nil); err == nil {
			t.Errorf("%s?%s=%s: %v", c.resourceType, c.name, c.value, refs)
		}
	}
}
