package search_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

func TestLogical(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{"the types of its element", `{"resourceType":"ImagingStudy","subject":{"identifier":{"system":"urn:mrn","value":"1"}}}`, "Device,Group,Patient urn:mrn|1"},
		{"the type that it states", `{"resourceType":"ImagingStudy","subject":{"type":"Patient","identifier":{"value":"1"}}}`, "Patient |1"},
		{"any type", `{"resourceType":"List","entry":[{},{"item":{"identifier":{"value":"1"}}}]}`, "Any |1"},
		{"selected by no parameter", `{"resourceType":"Binary","securityContext":{"identifier":{"value":"1"}}}`, "Any |1"},
		{"literal as well", `{"resourceType":"ImagingStudy","subject":{"reference":"Patient/p","identifier":{"value":"1"}}}`, ""},
		{"contained", `{"resourceType":"ImagingStudy","subject":{"reference":"#p","identifier":{"value":"1"}}}`, ""},
		{"without a value", `{"resourceType":"ImagingStudy","subject":{"identifier":{"system":"urn:mrn"}}}`, ""},
		{"no reference", `{"resourceType":"ImagingStudy","identifier":[{"value":"1"}]}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, l := range index(t, c.body).Logical {
				got = append(got, strings.Join(l.Types, ",")+" "+l.Identifier.Exact+"|"+l.Identifier.Text)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLinked(t *testing.T) {
	const body = ` {"resourceType":"ImagingStudy","id":"s","interpreter":[{"identifier":{"value":"1"}}, { "identifier":{"value":"2"}}],
		"contained":[{"resourceType":"Patient","link":[{"other":{"identifier":{"value":"1"}}}]}],"subject":{"identifier":{"value":"1"}}}`
	d := index(t, body)
	linked := string(d.Linked([]byte(body), func(l search.Logical) string {
		switch {
		case l.Identifier.Text == "2":
			return "Practitioner/d"
		case l.MayLeadTo("Patient"):
			return "Patient/p"
		}
		return ""
	}))
	want := ` {"resourceType":"ImagingStudy","id":"s","interpreter":[{"identifier":{"value":"1"}}, {"reference":"Practitioner/d", "identifier":{"value":"2"}}],
		"contained":[{"resourceType":"Patient","link":[{"other":{"identifier":{"value":"1"}}}]}],"subject":{"reference":"Patient/p","identifier":{"value":"1"}}}`
	if diff := cmp.Diff(want, linked); diff != "" {
		t.Error(diff)
	}
	if d := index(t, linked); d.Patient != "Patient/p" || !slices.ContainsFunc(d.Entries, func(e search.Entry) bool { return e.Param.Name == "patient" }) {
		t.Errorf("patient %q, entries %v", d.Patient, d.Entries)
	}
}

func TestNames(t *testing.T) {
	document, _ := fhir.R4().Type("DocumentReference")
	identifier, _ := document.Param("identifier")
	const body = `{"resourceType":"DocumentReference","masterIdentifier":{"system":"urn:a","value":"urn:oid:1.2"},"identifier":[{"value":"B"}]}`
	for reference, want := range map[string]bool{
		`{"system":"urn:a","value":"1.2"}`: true, `{"value":"B"}`: true,
		`{"value":"1.2"}`: false, `{"system":"urn:b","value":"1.2"}`: false, `{"value":"b"}`: false, `{"system":"urn:a","value":"B"}`: false,
	} {
		l := index(t, `{"resourceType":"Task","focus":{"identifier":`+reference+`}}`).Logical[0]
		if got := l.Names(identifier, []byte(body)); got != want {
			t.Errorf("%s: %v", reference, got)
		}
	}
}

func index(t *testing.T, body string) search.Document {
	t.Helper()
	d, err := search.Index(fhir.R4(), fhir.Resource{Type: typeOf(body), Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// typeOf returns the resource type, which stands first.
func typeOf(body string) string { return strings.Split(body, `"`)[3] }
