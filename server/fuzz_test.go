package server_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/server"
)

// FuzzRequest sends any method, path, query, header and body as a patient. The laws: no panic and no 5xx, every answer that is
// an error is an OperationOutcome, and nothing of the other patient is in any answer.
func FuzzRequest(f *testing.F) {
	for _, seed := range [][5]string{
		{"GET", "/Patient/anna", "", "", ""},
		{"GET", "/Patient/anna/_history/1", "_pretty=true", "Accept: application/json", ""},
		{"GET", "/ImagingStudy", "patient=Patient/boris&_include=ImagingStudy:basedon&_sort=-started", "", ""},
		{"POST", "/ServiceRequest/_search", "", "Content-Type: application/x-www-form-urlencoded", "_revinclude=DiagnosticReport:based-on"},
		{"PUT", "/Observation/x", "", "Content-Type: application/fhir+json", `{"resourceType":"Observation","id":"x","subject":{"reference":"Patient/boris"}}`},
		{"POST", "/Observation", "", "Content-Type: application/fhir+json", `{"resourceType":"Observation","subject":{"reference":"Patient/anna"}}`},
		{"DELETE", "/ImagingStudy/b1", "", `If-Match: W/"1"`, ""},
		{"GET", "/Patient/anna/_history", "_count=1&_page=2&_since=2026-01-01T00:00:00Z", "", ""},
		{"HEAD", "/Binary/pdf-a", "_format=json", "Accept: application/pdf;q=0.1", ""},
		{"POST", "/", "", "Content-Type: application/fhir+json", `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:11111111-1111-4111-8111-111111111111","resource":{"resourceType":"Observation","text":{"div":"<a href=\"urn:uuid:11111111-1111-4111-8111-111111111111\">"},"subject":{"reference":"Patient?_id=anna"}},"request":{"method":"POST","url":"Observation","ifNoneExist":"_id=x"}},{"request":{"method":"GET","url":"Patient/boris"}}]}`},
		{"POST", "/", "", "Content-Type: application/fhir+json", `{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"http://x.example/Observation/1","resource":{"resourceType":"Observation","id":"x","subject":{"reference":"Patient/anna"},"hasMember":[{"reference":"Observation/1/_history/2"}]},"request":{"method":"PUT","url":"Observation?code=x","ifMatch":"W/\"1\""}},{"request":{"method":"DELETE","url":"ImagingStudy?_id=a2,b1&_count=5"}}]}`},
		{"POST", "/", "_pretty=true", "Content-Type: application/fhir+json", `{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient?family=Petrov"}},{"resource":{"resourceType":"Binary","contentType":"application/json-patch+json","data":"W10="},"request":{"method":"PATCH","url":"Patient/anna"}}]}`},
		{"PUT", "/Observation", "code=x&_count=2", "Content-Type: application/fhir+json", `{"resourceType":"Observation","subject":{"reference":"Patient/anna"}}`},
		{"DELETE", "/Observation", "code=x&_count=2", "", ""},
		{"POST", "/Patient", "", "If-None-Exist: identifier=urn:x:mrn|B-1", `{"resourceType":"Patient"}`},
		{"PATCH", "/Observation/own", "", "Content-Type: application/json-patch+json", `[{"op":"replace","path":"/subject/reference","value":"Patient/boris"}]`},
		{"POST", "/Binary", "", "Content-Type: text/plain", "x"},
		{"GET", "/Binary/pdf-a", "", "Range: bytes=-3", ""},
		{"OPTIONS", "/metadata", "", "Origin: x", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4])
	}
	var handler http.Handler
	h := newHub(f, openSQLite(f), func(c *server.Config) { handler = must(server.New(*c)) })
	h.settle(f)
	f.Fuzz(func(t *testing.T, method, path, query, header, body string) {
		r, ok := request(method, path, query, body)
		if !ok {
			t.Skip("net/http would not let it in")
		}
		if name, value, ok := strings.Cut(header, ": "); ok {
			r.Header.Set(name, value)
		}
		r.Header.Set("Authorization", "Bearer "+h.tokens["writer"])
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%s %s: %d %s", method, r.URL, w.Code, w.Body)
		}
		if w.Code >= 400 && gjson.GetBytes(w.Body.Bytes(), "resourceType").String() != "OperationOutcome" {
			t.Fatalf("%s %s: %d without an OperationOutcome: %s", method, r.URL, w.Code, w.Body)
		}
		if w.Code < 300 && bytes.Contains(w.Body.Bytes(), []byte("Petrov")) && !strings.Contains(body, "Petrov") {
			t.Fatalf("%s %s: another patient's data: %s", method, r.URL, w.Body)
		}
	})
}

// request makes what net/http would hand to a handler, and refuses what it would not.
func request(method, path, query, body string) (*http.Request, bool) {
	r, err := http.NewRequest(method, "http://hub.example/fhir"+path, strings.NewReader(body))
	if err != nil || len(method) == 0 {
		return nil, false
	}
	r.URL.RawQuery, r.URL.Fragment, r.RemoteAddr = query, "", "127.0.0.1:1"
	return r, true
}
