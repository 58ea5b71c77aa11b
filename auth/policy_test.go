package auth_test

import (
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/search"
)

// grants in the words of the table below.
var (
	all       = search.Grant{All: true}
	ofPatient = search.Grant{Patient: "Patient/p"}
	ofOwner   = search.Grant{Owner: "Organization/o"}
	inCare    = search.Grant{CareOf: "Organization/o"}
	referred  = search.Grant{ReferredTo: "Organization/o"}
	nobodys   = search.Grant{Nobodys: true}

	bySpecialty   = search.Grant{ReferredTo: "Organization/o", ReferredAs: []string{"Organization/o", "|" + radiology}}
	onlySpecialty = search.Grant{ReferredTo: "Organization/o", ReferredAs: []string{"Organization/o|", "Organization/o|" + radiology, "|" + radiology}}
)

const radiology, nuclear = "http://snomed.info/sct|394914008", "http://snomed.info/sct|394649004"

func principal(t *testing.T, p auth.Principal, scope string) *auth.Principal {
	t.Helper()
	scopes, err := auth.ParseScopes(scope)
	if err != nil {
		t.Fatal(err)
	}
	p.Scopes = scopes
	return &p
}

// unasserted is what a patient sees of a type of which programs assert something, or which may be held back.
func unasserted(resourceType string) search.Grant {
	const ai, nopat = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue|AIAST", "http://terminology.hl7.org/CodeSystem/v3-ActCode|NOPAT"
	without := func(label string) []search.Clause {
		q, err := search.Parse(fhir.R4(), resourceType, url.Values{"_security:not": {label}}, search.Options{Strict: true})
		if err != nil {
			panic(err)
		}
		return q.Where
	}
	g := search.Grant{Patient: "Patient/p"}
	if resourceType != "Binary" {
		g.Where = without(ai)
	}
	if resourceType != "Task" {
		g.Release = &search.Release{Where: without(nopat)}
	}
	return g
}

