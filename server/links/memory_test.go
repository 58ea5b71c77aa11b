package links

import (
	"strconv"
	"testing"
)

// A passcode that was right is known as long as the link has the same hash of it, and no other is.
func TestMemory(t *testing.T) {
	var m memory
	if m.knows("hash", "1234") {
		t.Error("it knows what nobody told it")
	}
	m.add("hash", "1234")
	for _, one := range []struct {
		kept, passcode string
		known          bool
	}{{"hash", "1234", true}, {"hash", "1235", false}, {"other", "1234", false}, {"hash", "", false}} {
		if m.knows(one.kept, one.passcode) != one.known {
			t.Errorf("%+v", one)
		}
	}
	for n := range mostSeen + 1 {
		m.add("hash", strconv.Itoa(n))
	}
	if len(m.seen) > mostSeen {
		t.Errorf("%d are kept", len(m.seen))
	}
}
