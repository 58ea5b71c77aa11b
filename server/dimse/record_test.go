package dimse_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"lightbox/conformance/validate"
	protocol "lightbox/dicom/dimse"
	"lightbox/server/dimse"
	"lightbox/server/ingest/ingesttest"
)

// canary is a number that no AuditEvent may hold.
const canary = "CANARY-4711"

// Each study that an association brings is on record once, with who sent it and whose it is, and each refusal; nothing of what was sent is.
func TestAssociationsAreOnRecord(t *testing.T) {
	peers := map[string]dimse.Peer{"ONE": {Owner: "Organization/one", Bound: true}, "TWO": {Owner: "Organization/two", Bound: true}}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			h := start(t, open, dimse.Limits{Object: 1 << 20}, peers)
			sends := func(title string, want uint16, objects ...[2]string) {
				t.Helper()
				a, err := h.call(t, title, storage)
				if err != nil {
					t.Fatal(err)
				}
				for _, o := range objects {
					if got := send(t, a, ctStorage, o[1], data(o[0], o[1], canary)); got != want {
						t.Errorf("%s: %04X, want %04X", o[1], got, want)
					}
				}
				if err := a.Release(); err != nil {
					t.Error(err)
				}
			}
			two := [][2]string{{"1.2.3", "1.2.3.1.1"}, {"1.2.4", "1.2.4.1.1"}, {"1.2.3", "1.2.3.1.2"}, {"1.2.4", "1.2.4.1.2"}}
			sends("ONE", 0, two...)
			sends("ONE", 0, two[0], two[2]) // once more: another association
			sends("TWO", 0x0124, [2]string{"1.2.3", "1.2.3.1.3"})
			if _, err := h.call(t, "STRANGER", storage); !errors.Is(err, protocol.CallingNotRecognized) {
				t.Error("who is not known may call:", err)
			}
			one, err := h.call(t, "ONE", storage)
			if err != nil {
				t.Fatal(err)
			}
			if got := send(t, one, ctStorage, "1.2.3.1.9", data("1.2.3", "1.2.3.1.8", canary)); got != 0xA900 {
				t.Errorf("%04X", got)
			}
			if got := send(t, one, ctStorage, "1.2.3.1.6", append(data("1.2.3", "1.2.3.1.6", canary), make([]byte, 2<<20)...)); got != 0xA700 {
				t.Errorf("%04X", got)
			}
			first, second := h.Mapper.StudyID("1.2.3"), h.Mapper.StudyID("1.2.4")
			want := []string{
				"110104 C 0 by ONE of Organization/one on ImagingStudy/" + first + " of a patient",
				"110104 C 0 by ONE of Organization/one on ImagingStudy/" + first + " of a patient",
				"110104 C 0 by ONE of Organization/one on ImagingStudy/" + second + " of a patient",
				"110104 C 4 foreign-study by TWO of Organization/two on ImagingStudy/" + first,
				"110104 C 4 mismatch by ONE of Organization/one",
				"110104 C 4 too-large by ONE of Organization/one",
				"110113 E 8 calling-ae-title by STRANGER",
			}
			if diff := cmp.Diff(want, h.told(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// told are the AuditEvents in a line each, sorted; each is valid, from here, holds nothing of what was sent, and the chain of records is whole.
func (h hub) told(t *testing.T) (lines []string) {
	t.Helper()
	check := validate.New()
	for _, r := range ingesttest.AuditEvents(t, h.Pipeline) {
		if issues := check(r.Body); len(issues) > 0 || strings.Contains(string(r.Body), canary) {
			t.Errorf("%v\n%s", issues, r.Body)
		}
		e := gjson.ParseBytes(r.Body)
		if at := e.Get(`agent.#(type.coding.0.code=="110153").network.address`).Str; at != "127.0.0.1" {
			t.Errorf("from %q: %s", at, r.Body)
		}
		line := []string{e.Get("type.code").Str, e.Get("action").Str, e.Get("outcome").Str}
		add := func(word, value string) {
			if value != "" {
				line = append(line, strings.TrimSpace(word+" "+value))
			}
		}
		add("", e.Get("outcomeDesc").Str)
		add("by", e.Get(`agent.#(who.identifier.system=="urn:lightbox:ae-title").who.identifier.value`).Str)
		add("of", e.Get(`agent.#(type.coding.0.code=="PROV").who.reference`).Str)
		add("on", e.Get(`entity.#(role.code=="4").what.reference`).Str)
		if strings.HasPrefix(e.Get(`entity.#(role.code=="1").what.reference`).Str, "Patient/") {
			add("of a", "patient")
		}
		lines = append(lines, strings.Join(line, " "))
	}
	slices.Sort(lines)
	return lines
}

// What a sender that was cut off has had acknowledged is on record, whatever becomes of the association.
func TestCutOffIsOnRecord(t *testing.T) {
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			h := start(t, open, dimse.Limits{}, map[string]dimse.Peer{"ANY": {}})
			for range 2 {
				a, err := h.call(t, "ANY", storage)
				if err != nil {
					t.Fatal(err)
				}
				if got := send(t, a, ctStorage, "1.2.3.1.1", data("1.2.3", "1.2.3.1.1", canary)); got != 0 {
					t.Fatalf("%04X", got)
				}
				_ = a.Abort(nil)
			}
			if list := h.told(t); len(list) != 2 || list[0] != list[1] {
				t.Errorf("%q", list)
			}
		})
	}
}
