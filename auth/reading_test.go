package auth_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/auth"
)

func TestParseReadingCentres(t *testing.T) {
	got, err := auth.ParseReadingCentres([]byte(`[{"organization":"Organization/a","specialties":["` + radiology + `","urn:oid:1.2|A B"]},
		{"organization":"Organization/b","specialties":["` + radiology + `"],"only":true}]`))
	if err != nil {
		t.Fatal(err)
	}
	want := []auth.ReadingCentre{
		{Organization: "Organization/a", Specialties: []string{radiology, "urn:oid:1.2|A B"}},
		{Organization: "Organization/b", Specialties: []string{radiology}, Only: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseReadingCentresRefuses(t *testing.T) {
	const one = `{"organization":"Organization/a","specialties":["` + radiology + `"]}`
	specialty := func(text string) string {
		return `[{"organization":"Organization/a","specialties":["` + text + `"]}]`
	}
	for name, test := range map[string]struct{ text, reason string }{
		"nothing":                      {``, "EOF"},
		"no array":                     {one, "cannot unmarshal"},
		"something behind":             {`[` + one + `] x`, "follows"},
		"an unknown member":            {`[{"organisation":"Organization/a"}]`, `"organisation"`},
		"no organization":              {`[{"specialties":["` + radiology + `"]}]`, "not written Organization/<id>"},
		"another type":                 {`[{"organization":"Practitioner/a","specialties":["` + radiology + `"]}]`, "not written Organization/<id>"},
		"an organization by name":      {`[{"organization":"Reading Centre","specialties":["` + radiology + `"]}]`, "not written Organization/<id>"},
		"an id that is none":           {`[{"organization":"Organization/a|b","specialties":["` + radiology + `"]}]`, "not written Organization/<id>"},
		"one organization twice":       {`[` + one + `,` + one + `]`, "twice"},
		"no specialties":               {`[{"organization":"Organization/a","specialties":[],"only":true}]`, "no specialties"},
		"a specialty twice":            {specialty(radiology + `","` + radiology), "twice"},
		"a code alone":                 {specialty("394914008"), "system|code"},
		"a code of no system":          {specialty("|394914008"), "system|code"},
		"a system alone":               {specialty("http://snomed.info/sct|"), "system|code"},
		"a system that is no URI":      {specialty("snomed|394914008"), "system|code"},
		"what looks like a referral":   {specialty("Organization/b|394914008"), "system|code"},
		"two bars":                     {specialty("http://snomed.info/sct|http://snomed.info/sct|394914008"), "system|code"},
		"a code with space before it":  {specialty("http://snomed.info/sct| 394914008"), "system|code"},
		"a code that is far too long":  {specialty("http://snomed.info/sct|" + strings.Repeat("1", 600)), "system|code"},
		"only, which is neither":       {`[{"organization":"Organization/a","specialties":["` + radiology + `"],"only":"yes"}]`, "cannot unmarshal"},
		"specialties that are no list": {`[{"organization":"Organization/a","specialties":"` + radiology + `"}]`, "cannot unmarshal"},
	} {
		got, err := auth.ParseReadingCentres([]byte(test.text))
		if got != nil || err == nil || !strings.Contains(err.Error(), test.reason) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// verified is a Verifier of one caller.
type verified struct{ auth.Principal }

func (v *verified) Verify(context.Context, *http.Request) (*auth.Principal, error) {
	return &v.Principal, nil
}

// What an organisation reads is the operator's to say, at each request: it is not in the token, and not in what is remembered of it.
func TestReads(t *testing.T) {
	centres := []auth.ReadingCentre{{Organization: "Organization/o", Specialties: []string{radiology}}}
	for name, test := range map[string]struct {
		organization string
		want         *auth.ReadingCentre
	}{
		"a reading centre": {"Organization/o", &centres[0]},
		"another house":    {"Organization/other", nil},
		"none":             {"", nil},
	} {
		caller := &verified{auth.Principal{FHIRUser: "Practitioner/d", Organization: test.organization}}
		access := &auth.Access{Verifier: caller, Reading: centres}
		p, err := access.Verify(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, p.Reads); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
		if caller.Reads != nil {
			t.Errorf("%s: the principal that requests share was changed", name)
		}
	}
}
