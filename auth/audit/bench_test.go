package audit_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"

	"lightbox/auth/audit"
	"lightbox/fhir/store"
	"lightbox/fhir/store/sqlite"
)

// BenchmarkRecord is what it takes until an event is durable, with many who wait.
func BenchmarkRecord(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			st := must(sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "a.db"), store.Options{Schemas: []store.Schema{audit.Schema()}}))
			defer st.Close()
			log := must(audit.Open(b.Context(), st, "https://hub.example/fhir", slog.New(slog.DiscardHandler)))
			var all sync.WaitGroup
			for c := range callers {
				all.Go(func() {
					for n := c; n < b.N; n += callers {
						if err := log.Record(b.Context(), event(n)); err != nil {
							b.Error(err)
						}
					}
				})
			}
			all.Wait()
		})
	}
}
