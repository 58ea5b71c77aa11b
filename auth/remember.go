package auth

import (
	"context"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"
)

// Bounds of what is remembered. Tokens of a key that is seen to be taken back still hold for rememberFor at most.
const (
	rememberFor  = 30 * time.Second
	rememberMost = 10_000
)

// Remembering is a Verifier that knows the tokens it has seen: verifying a signature costs more than reading a resource, and a
// program sends the same token with every request. A token that does not hold is never remembered.
type Remembering struct {
	next  *OIDC
	mu    sync.Mutex
	known map[[sha256.Size]byte]remembered
}

type remembered struct {
	principal *Principal
	until     time.Time
}

// Remember puts a memory in front of a verifier.
func Remember(next *OIDC) *Remembering {
	return &Remembering{next: next, known: map[[sha256.Size]byte]remembered{}}
}

// Verify implements Verifier. The Principal is shared between requests: nobody may change it.
func (m *Remembering) Verify(ctx context.Context, r *http.Request) (*Principal, error) {
	raw, err := bearer(r.Header)
	if err != nil {
		return nil, err
	}
	key, now := sha256.Sum256([]byte(raw)), m.next.config.Clock()
	if p := m.recall(key, now); p != nil {
		return p, nil
	}
	p, expires, err := m.next.verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	until := now.Add(rememberFor)
	if expires.Before(until) {
		until = expires
	}
	m.keep(key, remembered{p, until}, now)
	return p, nil
}

func (m *Remembering) recall(key [sha256.Size]byte, now time.Time) *Principal {
	m.mu.Lock()
	defer m.mu.Unlock()
	if found, ok := m.known[key]; ok && now.Before(found.until) {
		return found.principal
	}
	return nil
}

func (m *Remembering) keep(key [sha256.Size]byte, r remembered, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.known) >= rememberMost {
		m.forget(now)
	}
	m.known[key] = r
}

// forget makes room: of what is over, and where that is not enough, of everything.
func (m *Remembering) forget(now time.Time) {
	for key, r := range m.known {
		if !now.Before(r.until) {
			delete(m.known, key)
		}
	}
	if len(m.known) >= rememberMost {
		clear(m.known)
	}
}
