package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/server"
)

// do sends a request with the token of that name.
func (h *hub) do(t testing.TB, method, path, as string, header http.Header, body io.Reader) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequest(method, h.base+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Authorization", "Bearer "+h.tokens[as])
	resp, err := (&http.Transport{DisableCompression: true, DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, got
}

func zipped(t testing.TB, text string) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

func TestBodyLimits(t *testing.T) {
	h := newHub(t, openSQLite(t), func(c *server.Config) { c.Limits.Body = 4 << 10 })
	h.settle(t)
	patient := func(padding int) string {
		return `{"resourceType":"Patient","text":{"status":"generated","div":"` + strings.Repeat("x", padding) + `"}}`
	}
	tests := []struct {
		name     string
		body     io.Reader
		encoding string
		status   int
	}{
		{"fits", strings.NewReader(patient(1000)), "", 201},
		{"too long", strings.NewReader(patient(5000)), "", 413},
		{"too long, length unknown", io.MultiReader(strings.NewReader(patient(5000))), "", 413},
		{"gzip", zipped(t, patient(1000)), "gzip", 201},
		{"gzip of a bomb", zipped(t, patient(4<<20)), "gzip", 413},
		{"gzip that is none", strings.NewReader(patient(0)), "gzip", 400},
		{"gzip cut short", bytes.NewReader(zipped(t, patient(1000)).Bytes()[:40]), "gzip", 400},
		{"another encoding", strings.NewReader(patient(0)), "br", 415},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			header := http.Header{"Content-Type": {"application/fhir+json"}}
			if test.encoding != "" {
				header.Set("Content-Encoding", test.encoding)
			}
			resp, body := h.do(t, "POST", "/Patient", "emr", header, test.body)
			if resp.StatusCode != test.status {
				t.Fatalf("status %d, want %d: %s", resp.StatusCode, test.status, body)
			}
			if want := "OperationOutcome"; test.status >= 400 && gjson.GetBytes(body, "resourceType").String() != want {
				t.Errorf("not an %s: %s", want, body)
			}
		})
	}
}

func TestQueryLimits(t *testing.T) {
	h := newHub(t, openSQLite(t), nil)
	h.settle(t)
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for name, query := range map[string]string{
		"a thousand parameters": strings.Repeat("_id=a&", 1000) + "_id=a",
		"a long value":          "_id=" + strings.Repeat("a", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			resp, body := h.do(t, "POST", "/Patient/_search", "emr", form, strings.NewReader(query))
			if resp.StatusCode != http.StatusBadRequest {
				t.Errorf("status %d: %s", resp.StatusCode, body)
			}
		})
	}
}

