package fhir_test

import (
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
)

const base = "https://hub.example/fhir"

func TestParseReference(t *testing.T) {
	for _, c := range []struct {
		text string
		want fhir.Reference
	}{
		{"Patient/1", fhir.Reference{Kind: fhir.Local, Type: "Patient", ID: "1"}},
		{"Patient/1/_history/2", fhir.Reference{Kind: fhir.Local, Type: "Patient", ID: "1", Version: "2"}},
		{base + "/Patient/1", fhir.Reference{Kind: fhir.Local, Type: "Patient", ID: "1"}},
		{base + "/Patient/1/_history/2", fhir.Reference{Kind: fhir.Local, Type: "Patient", ID: "1", Version: "2"}},
		{base + "/deeper/Patient/1", fhir.Reference{Kind: fhir.Absolute, Base: base + "/deeper", Type: "Patient", ID: "1"}},
		{base + "er/Patient/1", fhir.Reference{Kind: fhir.Absolute, Base: base + "er", Type: "Patient", ID: "1"}},
		{"http://other/Patient/1/_history/3", fhir.Reference{Kind: fhir.Absolute, Base: "http://other", Type: "Patient", ID: "1", Version: "3"}},
		{"http://other/a?b=c", fhir.Reference{Kind: fhir.Absolute, Text: "http://other/a?b=c"}},
		{"urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9", fhir.Reference{Kind: fhir.URN, Text: "urn:uuid:05efabf0-4be2-4561-91ce-51548425acb9"}},
		{"urn:oid:1.2.840", fhir.Reference{Kind: fhir.URN, Text: "urn:oid:1.2.840"}},
		{"#p1", fhir.Reference{Kind: fhir.Fragment, ID: "p1"}},
		{"#", fhir.Reference{Kind: fhir.Fragment}},
		{"Patient?identifier=a|b", fhir.Reference{Kind: fhir.Conditional, Type: "Patient", Text: "identifier=a|b"}},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, err := fhir.ParseReference(c.text, base)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseReferenceRefuses(t *testing.T) {
	for _, text := range []string{
		"", "1", "/", "/Patient/1", "//Patient/1", "Patient/", "Patient/1/", "patient/1", "Patient/a b", "Patient/1/_history/",
		"Patient/1/_history/a b", "a/Patient/1", "../Patient/1", "Patient/1#x", "#a b", "Patient?", "?a=b", "urn:uuid:1", "urn:oid:3.1",
		"urn:oid:1.02", "http:// x", "Patient/" + string(make([]byte, 5000)),
	} {
		t.Run(text[:min(len(text), 30)], func(t *testing.T) {
			if got, err := fhir.ParseReference(text, base); err == nil || got != (fhir.Reference{}) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// allocated returns the bytes that do takes from the heap.
func allocated(do func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// FuzzReference: what parses takes little memory and parses renders to the same text, or without our base to a local reference that does.
func FuzzReference(f *testing.F) {
	for _, s := range []string{"Patient/1", base + "/Patient/1", "http://o/Patient/1/_history/2", "urn:oid:1.2", "#a", "Patient?a=b", "http://o/x", base + "//Patient/1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var bare fhir.Reference
		var err error
		if n := allocated(func() { bare, err = fhir.ParseReference(s, "") }); n > 4<<10+8*len(s) {
			t.Fatalf("allocated %d bytes for %d", n, len(s))
		}
		if err == nil && bare.String() != s {
			t.Fatalf("%q renders as %q", s, bare)
		}
		r, err := fhir.ParseReference(s, base)
		if err != nil {
			if r != (fhir.Reference{}) {
				t.Fatalf("%q: an error and a reference", s)
			}
			return
		}
		if text := r.String(); text != s && !(r.Kind == fhir.Local && base+"/"+text == s) {
			t.Fatalf("%q renders as %q", s, text)
		}
		if again, err := fhir.ParseReference(r.String(), base); err != nil || again != r {
			t.Fatalf("%q: %+v parses again to %+v, %v", s, r, again, err)
		}
	})
}
