package auth_test

import (
	"errors"
	"testing"
	"time"

	"lightbox/auth"
	"lightbox/fhir"
)

// A client that asks too much is told so, whatever another does, and goes on when a request has ended or the second is over.
func TestFairness(t *testing.T) {
	now := time.Unix(1000, 0)
	f := &auth.Fairness{AtOnce: 2, PerSecond: 3, Clock: func() time.Time { return now }}
	noisy, quiet := &auth.Principal{Issuer: "i", Client: "noisy"}, &auth.Principal{Issuer: "i", Client: "quiet"}
	admit := func(p *auth.Principal, want bool) func() {
		t.Helper()
		done, err := f.Admit(p)
		var told *fhir.Error
		if (err == nil) != want || err != nil && (!errors.As(err, &told) || told.Type != fhir.Throttled) {
			t.Errorf("%s: %v, want %v", p.Client, err, want)
		}
		return done
	}
	first, second := admit(noisy, true), admit(noisy, true)
	admit(noisy, false) // two at once
	admit(quiet, true)()
	first()
	third := admit(noisy, true)
	second()
	third()
	admit(noisy, false) // three in a second
	admit(quiet, true)()
	now = now.Add(time.Second)
	admit(noisy, true)()
	admit(&auth.Principal{Issuer: "other", Client: "noisy"}, true)()
	var none *auth.Fairness
	if _, err := none.Admit(noisy); err != nil {
		t.Error(err)
	}
}