func TestGzip(t *testing.T) {
	h := newHub(t, openSQLite(t), nil)
	h.settle(t)
	div := strings.Repeat("long ", 5000)
	h.put(t, "Patient/long", []byte(`{"resourceType":"Patient","id":"long","text":{"status":"generated","div":"`+div+`"}}`))
	accept := http.Header{"Accept-Encoding": {"gzip"}}

	resp, body := h.do(t, "GET", "/Patient/long", "emr", accept, nil)
	if resp.Header.Get("Content-Encoding") != "gzip" || len(body) > 2000 {
		t.Fatalf("not compressed: %d bytes, %v", len(body), resp.Header)
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil || gjson.GetBytes(plain, "text.div").String() != div {
		t.Errorf("not what was written: %v", err)
	}
	if resp, _ := h.do(t, "GET", "/Patient/long", "emr", nil, nil); resp.Header.Get("Content-Encoding") != "" {
		t.Error("compressed without being asked")
	}
	if resp, _ := h.do(t, "GET", "/Patient/anna", "emr", accept, nil); resp.Header.Get("Content-Encoding") != "" {
		t.Error("a small answer was compressed")
	}
}

// broken is a store whose reads end as read says.
type broken struct {
	store.Store
	read func(ctx context.Context) error
}

func (b broken) Read(ctx context.Context, _ search.Filter, _, _ string) (fhir.Resource, error) {
	return fhir.Resource{}, b.read(ctx)
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name   string
		read   func(ctx context.Context) error
		status int
		code   string
		log    string
	}{
		{"the store fails", func(context.Context) error { return errors.New("disk on fire") }, 500, "exception", "disk on fire"},
		{"a panic", func(context.Context) error { var none []error; return none[1] }, 500, "exception", "index out of range"},
		{"a panic with data", func(context.Context) error { panic("Ivanova") }, 500, "exception", "a value of type string"},
		{"too slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 503, "timeout", "deadline"},
		{"the store's own deadline", func(context.Context) error { return store.ErrTimeout }, 503, "timeout", "deadline"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHub(t, broken{openSQLite(t), test.read}, func(c *server.Config) { c.Limits.Timeout = 50 * time.Millisecond })
			h.settle(t)
			resp, body := h.do(t, "GET", "/Patient/anna", "emr", nil, nil)
			if resp.StatusCode != test.status || gjson.GetBytes(body, "issue.0.code").String() != test.code {
				t.Fatalf("got %d %s", resp.StatusCode, body)
			}
			if bytes.Contains(body, []byte(test.log)) && test.status == 500 {
				t.Errorf("the cause was told: %s", body)
			}
			if test.status == 503 && resp.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			id := resp.Header.Get("X-Request-Id")
			if want := "request " + id; gjson.GetBytes(body, "issue.0.diagnostics").String() != want {
				t.Errorf("no request id in %s", body)
			}
			if log := h.log.String(); !strings.Contains(log, test.log) || !strings.Contains(log, id) || strings.Contains(log, "Ivanova") {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func TestReadiness(t *testing.T) {
	h := newHub(t, openSQLite(t), func(c *server.Config) { c.Ready = func() error { return errors.New("migrating") } })
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 503} {
		resp, err := http.Get(h.root + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, resp.StatusCode, want)
		}
	}
}

func TestSlowBody(t *testing.T) {
	h := newHub(t, openSQLite(t), func(c *server.Config) { c.Limits.Timeout = 50 * time.Millisecond })
	h.settle(t)
	never, stop := io.Pipe()
	defer func() { _ = stop.Close() }()
	resp, body := h.do(t, "POST", "/Patient", "emr", http.Header{"Content-Type": {"application/fhir+json"}}, never)
	if resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

func TestNoVerifier(t *testing.T) {
	h := newHub(t, openSQLite(t), func(c *server.Config) { c.Verifier = nil })
	resp, body := h.do(t, "GET", "/Patient/anna", "emr", nil, nil)
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

func TestBase(t *testing.T) {
	s := openSQLite(t)
	for _, base := range []string{"", "/fhir", "hub.example/fhir", "ftp://hub.example", "https://hub.example/fhir?x=1"} {
		if _, err := server.New(server.Config{Registry: fhir.R4(), Store: s, Base: base}); err == nil {
			t.Errorf("%q was taken", base)
		}
	}
	for _, base := range []string{"https://hub.example", "https://hub.example/", "http://127.0.0.1:8080/a/b"} {
		if _, err := server.New(server.Config{Registry: fhir.R4(), Store: s, Base: base}); err != nil {
			t.Errorf("%q: %v", base, err)
		}
	}
}

func TestHeaderLimit(t *testing.T) {
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	s := httptest.NewUnstartedServer(nil)
	s.Config = server.HTTPServer(handler, server.Limits{})
	s.Start()
	defer s.Close()
	for size, want := range map[int]int{32 << 10: 200, 80 << 10: 431} {
		r, err := http.NewRequest(http.MethodGet, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+strings.Repeat("a", size))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("%d bytes: %d, want %d", size, resp.StatusCode, want)
		}
	}
}

// A client that asks too often is told to wait; others are served.
func TestNoisyClient(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	h := newHub(t, openSQLite(t), func(c *server.Config) {
		c.Fairness = &auth.Fairness{PerSecond: 2, Clock: func() time.Time { return now }}
	})
	h.settle(t)
	for n, want := range []int{http.StatusOK, http.StatusOK, http.StatusTooManyRequests, http.StatusTooManyRequests} {
		resp, _ := h.do(t, "GET", "/Patient/anna", "emr", nil, nil)
		if resp.StatusCode != want || want == http.StatusTooManyRequests && resp.Header.Get("Retry-After") == "" {
			t.Errorf("request %d: %s %v", n, resp.Status, resp.Header)
		}
	}
	if resp, _ := h.do(t, "GET", "/Patient/anna", "reader", nil, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("another client: %s", resp.Status)
	}
	now = now.Add(time.Second)
	if resp, _ := h.do(t, "GET", "/Patient/anna", "emr", nil, nil); resp.StatusCode != http.StatusOK {
		t.Errorf("a second later: %s", resp.Status)
	}
}
