package mllp_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tidwall/gjson"

	"lightbox/conformance/validate"
	"lightbox/server/ingest/ingesttest"
	"lightbox/server/mllp"
)

// Each message that is taken is on record once, with who sent it and whom it is about; so is one that is refused. Nothing that it says is.
func TestMessagesAreOnRecord(t *testing.T) {
	const head, tail = `MSH|^~\&|RIS|NORTH|HUB|CITY|20250102100000+0000||`, "|P|2.5.1\r"
	const person = "PID|1||CANARY-7^^^CITY^MR||CANARYNAME^Jane\r"
	messages := []string{
		head + "ADT^A08|C1" + tail + person,
		head + "ORU^R01^ORU_R01|C2" + tail + person + "OBR|1|P-1^RIS|F-1^RIS|CT1^Head^L|||||||||||||||||||||F\rOBX|1|TX|IMP^Impression^L||CANARYTEXT||||||F\r",
		head + "ORU^R01^ORU_R01|C2" + tail + person + "OBR|1|P-1^RIS|F-1^RIS|CT1^Head^L|||||||||||||||||||||F\rOBX|1|TX|IMP^Impression^L||CANARYTEXT||||||F\r", // again
		head + "ORM^O01|C3" + tail + person + "ORC|NW|P-2^RIS\rOBR|1|P-2^RIS||CT1^Head^L\r",
		head + "ADT^A40|C4" + tail + person + "MRG|CANARY-8^^^CITY^MR\r",
		head + "ORU^R01|C5" + tail + "OBR|1|CANARYTEXT\r",
		head + "CANARYTYPE^CANARYEVENT|C6" + tail + person,
		"CANARYTEXT and no message",
	}
	for name, open := range map[string]ingesttest.Open{"sqlite": onSQLite, "postgres": onPostgres} {
		t.Run(name, func(t *testing.T) {
			f := start(t, open, mllp.Limits{}, false)
			s := f.dial(t)
			for _, one := range messages {
				s.write(framed(one))
				s.answer()
			}
			want := []string{
				"110107 C 0 R01 by NORTH|RIS of 1 with a report",
				"110107 C 4  by  of ",
				"110107 C 4  by NORTH|RIS of ",
				"110107 C 4 R01 by NORTH|RIS of ",
				"110109 U 0 O01 by NORTH|RIS of 1",
				"110110 U 0 A08 by NORTH|RIS of 1",
				"110110 U 0 A40 by NORTH|RIS of 1",
				"110110 U 0 A40 by NORTH|RIS of 1", // one for each of the two
			}
			if diff := cmp.Diff(want, f.told(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// told are the AuditEvents in a line each, sorted.
func (f feed) told(t *testing.T) (lines []string) {
	t.Helper()
	check := validate.New()
	for _, r := range ingesttest.AuditEvents(t, f.hub) {
		if issues := check(r.Body); len(issues) > 0 || strings.Contains(string(r.Body), "CANARY") {
			t.Errorf("%v\n%s", issues, r.Body)
		}
		e := gjson.ParseBytes(r.Body)
		line := strings.Join([]string{e.Get("type.code").Str, e.Get("action").Str, e.Get("outcome").Str, e.Get("subtype.0.code").Str,
			"by", e.Get(`agent.#(who.identifier.system=="urn:lightbox:hl7v2-sender").who.identifier.value`).Str,
			"of", e.Get(`entity.#(role.code=="1")#|#`).Raw}, " ")
		if strings.HasPrefix(e.Get(`entity.#(role.code=="4").what.reference`).Str, "DiagnosticReport/") {
			line += " with a report"
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}
