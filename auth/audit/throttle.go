package audit

import (
	"sync"
	"time"
)

// perSecond bounds how many refusals of a kind are recorded on their own.
const perSecond = 10

// Throttle bounds how many refusals are recorded on their own, and counts the others: whoever is refused must not fill the log. The zero value
// is ready for use.
type Throttle struct {
	mu     sync.Mutex
	second int64
	taken  int
	passed int
}

// Admit reports whether one of now is recorded on its own, and how many were passed over since the last that was.
func (t *Throttle) Admit(now time.Time) (passed int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := now.Unix(); s != t.second {
		t.second, t.taken = s, 0
	}
	if t.taken >= perSecond {
		t.passed++
		return 0, false
	}
	t.taken++
	passed, t.passed = t.passed, 0
	return passed, true
}