func TestVisible(t *testing.T) {
	patient := auth.Principal{Patient: "Patient/p"}
	clinician := auth.Principal{Organization: "Organization/o", FHIRUser: "Practitioner/d"}
	reader, onlyReader := clinician, clinician
	reader.Reads = &auth.ReadingCentre{Organization: "Organization/o", Specialties: []string{radiology}}
	onlyReader.Reads = &auth.ReadingCentre{Organization: "Organization/o", Specialties: []string{radiology}, Only: true}
	launched, patientReader := reader, reader
	launched.Patient, patientReader.FHIRUser = "Patient/p", "Patient/p"
	person := auth.Principal{FHIRUser: "Person/r", Patient: "Patient/p", Represents: []string{"Patient/p"}}
	relative := auth.Principal{FHIRUser: "RelatedPerson/r", Patient: "Patient/p", Represents: []string{"Patient/p"}}
	r, err := search.Parse(fhir.R4(), "Person", url.Values{"_id": {"r"}}, search.Options{})
	if err != nil {
		t.Fatal(err)
	}
	self := search.Grant{Nobodys: true, Where: r.Where}
	tests := []struct {
		name        string
		who         auth.Principal
		scope       string
		interaction auth.Interaction
		of          string
		want        []search.Grant
	}{
		{"no scope", auth.Principal{}, "openid", auth.Read, "Patient", nil},
		{"EMR", auth.Principal{}, "system/*.cruds", auth.Delete, "ImagingStudy", []search.Grant{all}},
		{"EMR, type not in scope", auth.Principal{}, "system/Patient.cruds", auth.Read, "ImagingStudy", nil},
		{"EMR, type without a rule", auth.Principal{}, "system/*.cruds", auth.Read, "Subscription", nil},
		{"EMR, type of no standard", auth.Principal{}, "system/*.cruds", auth.Read, "Foo", nil},
		{"partner reads", auth.Principal{Organization: "Organization/o"}, "system/ImagingStudy.crus", auth.Read, "ImagingStudy", []search.Grant{ofOwner}},
		{"partner does not delete", auth.Principal{Organization: "Organization/o"}, "system/ImagingStudy.crus", auth.Delete, "ImagingStudy", nil},
		{"partner and the directory", auth.Principal{Organization: "Organization/o"}, "system/*.rs", auth.Read, "Practitioner", []search.Grant{ofOwner}},
		{"clinician reads", clinician, "user/*.rs", auth.Read, "ImagingStudy", []search.Grant{ofOwner, inCare, referred}},
		{"clinician of a reading centre", reader, "user/*.rs", auth.Search, "ImagingStudy", []search.Grant{ofOwner, inCare, bySpecialty}},
		{"clinician of a reading centre of nothing else", onlyReader, "user/*.rs", auth.Read, "ImagingStudy", []search.Grant{ofOwner, inCare, onlySpecialty}},
		{"clinician of a reading centre changes the own", reader, "user/*.cruds", auth.Update, "ImagingStudy", []search.Grant{ofOwner}},
		{"clinician of a reading centre and workings", reader, "user/*.rs", auth.Read, "Provenance", []search.Grant{ofOwner}},
		{"backend of a reading centre", reader, "system/*.rs", auth.Read, "ImagingStudy", []search.Grant{ofOwner}},
		{"clinician of a reading centre, launched", launched, "patient/*.rs", auth.Read, "ImagingStudy", []search.Grant{
			{Patient: "Patient/p", Owner: "Organization/o"}, {Patient: "Patient/p", CareOf: "Organization/o"},
			{Patient: "Patient/p", ReferredTo: "Organization/o", ReferredAs: bySpecialty.ReferredAs}}},
		{"patient of a reading centre's organization", patientReader, "user/*.rs", auth.Read, "Patient", []search.Grant{ofPatient}},
		{"clinician searches the directory", clinician, "user/*.rs", auth.Search, "Endpoint", []search.Grant{ofOwner, nobodys}},
		{"clinician and devices", clinician, "user/*.rs", auth.Read, "Device", []search.Grant{ofOwner, inCare, referred, nobodys}},
		{"clinician changes the own", clinician, "user/*.cruds", auth.Update, "ServiceRequest", []search.Grant{ofOwner}},
		{"clinician does not change the directory of others", clinician, "user/*.cruds", auth.Delete, "Organization", []search.Grant{ofOwner}},
		{"user without organization", auth.Principal{FHIRUser: "Practitioner/d"}, "user/*.cruds", auth.Read, "Patient", nil},
		{"user who is a patient", auth.Principal{FHIRUser: "Patient/p"}, "user/*.rs", auth.Read, "Patient", []search.Grant{ofPatient}},
		{"patient with an organization is no clinician", auth.Principal{FHIRUser: "Patient/p", Organization: "Organization/o"}, "user/*.rs", auth.Read, "Patient", []search.Grant{ofPatient}},
		{"relative with an organization is no clinician", auth.Principal{FHIRUser: "RelatedPerson/r", Organization: "Organization/o"}, "user/*.rs", auth.Read, "Patient", nil},
		{"foreign user without organization", auth.Principal{FHIRUser: "https://other.example/Patient/p"}, "user/*.rs", auth.Read, "Patient", nil},
		{"person reads who they are", person, "patient/*.rs", auth.Read, "Person", []search.Grant{self}},
		{"user who is a person reads who they are", person, "user/*.rs", auth.Read, "Person", []search.Grant{self}},
		{"person writes nothing of it", person, "patient/*.cruds user/*.cruds", auth.Update, "Person", nil},
		{"person and the rest of the workings", person, "patient/*.rs user/*.rs", auth.Read, "Provenance", nil},
		{"relative and persons", relative, "patient/*.rs user/*.rs", auth.Read, "Person", nil},
		{"patient and persons", patient, "patient/*.rs", auth.Read, "Person", nil},
		{"patient reads", patient, "patient/*.rs", auth.Read, "Encounter", []search.Grant{ofPatient}},
		{"patient, findings", patient, "patient/*.rs", auth.Read, "Observation", []search.Grant{unasserted("Observation")}},
		{"patient, readings", patient, "patient/*.rs", auth.Search, "Task", []search.Grant{unasserted("Task")}},
		{"user who is a patient, findings", auth.Principal{FHIRUser: "Patient/p"}, "user/*.rs", auth.Search, "Observation", []search.Grant{unasserted("Observation")}},
		{"patient, v1", patient, "patient/*.read", auth.Search, "Encounter", []search.Grant{ofPatient}},
		{"patient and the directory", patient, "patient/*.rs", auth.Read, "Organization", []search.Grant{nobodys}},
		{"patient and devices", patient, "patient/*.rs", auth.Search, "Device", []search.Grant{ofPatient, nobodys}},
		{"patient and binaries", patient, "patient/*.rs", auth.Read, "Binary", []search.Grant{unasserted("Binary")}},
		{"patient writes no directory", patient, "patient/*.cruds", auth.Update, "Organization", nil},
		{"patient writes no device of nobody", patient, "patient/*.cruds", auth.Delete, "Device", []search.Grant{ofPatient}},
		{"patient scope without launch patient", auth.Principal{FHIRUser: "Patient/p"}, "patient/*.rs", auth.Read, "Patient", nil},
		{"patient scope without launch patient, directory", auth.Principal{}, "patient/*.rs", auth.Read, "Organization", nil},
		{"s does not read", patient, "patient/Patient.s", auth.Read, "Patient", nil},
		{"r does not search", patient, "patient/Patient.r", auth.Search, "Patient", nil},
		{"c does not read", patient, "patient/Observation.c", auth.Read, "Observation", nil},
		{"union, each in its context", auth.Principal{Patient: "Patient/p", Organization: "Organization/o"}, "patient/*.rs user/ImagingStudy.rs", auth.Read, "ImagingStudy",
			[]search.Grant{ofPatient, ofOwner, inCare, referred}},
		{"no union over types", auth.Principal{Patient: "Patient/p", Organization: "Organization/o"}, "patient/*.rs user/ImagingStudy.rs", auth.Read, "Condition",
			[]search.Grant{ofPatient}},
		{"one context twice", patient, "patient/*.rs patient/Patient.rs", auth.Read, "Patient", []search.Grant{ofPatient}},
		{"an interaction of no kind", patient, "patient/*.cruds", "rs", "Patient", nil},
		{"an empty interaction", patient, "patient/*.cruds", "", "Patient", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := principal(t, test.who, test.scope)
			if diff := cmp.Diff(search.Filter{Grants: test.want}, p.Visible(test.interaction, test.of)); diff != "" {
				t.Error(diff)
			}
			if got, want := p.Allows(test.interaction, test.of), len(test.want) > 0; got != want {
				t.Errorf("Allows: %v, want %v", got, want)
			}
		})
	}
}

