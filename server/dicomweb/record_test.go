package dicomweb_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"lightbox/server/dicomweb"
)

// What goes in and out by DICOMweb, and what is refused, is on record once its answer is there.
func TestDICOMwebIsOnRecord(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			h := start(t, open, dicomweb.Limits{})
			library(t, h)
			for _, path := range []string{"/studies?PatientID=P-1", "/studies/1.2.1", "/studies/1.2.1/metadata", "/studies/1.2.99"} {
				h.get(t, "emr", path)
			}
			contentType, body := related(t, image(t, "1.2.50", "1.2.50.1.1", 8))
			h.post(t, sent{who: "emr", path: "/studies", contentType: contentType, body: bytes.NewReader(body)})
			if err := h.audit.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			got := map[string]int{}
			for _, e := range h.resources(t, "AuditEvent") {
				b := gjson.ParseBytes(e.Body)
				of := "nobody"
				if b.Get(`entity.#(role.code=="1")`).Exists() {
					of = "a patient"
				}
				got[b.Get("type.code").Str+" "+b.Get("action").Str+" "+b.Get("outcome").Str+" of "+of]++
			}
			want := map[string]int{"110112 E 0 of a patient": 1, "110112 E 0 of nobody": 1, "110104 R 0 of a patient": 2, "110104 R 4 of nobody": 1, "110104 C 0 of a patient": 7} // six that were there before
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
