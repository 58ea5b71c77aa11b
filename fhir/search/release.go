package search

import (
	"math"
	"slices"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
)

// Release covers reports that are released to their patients, and what belongs to such a report, or to none. A report is that so long after it
// was issued, unless somebody has decided otherwise; one that nobody has signed is not, whatever was decided. What belongs to several reports
// is released with the first.
type Release struct {
	Hold   time.Duration // after DiagnosticReport.issued; Held
	Report bool          // the resources are reports themselves
	Where  []Clause      // what has to hold beside, unless somebody has released it expressly
}

// Held is Release.Hold of reports that somebody has to release.
const Held = time.Duration(math.MaxInt64)

// Part says that a resource belongs to a holder, or to what that belongs to. Both are "Type/id".
type Part struct{ Part, Holder string }

// held says, by type, which elements name what a resource holds.
var held = map[string][]string{
	"DiagnosticReport":  {"result.#.reference", "media.#.link.reference", "presentedForm.#.url"},
	"Observation":       {"hasMember.#.reference"},
	"DocumentReference": {"content.#.attachment.url"},
	"Media":             {"content.url"},
}

// PartTypes are the types of what belongs to reports.
func PartTypes() []string { return []string{"Binary", "DocumentReference", "Media", "Observation"} }

// Holds reports whether resources of a type may say what belongs to a report.
func Holds(resourceType string) bool { return held[resourceType] != nil }

// Parts returns what a resource says of what belongs to what: a report its results, images and forms; a group its members; a document its
// content, and the report that it is of (DocumentReference.context.related).
func Parts(r fhir.Resource) (parts []Part) {
	if r.Deleted {
		return nil
	}
	body := gjson.ParseBytes(r.Body)
	add := func(p Part) {
		if p.Part != p.Holder && !slices.Contains(parts, p) {
			parts = append(parts, p)
		}
	}
	for _, path := range held[r.Type] {
		for _, one := range written(body.Get(path)) {
			if part := localOf(one, PartTypes()); part != "" {
				add(Part{Part: part, Holder: r.Reference()})
			}
		}
	}
	if r.Type == "DocumentReference" {
		for _, one := range written(body.Get("context.related.#.reference")) {
			if report := localOf(one, []string{"DiagnosticReport"}); report != "" {
				add(Part{Part: r.Reference(), Holder: report})
			}
		}
	}
	return parts
}

func written(found gjson.Result) (list []string) {
	for _, one := range found.Array() {
		if one.Str != "" {
			list = append(list, one.Str)
		}
	}
	return list
}

// localOf returns "Type/id" of a reference to one of some types. One of a URL counts too: what is held back for another server's sake is no
// loss, and what is ours may be written so.
func localOf(reference string, types []string) string {
	ref, err := fhir.ParseReference(reference, "")
	if err != nil || ref.Kind != fhir.Local && ref.Kind != fhir.Absolute || !slices.Contains(types, ref.Type) {
		return ""
	}
	return ref.Type + "/" + ref.ID
}

// unsigned are the statuses of reports that nobody answers for.
var unsigned = []string{"registered", "partial", "preliminary"}

// Issued returns when a DiagnosticReport was issued, microseconds since 1970 UTC; when it came, where it does not say so; not signed where nobody
// answers for it.
func Issued(r fhir.Resource) (at int64, signed bool) {
	body := gjson.ParseBytes(r.Body)
	at = r.LastUpdated.UnixMicro()
	if issued, err := fhir.ParseSearchDate(body.Get("issued").Str); err == nil {
		at, _ = issued.Interval()
	}
	return at, !slices.Contains(unsigned, body.Get("status").Str)
}
