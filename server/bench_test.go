package server_test

import (
	"context"
	"database/sql"
	"errors"
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

	"github.com/jackc/pgx/v5/pgxpool"
	_ "modernc.org/sqlite"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/fhir/store/postgres"
	"lightbox/fhir/store/postgres/pgtest"
	"lightbox/fhir/store/sqlite"
	"lightbox/server"
)

// clients is how many ask at once; ../../shared/performance.md takes its figures with as many.
const clients = 16

// bench is a hub that holds twenty patients with fifty studies each, and its database.
type bench struct {
	*hub
	on benchDatabase
}

// benchDatabase is a database that the hub is measured on.
type benchDatabase struct {
	store store.Store
	exec  func(query string, args ...any) error
	read  func(ctx context.Context, query, id string) ([]byte, error) // one row by its key
}

// sink takes the log, so that writing it counts.
type sink struct{}

func (sink) Write(p []byte) (int, error) { return len(p), nil }

func newBench(b *testing.B, open func(b *testing.B) benchDatabase) bench {
	b.Helper()
	on := open(b)
	h := newHub(b, on.store, func(c *server.Config) { c.Log = slog.New(slog.NewJSONHandler(sink{}, nil)) })
	h.settle(b)
	for i := range 1000 {
		patient := fmt.Sprintf("p%d", i/50)
		if i%50 == 0 {
			h.put(b, "Patient", fmt.Appendf(nil, `{"resourceType":"Patient","id":"%s"}`, patient))
		}
		h.put(b, "ImagingStudy", study(i, patient))
	}
	return bench{h, on}
}

// each runs a benchmark on SQLite, and on PostgreSQL where it was asked for.
func each(b *testing.B, do func(b *testing.B, h bench)) {
	b.Run("sqlite", func(b *testing.B) { do(b, newBench(b, onSQLite)) })
	b.Run("postgres", func(b *testing.B) { do(b, newBench(b, onPostgres)) })
}

func onSQLite(b *testing.B) benchDatabase {
	file := filepath.Join(b.TempDir(), "lightbox.db")
	s, err := sqlite.Open(b.Context(), file, store.Options{Schemas: []store.Schema{auth.Schema(), audit.Schema()}})
	opened(b, s, err)
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	var prepare sync.Once
	var statement *sql.Stmt
	return benchDatabase{
		store: s,
		exec: func(query string, args ...any) error {
			_, err := db.ExecContext(b.Context(), query, args...)
			return err
		},
		read: func(ctx context.Context, query, id string) (body []byte, err error) {
			prepare.Do(func() { statement, err = db.PrepareContext(ctx, query) })
			if err != nil {
				return nil, err
			}
			err = statement.QueryRowContext(ctx, id).Scan(&body)
			return body, err
		},
	}
}

func onPostgres(b *testing.B) benchDatabase {
	url := pgtest.Start(b)
	s, err := postgres.Open(b.Context(), url, store.Options{Schemas: []store.Schema{auth.Schema(), audit.Schema()}})
	opened(b, s, err)
	pool, err := pgxpool.New(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	return benchDatabase{
		store: s,
		exec: func(query string, args ...any) error {
			_, err := pool.Exec(b.Context(), query, args...)
			return err
		},
		read: func(ctx context.Context, query, id string) (body []byte, err error) {
			err = pool.QueryRow(ctx, query, id).Scan(&body)
			return body, err
		},
	}
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

// BenchmarkRead: a read by id with token, policy and log, against a plain handler that reads the same bytes by one key.
func BenchmarkRead(b *testing.B) {
	each(b, func(b *testing.B, h bench) {
		plain := h.plain(b)
		b.Run("hub", func(b *testing.B) { load(b, h.base+"/ImagingStudy/s500", h.tokens["emr"]) })
		b.Run("plain", func(b *testing.B) { load(b, plain+"/s500", h.tokens["emr"]) })
	})
}

// BenchmarkPatientNewest20: a page of the patient's studies, against the same plain read of a single one.
func BenchmarkPatientNewest20(b *testing.B) {
	each(b, func(b *testing.B, h bench) {
		plain := h.plain(b)
		b.Run("hub", func(b *testing.B) { load(b, h.base+"/ImagingStudy?patient=Patient/p10&_count=20", h.tokens["emr"]) })
		b.Run("plain", func(b *testing.B) { load(b, plain+"/s500", h.tokens["emr"]) })
	})
}

// plain is what the hub is measured against: a handler that reads one row by its key from the same database and writes it. Its
// table holds bodies as they are served; the store's are compressed.
func (h bench) plain(b *testing.B) string {
	b.Helper()
	r, err := h.store.Read(b.Context(), search.Everything(), "ImagingStudy", "s500")
	err = errors.Join(err,
		h.on.exec("CREATE TABLE plain (id TEXT NOT NULL PRIMARY KEY, body BYTEA NOT NULL)"),
		h.on.exec("INSERT INTO plain (id, body) VALUES ($1, $2)", r.ID, r.Body))
	if err != nil {
		b.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := h.on.read(r.Context(), "SELECT body FROM plain WHERE id = $1", r.URL.Path[1:])
		if err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/fhir+json")
		_, _ = w.Write(body)
	}))
	b.Cleanup(s.Close)
	return s.URL
}
