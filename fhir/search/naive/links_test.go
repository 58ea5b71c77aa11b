package naive_test

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var clinic = []string{
	`Patient/p {"name":[{"family":"Chalmers"}],"generalPractitioner":[{"reference":"Practitioner/d"}],"identifier":[{"system":"urn:mrn","value":"1"}]}`,
	`Patient/q {"name":[{"family":"Peters"}]}`,
	`Group/p {"actual":true,"type":"person","identifier":[{"system":"urn:g","value":"1"}]}`,
	`Practitioner/d {"name":[{"family":"Weber"}]}`,
	`DiagnosticReport/r1 {"subject":{"reference":"Patient/p/_history/3"},"code":{"coding":[{"code":"x"}]},"result":[{"reference":"Observation/o1"}]}`,
	`DiagnosticReport/r2 {"subject":{"reference":"Group/p"}}`,
	`DiagnosticReport/r3 {"subject":{"reference":"http://other/fhir/Patient/p"}}`,
	`DiagnosticReport/r4 {"subject":{"type":"Patient","identifier":{"system":"http://acme.org/fhir/identifier/mrn","value":"123456"}}}`,
	`DiagnosticReport/r5 {"subject":{"reference":"Patient/gone"},"result":[{"reference":"Observation/o2"}]}`,
	`DiagnosticReport/r6 {"contained":[{"resourceType":"Patient","id":"c"}],"subject":{"reference":"#c"}}`,
	`Observation/o1 {"subject":{"reference":"Patient/p"},"code":{"coding":[{"code":"1234-5"}]}}`,
	`Observation/o2 {"subject":{"reference":"Patient/q"},"code":{"coding":[{"code":"other"}]}}`,
	`List/42 {"entry":[{"item":{"reference":"Patient/q"}},{"item":{"reference":"DiagnosticReport/r1/_history/1"}}]}`,
	`ServiceRequest/s {"instantiatesCanonical":["http://p|1.0"]}`,
	`Device/a {"url":"http://acme.org/fhir/ValueSet/123"}`,
	`Device/b {"url":"http://acme.org/fhir/ValueSet/123/_history/5"}`,
}

func TestReferences(t *testing.T) {
	examples{documents: clinic, asks: []ask{
		{"reference: id, of any type", "DiagnosticReport?subject=p", "r1 r2"},
		{"reference: id, of the target types alone", "DiagnosticReport?patient=p", "r1"},
		{"reference: Type/id", "DiagnosticReport?subject=Patient/p", "r1"},
		{"reference: version ignored", "DiagnosticReport?subject=Patient/p/_history/7", "r1"},
		{"reference: URL", "DiagnosticReport?subject=http://other/fhir/Patient/p", "r3"},
		{"reference: :[type]", "DiagnosticReport?subject:Group=p", "r2"},
		{"reference: :[type] that it has not", "DiagnosticReport?patient:Group=p", "error"},
		{"reference: :identifier", "DiagnosticReport?subject:identifier=http://acme.org/fhir/identifier/mrn|123456", "r4"},
		{"reference: :identifier, the type as stated", "DiagnosticReport?patient:identifier=123456", "r4"},
		{"reference: :identifier is not the target's", "DiagnosticReport?subject:identifier=1", ""},
		{"reference: resolve() of contained, of others' and of what is gone", "DiagnosticReport?patient:missing=false", "r1 r3 r4 r5 r6"},
		{"reference: canonical with its version", "ServiceRequest?instantiates-canonical=http://p|1.0", "s"},
		{"reference: canonical without", "ServiceRequest?instantiates-canonical=http://p", "s"},
		{"reference: canonical of another version", "ServiceRequest?instantiates-canonical=http://p|2.0", ""},
		{"uri: exact", "Device?url=http://acme.org/fhir/ValueSet/123", "a"},
		{"uri: :below", "Device?url:below=http://acme.org/fhir/", "a b"},
		{"uri: :above", "Device?url:above=http://acme.org/fhir/ValueSet/123/_history/5", "a b"},
		{"uri: :above", "Device?url:above=http://acme.org/fhir/ValueSet/123", "a"},
		{"sort: by reference, none last", "DiagnosticReport?_sort=subject", "r2 r5 r1 r3 r4 r6"},
	}}.run(t)
}

