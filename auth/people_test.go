package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/fhir/store/postgres"
	"lightbox/fhir/store/postgres/pgtest"
	"lightbox/fhir/store/sqlite"
)

// town is who is known: Anna, whose former record went on as hers; two with one number; a circle; and those who care.
var town = []string{
	`{"resourceType":"Patient","id":"anna","identifier":[{"system":"urn:x:snils","value":"1"},{"system":"urn:x:mrn","value":"A,1|$\\"}]}`,
	`{"resourceType":"Patient","id":"anna-old","active":false,"identifier":[{"system":"urn:x:snils","value":"1"},{"system":"urn:x:snils","value":"old"}],"link":[{"other":{"reference":"Patient/anna-mid"},"type":"replaced-by"}]}`,
	`{"resourceType":"Patient","id":"anna-mid","active":false,"link":[{"other":{"reference":"Patient/anna"},"type":"replaced-by"}]}`,
	`{"resourceType":"Patient","id":"seen","identifier":[{"system":"urn:x:snils","value":"seen"}],"link":[{"other":{"reference":"Patient/anna"},"type":"seealso"}]}`,
	`{"resourceType":"Patient","id":"twin-a","identifier":[{"system":"urn:x:snils","value":"2"}]}`,
	`{"resourceType":"Patient","id":"twin-b","identifier":[{"system":"urn:x:snils","value":"2"}]}`,
	`{"resourceType":"Patient","id":"round","active":false,"identifier":[{"system":"urn:x:snils","value":"3"}],"link":[{"other":{"reference":"Patient/about"},"type":"replaced-by"}]}`,
	`{"resourceType":"Patient","id":"about","active":false,"link":[{"other":{"reference":"Patient/round"},"type":"replaced-by"}]}`,
	`{"resourceType":"Patient","id":"lost","active":false,"identifier":[{"system":"urn:x:snils","value":"4"}],"link":[{"other":{"reference":"Patient/nobody"},"type":"replaced-by"}]}`,
	`{"resourceType":"Patient","id":"torn","active":false,"identifier":[{"system":"urn:x:snils","value":"5"}],"link":[{"other":{"reference":"Patient/anna"},"type":"replaced-by"},{"other":{"reference":"Patient/seen"},"type":"replaced-by"}]}`,
	`{"resourceType":"Patient","id":"away","active":false,"identifier":[{"system":"urn:x:snils","value":"6"}],"link":[{"other":{"reference":"https://other.example/Patient/anna"},"type":"replaced-by"}]}`,
	`{"resourceType":"Patient","id":"gone","identifier":[{"system":"urn:x:snils","value":"7"}]}`,
	`{"resourceType":"Patient","id":"bare","identifier":[{"system":"urn:x:bare"},{"value":"bare"}]}`,
	`{"resourceType":"Practitioner","id":"doc","identifier":[{"system":"urn:x:snils","value":"9"}]}`,
	`{"resourceType":"RelatedPerson","id":"mum","patient":{"reference":"Patient/anna"},"identifier":[{"system":"urn:x:snils","value":"8"}]}`,
	`{"resourceType":"Organization","id":"clinic","identifier":[{"system":"urn:x:ogrn","value":"77"}]}`,
}

func eachTown(t *testing.T, test func(t *testing.T, st store.Store)) {
	options := store.Options{Schemas: []store.Schema{auth.Schema()}}
	for name, open := range map[string]func(*testing.T) (store.Store, error){
		"sqlite": func(t *testing.T) (store.Store, error) {
			return sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "a.db"), options)
		},
		"postgres": func(t *testing.T) (store.Store, error) { return postgres.Open(t.Context(), pgtest.Start(t), options) },
	} {
		t.Run(name, func(t *testing.T) {
			st, err := open(t)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = st.Close() })
			write(t, st, func(tx store.Tx) error {
				for _, body := range town {
					r, err := fhir.Parse([]byte(body))
					if err == nil {
						_, _, err = tx.Put(t.Context(), store.Write{Resource: r})
					}
					if err != nil {
						return err
					}
				}
				_, err := tx.Delete(t.Context(), store.Delete{Type: "Patient", ID: "gone"})
				return err
			})
			test(t, st)
		})
	}
}

