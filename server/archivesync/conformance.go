package archivesync

import (
	"fmt"
	"strings"

	"lightbox/dicom"
	"lightbox/dicom/dimse"
)

// Conformance is the part of the conformance statement about archives that are read by DIMSE (PS3.2 2022 A.4.2), as Markdown.
func Conformance() string {
	var b strings.Builder
	print := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	print("### 4.2.3 Archive reader\n\nReads an archive that speaks nothing newer (`lightbox sync --from dicom://AET@HOST:PORT --copy`, `lightbox serve --archives`).\n\n")
	print("| SOP class | UID | SCU | SCP |\n|---|---|---|---|\n")
	for _, uid := range []string{dimse.StudyRootFind, dimse.StudyRootGet, dimse.StudyRootMove} {
		print("| %s | %s | yes | no |\n", dicom.UIDName(uid), uid)
	}
	print("| storage SOP classes, as below | | no | yes, on the association of a C-GET, with the SCP role negotiated |\n")
	print("| any storage SOP class | | no | yes, at the address of a C-MOVE, from the archive that was asked alone |\n\n")
	print("| Level | Keys that are matched | Keys that are asked for |\n|---|---|---|\n")
	print("| STUDY | StudyDate, by range | StudyInstanceUID, NumberOfStudyRelatedInstances |\n")
	print("| SERIES | StudyInstanceUID | SeriesInstanceUID |\n| IMAGE | StudyInstanceUID, SeriesInstanceUID | SOPInstanceUID, SOPClassUID |\n\n")
	print("All studies are asked for; where that is more than %d, spans of dates, down to a day. A study whose number of instances is that of the hub is not looked into. "+
		"A study without a date is found only where all are few enough.\n\n", mostOfSpan)
	print("Objects are retrieved at the level IMAGE, up to %d at a time, each transfer syntax proposed in a context of its own so that they come as they are stored. What the archive lists and "+
		"does not send is told (`lightbox queue`). Where it does not tell of which SOP class its objects are, these are proposed, one association after the other:\n\n", getBatch)
	for _, uid := range storageClasses {
		print("- %s %s\n", uid, dicom.UIDName(uid))
	}
	print("\nin these transfer syntaxes:\n\n")
	for _, uid := range objectSyntaxes {
		print("- %s %s\n", uid, dicom.UIDName(uid))
	}
	print("\n")
	return b.String()
}
