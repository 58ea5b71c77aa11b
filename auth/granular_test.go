package auth_test

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/fhir/store/sqlite"
)

// A granular scope narrows what its context gives; a plain one of the same context makes it needless.
func TestVisibleByGranularScopes(t *testing.T) {
	clauses := func(scope string) []search.Clause {
		scopes, err := auth.ParseScopes(scope)
		if err != nil || len(scopes) != 1 || len(scopes[0].Where) == 0 {
			t.Fatal(scopes, err)
		}
		return scopes[0].Where
	}
	ct, mr := clauses("patient/ImagingStudy.rs?modality=CT"), clauses("user/ImagingStudy.rs?modality=MR")
	both := auth.Principal{Patient: "Patient/p", Organization: "Organization/o"}
	tests := []struct {
		name, scope string
		interaction auth.Interaction
		of          string
		want        []search.Grant
	}{
		{"one", "patient/ImagingStudy.rs?modality=CT", auth.Read, "ImagingStudy", []search.Grant{{Patient: "Patient/p", Where: ct}}},
		{"each grant of the context", "user/ImagingStudy.rs?modality=MR", auth.Search, "ImagingStudy",
			[]search.Grant{{Owner: "Organization/o", Where: mr}, {CareOf: "Organization/o", Where: mr}, {ReferredTo: "Organization/o", Where: mr}}},
		{"of another type", "patient/ImagingStudy.rs?modality=CT", auth.Read, "Observation", nil},
		{"of another interaction", "patient/ImagingStudy.s?modality=CT", auth.Read, "ImagingStudy", nil},
		{"union", "patient/ImagingStudy.rs?modality=CT patient/ImagingStudy.rs?modality=MR", auth.Read, "ImagingStudy",
			[]search.Grant{{Patient: "Patient/p", Where: ct}, {Patient: "Patient/p", Where: mr}}},
		{"each with its context", "patient/ImagingStudy.rs?modality=CT user/ImagingStudy.rs?modality=MR", auth.Read, "ImagingStudy",
			[]search.Grant{{Patient: "Patient/p", Where: ct}, {Owner: "Organization/o", Where: mr}, {CareOf: "Organization/o", Where: mr}, {ReferredTo: "Organization/o", Where: mr}}},
		{"twice", "patient/ImagingStudy.rs?modality=CT patient/ImagingStudy.r?modality=CT", auth.Read, "ImagingStudy", []search.Grant{{Patient: "Patient/p", Where: ct}}},
		{"a plain one before", "patient/*.rs patient/ImagingStudy.rs?modality=CT", auth.Read, "ImagingStudy", []search.Grant{ofPatient}},
		{"a plain one after", "patient/ImagingStudy.rs?modality=CT patient/ImagingStudy.rs", auth.Read, "ImagingStudy", []search.Grant{ofPatient}},
		{"a plain one of another interaction", "patient/ImagingStudy.rs?modality=CT patient/ImagingStudy.c", auth.Read, "ImagingStudy",
			[]search.Grant{{Patient: "Patient/p", Where: ct}}},
		{"a plain one of another context", "patient/ImagingStudy.rs?modality=CT user/*.rs", auth.Read, "ImagingStudy",
			[]search.Grant{{Patient: "Patient/p", Where: ct}, ofOwner, inCare, referred}},
		{"what a patient is not shown stays hidden", "patient/Observation.rs?status=final", auth.Read, "Observation",
			[]search.Grant{{Patient: "Patient/p", Where: append(unasserted("Observation").Where, clauses("patient/Observation.rs?status=final")...),
				Release: unasserted("Observation").Release}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 2 { // what one call returns must not have changed what the next is made of
				got := principal(t, both, test.scope).Visible(test.interaction, test.of)
				if diff := cmp.Diff(search.Filter{Grants: test.want}, got); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// The queries of granular scopes are part of who a caller is: a cursor must not outlive a narrower scope.
func TestCallerIDByGranularScopes(t *testing.T) {
	id := func(scope string) string {
		return principal(t, auth.Principal{Patient: "Patient/p"}, scope).Caller().ID
	}
	one := id("patient/Observation.rs?category=a&status=final")
	if id("patient/Observation.rs?status=final&category=a") != one {
		t.Error("the order of parameters changes the ID")
	}
	for _, other := range []string{"patient/Observation.rs", "patient/Observation.rs?category=b&status=final", "patient/Observation.rs?category=a"} {
		if id(other) == one {
			t.Errorf("%s has the same ID", other)
		}
	}
}

// As many granular scopes as a token may have make a filter that each database takes, in every context.
func TestManyGranularScopes(t *testing.T) {
	numbered := func(n int, format string) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(format, i))
		}
		return strings.Join(all, " ")
	}
	tokens := map[string]string{
		"codes in any system":       numbered(16, "user/Observation.cruds?code=%d"),
		"codes":                     numbered(16, "user/Observation.cruds?code=urn:x|%d"),
		"several conditions":        numbered(4, "user/Observation.cruds?code=urn:x|%d&date=ap2024&value-string=a&category=x"),
		"one of all":                "user/Observation.cruds?date=ap2024" + strings.Repeat("&category=x", 15),
		"some find and others read": numbered(8, "user/Observation.r?code=urn:x|%d") + " " + numbered(8, "user/Observation.s?category=%d"),
		"of both contexts":          numbered(8, "user/Device.cruds?type=%d") + " " + numbered(8, "patient/Device.cruds?type=%d"),
		"of a patient":              numbered(16, "patient/Observation.cruds?date=ge20%02d"),
	}
	eachTown(t, func(t *testing.T, st store.Store) {
		for name, scope := range tokens {
			t.Run(name, func(t *testing.T) {
				p := principal(t, auth.Principal{Patient: "Patient/anna", Organization: "Organization/clinic"}, scope)
				for _, resourceType := range []string{"Observation", "Device"} {
					for _, filter := range []search.Filter{p.Visible(auth.Read, resourceType), p.Visible(auth.Search, resourceType), p.Matches(resourceType)} {
						by := store.Caller{Access: func(string) search.Filter { return filter }}
						if _, err := st.Read(t.Context(), filter, resourceType, "x"); !errors.Is(err, store.ErrNotFound) {
							t.Error(err)
						}
						for _, params := range []url.Values{{}, {"_include": {"*"}, "_revinclude": {"*"}}, {"patient.name": {"x"}}, {"_total": {"accurate"}, "_sort": {"_id"}}} {
							q, err := search.Parse(fhir.R4(), resourceType, params, search.Options{Strict: true})
							if err == nil {
								_, err = st.Search(t.Context(), q, by)
							}
							if err != nil {
								t.Errorf("%v: %v", params, err)
							}
						}
						if _, err := st.History(t.Context(), store.HistoryQuery{Type: resourceType, Count: 1}, by); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
	})
}

// Every search parameter that a granular scope may have is one that a store holds in a filter, in a read as in a search: a scope that
// parses never ends in an error later.
func TestEveryGranularParameterIsAFilter(t *testing.T) {
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "a.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = st.Close() })
	values := map[fhir.Kind]string{
		fhir.KindToken: "a", fhir.KindReference: "a", fhir.KindDate: "ap2024", fhir.KindString: "a", fhir.KindURI: "urn:a", fhir.KindNumber: "1", fhir.KindQuantity: "1",
	}
	taken := map[fhir.Kind]int{}
	for _, served := range fhir.R4().Types() {
		for _, param := range served.Params() {
			value := values[param.Kind]
			if param.Datatypes[0] == "boolean" {
				value = "true"
			}
			scopes, err := auth.ParseScopes(fmt.Sprintf("system/%s.cruds?%s=%s", served.Name, param.Name, value))
			if err != nil {
				continue
			}
			taken[param.Kind]++
			p := auth.Principal{Scopes: scopes, Roles: []string{auth.Auditor}}
			if _, err := st.Read(t.Context(), p.Visible(auth.Read, served.Name), served.Name, "x"); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("read by %s: %v", scopes[0], err)
			}
			if _, err := st.Search(t.Context(), search.Query{Type: served.Name, Count: 1}, p.Caller()); err != nil {
				t.Errorf("search by %s: %v", scopes[0], err)
			}
		}
	}
	for kind, least := range map[fhir.Kind]int{fhir.KindToken: 100, fhir.KindReference: 50, fhir.KindDate: 30, fhir.KindString: 20, fhir.KindURI: 20} {
		if taken[kind] < least {
			t.Errorf("%d parameters of kind %s are taken", taken[kind], kind)
		}
	}
}