func TestChains(t *testing.T) {
	examples{documents: clinic, asks: []ask{
		{"chaining", "DiagnosticReport?subject:Patient.name=chal", "r1"},
		{"chaining: one target type", "DiagnosticReport?patient.identifier=urn:mrn|1", "r1"},
		{"chaining: each target type that has the parameter", "DiagnosticReport?subject.identifier=1", "r1 r2"},
		{"chaining: several steps", "DiagnosticReport?patient.general-practitioner:Practitioner.family=weber", "r1"},
		{"chaining: through a list of references", "DiagnosticReport?result.patient.name=peters", "r5"},
		{"chaining: each chain for itself", "DiagnosticReport?result.code=1234-5&result.patient.name=peters", ""},
		{"chaining: no type knows it", "DiagnosticReport?subject.nothing=1", "error"},
		{"chaining: not through other servers' or what is gone", "DiagnosticReport?patient._id=p,gone", "r1"},
		{"modifiers in a chain", "DiagnosticReport?patient.name:missing=false", "r1"},
		{"has", "Patient?_has:Observation:patient:code=1234-5", "p"},
		{"has: nested", "Practitioner?_has:Patient:general-practitioner:_has:Observation:patient:code=1234-5", "d"},
		{"has: with a chain inside", "Patient?_has:Observation:patient:patient.family=peters", "q"},
		{"has: in a chain", "DiagnosticReport?patient._has:Observation:patient:code=1234-5", "r1"},
		{"has: OR", "Patient?_has:Observation:patient:code=1234-5,other", "p q"},
		{"has: AND", "Patient?_has:Observation:patient:code=1234-5&_has:Observation:patient:code=other", ""},
		{"has: no reference to the type", "Location?_has:Observation:patient:code=1", "error"},
		{"list", "Patient?_list=42", "q"},
		{"list: version ignored", "DiagnosticReport?_list=42", "r1"},
		{"list: none", "Patient?_list=43", ""},
	}}.run(t)
}

// TestLogical: a reference by identifier alone counts while one resource of the types that it may lead to has the identifier.
func TestLogical(t *testing.T) {
	examples{documents: []string{
		`Patient/p {"identifier":[{"system":"urn:mrn","value":"1"},{"system":"urn:mrn","value":"2"}],"name":[{"family":"Chalmers"}]}`,
		`Patient/q {"identifier":[{"system":"urn:mrn","value":"2"},{"system":"urn:mrn","value":"3"}]}`,
		`Group/g {"actual":true,"type":"person","identifier":[{"system":"urn:mrn","value":"3"}]}`,
		`Practitioner/d {"identifier":[{"system":"urn:mrn","value":"1"}]}`,
		`DiagnosticReport/one {"subject":{"identifier":{"system":"urn:mrn","value":"1"}}}`,
		`DiagnosticReport/two {"subject":{"identifier":{"system":"urn:mrn","value":"2"}}}`,
		`DiagnosticReport/types {"subject":{"identifier":{"system":"urn:mrn","value":"3"}}}`,
		`DiagnosticReport/stated {"subject":{"type":"Patient","identifier":{"system":"urn:mrn","value":"3"}}}`,
		`DiagnosticReport/system {"subject":{"identifier":{"value":"1"}}}`,
		`List/l {"entry":[{"item":{"type":"Patient","identifier":{"system":"urn:mrn","value":"1"}}}]}`,
	}, asks: []ask{
		{"direct", "DiagnosticReport?subject=Patient/p,Patient/q,Group/g", "one stated"},
		{"by a narrower parameter", "DiagnosticReport?patient=p,q", "one stated"},
		{"present by it", "DiagnosticReport?patient:missing=false", "one stated"},
		{"chained", "DiagnosticReport?patient.family=chalmers", "one"},
		{"in reverse", "Patient?_has:DiagnosticReport:subject:_id=one,two,stated", "p q"},
		{"list", "Patient?_list=l", "p"},
	}}.run(t)
}

