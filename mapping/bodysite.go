package mapping

import (
	_ "embed"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

//go:embed bodyparts.tsv
var bodyPartsTSV string

// bodyParts is PS3.16 Annex L: BodyPartExamined (0018,0015) to SNOMED CT. DICOM may use these codes without a licence of
// SNOMED International; who takes them further may need one.
var bodyParts = codingTable(codeTable[r4.Coding]{
	name: "body-part", title: "Body part examined (PS3.16 Annex L) to SNOMED CT", target: sct, rows: readBodyParts(bodyPartsTSV),
})

func readBodyParts(tsv string) map[string]r4.Coding {
	m := map[string]r4.Coding{}
	for _, cells := range readTSV(tsv, 3) {
		if cells[1] != "" {
			m[cells[0]] = codingOf(sct, cells[1], cells[2])
		}
	}
	return m
}

// bodyPartAliases are spellings met in the field, and the term of Annex L that they mean.
var bodyPartAliases = map[string]string{
	"CERVICALSPINE": "CSPINE", "THORACICSPINE": "TSPINE", "LUMBARSPINE": "LSPINE", "LUMBAR": "LSPINE", "CARDIAC": "HEART",
}

// bodyPart codes a body part, or keeps its words without a code: R4's bodySite is a Coding, and raw text is not a code.
func (r *run) bodyPart(words string) r4.Coding {
	term := strings.NewReplacer(" ", "", "_", "", "-", "", ".", "").Replace(strings.ToUpper(words))
	if c, ok := translate(r.mapper, bodyParts, term); ok {
		return c
	}
	if c, ok := translate(r.mapper, bodyParts, bodyPartAliases[term]); ok {
		return c
	}
	r.doubt("unknown-body-part", "not in PS3.16 Annex L: kept as words")
	return r4.Coding{Display: &words}
}

// lateralities gives SNOMED CT (CID 244) for Laterality, ImageLaterality and FrameLaterality.
var lateralities = codingTable(codeTable[r4.Coding]{
	name: "laterality", title: "Laterality (PS3.3 0020,0060) to SNOMED CT", source: "", target: sct,
	rows: map[string]r4.Coding{
		"R": codingOf(sct, "24028007", "Right"),
		"L": codingOf(sct, "7771000", "Left"),
		"B": codingOf(sct, "51440002", "Bilateral"),
		"U": codingOf(sct, "66459002", "Unilateral"),
	},
})

func (r *run) laterality(term string) *r4.Coding {
	c, ok := translate(r.mapper, lateralities, strings.ToUpper(term))
	if !ok {
		r.doubt("unknown-code", "not a defined term of laterality: left out")
		return nil
	}
	return &c
}
