package auth_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/auth"
	"lightbox/fhir"
)

func TestParseScopes(t *testing.T) {
	tests := []struct{ name, claim, want string }{
		{"none", "", ""},
		{"v2", "patient/Patient.rs", "patient/Patient.rs"},
		{"v2 all", "system/*.cruds", "system/*.cruds"},
		{"v2 one letter", "user/ImagingStudy.s", "user/ImagingStudy.s"},
		{"v2 gaps", "user/ImagingStudy.cus", "user/ImagingStudy.cus"},
		{"v1 read", "patient/*.read", "patient/*.rs"},
		{"v1 write", "user/Observation.write", "user/Observation.cud"},
		{"v1 all", "system/Patient.*", "system/Patient.cruds"},
		{"several", "patient/Patient.rs user/Device.r", "patient/Patient.rs user/Device.r"},
		{"two spaces", " patient/Patient.rs  user/Device.r ", "patient/Patient.rs user/Device.r"},
		{"escaped slash", "patient%2fPatient.rs patient%2FDevice.rs", "patient/Patient.rs patient/Device.rs"},
		{"types not served here", "patient/MedicationRequest.rs patient/AllergyIntolerance.rs", "patient/MedicationRequest.rs patient/AllergyIntolerance.rs"},
		{"context and identity", "launch launch/patient launch/encounter openid fhirUser profile email offline_access online_access", ""},
		{"foreign", "https://graph.example/User.Read api.read x/y.z", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			scopes, err := auth.ParseScopes(test.claim)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, text(scopes)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseScopesRefuses(t *testing.T) {
	for _, claim := range []string{
		"patient/Patient.read patient/Observation.r", // v1 and v2
		"patient/Observaton.rs", "patient/observation.rs", "patient/Foobar.rs", "patient/Resource.rs",
		"patient/Patient.read-only", "patient/Patient.rsXYZ", "patient/Patient.rs.x", "patient/Patient.Read",
		"patient/Patient.rss", "patient/Patient.rrrrrs", "patient/Patient.crudss", "patient/Patient.sr", "patient/Patient.dus",
		"patient/Patient.", "patient/Patient", "patient/", "patient/.rs", "patient/*", "patient/**.rs", "patient/Pat*.rs",
		"patient//Patient.rs", "patient/Patient/x.rs", "patient/Patient.r s/x.y patient/Patient.",
		"Patient/Patient.rs", "USER/Patient.rs", "System/*.cruds",
		"patient/Observation.rs?category=laboratory", "patient/Observation.rs?", "patient/Observation.rs?code:exact=a=b",
		"patient/Patient.rs?identifier=x?mrn=1", "patient/Patient.rs?_include=x",
		"patient/Patient.rs\tuser/Patient.rs", "patient/Patient.rs\n", "patient/Patient.r\x00s", "patient/Pаtient.rs", `patient/"Patient".rs`,
		"system/*.cruds patient/Patient.bogus", // the good part counts for nothing
	} {
		scopes, err := auth.ParseScopes(claim)
		if fhir.IssueTypeOf(err) != fhir.Login || scopes != nil {
			t.Errorf("%q: %v, %v", claim, scopes, err)
		}
	}
}

// What parses gives, written out, the same scopes again; letters stand in the order of cruds, each once; errors come alone.
func FuzzParseScopes(f *testing.F) {
	f.Add("patient/Patient.rs user/*.read launch/patient")
	f.Add("system/*.cruds openid")
	f.Add("patient%2fPatient.* ?")
	f.Fuzz(func(t *testing.T, claim string) {
		scopes, err := auth.ParseScopes(claim)
		if err != nil {
			if scopes != nil {
				t.Fatalf("scopes beside an error: %v", scopes)
			}
			return
		}
		again, err := auth.ParseScopes(text(scopes))
		if err != nil {
			t.Fatalf("%q became %q: %v", claim, text(scopes), err)
		}
		if diff := cmp.Diff(scopes, again); diff != "" {
			t.Fatal(diff)
		}
		for _, s := range scopes {
			if s.Interactions == "" || !subsequence(s.Interactions, "cruds") {
				t.Fatalf("interactions %q", s.Interactions)
			}
		}
	})
}

func subsequence(s, of string) bool {
	for _, c := range of {
		s = strings.TrimPrefix(s, string(c))
	}
	return s == ""
}

func text(scopes []auth.Scope) string {
	var list []string
	for _, s := range scopes {
		list = append(list, s.String())
	}
	return strings.Join(list, " ")
}
