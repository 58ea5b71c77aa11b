package storetest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

func testInclude(t *testing.T, fresh func(t testing.TB) Database) {
	f := open(t, fresh(t))
	f.put(patient("p1", "One"), clinicOne)
	f.put(patient("p2", "Two"), clinicTwo)
	f.put(`{"resourceType":"Endpoint","id":"e1","status":"active"}`)
	f.put(`{"resourceType":"ServiceRequest","id":"r1","status":"active","intent":"order","subject":{"reference":"Patient/p2"}}`)
	for id, subject := range map[string]string{"s1": "Patient/p1", "s2": "Patient/p2", "s3": "Patient/p1"} {
		f.put(`{"resourceType":"ImagingStudy","id":"` + id + `","status":"available","subject":{"reference":"` + subject + `"},` +
			`"basedOn":[{"reference":"ServiceRequest/r1"},{"reference":"ServiceRequest/absent"}],` +
			`"endpoint":[{"reference":"Endpoint/e1"}],"series":[{"uid":"1.2","endpoint":[{"reference":"Endpoint/e1"}]}]}`)
	}
	f.put(`{"resourceType":"DiagnosticReport","id":"dr1","status":"final","subject":{"reference":"Patient/p1"}}`)
	f.put(`{"resourceType":"DiagnosticReport","id":"dr2","status":"final","subject":{"reference":"Patient/p2"}}`)
	p1 := as("p1", search.Grant{Patient: "Patient/p1"})
	noReports := store.Caller{ID: "noReports", Access: func(resourceType string) search.Filter {
		if resourceType == "DiagnosticReport" {
			return search.Filter{}
		}
		return search.Everything()
	}}
	for _, c := range []struct {
		name, resourceType, query string
		caller                    store.Caller
		matches, included         string
	}{
		{"one parameter", "ImagingStudy", "_include=ImagingStudy:patient", everyone, "s1 s2 s3", "Patient/p1 Patient/p2"},
		{"several", "ImagingStudy", "_id=s2&_include=ImagingStudy:endpoint&_include=ImagingStudy:basedon", everyone, "s2", "Endpoint/e1 ServiceRequest/r1"},
		{"all", "ImagingStudy", "_id=s1&_include=*", everyone, "s1", "Endpoint/e1 Patient/p1 ServiceRequest/r1"},
		{"of a type", "ImagingStudy", "_id=s1&_include=ImagingStudy:subject:Device", everyone, "s1", ""},
		{"only what the caller may see", "ImagingStudy", "_include=*", p1, "s1 s3", "Patient/p1"},
		{"reverse", "Patient", "_id=p1&_revinclude=ImagingStudy:patient", everyone, "p1", "ImagingStudy/s1 ImagingStudy/s3"},
		{"reverse, several", "Patient", "_id=p2&_revinclude=ImagingStudy:subject&_revinclude=DiagnosticReport:*", everyone, "p2", "DiagnosticReport/dr2 ImagingStudy/s2"},
		{"reverse, only what the caller may see", "Patient", "_revinclude=DiagnosticReport:patient&_revinclude=ImagingStudy:patient", p1, "p1",
			"DiagnosticReport/dr1 ImagingStudy/s1 ImagingStudy/s3"},
		{"reverse, a type that is closed", "Patient", "_id=p1&_revinclude=DiagnosticReport:patient", noReports, "p1", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			result := fixture{t, f.Store}.search(c.caller, c.resourceType, c.query)
			matches := idsOf(result.Matches)
			slices.Sort(matches)
			if diff := cmp.Diff(c.matches, strings.Join(matches, " ")); diff != "" {
				t.Errorf("matches (-want +got):\n%s", diff)
			}
			var included []string
			for _, r := range result.Included {
				included = append(included, r.Reference())
			}
			slices.Sort(included)
			if diff := cmp.Diff(c.included, strings.Join(included, " ")); diff != "" {
				t.Errorf("included (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("bounded", func(t *testing.T) { boundedInclude(open(t, fresh(t))) })
}

func boundedInclude(f fixture) {
	f.put(patient("p", "Many"))
	var writes []store.Write
	c := newCity(3, 1)
	for range store.MaxIncluded + 5 {
		body, _ := c.study()
		writes = append(writes, store.Write{Resource: parse(f, body)})
	}
	f.putAll(writes)
	f.put(patient(patientID(0), "Many"))
	result := f.search(everyone, "Patient", "_id="+patientID(0)+"&_revinclude=ImagingStudy:patient")
	if len(result.Included) != store.MaxIncluded || !result.Truncated {
		f.Errorf("%d included, truncated %v; want %d, true", len(result.Included), result.Truncated, store.MaxIncluded)
	}
}
