package server

import (
	"bytes"
	"encoding/json"
	"testing"

	"lightbox/fhir"
)

// FuzzLinks finds and replaces links in any resource. The laws: links lie in the body, in order and apart; each put back as it
// was gives the same bytes; each replaced gives JSON that has none of them left.
func FuzzLinks(f *testing.F) {
	const url = "urn:uuid:11111111-1111-4111-8111-111111111111"
	for _, body := range []string{
		`{"resourceType":"Observation","subject":{"reference":"` + url + `"},"hasMember":[{"reference":"Patient/1/_history/2"}]}`,
		`{"resourceType":"Media","content":{"url":"` + url + `#a"},"identifier":[{"value":"` + url + `"}]}`,
		`{"resourceType":"Patient","text":{"div":"<a\nhref=\"` + url + `\"><img src='Patient/1'/>"},"x":"é"}`,
		`{"resourceType":"Procedure","instantiatesUri":["` + url + `",null],"subject":{"reference":"Patient?identifier=a|b"}}`,
		`{"resourceType":"Patient","link":[{"other":{"reference":"Patient\/1"}}]}`,
	} {
		f.Add([]byte(body))
	}
	l := linker{byURL: map[string]int{url: 0, "http://x.example/Patient/1": 1}, root: "http://x.example"}
	f.Fuzz(func(t *testing.T, body []byte) {
		res, err := fhir.Parse(body)
		if err != nil {
			t.Skip("the server would not let it in")
		}
		found, err := l.find(res)
		if err != nil {
			t.Fatal(err)
		}
		var same, other []string
		end := 0
		for _, at := range found {
			if at.start < end || at.end < at.start || at.end > len(body) {
				t.Fatalf("a link at %d to %d after %d", at.start, at.end, end)
			}
			end = at.end
			same, other = append(same, string(body[at.start:at.end])), append(other, "Device/x")
		}
		if got := splice(body, found, same); !bytes.Equal(got, body) {
			t.Errorf("put back: %s", got)
		}
		got := splice(body, found, other)
		if !json.Valid(got) {
			t.Fatalf("no JSON: %s", got)
		}
		if left, err := l.find(fhir.Resource{Type: res.Type, Body: got}); err != nil || len(left) > 0 {
			t.Errorf("%d links are left in %s (%v)", len(left), got, err)
		}
	})
}
