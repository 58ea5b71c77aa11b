package auth_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"lightbox/auth"
	"lightbox/fhir/search"
)

func TestParseHold(t *testing.T) {
	for text, want := range map[string]time.Duration{"now": 0, "0": 0, "72h": 72 * time.Hour, "90m": 90 * time.Minute, "3d": 72 * time.Hour, "held": search.Held} {
		if got, err := auth.ParseHold(text); got != want || err != nil {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}

// Who may release reports: not the patient, nor who acts for one, nor who was asked to look, nor who may not change reports.
func TestReleases(t *testing.T) {
	clinician := auth.Principal{Organization: "Organization/o", FHIRUser: "Practitioner/d", Emergency: []string{"Patient/q"}}
	for _, test := range []struct {
		name, scope string
		who         auth.Principal
		want        []search.Grant
	}{
		{"program", "system/*.cruds", auth.Principal{}, []search.Grant{all}},
		{"program that only reads", "system/*.rs", auth.Principal{}, nil},
		{"program that does not read", "system/DiagnosticReport.u", auth.Principal{}, nil},
		{"partner", "system/*.cruds", auth.Principal{Organization: "Organization/o"}, []search.Grant{ofOwner}},
		{"clinician", "user/*.cruds", clinician, []search.Grant{ofOwner, inCare}},
		{"clinician's app", "patient/*.cruds", auth.Principal{Organization: "Organization/o", FHIRUser: "Practitioner/d", Patient: "Patient/p"},
			[]search.Grant{{Owner: "Organization/o", Patient: "Patient/p"}, {CareOf: "Organization/o", Patient: "Patient/p"}}},
		{"patient", "patient/*.cruds user/*.cruds", auth.Principal{Patient: "Patient/p", FHIRUser: "Patient/p"}, nil},
		{"representative", "patient/*.cruds user/*.cruds", auth.Principal{Patient: "Patient/p", FHIRUser: "RelatedPerson/r", Represents: []string{"Patient/p"}}, nil},
	} {
		got := principal(t, test.who, test.scope).Releases()
		if diff := cmp.Diff(test.want, got.Grants, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}
