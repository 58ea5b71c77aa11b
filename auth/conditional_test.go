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
		reads  *auth.ReadingCentre
	}{
		"both by one scope":          {"patient/ImagingStudy.rs", []search.Grant{{Patient: anna, Owner: north}, {Patient: anna, CareOf: north}, {Patient: anna, ReferredTo: north}}, nil},
		"search alone":               {"patient/ImagingStudy.s", nil, nil},
		"read alone":                 {"patient/ImagingStudy.r", nil, nil},
		"found by ward, read by one": {"user/ImagingStudy.s patient/ImagingStudy.r", []search.Grant{{Patient: anna, Owner: north}, {Patient: anna, CareOf: north}, {Patient: anna, ReferredTo: north}}, nil},
		"of a reading centre, found by ward, read by one": {"user/ImagingStudy.s patient/ImagingStudy.r", []search.Grant{{Patient: anna, Owner: north}, {Patient: anna, CareOf: north},
			{Patient: anna, ReferredTo: north, ReferredAs: []string{north, "|" + radiology}}}, &auth.ReadingCentre{Organization: north, Specialties: []string{radiology}}},
	} {
		t.Run(name, func(t *testing.T) {
			scopes, err := auth.ParseScopes(test.scopes)
			if err != nil {
				t.Fatal(err)
			}
			p := auth.Principal{Patient: anna, FHIRUser: "Practitioner/doc", Organization: north, Scopes: scopes, Reads: test.reads}
			if diff := cmp.Diff(test.want, p.Matches("ImagingStudy").Grants); diff != "" {
				t.Error(diff)
			}
		})
	}
}
