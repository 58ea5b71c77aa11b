package dicomweb

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"lightbox/dicom"
)

// Conformance is section 4 of the conformance statement (PS3.2 2022 A.4), networking by DICOMweb (PS3.18), as Markdown.
func Conformance() string {
	var b strings.Builder
	print := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	limits := Limits{}.withDefaults()
	print("### 4.2.2 DICOMweb origin server\n\nAll services are below `/dicom-web`, under the same OAuth 2.0 access tokens as FHIR. What a token may not see is not there: 404.\n\n")
	print("#### Store (STOW-RS)\n\n`POST /studies`, `POST /studies/{study}`; `multipart/related; type=\"application/dicom\"`, or one object as `application/dicom`; the answer as `application/dicom+json` or `application/dicom+xml`. ")
	print("Up to %d objects by a request, of up to %d GiB each. Answered when objects and index are durable.\n\n", limits.Parts, limits.Part>>30)
	print("| Status | When |\n|---|---|\n| 200 | all objects are stored |\n| 202 | some are |\n| 409 | none is |\n\n| FailureReason (0008,1197) | When |\n|---|---|\n")
	for _, reason := range slices.SortedFunc(maps.Keys(failureReasons), func(a, b string) int {
		return strings.Compare(fmt.Sprintf("%04X %s", failureReasons[a], a), fmt.Sprintf("%04X %s", failureReasons[b], b))
	}) {
		print("| %04X | `%s` |\n", failureReasons[reason], reason)
	}
	print("| %04X | everything else |\n\n", processingFailure)
	print("#### Search (QIDO-RS)\n\n`GET /studies`, `/series`, `/instances`, `/studies/{study}/series`, `/studies/{study}/instances`, `/studies/{study}/series/{series}/instances`, as `application/dicom+json` or `application/dicom+xml`. ")
	print("`limit` is %d unless said, and at most %d; `offset` at most %d; at most %d keys. Wildcards, ranges of dates and times, lists of UIDs, `includefield`; `fuzzymatching` is answered with a warning.\n\n", defaultLimit, maxLimit, maxOffset, maxKeys)
	print("| Level | Matched | Always returned |\n|---|---|---|\n")
	for at, name := range []string{"Study", "Series", "Instance"} {
		keys := "any attribute of the object"
		if at < len(matched) {
			keys = strings.Join(matched[at], ", ")
		}
		var always []string
		for _, tag := range returned()[at] {
			always = append(always, dicom.Keyword(tag))
		}
		print("| %s | %s | %s |\n", name, keys, strings.Join(always, ", "))
	}
	print("\n#### Retrieve (WADO-RS)\n\nStudies, series and instances in the transfer syntax in which they are stored; their `/metadata` as JSON or XML; bulk data by the URIs that the metadata has; `/frames/{list}` as stored:\n\n")
	print("| Transfer syntax | Media type of a frame |\n|---|---|\n| uncompressed, little endian | %s |\n", octets)
	for _, uid := range slices.Sorted(maps.Keys(compressed)) {
		print("| %s %s | %s |\n", uid, dicom.UIDName(uid), compressed[uid])
	}
	print("| other encapsulated ones | %s |\n\n", octets)
	print("Nothing is transcoded. 406 answers where the frames are in no form that is accepted, cannot be told apart without decoding (deflated data sets, video, single-bit frames that do not end with a byte), or are big endian: they are had with the object.\n")
	return b.String()
}
