package links

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
)

// memory knows passcodes that were right: comparing one is dear by intent, and a page that shows images asks for hundreds of frames. It keeps
// no passcode, but what only this process can make of one together with the hash that the link has of it now; so that it says nothing of a
// passcode that is wrong, and forgets all with the process. Its zero value is empty.
type memory struct {
	mu   sync.Mutex
	key  []byte
	seen map[[sha256.Size]byte]bool
}

// mostSeen bounds it; past that it begins anew, which costs comparisons and nothing else.
const mostSeen = 10_000

func (m *memory) knows(kept, passcode string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.seen) > 0 && m.seen[m.of(kept, passcode)]
}

func (m *memory) add(kept, passcode string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.key == nil {
		m.key = make([]byte, sha256.Size)
		_, _ = rand.Read(m.key) // never fails
	}
	if m.seen == nil || len(m.seen) >= mostSeen {
		m.seen = map[[sha256.Size]byte]bool{}
	}
	m.seen[m.of(kept, passcode)] = true
}

func (m *memory) of(kept, passcode string) (sum [sha256.Size]byte) {
	mac := hmac.New(sha256.New, m.key)
	mac.Write([]byte(kept + "\x00" + passcode))
	return [sha256.Size]byte(mac.Sum(sum[:0]))
}
