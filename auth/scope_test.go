package auth_test

import (
	"fmt"
	"net/url"
	"slices"
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
		{"granular", "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
			"patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory"},
		{"granular, each must hold", "user/ImagingStudy.r?status=available&modality=CT&modality=MR", "user/ImagingStudy.r?modality=CT&modality=MR&status=available"},
		{"granular, the slash escaped", "patient%2FObservation.rs?category=http:%2f%2Fx|y", "patient/Observation.rs?category=http://x|y"},
		{"granular, what a scope cannot have", "patient/Observation.rs?value-string=a%20%22b%5C,c%26d%3De%25", "patient/Observation.rs?value-string=a%20%22b%5C,c%26d%3De%25"},
		{"granular, an offset", "patient/Observation.rs?date=gt2024-01-01T00:00:00+03:00", "patient/Observation.rs?date=gt2024-01-01T00:00:00+03:00"},
		{"granular, parameters of every type", "system/Patient.rs?_id=a&_lastUpdated=ge2024&_security=R&_profile=http://x", "system/Patient.rs?_id=a&_lastUpdated=ge2024&_profile=http://x&_security=R"},
		{"granular, a reference of another server", "user/ImagingStudy.rs?subject=https://other.example/Patient/1", "user/ImagingStudy.rs?subject=https://other.example/Patient/1"},
		{"granular beside others", "openid patient/Patient.rs patient/Observation.c?status=final", "patient/Patient.rs patient/Observation.c?status=final"},
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
		"patient/Observation.rs?", "patient/Observation.rs?code:exact=a=b", "patient/Patient.rs?identifier=x?mrn=1", "patient/Patient.rs?_include=x",
		"patient/Patient.rs\tuser/Patient.rs", "patient/Patient.rs\n", "patient/Patient.r\x00s", "patient/Pаtient.rs", `patient/"Patient".rs`,
		"system/*.cruds patient/Patient.bogus", // the good part counts for nothing
	} {
		scopes, err := auth.ParseScopes(claim)
		if fhir.IssueTypeOf(err) != fhir.Login || scopes != nil {
			t.Errorf("%q: %v, %v", claim, scopes, err)
		}
	}
}

