package search_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// Whom orders and tasks refer their patient to. "=" stands for the specialty of radiology.
func TestReferred(t *testing.T) {
	const radiology = `{"coding":[{"system":"http://snomed.info/sct","code":"394914008"}]}`
	const to, of = `"performer":[%s]`, `"performerType":%s`
	named := func(all ...string) string { return fmt.Sprintf(to, strings.Join(all, ",")) }
	north, south := `{"reference":"Organization/north"}`, `{"reference":"Organization/south"}`
	for _, test := range []struct{ name, members, want string }{
		{"nobody", ``, ""},
		{"a person", named(`{"reference":"Practitioner/x"}`), ""},
		{"an organisation", named(north), "Organization/north Organization/north|"},
		{"two, and a person", named(north, `{"reference":"Practitioner/x"}`, south, north),
			"Organization/north Organization/north| Organization/south Organization/south|"},
		{"a specialty", fmt.Sprintf(of, radiology), "|="},
		{"a specialty and a person", named(`{"reference":"Practitioner/x"}`) + "," + fmt.Sprintf(of, radiology), "|="},
		{"a specialty and an organisation", named(north) + "," + fmt.Sprintf(of, radiology), "Organization/north Organization/north|="},
		{"a specialty and an organisation elsewhere", named(`{"reference":"https://other.example/fhir/Organization/x"}`) + "," + fmt.Sprintf(of, radiology), ""},
		{"a specialty and an organisation by its number", named(`{"type":"Organization","identifier":{"value":"1"}}`) + "," + fmt.Sprintf(of, radiology), ""},
		{"a specialty and an organisation in it", named(`{"reference":"#o"}`) + "," + fmt.Sprintf(of, radiology), ""},
		{"a specialty and a person by their number", named(`{"type":"Practitioner","identifier":{"value":"1"}}`) + "," + fmt.Sprintf(of, radiology), "|="},
		{"a specialty and somebody", named(`{"display":"North"}`) + "," + fmt.Sprintf(of, radiology), ""},
		{"a specialty and what says to be a person", named(`{"reference":"Organization/north","type":"Practitioner"}`) + "," + fmt.Sprintf(of, radiology),
			"Organization/north Organization/north|="},
		{"a specialty in words", named(north) + "," + fmt.Sprintf(of, `{"text":"radiology"}`), "Organization/north"},
		{"two codes of a specialty", fmt.Sprintf(of, `{"coding":[{"system":"http://snomed.info/sct","code":"394914008"},{"system":"urn:oid:1.2","code":"R"}]}`), "|= |urn:oid:1.2|R"},
		{"one code twice", fmt.Sprintf(of, `{"coding":[{"system":"http://snomed.info/sct","code":"394914008"},{"system":"http://snomed.info/sct","code":"394914008"}]}`), "|="},
		{"a code of no system", fmt.Sprintf(of, `{"coding":[{"code":"394914008"}]}`), ""},
		{"a system without a code", fmt.Sprintf(of, `{"coding":[{"system":"http://snomed.info/sct"}]}`), ""},
		{"a system that looks like a referral", fmt.Sprintf(of, `{"coding":[{"system":"Organization/north|http://snomed.info/sct","code":"394914008"}]}`), ""},
		{"a code that looks like more", fmt.Sprintf(of, `{"coding":[{"system":"http://snomed.info/sct","code":"394914008|x"}]}`), ""},
		{"revoked", `"status":"revoked",` + fmt.Sprintf(of, radiology), ""},
		{"on hold", `"status":"on-hold",` + fmt.Sprintf(of, radiology), "|="},
	} {
		r := fhir.Resource{Type: "ServiceRequest", Body: []byte("{" + test.members + "}")}
		want := strings.ReplaceAll(test.want, "=", "http://snomed.info/sct|394914008")
		if diff := cmp.Diff(want, strings.Join(search.Referred(r), " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	task := fhir.Resource{Type: "Task", Body: []byte(`{"status":"requested","performerType":[{"text":"x"},` + radiology + `]}`)}
	if diff := cmp.Diff([]string{"|http://snomed.info/sct|394914008"}, search.Referred(task)); diff != "" {
		t.Errorf("a task (-want +got):\n%s", diff)
	}
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf(`{"coding":[{"system":"urn:x","code":"%d"}]}`, i))
	}
	task.Body = []byte(`{"performerType":[` + strings.Join(many, ",") + `]}`)
	if got := len(search.Referred(task)); got != 16 {
		t.Errorf("of a hundred specialties %d count", got)
	}
}
