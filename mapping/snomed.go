package mapping

import (
	_ "embed"
	"sync"
)

// snomedRT is the table of PS3.16 Annex O: codes of SNOMED-RT, which DICOM retired and older equipment still sends, to SNOMED CT.
// Abdomen, chest and pelvis have the concepts that Annex L gives today, so that one region has one code.
//
//go:embed snomedrt.tsv
var snomedRTTSV string

var snomedRT = wordTable(codeTable[string]{
	name: "snomed-rt", title: "SNOMED-RT (PS3.16 Annex O) to SNOMED CT", source: "http://snomed.info/srt", target: sct,
	load: sync.OnceValue(func() map[string]string {
		m := map[string]string{}
		for _, cells := range readTSV(snomedRTTSV, 2) {
			m[cells[0]] = cells[1]
		}
		return m
	}),
})

// currentCode translates a code of SNOMED-RT to SNOMED CT where the table knows it; others stay as they came.
func currentCode(table map[string]string, value, scheme string) (string, string) {
	switch scheme {
	case "SRT", "SNM3", "99SDM":
		if current, ok := table[value]; ok {
			return current, "SCT"
		}
	}
	return value, scheme
}