// Each refusal of a granular scope spoils what stands beside it, and each is for the reason that its name says.
func TestParseScopesRefusesGranular(t *testing.T) {
	const form, modifier, unknown, kind, value = "not of the form", "modifier or a chain", "no search parameter", "cannot restrict", "does not take"
	tests := []struct{ name, scope, reason string }{
		{"v1", "patient/Observation.read?category=laboratory", "SMART v1"},
		{"v1 and v2", "patient/Patient.read patient/Observation.rs?category=laboratory", "mixes SMART v1 and v2"},
		{"wildcard", "patient/*.rs?category=laboratory", "one resource type"},
		{"wildcard, a parameter of all types", "system/*.rs?_lastUpdated=gt2020", "one resource type"},
		{"a type not served here", "patient/MedicationRequest.rs?status=active", "one resource type"},
		{"an unknown type", "patient/Observaton.rs?category=laboratory", "unknown resource type"},
		{"junk before the query", "patient/Observation.rsXYZ?category=laboratory", "letters of cruds"},
		{"no query", "patient/Observation.rs?", form},
		{"no value", "patient/Observation.rs?active", form},
		{"an empty pair", "patient/Observation.rs?category=laboratory&", form},
		{"two queries", "patient/Observation.rs?category=x?code=1", form},
		{"two values", "patient/Observation.rs?code=a=b", form},
		{"an empty value", "patient/Observation.rs?category=", value},
		{"an empty alternative", "patient/Observation.rs?category=a,,b", value},
		{"no name", "patient/Observation.rs?=laboratory", unknown},
		{"modifier not", "patient/Patient.rs?gender:not=male", modifier},
		{"modifier in", "patient/Observation.rs?code:in=http://x", modifier},
		{"modifier missing", "patient/Observation.rs?category:missing=true", modifier},
		{"modifier exact", "patient/Patient.rs?family:exact=x", modifier},
		{"modifier of the parameter of a type", "patient/Observation.rs?subject:Patient=x", modifier},
		{"modifier, encoded", "patient/Patient.rs?gender%3Anot=male", modifier},
		{"chain", "patient/Observation.rs?subject.name=x", modifier},
		{"chain with a type", "patient/Observation.rs?subject:Patient.name=x", modifier},
		{"_has", "patient/Patient.rs?_has:Observation:subject:code=1", modifier},
		{"_has alone", "patient/Patient.rs?_has=1", modifier},
		{"_include", "patient/Observation.rs?_include=Observation:subject", unknown},
		{"_include, letters", "patient/Observation.rs?_Include=Observation:subject", unknown},
		{"_include:iterate", "patient/Observation.rs?_include:iterate=Observation:subject", modifier},
		{"_revinclude", "patient/Patient.rs?_revinclude=Observation:subject", unknown},
		{"_count", "patient/Observation.rs?category=x&_count=1", unknown},
		{"_sort", "patient/Observation.rs?_sort=date", unknown},
		{"_summary", "patient/Observation.rs?_summary=count", unknown},
		{"_elements", "patient/Observation.rs?_elements=code", unknown},
		{"_total", "patient/Observation.rs?_total=none", unknown},
		{"_page", "patient/Observation.rs?_page=x", unknown},
		{"_format", "patient/Observation.rs?_format=json", unknown},
		{"_filter", "patient/Observation.rs?_filter=x", unknown},
		{"_list", "patient/Observation.rs?_list=1", unknown},
		{"_type", "patient/Observation.rs?_type=Patient", unknown},
		{"a parameter of another type", "patient/Observation.rs?modality=CT", unknown},
		{"a parameter in other letters", "patient/Observation.rs?Category=laboratory", unknown},
		{"composite", "patient/Observation.rs?code-value-quantity=a$1", kind},
		{"quantity", "patient/Observation.rs?value-quantity=gt5", kind},
		{"special", "user/Location.rs?near=1|2|3", kind},
		{"identifier", "patient/Patient.rs?identifier=urn:x|1", kind},
		{"phone", "patient/Patient.rs?phone=1", kind},
		{"a reference to what few refer to", "patient/Observation.rs?specimen=Specimen/1", kind},
		{"a code system alone", "patient/Observation.rs?category=http://x|", "no filter"},
		{"no date", "patient/Observation.rs?date=yesterday", value},
		{"a prefix that is none", "patient/Observation.rs?date=xx2020", value},
		{"a reference to another type", "patient/Observation.rs?patient=Group/1", value},
		{"no logical id", "patient/Observation.rs?_id=a/b", value},
		{"broken encoding", "patient/Observation.rs?category=%zz", "percent-encoding"},
		{"encoded bytes that are no text", "patient/Observation.rs?category=%ff", value},
		{"an encoded NUL", "patient/Observation.rs?category=a%00", value},
		{"too many parameters", "patient/Observation.rs?" + strings.Repeat("category=x&", 64) + "category=x", value},
		{"too many scopes", manyGranular(17), "too many"},
		{"too many dates", "patient/Observation.rs?date=2020" + strings.Repeat(",2020", 24), "too many"},
		{"too many conditions", "patient/Observation.rs?category=x" + strings.Repeat("&category=x", 24), "too many"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, claim := range []string{test.scope, "system/*.cruds " + test.scope, test.scope + " system/*.cruds"} {
				scopes, err := auth.ParseScopes(claim)
				if fhir.IssueTypeOf(err) != fhir.Login || scopes != nil {
					t.Fatalf("%v, %v", scopes, err)
				}
				if v1 := strings.Contains(test.scope, "read"); !strings.Contains(err.Error(), test.reason) && !v1 {
					t.Errorf("%v, want %s", err, test.reason)
				}
			}
		})
	}
	if _, err := auth.ParseScopes("patient/Observation.rs?code=1" + strings.Repeat(",1", 400)); err != nil {
		t.Errorf("many codes: %v", err)
	}
	if scopes, err := auth.ParseScopes(manyGranular(16)); err != nil || len(scopes) != 16 {
		t.Errorf("%d scopes, %v", len(scopes), err)
	}
}

func manyGranular(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("patient/Observation.rs?code=%d", i))
	}
	return strings.Join(all, " ")
}

// What parses gives, written out, the same scopes again; letters stand in the order of cruds, each once; errors come alone.
func FuzzParseScopes(f *testing.F) {
	f.Add("patient/Patient.rs user/*.read launch/patient")
	f.Add("system/*.cruds openid")
	f.Add("patient%2fPatient.* ?")
	f.Add("patient/Observation.rs?category=a|b,c&date=gt2020&value-string=%20%26%3D user/Patient.cruds?family=x")
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
			if !slices.ContainsFunc(strings.Split(claim, " "), func(text string) bool { return naive(text, s) }) {
				t.Fatalf("%q does not say %s", claim, s)
			}
		}
	})
}

// naive reports whether one scope as it is written gives at least what s does: context, type, every letter, and no restriction that s
// has not.
func naive(text string, s auth.Scope) bool {
	head, query, restricted := strings.Cut(text, "?")
	head = strings.NewReplacer("%2f", "/", "%2F", "/").Replace(head)
	letters, ok := strings.CutPrefix(head, s.Context+"/"+s.Type+".")
	if long, v1 := map[string]string{"read": "rs", "write": "cud", "*": "cruds"}[letters]; v1 {
		letters = long
	}
	if !ok || letters != s.Interactions || restricted != (s.Query != "") || restricted != (len(s.Where) > 0) {
		return false
	}
	if !restricted {
		return true
	}
	pairs := func(query string) (list []string) {
		for _, pair := range strings.Split(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			value, err := url.PathUnescape(value)
			if err != nil {
				return nil
			}
			list = append(list, name+"\x00"+value)
		}
		slices.Sort(list)
		return list
	}
	written := pairs(query)
	return len(written) == len(s.Where) && slices.Equal(written, pairs(s.Query))
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
