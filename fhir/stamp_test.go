package fhir_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 123456789, time.FixedZone("MSK", 3*3600))

const stamped = `"versionId":"7","lastUpdated":"2026-11-22T09:00:00.123456Z"`

func TestStamp(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"no meta, no id":     {`{"resourceType":"Patient","x":1.50}`, `{"resourceType":"Patient","meta":{` + stamped + `},"x":1.50}`},
		"no meta":            {`{"resourceType":"Patient","id":"1","x":1}`, `{"resourceType":"Patient","id":"1","meta":{` + stamped + `},"x":1}`},
		"id before type":     {`{"id":"1","x":1,"resourceType":"Patient"}`, `{"id":"1","meta":{` + stamped + `},"x":1,"resourceType":"Patient"}`},
		"space":              {"{ \"resourceType\" : \"Patient\" \n}", `{ "resourceType" : "Patient","meta":{` + stamped + "} \n}"},
		"empty meta":         {`{"resourceType":"Patient","meta":{ }}`, `{"resourceType":"Patient","meta":{` + stamped + ` }}`},
		"meta with tag":      {`{"resourceType":"Patient","meta":{"tag":[]}}`, `{"resourceType":"Patient","meta":{` + stamped + `,"tag":[]}}`},
		"versionId alone":    {`{"resourceType":"Patient","meta":{"tag":[],"versionId":"1"}}`, `{"resourceType":"Patient","meta":{"tag":[],` + stamped + `}}`},
		"lastUpdated alone":  {`{"resourceType":"Patient","meta":{"lastUpdated":"2000","tag":[]}}`, `{"resourceType":"Patient","meta":{` + stamped + `,"tag":[]}}`},
		"both, apart":        {`{"resourceType":"Patient","meta":{"lastUpdated":"2000","tag":[],"versionId":1}}`, `{"resourceType":"Patient","meta":{"lastUpdated":"2026-11-22T09:00:00.123456Z","tag":[],"versionId":"7"}}`},
		"escaped names":      {`{"resourceType":"Patient","m\u0065ta":{"version\"Id":1,"versionI\u0064":"3"}}`, `{"resourceType":"Patient","m\u0065ta":{"version\"Id":1,` + stamped + `}}`},
		"meta of contained":  {`{"resourceType":"Patient","contained":[{"id":"c","meta":{"versionId":"1"}}]}`, `{"resourceType":"Patient","meta":{` + stamped + `},"contained":[{"id":"c","meta":{"versionId":"1"}}]}`},
		"primitive extended": {`{"resourceType":"Patient","id":"1","_birthDate":{"extension":[{"url":"u","valueDecimal":1.00}]}}`, `{"resourceType":"Patient","id":"1","meta":{` + stamped + `},"_birthDate":{"extension":[{"url":"u","valueDecimal":1.00}]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := fhir.Parse([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			s := r.Stamp(7, noon)
			if diff := cmp.Diff(c.want, string(s.Body)); diff != "" {
				t.Error(diff)
			}
			if string(r.Body) != c.body {
				t.Error("the body given was changed")
			}
			if want := noon.UTC().Truncate(time.Microsecond); s.Version != 7 || !s.LastUpdated.Equal(want) {
				t.Errorf("got version %d at %s", s.Version, s.LastUpdated)
			}
		})
	}
}

// TestStampTellsUnchanged: whatever a client leaves out of meta of what it read or wrote, stamping it as stored gives what
// is stored.
func TestStampTellsUnchanged(t *testing.T) {
	for name, c := range map[string]struct{ wrote, sends string }{
		"what it first wrote":        {`{"resourceType":"Patient","id":"1","x":1}`, `{"resourceType":"Patient","id":"1","x":1}`},
		"what it read":               {`{"resourceType":"Patient","id":"1","x":1}`, `{"resourceType":"Patient","id":"1","meta":{` + stamped + `},"x":1}`},
		"an older version's meta":    {`{"resourceType":"Patient","id":"1","x":1}`, `{"resourceType":"Patient","id":"1","meta":{"versionId":"3","lastUpdated":"2001-01-01T00:00:00Z"},"x":1}`},
		"without versionId":          {`{"resourceType":"Patient","id":"1","x":1}`, `{"resourceType":"Patient","id":"1","meta":{"lastUpdated":"2001"},"x":1}`},
		"without lastUpdated":        {`{"resourceType":"Patient","id":"1","x":1}`, `{"resourceType":"Patient","id":"1","meta":{"versionId":"2"},"x":1}`},
		"its own meta":               {`{"resourceType":"Patient","id":"1","meta":{"tag":[{"code":"a"}]}}`, `{"resourceType":"Patient","id":"1","meta":{"tag":[{"code":"a"}]}}`},
		"its own meta, as read":      {`{"resourceType":"Patient","id":"1","meta":{"tag":[{"code":"a"}]}}`, `{"resourceType":"Patient","id":"1","meta":{` + stamped + `,"tag":[{"code":"a"}]}}`},
		"its own meta, half as read": {`{"resourceType":"Patient","id":"1","meta":{"tag":[{"code":"a"}]}}`, `{"resourceType":"Patient","id":"1","meta":{"versionId":"7","tag":[{"code":"a"}]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			stored := fhir.Resource{Body: []byte(c.wrote)}.Stamp(7, noon)
			again := fhir.Resource{Body: []byte(c.sends)}.Stamp(7, noon)
			if diff := cmp.Diff(string(stored.Body), string(again.Body)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWithID(t *testing.T) {
	for name, c := range map[string]struct{ body, want string }{
		"none":     {`{"resourceType":"Patient","x":1}`, `{"resourceType":"Patient","id":"new","x":1}`},
		"another":  {`{ "id" : "old", "resourceType":"Patient"}`, `{ "id" : "new", "resourceType":"Patient"}`},
		"the same": {`{"resourceType":"Patient","id":"new"}`, `{"resourceType":"Patient","id":"new"}`},
		"of contained": {`{"contained":[{"resourceType":"Device","id":"d"}],"resourceType":"Patient"}`,
			`{"contained":[{"resourceType":"Device","id":"d"}],"resourceType":"Patient","id":"new"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := fhir.Resource{Body: []byte(c.body)}.WithID("new")
			if diff := cmp.Diff(c.want, string(got.Body)); diff != "" || got.ID != "new" {
				t.Error(got.ID, diff)
			}
		})
	}
}

// checkStamp holds the laws of WithID and Stamp for any resource.
func checkStamp(t *testing.T, r fhir.Resource) {
	t.Helper()
	s := r.WithID("the-id").Stamp(1, noon)
	if again := s.WithID("the-id").Stamp(1, noon); !bytes.Equal(again.Body, s.Body) {
		t.Fatalf("stamping again changes\n%s\nto\n%s", s.Body, again.Body)
	}
	later := s.Stamp(2, noon.Add(time.Hour))
	if back := later.Stamp(1, noon); !bytes.Equal(back.Body, s.Body) {
		t.Fatalf("stamping back changes\n%s\nto\n%s", s.Body, back.Body)
	}
	p, err := fhir.Parse(later.Body)
	if err != nil || p.Type != r.Type || p.ID != "the-id" {
		t.Fatalf("stamped it parses as %s/%s, %v", p.Type, p.ID, err)
	}
	before, after := membersOf(t, r.Body), membersOf(t, later.Body)
	metaBefore, metaAfter := membersOf(t, before["meta"]), membersOf(t, after["meta"])
	if string(metaAfter["versionId"]) != `"2"` || string(metaAfter["lastUpdated"]) != `"2026-11-22T10:00:00.123456Z"` {
		t.Fatalf("meta is %s", after["meta"])
	}
	dropped(before, "id", "meta")
	dropped(after, "id", "meta")
	dropped(metaBefore, "versionId", "lastUpdated")
	dropped(metaAfter, "versionId", "lastUpdated")
	if !maps.EqualFunc(before, after, equalRaw) || !maps.EqualFunc(metaBefore, metaAfter, equalRaw) {
		t.Fatalf("more than id and meta changed: from\n%s\nto\n%s", r.Body, later.Body)
	}
}

func equalRaw(a, b json.RawMessage) bool { return bytes.Equal(a, b) }

func membersOf(t *testing.T, object []byte) map[string]json.RawMessage {
	t.Helper()
	all := map[string]json.RawMessage{}
	if object == nil {
		return all
	}
	if err := json.Unmarshal(object, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func dropped(all map[string]json.RawMessage, names ...string) {
	for _, name := range names {
		delete(all, name)
	}
}

func TestStampExamples(t *testing.T) {
	n := 0
	examples(t, func(_ string, r fhir.Resource) {
		n++
		checkStamp(t, r)
	})
	if n < 500 {
		t.Errorf("%d examples", n)
	}
}

// FuzzParse: what parses can be given an id and stamped, any number of times, and keeps every other byte of every member.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"resourceType":"Patient"}`, `{"resourceType":"Patient","id":"1","meta":{"tag":[1.50]}}`,
		`{"meta":{"lastUpdated":1,"versionId":null},"resourceType":"A","_birthDate":{"x":[null]}}`,
		`{"m\u0065ta":{"\u0076ersionId":"1"},"resourceType":"A"}`, ` { "a\\" : "\"" , "resourceType" : "A" } `,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if r, err := fhir.Parse(body); err == nil {
			checkStamp(t, r)
		}
	})
}

func example(b *testing.B, name string) fhir.Resource {
	b.Helper()
	path := filepath.Join("..", "..", "shared", "testdata", "fhir", "google+fhir", "spec", "hl7.fhir.r4.examples", "4.0.1", "package", name)
	body, err := os.ReadFile(path)
	if err != nil {
		b.Skip("left out: ../shared/testdata is not here")
	}
	r, err := fhir.Parse(body)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func BenchmarkParse(b *testing.B) {
	r := example(b, "ImagingStudy-example-xr.json")
	b.SetBytes(int64(len(r.Body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := fhir.Parse(r.Body); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStamp(b *testing.B) {
	r := example(b, "ImagingStudy-example-xr.json")
	b.SetBytes(int64(len(r.Body)))
	b.ReportAllocs()
	for b.Loop() {
		r.Stamp(2, noon)
	}
}
