package storetest

import (
	"testing"
	"time"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// Limit is what the machine and the database can do at best, without index, filter or version, in one connection.
type Limit interface {
	// Load inserts bodies into a table without an index, each batch durable before the next.
	Load(b *testing.B, batches [][][]byte)
	// Prepare keeps bodies under their ids, and Read reads one of them.
	Prepare(b *testing.B, bodies map[string][]byte)
	Read(b *testing.B, id string) []byte
}

const (
	batchSize = 1000
	batches   = 20
)

// Benchmark measures a store, each figure beside the limit taken in the same run.
func Benchmark(b *testing.B, fresh func(t testing.TB) Database, limit func(b *testing.B) Limit) {
	b.Run("load", func(b *testing.B) { benchmarkLoad(b, fresh, limit(b)) })
	f := open(b, fresh(b))
	written := f.load(b, newCity(1, 4000), batches)
	b.Run("read", func(b *testing.B) { benchmarkRead(b, f, written, limit(b)) })
	benchmarkSearch(b, f)
}

// load writes n batches of studies as the hub does, and returns what was written.
func (f fixture) load(b *testing.B, c *city, n int) [][]fhir.Resource {
	b.Helper()
	var all [][]fhir.Resource
	for range n {
		writes := make([]store.Write, batchSize)
		for i := range writes {
			body, owner := c.study()
			writes[i] = store.Write{Resource: parse(b, body), Owners: []string{owner}, Mapped: true}
		}
		all = append(all, f.writeBatch(b, writes))
	}
	return all
}

func (f fixture) writeBatch(b *testing.B, writes []store.Write) []fhir.Resource {
	b.Helper()
	var all []fhir.Resource
	err := f.Write(ctx, func(tx store.Tx) error {
		written, err := tx.PutAll(ctx, writes)
		all = nil
		for _, w := range written {
			all = append(all, w.Resource)
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return all
}

// benchmarkLoad loads the same bodies both ways. The ratio is the store's rate by the limit's.
func benchmarkLoad(b *testing.B, fresh func(t testing.TB) Database, limit Limit) {
	var ours, best time.Duration
	n := 0
	for b.Loop() {
		b.StopTimer()
		f := open(b, fresh(b))
		c := newCity(1, 4000)
		var plain [][][]byte
		b.StartTimer()
		for range batches {
			b.StopTimer()
			writes := make([]store.Write, batchSize)
			bodies := make([][]byte, batchSize)
			for i := range writes {
				body, owner := c.study()
				writes[i] = store.Write{Resource: parse(b, body), Owners: []string{owner}, Mapped: true}
			}
			b.StartTimer()
			start := time.Now()
			for i, r := range f.writeBatch(b, writes) {
				bodies[i] = r.Body
			}
			ours += time.Since(start)
			plain = append(plain, bodies)
			n += batchSize
		}
		b.StopTimer()
		start := time.Now()
		limit.Load(b, plain)
		best += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(n)/ours.Seconds(), "studies/s")
	b.ReportMetric(float64(n)/best.Seconds(), "limit/s")
	b.ReportMetric(best.Seconds()/ours.Seconds(), "ratio")
}

func benchmarkRead(b *testing.B, f fixture, written [][]fhir.Resource, limit Limit) {
	bodies := map[string][]byte{}
	var ids []string
	for _, batch := range written {
		for _, r := range batch {
			bodies[r.ID] = r.Body
			ids = append(ids, r.ID)
		}
	}
	limit.Prepare(b, bodies)
	var ours, best time.Duration
	n := 0
	for b.Loop() {
		id := ids[n*7919%len(ids)]
		n++
		start := time.Now()
		if _, err := f.Read(ctx, search.Everything(), "ImagingStudy", id); err != nil {
			b.Fatal(err)
		}
		middle := time.Now()
		if limit.Read(b, id) == nil {
			b.Fatal("not found")
		}
		ours, best = ours+middle.Sub(start), best+time.Since(middle)
	}
	b.ReportMetric(float64(ours.Microseconds())/float64(n), "us/read")
	b.ReportMetric(float64(best.Microseconds())/float64(n), "us/limit")
	b.ReportMetric(best.Seconds()/ours.Seconds(), "ratio")
}

func benchmarkSearch(b *testing.B, f fixture) {
	patient := "Patient/" + patientID(17)
	for _, c := range []struct {
		name, query string
		caller      store.Caller
	}{
		{"patient newest 20", "patient=" + patient, everyone},
		{"patient newest 20 by the patient", "", as("p", search.Grant{Patient: patient})},
		{"modality and date newest 20", "modality=CT&started=ge2025-03-01&started=lt2025-04-01", everyone},
		{"rare modality today newest 20", "modality=XA&started=ge2025-12-30", everyone},
		{"modality of a facility newest 20", "modality=CT", as("o", search.Grant{Owner: organization(3)})},
		{"accession", "identifier=A000000001", everyone},
		{"sorted by started", "_sort=started&modality=MR", everyone},
	} {
		b.Run(c.name, func(b *testing.B) {
			q := f.query("ImagingStudy", c.query)
			for b.Loop() {
				if _, err := f.Search(ctx, q, c.caller); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(f.search(c.caller, "ImagingStudy", c.query).Matches)), "matches")
		})
	}
}
