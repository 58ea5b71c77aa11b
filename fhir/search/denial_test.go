package search_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// What narrows a provision that denies does not narrow the denial; what narrows one that permits leaves nothing of it.
func TestDenials(t *testing.T) {
	to := func(all ...string) string {
		var actors []string
		for _, one := range all {
			actors = append(actors, `{"reference":{"reference":"`+one+`"}}`)
		}
		return `,"actor":[` + strings.Join(actors, ",") + `]`
	}
	within := func(all ...string) string { return `,"provision":[` + strings.Join(all, ",") + `]` }
	deny := func(more ...string) string { return `{"type":"deny"` + strings.Join(more, "") + `}` }
	permit := func(more ...string) string { return `{"type":"permit"` + strings.Join(more, "") + `}` }
	const a, b, person = "Organization/a", "Organization/b", "RelatedPerson/x"
	const denyA, permitA = "deny " + a, "permit " + a
	narrowings := map[string]string{
		"purpose":           `,"purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HRESCH"}]`,
		"class":             `,"class":[{"system":"http://hl7.org/fhir/resource-types","code":"ImagingStudy"}]`,
		"label":             `,"securityLabel":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]`,
		"code":              `,"code":[{"text":"x"}]`,
		"data":              `,"data":[{"meaning":"instance","reference":{"reference":"ImagingStudy/x"}}]`,
		"time of the data":  `,"dataPeriod":{"end":"2001"}`,
		"action":            `,"action":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentaction","code":"correct"}]}]`,
		"what nobody knows": `,"modifierExtension":[{"url":"urn:x","valueBoolean":true}]`,
	}
	type test struct{ name, provision, want string }
	tests := []test{
		{"permits", permit(to(a)), ""},
		{"denies all", deny(), "deny *"},
		{"denies one", deny(to(a)), denyA},
		{"denies a person", deny(to(person)), ""},
		{"denies all but one", deny(within(permit(to(a)))), "deny * " + permitA},
		{"denies all but nobody", deny(within(permit())), "deny *"},
		{"permits but one", permit(within(deny(to(a)))), denyA},
		{"permits but all", permit(within(deny())), "deny *"},
		{"permits one but", permit(to(a), within(deny())), denyA},
		{"permits one but another", permit(to(a), within(deny(to(b)))), "deny " + b},
		{"permits a person but", permit(to(person), within(deny())), ""},
		{"permits one that is permitted but", permit(within(permit(to(a), within(deny())))), denyA},
		{"denies one and one in it", deny(to(a), within(deny(to(b)))), denyA + " deny " + b},
		{"denies all but one that is permitted but", deny(within(permit(to(a), within(deny())))), "deny * " + denyA},
		{"denies one twice", permit(within(deny(`,"period":{"end":"2001"}`, to(a)), deny(to(a)))), denyA},
		{"an exception that is modified", deny(within(permit(`,"actor":[{"modifierExtension":[{"url":"urn:x"}],"reference":{"reference":"` + a + `"}}]`))), "deny *"},
		{"deeper than anybody reads", strings.Repeat(`{"type":"permit","provision":[`, 20) + permit() + strings.Repeat(`]}`, 20), "deny *"},
		{"deep", strings.Repeat(`{"type":"permit","provision":[`, 10) + permit() + strings.Repeat(`]}`, 10), ""},
	}
	for by, narrowing := range narrowings {
		tests = append(tests,
			test{"denies all, narrowed by " + by, deny(narrowing), "deny *"},
			test{"denies one, narrowed by " + by, deny(narrowing, to(a)), denyA},
			test{"permits but one, narrowed by " + by, permit(within(deny(narrowing, to(a)))), denyA},
			test{"permits but all, narrowed by " + by, permit(within(deny(narrowing))), "deny *"},
			test{"denies all but one, narrowed by " + by, deny(within(permit(narrowing, to(a)))), "deny *"},
		)
	}
	for _, test := range tests {
		r := fhir.Resource{Type: "Consent", Body: []byte(fmt.Sprintf(`{"status":"active","provision":%s}`, test.provision))}
		var got []string
		for _, d := range search.Denials(r) {
			kind := "deny "
			if d.Permits {
				kind = "permit "
			}
			got = append(got, kind+d.Organization)
			if d.Low != math.MinInt64 || d.High != math.MaxInt64 {
				t.Errorf("%s: %+v ends", test.name, d)
			}
		}
		if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	modified := fhir.Resource{Type: "Consent", Body: []byte(`{"status":"active","modifierExtension":[{"url":"urn:x"}],"provision":` + deny(within(permit(to(a)))) + `}`)}
	if got := search.Denials(modified); len(got) != 1 || got[0].Organization != search.Everyone {
		t.Errorf("a Consent that is modified: %+v", got)
	}
}
