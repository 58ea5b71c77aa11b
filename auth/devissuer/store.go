package devissuer

import (
	"errors"
	"sync"
	"time"
)

// maxEntries bounds each kind of state, whatever is asked of the issuer.
const maxEntries = 1 << 14

// expiring is a bounded map of what ends at a time. It is safe for concurrent use.
type expiring[K comparable, V any] struct {
	clock func() time.Time

	mu      sync.Mutex
	entries map[K]entry[V]
}

type entry[V any] struct {
	value V
	until time.Time
}

func newExpiring[K comparable, V any](clock func() time.Time) *expiring[K, V] {
	return &expiring[K, V]{clock: clock, entries: map[K]entry[V]{}}
}

// put keeps a value. When there is no room, what would end first makes some: forgetting it must be safe.
func (e *expiring[K, V]) put(id K, v V, until time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.room() {
		e.evict()
	}
	e.entries[id] = entry[V]{v, until}
}

var (
	errKnown = errors.New("known already")
	errFull  = errors.New("no room")
)

// add keeps a value that must not be forgotten before its time, and that was not there: errKnown, errFull.
func (e *expiring[K, V]) add(id K, v V, until time.Time) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, known := e.live(id); known {
		return errKnown
	}
	if !e.room() {
		return errFull
	}
	e.entries[id] = entry[V]{v, until}
	return nil
}

func (e *expiring[K, V]) get(id K) (V, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.live(id)
}

// take gets a value that nobody else gets.
func (e *expiring[K, V]) take(id K) (V, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	v, ok := e.live(id)
	delete(e.entries, id)
	return v, ok
}

// change has f change a value and its end while nobody else sees it. The value is dropped unless f says to keep it.
func (e *expiring[K, V]) change(id K, f func(v *V, until *time.Time) (keep bool)) (found bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, found = e.live(id); !found {
		return false
	}
	x := e.entries[id]
	if !f(&x.value, &x.until) {
		delete(e.entries, id)
		return true
	}
	e.entries[id] = x
	return true
}

// live returns an entry that has not ended; the lock is held.
func (e *expiring[K, V]) live(id K) (V, bool) {
	x, ok := e.entries[id]
	if !ok || !e.clock().Before(x.until) {
		var none V
		return none, false
	}
	return x.value, true
}

// room reports whether another entry fits, once what has ended is swept; the lock is held.
func (e *expiring[K, V]) room() bool {
	if len(e.entries) < maxEntries {
		return true
	}
	now := e.clock()
	for id, x := range e.entries {
		if !now.Before(x.until) {
			delete(e.entries, id)
		}
	}
	return len(e.entries) < maxEntries
}

// evict drops what would end first; the lock is held.
func (e *expiring[K, V]) evict() {
	var first K
	var end time.Time
	for id, x := range e.entries {
		if end.IsZero() || x.until.Before(end) {
			first, end = id, x.until
		}
	}
	delete(e.entries, first)
}
