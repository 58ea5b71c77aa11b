package mapping

import (
	"slices"
	"strings"

	"lightbox/dicom"
	"lightbox/dicom/sr"
)

// conclusions are the concepts under which a document says what it concludes: sections and single statements (PS3.16 CID 7001, 7002).
var conclusions = []sr.Code{
	{Value: "121072", Scheme: "DCM"}, {Value: "121073", Scheme: "DCM"}, {Value: "121076", Scheme: "DCM"}, {Value: "121077", Scheme: "DCM"},
	{Value: "19005-8", Scheme: "LN"}, {Value: "55110-1", Scheme: "LN"},
}

func isConclusion(c sr.Code) bool {
	return slices.ContainsFunc(conclusions, func(one sr.Code) bool { return c.Is(one.Value, one.Scheme) })
}

// concluding walks the statements of a tree that stand in a conclusion.
func concluding(i *sr.Item, inside bool, visit func(*sr.Item)) {
	inside = inside || isConclusion(i.Concept)
	if inside {
		visit(i)
	}
	for _, child := range i.Children {
		concluding(child, inside, visit)
	}
}

// conclusion joins the texts of impressions and conclusions by blank lines.
func conclusion(_ *run, to *report, _ value) {
	var said []string
	concluding(to.version().sr.Root, false, func(i *sr.Item) {
		if s := clean(i.Text); i.ValueType == "TEXT" && s != "" {
			said = append(said, s)
		}
	})
	to.Conclusion = text(strings.Join(said, "\n\n"))
}

var pathConceptCode = dicom.MustPath("ConceptCodeSequence")

// conclusionCodes are the coded findings among them, but for those that are stated to be absent.
func conclusionCodes(r *run, to *report, v value) {
	concluding(to.version().sr.Root, false, func(i *sr.Item) {
		if i.ValueType != "CODE" || i.Relationship != "CONTAINS" && i.Relationship != "INFERRED FROM" {
			return
		}
		if isNegated(i) {
			r.remark("negated-finding", "a finding stated as absent is no conclusion code")
			return
		}
		for _, code := range items(v.root, i.Dataset.Items(pathConceptCode)) {
			if one, ok := r.concept(code); ok {
				to.ConclusionCode = append(to.ConclusionCode, one)
			}
		}
	})
}

// absent are the SNOMED CT values that negate a finding: Absent, Known absent, No, Negative, None.
var absent = []string{"2667000", "410516002", "373067005", "260385009", "260413007"}

func isNegated(i *sr.Item) bool {
	return slices.ContainsFunc(i.Children, func(child *sr.Item) bool {
		return child.ValueType == "CODE" && child.Code.Scheme == "SCT" && slices.Contains(absent, child.Code.Value)
	})
}

// languages are the coding schemes whose codes are those of BCP 47.
var languages = []string{"RFC5646", "RFC3066", "RFC1766", "ISO639_1"}

// reportLanguage reads TID 1204 (121049 Language of Content Item and Descendants) at the root.
func reportLanguage(r *run, to *report, _ value) {
	said := to.version().sr.Root.Child("121049", "DCM")
	switch {
	case said == nil:
	case slices.Contains(languages, said.Code.Scheme) && !strings.ContainsAny(said.Code.Value, " _"):
		to.Language = text(code(said.Code.Value))
	default:
		r.doubt("unknown-code", "the language is not given as a BCP 47 code: left out")
	}
}