func write(t *testing.T, st store.Store, fn func(tx store.Tx) error) {
	t.Helper()
	if err := st.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func TestIdentify(t *testing.T) {
	eachTown(t, func(t *testing.T, st store.Store) {
		for _, test := range []struct{ name, resourceType, system, value, want string }{
			{"one", "Patient", "urn:x:mrn", `A,1|$\`, "Patient/anna"},
			{"one and the record that it replaced", "Patient", "urn:x:snils", "1", "Patient/anna"},
			{"a record that was replaced, twice over", "Patient", "urn:x:snils", "old", "Patient/anna"},
			{"one that is seen with another", "Patient", "urn:x:snils", "seen", "Patient/seen"},
			{"a practitioner", "Practitioner", "urn:x:snils", "9", "Practitioner/doc"},
			{"a relative", "RelatedPerson", "urn:x:snils", "8", "RelatedPerson/mum"},
			{"an organization", "Organization", "urn:x:ogrn", "77", "Organization/clinic"},
			{"of another type", "Patient", "urn:x:snils", "9", ""},
			{"of another system", "Patient", "urn:x:ogrn", "1", ""},
			{"nobody", "Patient", "urn:x:snils", "0", ""},
			{"two", "Patient", "urn:x:snils", "2", ""},
			{"a circle", "Patient", "urn:x:snils", "3", ""},
			{"replaced by one who is not there", "Patient", "urn:x:snils", "4", ""},
			{"replaced by two", "Patient", "urn:x:snils", "5", ""},
			{"replaced by one elsewhere", "Patient", "urn:x:snils", "6", ""},
			{"deleted", "Patient", "urn:x:snils", "7", ""},
			{"several values", "Patient", "urn:x:snils", "0,1", ""},
			{"the beginning of a value", "Patient", "urn:x:mrn", "A", ""},
			{"any value", "Patient", "urn:x:snils", "", ""},
			{"no value", "Patient", "urn:x:bare", "", ""},
			{"no system", "Patient", "", "bare", ""},
			{"another letter case", "Patient", "urn:x:mrn", `a,1|$\`, ""},
			{"too long", "Patient", "urn:x:snils", strings.Repeat("1", 10_000), ""},
			{"no text", "Patient", "urn:x:snils", "\xff\x00", ""},
		} {
			got, err := auth.NewPeople(st).Identify(t.Context(), test.resourceType, test.system, test.value)
			if got != test.want || (err != nil) != (test.want == "") || err != nil && !errors.Is(err, auth.ErrUnknown) {
				t.Errorf("%s: %q, %v", test.name, got, err)
			}
		}
	})
}

const oneIssuer = "https://id.example"

func TestLinks(t *testing.T) {
	eachTown(t, func(t *testing.T, st store.Store) {
		people := auth.NewPeople(st)
		at := time.UnixMicro(1_800_000_000_000_000).UTC()
		add := func(subject, reference string) (added bool, err error) {
			err = st.Write(t.Context(), func(tx store.Tx) error {
				added, err = auth.AddLink(t.Context(), tx, auth.Link{Issuer: oneIssuer, Subject: subject, Reference: reference, By: "desk", At: at})
				return err
			})
			return added, err
		}
		for _, step := range []struct {
			name, subject, reference string
			added                    bool
			err                      error
		}{
			{"a person", "s", "Practitioner/doc", true, nil},
			{"and the organization", "s", "Organization/clinic", true, nil},
			{"again", "s", "Practitioner/doc", false, nil},
			{"another subject", "t", "Patient/anna-old", true, nil},
			{"another person", "s", "Practitioner/other", false, auth.ErrUnknown},
			{"another of the type", "t", "Patient/anna", false, auth.ErrLinked},
			{"one who was deleted", "u", "Patient/gone", false, auth.ErrUnknown},
		} {
			added, err := add(step.subject, step.reference)
			if added != step.added || !errors.Is(err, step.err) {
				t.Errorf("%s: %v, %v", step.name, added, err)
			}
		}
		for name, l := range map[string]auth.Link{
			"no issuer":    {Subject: "s", Reference: "Patient/anna"},
			"no subject":   {Issuer: oneIssuer, Reference: "Patient/anna"},
			"no id":        {Issuer: oneIssuer, Subject: "s", Reference: "Patient"},
			"a study":      {Issuer: oneIssuer, Subject: "s", Reference: "ImagingStudy/1"},
			"more than it": {Issuer: oneIssuer, Subject: "s", Reference: "Patient/anna/_history/1"},
		} {
			err := st.Write(t.Context(), func(tx store.Tx) error {
				_, err := auth.AddLink(t.Context(), tx, l)
				return err
			})
			if err == nil {
				t.Errorf("%s: no error", name)
			}
		}
		linked := func(issuer, subject, want string) {
			t.Helper()
			got, err := people.Linked(t.Context(), issuer, subject)
			if strings.Join(got, " ") != want || want == "" && !errors.Is(err, auth.ErrUnknown) || want != "" && err != nil {
				t.Errorf("%s: %v, %v", subject, got, err)
			}
		}
		linked(oneIssuer, "s", "Organization/clinic Practitioner/doc")
		linked(oneIssuer, "t", "Patient/anna") // the survivor
		linked(oneIssuer, "u", "")
		linked("https://other.example", "s", "")
		list, err := people.List(t.Context(), auth.Link{Subject: "t"})
		if diff := cmp.Diff([]auth.Link{{Issuer: oneIssuer, Subject: "t", Reference: "Patient/anna-old", By: "desk", At: at}}, list); diff != "" || err != nil {
			t.Error(diff, err)
		}
		write(t, st, func(tx store.Tx) error {
			_, err := tx.Delete(t.Context(), store.Delete{Type: "Practitioner", ID: "doc"})
			return err
		})
		linked(oneIssuer, "s", "") // not a part of it
		for n, want := range []bool{true, false} {
			write(t, st, func(tx store.Tx) error {
				removed, err := auth.RemoveLink(t.Context(), tx, auth.Link{Issuer: oneIssuer, Subject: "s", Reference: "Practitioner/doc"})
				if removed != want {
					t.Errorf("removal %d: %v", n, removed)
				}
				return err
			})
		}
		linked(oneIssuer, "s", "Organization/clinic")
	})
}

// A caller of an outside issuer is who is known here, and nobody else; what cannot be told refuses, and never widens.
func TestWhoTheCallerIs(t *testing.T) {
	const (
		by    = `"identify":[{"claim":"person.snils","type":"Patient","system":"urn:x:snils"},{"claim":"doctor","type":"Practitioner","system":"urn:x:snils"},{"claim":"relative","type":"RelatedPerson","system":"urn:x:snils"},{"claim":"ogrn","type":"Organization","system":"urn:x:ogrn"}]`
		links = `"linked":true`
		org   = "Organization/clinic"
		read  = `"scope":"patient/*.rs user/*.rs"`
	)
	tests := []struct {
		name, rules, claims string
		want                auth.Principal // Patient, FHIRUser, Organization, Roles
		refused             string
	}{
		{"a patient", by, `"person":{"snils":"1"},` + read, auth.Principal{Patient: "Patient/anna", FHIRUser: "Patient/anna"}, ""},
		{"a doctor of an organization", by, `"doctor":"9","ogrn":"77",` + read, auth.Principal{FHIRUser: "Practitioner/doc", Organization: org}, ""},
		{"a doctor with a patient", by, `"doctor":"9","ogrn":"77","person":{"snils":"1"},` + read, auth.Principal{FHIRUser: "Practitioner/doc", Organization: org, Patient: "Patient/anna"}, ""},
		{"a relative", by, `"relative":"8","person":{"snils":"1"},` + read, auth.Principal{FHIRUser: "RelatedPerson/mum", Patient: "Patient/anna"}, ""},
		{"a program", by, `"ogrn":"77","scope":"system/*.rs"`, auth.Principal{Organization: org}, ""},
		{"what the token says of ids here is not believed", by, `"person":{"snils":"1"},"patient":"seen","fhirUser":"Practitioner/doc","organization":"Organization/clinic","roles":["auditor"],` + read,
			auth.Principal{Patient: "Patient/anna", FHIRUser: "Patient/anna"}, ""},
		{"but where a rule says so", by + `,"claims":{"roles":"roles","organization":"organization"}`, `"person":{"snils":"1"},"organization":"Organization/clinic","roles":["x"],` + read,
			auth.Principal{Patient: "Patient/anna", FHIRUser: "Patient/anna", Organization: org, Roles: []string{"x"}}, ""},
		{"which must agree", by + `,"claims":{"patient":"patient"}`, `"person":{"snils":"1"},"patient":"seen",` + read, auth.Principal{}, "not known here"},
		{"none", by, `"person":{"snils":"0"},` + read, auth.Principal{}, "not known here"},
		{"several", by, `"person":{"snils":"2"},` + read, auth.Principal{}, "not known here"},
		{"one is known and the other not", by, `"person":{"snils":"1"},"ogrn":"0",` + read, auth.Principal{}, "not known here"},
		{"no claim", by, read, auth.Principal{}, "not known here"},
		{"no claim, a program", by, `"scope":"system/*.rs"`, auth.Principal{}, "not known here"},
		{"a program that is a patient", by, `"person":{"snils":"1"},"scope":"system/*.rs"`, auth.Principal{}, "not known here"},
		{"an empty claim", by, `"person":{"snils":""},"ogrn":"77",` + read, auth.Principal{}, "not known here"},
		{"a claim that is null", by, `"person":{"snils":null},"ogrn":"77",` + read, auth.Principal{}, "not known here"},
		{"a claim that is a number", by, `"person":{"snils":1},` + read, auth.Principal{}, "not known here"},
		{"a claim that is a list", by, `"person":{"snils":["1"]},` + read, auth.Principal{}, "not known here"},
		{"a claim that is not there", by, `"person":{},"ogrn":"77",` + read, auth.Principal{}, "not known here"},
		{"two people", by, `"doctor":"9","relative":"8",` + read, auth.Principal{}, "not known here"},
		{"linked", links, `"sub":"s",` + read, auth.Principal{FHIRUser: "Practitioner/doc", Organization: org}, ""},
		{"linked to one who was replaced", links, `"sub":"t",` + read, auth.Principal{FHIRUser: "Patient/anna", Patient: "Patient/anna"}, ""},
		{"linked and identified", by + "," + links, `"sub":"s","person":{"snils":"1"},` + read, auth.Principal{FHIRUser: "Practitioner/doc", Organization: org, Patient: "Patient/anna"}, ""},
		{"linked and identified as another", by + "," + links, `"sub":"t","person":{"snils":"seen"},` + read, auth.Principal{}, "not known here"},
		{"identified and not linked", by + "," + links, `"sub":"x","person":{"snils":"1"},` + read, auth.Principal{}, "not known here"},
		{"not linked", links, `"sub":"x",` + read, auth.Principal{}, "not known here"},
		{"no subject", links, read, auth.Principal{}, "not known here"},
		{"an id that is claimed, not linked", links, `"sub":"x","patient":"anna","organization":"Organization/clinic",` + read, auth.Principal{}, "not known here"},
	}
	eachTown(t, func(t *testing.T, st store.Store) {
		p := newProvider(t)
		for subject, references := range map[string][]string{"s": {"Practitioner/doc", org}, "t": {"Patient/anna-old"}} {
			for _, reference := range references {
				write(t, st, func(tx store.Tx) error {
					_, err := auth.AddLink(t.Context(), tx, auth.Link{Issuer: p.url, Subject: subject, Reference: reference, At: p.clock()})
					return err
				})
			}
		}
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				got, err := verify(t, p.rules(t, test.rules, auth.NewPeople(st)), p.mustToken(t, json.RawMessage("{"+test.claims+"}")))
				if test.refused != "" {
					if got != nil || fhir.IssueTypeOf(err) != fhir.Login || !strings.Contains(err.Error(), test.refused) {
						t.Errorf("%+v, %v", got, err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				is := auth.Principal{Patient: got.Patient, FHIRUser: got.FHIRUser, Organization: got.Organization, Roles: got.Roles}
				if diff := cmp.Diff(test.want, is); diff != "" {
					t.Error(diff)
				}
			})
		}
	})
}

// silent is a directory that does not answer.
type silent struct{}

func (silent) Identify(context.Context, string, string, string) (string, error) {
	return "", store.ErrUnavailable
}

func (silent) Linked(context.Context, string, string) ([]string, error) {
	return nil, store.ErrUnavailable
}

func TestDirectoryDown(t *testing.T) {
	p := newProvider(t)
	for name, r := range map[string]auth.Rules{
		"identified": {Issuer: p.url, Identify: []auth.Identify{{Claim: auth.ClaimPath{"snils"}, Type: "Patient", System: "urn:x"}}},
		"linked":     {Issuer: p.url, Linked: true},
	} {
		v, err := auth.NewVerifier(auth.Config{Rules: []auth.Rules{r}, Audience: base, Clock: p.clock, Directory: silent{}, Links: silent{}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := verify(t, v, p.mustToken(t, map[string]any{"sub": "s", "snils": "1", "scope": "patient/*.rs"}))
		if got != nil || fhir.IssueTypeOf(err) != fhir.Transient {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
