package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"lightbox/auth"
	"lightbox/fhir/store"
)

// A parent acts for a child until midnight of the birthday on which it is of age, whatever was true when the parent logged in; nobody acts for
// who has died, or beyond the period of what they are.
func TestActingEnds(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(testing.TB) store.Store) {
		h := newHub(t, open(t), nil)
		h.settle(t)
		h.put(t, "Patient/child", []byte(`{"resourceType":"Patient","id":"child","birthDate":"2015-07-01"}`))
		mother := `{"resourceType":"RelatedPerson","id":"mother","patient":{"reference":"Patient/child"},"relationship":[{"coding":[{"code":"MTH"}]}]PERIOD}`
		now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		h.now = func() time.Time { return now }
		for _, c := range []struct {
			name, period, child string
			at                  time.Time
			want                int
		}{
			{"a child", "", "", now, http.StatusOK},
			{"a second before it is of age", "", "", time.Date(2033, 6, 30, 23, 59, 59, 0, time.UTC), http.StatusOK},
			{"of age", "", "", time.Date(2033, 7, 1, 0, 0, 0, 0, time.UTC), http.StatusForbidden},
			{"born in a month", "", `,"birthDate":"2008-11"`, now, http.StatusForbidden},
			{"of unknown age", "", `,"gender":"female"`, now, http.StatusForbidden},
			{"no mother any more", `,"period":{"end":"2026-10-31"}`, "", now, http.StatusForbidden},
			{"not yet", `,"period":{"start":"2026-11-02"}`, "", now, http.StatusForbidden},
			{"today still", `,"period":{"start":"2026-01-01","end":"2026-11-01"}`, "", now, http.StatusOK},
			{"dead", "", `,"birthDate":"2015-07-01","deceasedBoolean":true`, now, http.StatusForbidden},
		} {
			t.Run(c.name, func(t *testing.T) {
				child := c.child
				if child == "" {
					child = `,"birthDate":"2015-07-01"`
				}
				h.put(t, "Patient/child", []byte(`{"resourceType":"Patient","id":"child"`+child+`}`))
				h.put(t, "RelatedPerson/mother", []byte(strings.Replace(mother, "PERIOD", c.period, 1)))
				now = c.at
				if resp, body := h.do(t, "GET", "/Patient/child", "mother", nil, nil); resp.StatusCode != c.want {
					t.Errorf("%s: %s", resp.Status, body)
				}
			})
		}
	})
}

// What an emergency opens ends by itself.
func TestEmergencyEnds(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(testing.TB) store.Store) {
		h := newHub(t, open(t), nil)
		h.settle(t)
		body := `{"resourceType":"Parameters","parameter":[{"name":"patient","valueString":"Patient/anna"},{"name":"reason","valueString":"unconscious, after an accident"}]}`
		header := http.Header{"Content-Type": {"application/fhir+json"}}
		if resp, answer := h.do(t, "POST", "/Patient/$break-glass", "emergency", header, strings.NewReader(body)); resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status, string(answer))
		}
		began := time.Now()
		for after, want := range map[time.Duration]int{0: http.StatusOK, auth.EmergencyLife - time.Minute: http.StatusOK, auth.EmergencyLife + time.Minute: http.StatusNotFound} {
			h.now = func() time.Time { return began.Add(after) }
			if resp, _ := h.do(t, "GET", "/Patient/anna", "emergency", nil, nil); resp.StatusCode != want {
				t.Errorf("after %s: %s, want %d", after, resp.Status, want)
			}
		}
	})
}
