package store

import (
	"runtime"
	"sync"
	"sync/atomic"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// Prepare evaluates the search parameters of resources that will be put, on every processor. It spares the transaction, for which
// other writers wait, the greater part of its work. What cannot be indexed is left to Put, which says why.
func Prepare(reg *fhir.Registry, writes []Write) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(writes)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(writes)); i = next.Add(1) - 1 {
				if d, err := search.Index(reg, writes[i].Resource); err == nil {
					writes[i].Document = &d
				}
			}
		})
	}
	workers.Wait()
}
