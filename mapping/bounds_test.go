package mapping_test

import (
	"strings"
	"testing"

	"lightbox/mapping"
	"lightbox/mapping/hl7v2"
)

// TestMessagesAreBounded: what a message of many segments costs grows with its size, whichever they are.
func TestMessagesAreBounded(t *testing.T) {
	const n = 30_000
	report := "MSH|^~\\&|RIS|CITY|||20260601||ORU^R01|1|P|2.5\rPID|1||7\r"
	admission := strings.Replace(report, "ORU^R01", "ADT^A01", 1)
	for name, one := range map[string]string{
		"many in common, many reports": strings.Repeat("PV1|1\r", n) + strings.Repeat("OBR|1||F\r", n),
		"many studies":                 "OBR|1||F\r" + strings.Repeat("OBX|1|HD|^Study Instance UID||1.2.3\r", n),
		"many findings":                "OBR|1||F\r" + strings.Repeat("OBX|1|ED|x||^^^Base64^*||||||F\r", n),
		"many observations":            "OBR|1||F\r" + strings.Repeat("OBX|1|NM|1^A^LN||1|mm|||||F\r", n),
		"many asides":                  strings.Repeat("OBX|1|NM|1^A^LN||1|mm|||||F\r", n),
		"many orders":                  strings.Repeat("ORC|SC|1\r", n),
		"many lines":                   "OBR|1||F\r" + strings.Repeat("OBX|1|TX|||line||||||F\r", n),
		"many fields":                  "OBR" + strings.Repeat("|1", n*10),
	} {
		head := report
		if strings.HasPrefix(one, "OBX") {
			head = admission
		}
		message, err := hl7v2.Parse([]byte(head+one), hl7v2.Options{})
		if err != nil {
			t.Fatal(name, err)
		}
		var got mapping.Translation
		allocated := testing.AllocsPerRun(1, func() {
			if got, err = mapper(t).Message(message); err != nil {
				t.Fatal(name, err)
			}
		})
		if most := 400.0 * n; allocated > most {
			t.Errorf("%s: %.0f allocations, want at most %.0f", name, allocated, most)
		}
		if len(got.Issues) > 1001 {
			t.Errorf("%s: %d issues", name, len(got.Issues))
		}
	}
}
