package mapping

import (
	"slices"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
	"lightbox/dicom/sr"
)

var (
	pathCompletion   = dicom.MustPath("CompletionFlag")
	pathVerification = dicom.MustPath("VerificationFlag")
	pathPreliminary  = dicom.MustPath("PreliminaryFlag")
)

func (v version) flag(p dicom.Path) string { return strings.ToUpper(clean(v.Dataset.Text(p))) }

// reportStatus is the table of status: completion, verification and preliminary flag (PS3.3 C.17.2), and what was verified
// before.
func reportStatus(r *run, to *report, _ value) {
	v := to.version()
	completion, verification, preliminary := v.flag(pathCompletion), v.flag(pathVerification), v.flag(pathPreliminary)
	switch {
	case completion == "PARTIAL" && verification == "VERIFIED":
		r.doubt("illegal-status", "PARTIAL and VERIFIED exclude each other: preliminary")
		to.Status = r4.DiagnosticReportStatusPreliminary
	case completion == "PARTIAL":
		to.Status = r4.DiagnosticReportStatusPartial
	case verification == "VERIFIED" && preliminary == "PRELIMINARY":
		to.Status = r4.DiagnosticReportStatusPreliminary
	case verification == "VERIFIED":
		to.Status = verifiedStatus(to)
	case verification == "UNVERIFIED", completion == "COMPLETE":
		to.Status = r4.DiagnosticReportStatusPreliminary
	default:
		r.doubt("unknown-code", "the flags are not defined terms: status unknown")
	}
}

// verifiedStatus is final for the first verified version; a later one has amended it, or appended to it where an addendum
// stands beside unchanged content.
func verifiedStatus(to *report) r4.DiagnosticReportStatus {
	v := to.version()
	for i := to.at - 1; i >= 0; i-- {
		before := to.chain.versions[i]
		if !before.isVerified() || before.depth >= v.depth {
			continue
		}
		if hasAddendum(v.sr) && keepsContent(before.sr, v.sr) {
			return r4.DiagnosticReportStatusAppended
		}
		return r4.DiagnosticReportStatusAmended
	}
	return r4.DiagnosticReportStatusFinal
}

func hasAddendum(d *sr.Document) bool {
	if d == nil {
		return false
	}
	for i := range d.Root.All() {
		if i.Concept.Is("121078", "DCM") || i.Concept.Is("55107-7", "LN") {
			return true
		}
	}
	return false
}

// keepsContent reports whether every statement of a document still stands in its successor.
func keepsContent(before, after *sr.Document) bool {
	if before == nil || after == nil {
		return false
	}
	said := map[string]bool{}
	for _, s := range statements(after) {
		said[s] = true
	}
	return !slices.ContainsFunc(statements(before), func(s string) bool { return !said[s] })
}

func statements(d *sr.Document) []string {
	var list []string
	for i := range d.Root.All() {
		if i.ValueType != "CONTAINER" && i.Relationship == "CONTAINS" {
			list = append(list, join(i.Concept.Value, i.Text, i.Code.Value))
		}
	}
	return list
}
