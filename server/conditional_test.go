package server_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/tidwall/gjson"

	"lightbox/fhir/store"
)

// Of many creates at once that say the same of what must not exist, one makes a resource and the others get it.
func TestConditionalCreateAtOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, open func(testing.TB) store.Store) {
		h := newHub(t, open(t), nil)
		h.settle(t)
		const clients = 64
		statuses, ids := make([]int, clients), make([]string, clients)
		var all sync.WaitGroup
		for i := range clients {
			all.Go(func() {
				header := http.Header{"Content-Type": {"application/fhir+json"}, "If-None-Exist": {"identifier=urn:x:mrn|Z-1"}}
				resp, body := h.do(t, "POST", "/Patient", "emr", header,
					strings.NewReader(`{"resourceType":"Patient","identifier":[{"system":"urn:x:mrn","value":"Z-1"}]}`))
				statuses[i], ids[i] = resp.StatusCode, gjson.GetBytes(body, "id").String()
			})
		}
		all.Wait()
		made := 0
		for i, status := range statuses {
			if status == http.StatusCreated {
				made++
			} else if status != http.StatusOK {
				t.Errorf("status %d", status)
			}
			if ids[i] == "" || ids[i] != ids[0] {
				t.Errorf("id %q, another client got %q", ids[i], ids[0])
			}
		}
		if made != 1 {
			t.Errorf("%d resources were made", made)
		}
	})
}