// A type that the registry serves and the policy forgot is seen by no one, not even by an EMR, and fails here.
func TestEveryServedTypeHasARule(t *testing.T) {
	emr := principal(t, auth.Principal{Roles: []string{auth.Auditor}}, "system/*.cruds")
	for _, served := range fhir.R4().Types() {
		if !emr.Allows(auth.Read, served.Name) {
			t.Errorf("%s has no row in the policy (policy.go)", served.Name)
		}
	}
}

// The registry says which types are a patient's data; the policy must not call such a type nobody's.
func TestRulesAgreeWithTheRegistry(t *testing.T) {
	p := principal(t, auth.Principal{Patient: "Patient/p"}, "patient/*.cruds")
	for _, served := range fhir.R4().Types() {
		var patients bool
		for _, g := range p.Visible(auth.Search, served.Name).Grants {
			patients = patients || g.Patient != ""
		}
		if patients != (served.Patient != "") {
			t.Errorf("%s: the policy grants it by patient: %v, the registry has the path %q", served.Name, patients, served.Patient)
		}
	}
}

func TestPartnerSeesItsOwnOrganization(t *testing.T) {
	p := principal(t, auth.Principal{Organization: "Organization/o"}, "system/*.rs")
	q, err := search.Parse(fhir.R4(), "Organization", url.Values{"_id": {"o"}}, search.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := search.Filter{Grants: []search.Grant{ofOwner, {Nobodys: true, Where: q.Where}}}
	got := p.Visible(auth.Read, "Organization")
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b *fhir.SearchParameter) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

// Two callers share an ID only when all that decides what they see is the same.
func TestCallerID(t *testing.T) {
	base := auth.Principal{Issuer: "https://i", Subject: "s", Client: "c", Patient: "Patient/p", FHIRUser: "Patient/p", Organization: "Organization/o", Roles: []string{"a", "b"}}
	id := func(change func(*auth.Principal), scope string) string {
		p := base
		change(&p)
		return principal(t, p, scope).Caller().ID
	}
	const scope = "patient/*.rs user/Device.r"
	same := id(func(*auth.Principal) {}, scope)
	equal := map[string]string{
		"order of scopes": id(func(*auth.Principal) {}, "user/Device.r patient/*.rs"),
		"scope twice":     id(func(*auth.Principal) {}, scope+" user/Device.r"),
		"order of roles":  id(func(p *auth.Principal) { p.Roles = []string{"b", "a"} }, scope),
	}
	for name, other := range equal {
		if other != same {
			t.Errorf("%s changes the ID", name)
		}
	}
	different := map[string]string{
		"issuer":       id(func(p *auth.Principal) { p.Issuer = "https://j" }, scope),
		"subject":      id(func(p *auth.Principal) { p.Subject = "t" }, scope),
		"client":       id(func(p *auth.Principal) { p.Client = "d" }, scope),
		"patient":      id(func(p *auth.Principal) { p.Patient = "Patient/q" }, scope),
		"user":         id(func(p *auth.Principal) { p.FHIRUser = "" }, scope),
		"organization": id(func(p *auth.Principal) { p.Organization = "" }, scope),
		"roles":        id(func(p *auth.Principal) { p.Roles = []string{"a"} }, scope),
		"scopes":       id(func(*auth.Principal) {}, "patient/*.rs"),
		"reads": id(func(p *auth.Principal) {
			p.Reads = &auth.ReadingCentre{Organization: "Organization/o", Specialties: []string{radiology}}
		}, scope),
		"reads only": id(func(p *auth.Principal) {
			p.Reads = &auth.ReadingCentre{Organization: "Organization/o", Specialties: []string{radiology}, Only: true}
		}, scope),
		"reads another": id(func(p *auth.Principal) {
			p.Reads = &auth.ReadingCentre{Organization: "Organization/o", Specialties: []string{nuclear}}
		}, scope),
		"moved boundary": id(func(p *auth.Principal) { p.Subject, p.Client = "sc", "" }, scope),
	}
	seen := map[string]string{same: "base"}
	for name, other := range different {
		if twin, taken := seen[other]; taken {
			t.Errorf("%s and %s share an ID", name, twin)
		}
		seen[other] = name
	}
}

// Includes and chains go by what may be searched.
func TestCallerAccess(t *testing.T) {
	access := principal(t, auth.Principal{Patient: "Patient/p"}, "patient/Patient.s patient/Observation.r").Caller().Access
	if diff := cmp.Diff(search.Filter{Grants: []search.Grant{ofPatient}}, access("Patient")); diff != "" {
		t.Error(diff)
	}
	if got := access("Observation"); len(got.Grants) != 0 {
		t.Errorf("readable, not searchable, and yet: %v", got)
	}
}

func TestOwners(t *testing.T) {
	if got := (&auth.Principal{}).Owners(); got != nil {
		t.Errorf("without organization: %v", got)
	}
	if diff := cmp.Diff([]string{"Organization/o"}, (&auth.Principal{Organization: "Organization/o"}).Owners()); diff != "" {
		t.Error(diff)
	}
}
