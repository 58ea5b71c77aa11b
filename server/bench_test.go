package server_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"lightbox/fhir/store"
	"lightbox/fhir/store/sqlite"
	"lightbox/server"
)

// clients is how many ask at once; ../../shared/performance.md takes its figures with as many.
const clients = 16

// benchHub holds one patient with fifty studies among others, on SQLite; it also returns the file of the database.
func benchHub(b *testing.B) (*hub, string) {
	b.Helper()
	file := filepath.Join(b.TempDir(), "lightbox.db")
	s, err := sqlite.Open(context.Background(), file, store.Options{})
	h := newHub(b, opened(b, s, err), func(c *server.Config) { c.Log = slog.New(slog.NewJSONHandler(io.Discard, nil)) })
	h.settle(b)
	for i := range 1000 {
		patient := fmt.Sprintf("p%d", i/50)
		if i%50 == 0 {
			h.put(b, "Patient", fmt.Appendf(nil, `{"resourceType":"Patient","id":"%s"}`, patient))
		}
		h.put(b, "ImagingStudy", study(i, patient))
	}
	return h, file
}

// study is about as long as a usual one: 2 KB.
func study(i int, patient string) []byte {
	series := strings.Repeat(`{"uid":"1.2.840.113619.2.55.3.604688119.971.1449070012.345","number":1,"modality":{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"CT"},"description":"THORAX 1.0 B70f","numberOfInstances":120},`, 9)
	return fmt.Appendf(nil, `{"resourceType":"ImagingStudy","id":"s%d","status":"available","subject":{"reference":"Patient/%s"},"started":"2026-01-%02dT10:00:00Z","modality":[{"system":"http://dicom.nema.org/resources/ontology/DCM","code":"CT"}],"series":[%s]}`,
		i, patient, 1+i%28, strings.TrimSuffix(series, ","))
}

// load asks url from many clients until b.N answers have come.
func load(b *testing.B, url, token string) {
	b.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true}
	defer transport.CloseIdleConnections()
	next := make(chan struct{}, clients)
	var wg sync.WaitGroup
	b.ResetTimer()
	before := processor(b)
	for range clients {
		wg.Go(func() {
			for range next {
				if err := fetch(transport, url, token); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for range b.N {
		next <- struct{}{}
	}
	close(next)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
	b.ReportMetric(float64((processor(b)-before).Microseconds())/float64(b.N), "cpu-us/req")
}

// processor is the processor time that this process has used, clients and server together: on a machine that others use as
// well it tells more than the clock.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func fetch(transport *http.Transport, url, token string) error {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

func BenchmarkRead(b *testing.B) {
	h, file := benchHub(b)
	b.Run("hub", func(b *testing.B) { load(b, h.base+"/ImagingStudy/s500", h.tokens["emr"]) })
	b.Run("plain", func(b *testing.B) { load(b, plainRead(b, file)+"/s500", "") })
}

func BenchmarkPatientNewest20(b *testing.B) {
	h, file := benchHub(b)
	b.Run("hub", func(b *testing.B) {
		load(b, h.base+"/ImagingStudy?patient=Patient/p10&_count=20", h.tokens["emr"])
	})
	b.Run("plain", func(b *testing.B) { load(b, plainRead(b, file)+"/s500", "") })
}

// plainRead is what the hub is measured against: a handler that reads one row by its key and writes it.
func plainRead(b *testing.B, file string) string {
	b.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(WAL)")
	if err != nil {
		b.Fatal(err)
	}
	read, err := db.Prepare("SELECT body FROM resource WHERE type = (SELECT id FROM resource_type WHERE name = 'ImagingStudy') AND id = ?")
	if err != nil {
		b.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body []byte
		if err := read.QueryRowContext(r.Context(), r.URL.Path[1:]).Scan(&body); err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/fhir+json")
		_, _ = w.Write(body)
	}))
	b.Cleanup(func() { s.Close(); _ = db.Close() })
	return s.URL
}