// TestVisible: what is not seen does not match, lead on or count.
func TestVisible(t *testing.T) {
	var bodies []string
	for _, short := range clinic {
		bodies = append(bodies, resource(short))
	}
	d := documents(t, bodies...)
	for _, c := range []struct{ hidden, resourceType, name, value string }{
		{"Patient/p", "Patient", "family", "Chalmers"},
		{"Patient/p", "DiagnosticReport", "patient.family", "Chalmers"},
		{"Observation/o1", "Patient", "_has:Observation:patient:code", "1234-5"},
		{"List/42", "Patient", "_list", "42"},
	} {
		query := url.Values{c.name: {c.value}}
		all, err := d.Search(c.resourceType, query, nil)
		if err != nil || len(all) != 1 {
			t.Errorf("%s: %v, %v", c.name, all, err)
		}
		got, err := d.Search(c.resourceType, query, func(ref string) bool { return ref != c.hidden })
		if diff := cmp.Diff([]string{}, got); diff != "" || err != nil {
			t.Errorf("%s without %s: %v %s", c.name, c.hidden, err, diff)
		}
	}
}

func TestComposites(t *testing.T) {
	code := func(c string) string { return `"code":{"coding":[{"system":"http://loinc.org","code":"` + c + `"}]}` }
	mmHg := func(v string) string {
		return `"valueQuantity":{"value":` + v + `,"unit":"mmHg","system":"http://unitsofmeasure.org","code":"mm[Hg]"}`
	}
	examples{
		documents: []string{
			`Observation/bp {` + code("85354-9") + `,"component":[{` + code("8480-6") + `,` + mmHg("120") + `},{` + code("8462-4") + `,` + mmHg("60") + `}]}`,
			`Observation/one {` + code("8480-6") + `,` + mmHg("55") + `}`,
			`Observation/concept {` + code("x") + `,"valueCodeableConcept":{"coding":[{"code":"y"}]}}`,
			`Observation/date {` + code("x") + `,"valueDateTime":"2020-05-01T00:00:00Z"}`,
			`Observation/text {` + code("x") + `,"valueString":"a$b"}`,
			`DocumentReference/a {"relatesTo":[{"code":"replaces","target":{"reference":"DocumentReference/b"}},{"code":"signs","target":{"reference":"DocumentReference/c"}}]}`,
			`Location/near {"position":{"longitude":-83.694810,"latitude":42.256500}}`,
			`Location/far {"position":{"longitude":-83.0,"latitude":42.256500}}`,
		},
		asks: []ask{
			{"composite: both on one component", "Observation?component-code-value-quantity=http://loinc.org|8480-6$lt60", ""},
			{"composite: both on one component", "Observation?component-code-value-quantity=http://loinc.org|8480-6$120", "bp"},
			{"composite: with a unit", "Observation?component-code-value-quantity=8462-4$60||mm[Hg]", "bp"},
			{"composite: the whole or a component", "Observation?combo-code-value-quantity=8480-6$gt50", "bp one"},
			{"composite: OR", "Observation?combo-code-value-quantity=8480-6$55,8462-4$60", "bp one"},
			{"composite: concept", "Observation?code-value-concept=x$y", "concept"},
			{"composite: date", "Observation?code-value-date=x$2020-05", "date"},
			{"composite: escaped $", `Observation?code-value-string=x$a\$b`, "text"},
			{"composite: one part missing", "Observation?code-value-string=x", "error"},
			{"composite: no modifiers", "Observation?code-value-string:missing=true", "error"},
			{"composite: reference and code", "DocumentReference?relationship=DocumentReference/b$replaces", "a"},
			{"composite: reference and code of two elements", "DocumentReference?relationship=DocumentReference/b$signs", ""},
			{"near: kilometres", "Location?near=42.256500|-83.694810|11.20|km", "near"},
			{"near: kilometres are the default", "Location?near=42.256500|-83.694810|60", "near far"},
			{"near: ten kilometres are the default", "Location?near=42.256500|-83.694810", "near"},
			{"near: miles", "Location?near=42.256500|-83.694810|30|[mi_i]", "near"},
		},
	}.run(t)
}
