package auth_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/auth"
	"lightbox/fhir/search"
)

func TestMatches(t *testing.T) {
	const anna, north = "Patient/anna", "Organization/north"
	for name, test := range map[string]struct {
		scopes string
		want   []search.Grant
	}{
		"both by one scope":          {"patient/ImagingStudy.rs", []search.Grant{{Patient: anna, Owner: north}, {Patient: anna, CareOf: north}, {Patient: anna, ReferredTo: north}}},
		"search alone":               {"patient/ImagingStudy.s", nil},
		"read alone":                 {"patient/ImagingStudy.r", nil},
		"found by ward, read by one": {"user/ImagingStudy.s patient/ImagingStudy.r", []search.Grant{{Patient: anna, Owner: north}, {Patient: anna, CareOf: north}, {Patient: anna, ReferredTo: north}}},
	} {
		t.Run(name, func(t *testing.T) {
			scopes, err := auth.ParseScopes(test.scopes)
			if err != nil {
				t.Fatal(err)
			}
			p := auth.Principal{Patient: anna, FHIRUser: "Practitioner/doc", Organization: north, Scopes: scopes}
			if diff := cmp.Diff(test.want, p.Matches("ImagingStudy").Grants); diff != "" {
				t.Error(diff)
			}
		})
	}
}
