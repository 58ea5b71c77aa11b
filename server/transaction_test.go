package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/store"
	"lightbox/server"
)

// bundleOf is a transaction of a patient and n-1 studies that refer to the patient by fullUrl.
func bundleOf(n int) string {
	const patient = "urn:uuid:11111111-1111-4111-8111-111111111111"
	entries := []string{`{"fullUrl":"` + patient + `","resource":{"resourceType":"Patient","name":[{"family":"Many"}]},"request":{"method":"POST","url":"Patient"}}`}
	for i := range n - 1 {
		entries = append(entries, fmt.Sprintf(`{"resource":{"resourceType":"ImagingStudy","status":"available",`+
			`"identifier":[{"system":"urn:dicom:uid","value":"urn:oid:1.2.%d"}],"subject":{"reference":"%s"},`+
			`"started":"2026-01-01T10:00:00Z","numberOfSeries":1,"series":[{"uid":"1.2.3","modality":{"code":"CT"}}]},`+
			`"request":{"method":"POST","url":"ImagingStudy"}}`, i, patient))
	}
	return `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + `]}`
}

func TestTransactionLimits(t *testing.T) {
	h := newHub(t, openSQLite(t), func(c *server.Config) {
		c.Limits.Entries, c.Limits.Bundle, c.Limits.Body = 50, 20<<10, 4<<10
	})
	h.settle(t)
	div := func(n int) string { return `"text":{"div":"` + strings.Repeat("x", n) + `"}` }
	entry := `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient",%s},"request":{"method":"POST","url":"Patient"}}]}`
	for name, test := range map[string]struct {
		body   string
		status int
	}{
		"fits":                     {bundleOf(50), 200},
		"one entry too many":       {bundleOf(51), 400},
		"too long":                 {fmt.Sprintf(entry, div(20<<10)), 413},
		"a resource that is":       {fmt.Sprintf(entry, div(5<<10)), 413},
		"nested deeper than usual": {fmt.Sprintf(entry, `"extension":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)), 400},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{"Content-Type": {"application/fhir+json"}}
			resp, body := h.do(t, "POST", "/", "emr", header, strings.NewReader(test.body))
			if resp.StatusCode != test.status {
				t.Errorf("status %d, want %d: %s", resp.StatusCode, test.status, body)
			}
		})
	}
}

// Of many transactions at once on the same conditions, one makes the resources, all refer to them, and nothing is half done.
func TestTransactionsAtOnce(t *testing.T) {
	const body = `{"resourceType":"Bundle","type":"transaction","entry":[
		{"fullUrl":"urn:uuid:11111111-1111-4111-8111-111111111111","resource":{"resourceType":"Patient","identifier":[{"system":"urn:x:mrn","value":"Z-1"}]},
			"request":{"method":"POST","url":"Patient","ifNoneExist":"identifier=urn:x:mrn|Z-1"}},
		{"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"urn:uuid:11111111-1111-4111-8111-111111111111"}},
			"request":{"method":"POST","url":"Observation"}},
		{"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient?identifier=urn:x:mrn|Z-1"}},
			"request":{"method":"POST","url":"Observation"}}]}`
	eachStore(t, func(t *testing.T, open func(testing.TB) store.Store) {
		h := newHub(t, open(t), nil)
		h.settle(t)
		header := http.Header{"Content-Type": {"application/fhir+json"}, "Prefer": {"return=representation"}}
		subjects := make([]string, 2*32)
		var all sync.WaitGroup
		for i := range len(subjects) / 2 {
			all.Go(func() {
				resp, got := h.do(t, "POST", "/", "emr", header, strings.NewReader(body))
				if resp.StatusCode != http.StatusOK {
					t.Errorf("status %d: %s", resp.StatusCode, got)
				}
				subjects[2*i] = gjson.GetBytes(got, "entry.1.resource.subject.reference").String()
				subjects[2*i+1] = gjson.GetBytes(got, "entry.2.resource.subject.reference").String()
			})
		}
		all.Wait()
		for _, s := range subjects {
			if s == "" || s != subjects[0] {
				t.Fatalf("subjects %q", subjects)
			}
		}
		_, got := h.do(t, "GET", "/Observation?_summary=count&subject="+subjects[0], "emr", nil, nil)
		if total := gjson.GetBytes(got, "total").Int(); total != int64(len(subjects)) {
			t.Errorf("%d observations, want %d", total, len(subjects))
		}
	})
}

// A transaction of a thousand entries, and the same resources one by one.
func BenchmarkTransaction(b *testing.B) {
	for name, path := range map[string]string{"together": "/", "alone": "/ImagingStudy"} {
		b.Run(name, func(b *testing.B) {
			h := newHub(b, openSQLite(b), nil)
			h.settle(b)
			body, times := bundleOf(1000), 1
			if name == "alone" {
				times, body = 1000, gjson.Get(body, "entry.1.resource").Raw
			}
			header := http.Header{"Content-Type": {"application/fhir+json"}}
			for b.Loop() {
				for range times {
					if resp, got := h.do(b, "POST", path, "emr", header, strings.NewReader(body)); resp.StatusCode >= 300 {
						b.Fatalf("%d %s", resp.StatusCode, got)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/1000, "us/entry")
		})
	}
}

// A panic while an entry is checked, which happens on another goroutine, is a 500 like any other.
func TestTransactionPanic(t *testing.T) {
	h := newHub(t, openSQLite(t), func(c *server.Config) {
		c.Validate = func([]byte) []*fhir.Error { panic("of a validator") }
	})
	h.settle(t)
	header := http.Header{"Content-Type": {"application/fhir+json"}}
	resp, body := h.do(t, "POST", "/", "emr", header, strings.NewReader(bundleOf(2)))
	if resp.StatusCode != http.StatusInternalServerError || strings.Contains(string(body), "validator") {
		t.Errorf("status %d: %s", resp.StatusCode, body)
	}
	if strings.Contains(h.log.String(), "of a validator") || !strings.Contains(h.log.String(), `"msg":"panic"`) {
		t.Errorf("log: %s", h.log)
	}
}
