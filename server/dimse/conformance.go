package dimse

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"lightbox/dicom"
	"lightbox/dicom/dimse"
)

// Conformance is section 4 of the conformance statement (PS3.2 2022 A.4), networking by DIMSE, as Markdown.
func Conformance() string {
	var b strings.Builder
	print := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	limits := Limits{}.withDefaults()
	print("### 4.2.1 Storage AE\n\n#### SOP classes\n\n| SOP class | UID | SCU | SCP |\n|---|---|---|---|\n")
	print("| %s | %s | no | yes |\n", dicom.UIDName(verification), verification)
	print("| every storage SOP class | %s* | no | yes |\n", storageClasses)
	print("| private SOP classes | not under %s | no | yes |\n", standardRoot)
	print("| %s | %s | no | yes |\n\n", dicom.UIDName(commitment), commitment)
	print("#### Association policies\n\n| | |\n|---|---|\n| Application context | %s |\n", dimse.ApplicationContext)
	print("| Maximum PDU received | %d bytes |\n| Associations at a time | %d, then rejected for a while (%s) |\n", dimse.MaxPDU, limits.Associations, rejection(dimse.Congestion))
	print("| Asynchronous operations | not negotiated: one at a time |\n| Implementation class UID | %s |\n| Implementation version name | %s |\n", dimse.ImplementationClass, dimse.ImplementationVersion)
	print("| Silence within an association | %s, then aborted |\n| Size of an object | %d GiB |\n", limits.Idle, limits.Object>>30)
	print("| Called AE title unknown | %s |\n| Calling AE title unknown | %s |\n\n", rejection(dimse.CalledNotRecognized), rejection(dimse.CallingNotRecognized))
	print("#### Association initiation\n\nOnly to tell the result of a storage commitment (N-EVENT-REPORT, with the SCP role negotiated), to the address that the configuration has for the AE title that asked.\n")
	print("A result that cannot be told is tried again after %s, and then every hour, %d times in all. It survives a restart.\n\n", durations(reportDelays), giveUpAfter)
	print("#### Transfer syntaxes\n\nEvery transfer syntax of the standard under %s and every private one; of those proposed, the first that is taken. Not taken, as the object would not be whole:\n\n", transferSyntaxes)
	for _, uid := range untakenSyntaxes {
		print("- %s %s\n", uid, dicom.UIDName(uid))
	}
	print("\n#### Storage\n\nAn object is kept as it is sent, without coercion of any attribute (storage level 2, full). The answer is sent when object and index are durable.\n\n")
	print("| Status | When |\n|---|---|\n")
	for _, status := range storeStatuses {
		reasons := status.also
		for _, reason := range slices.Sorted(maps.Keys(statuses)) {
			if statuses[reason] == status.code {
				reasons = append(reasons, "`"+reason+"`")
			}
		}
		print("| %04X %s | %s |\n", status.code, status.name, strings.Join(reasons, ", "))
	}
	print("\nError Comment (0000,0902) has the reason. Whatever else is wrong with an object is %04X with its reason.\n\n", statusNotUnderstood)
	print("#### Storage commitment\n\nUp to %d objects by a request of up to %d MiB. Objects that are here are committed for as long as they are kept; others are told as failed: %04X where there is none of that UID, %04X where it is of another SOP class.\n\n",
		maxCommitted, maxRequest>>20, noSuchInstance, classConflict)
	print("| Status of N-ACTION | When |\n|---|---|\n| %04X | the request is on record |\n| %04X | another action than %d |\n| %04X | no transaction, no objects, or too many |\n| %04X | no address of the caller is configured |\n",
		statusSuccess, noSuchAction, requestCommit, invalidArgument, statusNotAuthorized)
	return b.String()
}

// storeStatuses are the statuses of C-STORE with their names in PS3.7 annex C and PS3.4 table B.2-1.
var storeStatuses = []struct {
	code uint16
	name string
	also []string
}{
	{statusSuccess, "Success", []string{"stored, or stored before with the same bytes"}},
	{statusProcessing, "Processing failure", []string{"a failure of the hub: to be sent again"}},
	{statusDuplicate, "Duplicate SOP Instance", nil},
	{statusNotAuthorized, "Refused: Not authorized", nil},
	{statusOutOfResources, "Refused: Out of resources", []string{"no space", "beyond the size limit"}},
	{statusMismatch, "Error: Data Set does not match SOP Class", []string{"the object is not the one that the command names"}},
	{statusNotUnderstood, "Error: Cannot understand", []string{"everything else"}},
}

func rejection(r dimse.Rejection) string {
	return fmt.Sprintf("A-ASSOCIATE-RJ result %d, source %d, reason %d", r.Result, r.Source, r.Reason)
}

func durations(list []time.Duration) string {
	var texts []string
	for _, d := range list[:len(list)-1] {
		texts = append(texts, d.String())
	}
	return strings.Join(texts, ", ")
}
