package links

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"sync"
	"time"
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

// views are the links of which it is on record that their images are being looked at. The zero value is empty.
type views struct {
	mu sync.Mutex
	at map[string]time.Time // by id of the link
}

// viewFor is how long frames belong to what is on record.
const viewFor = 15 * time.Minute

func (v *views) isRecent(link string, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	at, ok := v.at[link]
	return ok && now.Sub(at) < viewFor
}

func (v *views) note(link string, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.at == nil || len(v.at) >= mostSeen {
		v.at = map[string]time.Time{}
	}
	v.at[link] = now
}
