package audit_test

import (
	"testing"
	"time"

	"lightbox/auth/audit"
)

// Of many refusals within a second some are recorded, and what was passed over is counted with the next.
func TestThrottle(t *testing.T) {
	var throttle audit.Throttle
	now, admitted, counted := time.Unix(1000, 0), 0, 0
	for range 25 {
		if passed, ok := throttle.Admit(now); ok {
			admitted, counted = admitted+1, counted+passed
		}
	}
	if admitted != 10 || counted != 0 {
		t.Errorf("%d admitted, %d counted", admitted, counted)
	}
	if passed, ok := throttle.Admit(now.Add(time.Second)); !ok || passed != 15 {
		t.Errorf("a second later: %d, %v", passed, ok)
	}
	if passed, ok := throttle.Admit(now.Add(time.Second)); !ok || passed != 0 {
		t.Errorf("and the next: %d, %v", passed, ok)
	}
}
