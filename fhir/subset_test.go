package fhir_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
)

func TestSubset(t *testing.T) {
	const tag = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`
	const patient = `{"resourceType":"Patient","id":"p","meta":{"versionId":"1"},"text":{"div":"x"},"photo":[{"title":"a"}],` +
		`"birthDate": "1980","_birthDate":{"id":"b"},"deceasedBoolean":false,"contact":[{"gender":"male"}],"link":[{"other":{"reference":"Patient/1"},"type":"refer","id":"l"}]}`
	const event = `{"resourceType":"AuditEvent","id":"e","meta":{"tag":[{"code":"t"}]},"recorded":"2020-01-01T00:00:00Z",` +
		`"agent":[{"who":{"display":"d"},"name":"n"},{"name":"m"}],"source":{"site":"s","observer":{"display":"o"}},"extension":[1.50]}`
	for _, c := range []struct {
		name, body string
		subset     fhir.Subset
		want       string
	}{
		{"all", patient, fhir.Subset{}, patient},
		{"summary", patient, fhir.SummaryOf("Patient"), `{"resourceType":"Patient","id":"p","meta":{"versionId":"1","tag":[` + tag + `]},` +
			`"birthDate": "1980","_birthDate":{"id":"b"},"deceasedBoolean":false,"link":[{"other":{"reference":"Patient/1"},"type":"refer"}]}`},
		{"summary of what is marked inside", event, fhir.SummaryOf("AuditEvent"), `{"resourceType":"AuditEvent","id":"e","meta":{"tag":[{"code":"t"},` + tag +
			`]},"recorded":"2020-01-01T00:00:00Z","agent":[{"who":{"display":"d"}}],"source":{"observer":{"display":"o"}}}`},
		{"text", patient, fhir.TextOf("Patient"), `{"resourceType":"Patient","id":"p","meta":{"versionId":"1","tag":[` + tag + `]},"text":{"div":"x"}}`},
		{"data", event, fhir.Data(), `{"resourceType":"AuditEvent","id":"e","meta":{"tag":[{"code":"t"},` + tag + `]},"recorded":"2020-01-01T00:00:00Z",` +
			`"agent":[{"who":{"display":"d"},"name":"n"},{"name":"m"}],"source":{"site":"s","observer":{"display":"o"}},"extension":[1.50]}`},
		{"elements, a choice among them", patient, fhir.ElementsOf("Patient", []string{"deceased", "photo"}),
			`{"resourceType":"Patient","id":"p","meta":{"versionId":"1","tag":[` + tag + `]},"photo":[{"title":"a"}],"deceasedBoolean":false}`},
		{"elements and what is mandatory", event, fhir.ElementsOf("AuditEvent", []string{"action"}), `{"resourceType":"AuditEvent","id":"e","meta":{"tag":[{"code":"t"},` + tag +
			`]},"recorded":"2020-01-01T00:00:00Z","agent":[{"who":{"display":"d"},"name":"n"},{"name":"m"}],"source":{"site":"s","observer":{"display":"o"}}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := fhir.Parse([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(r.Subset(c.subset).Body)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
