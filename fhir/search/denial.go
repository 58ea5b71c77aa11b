package search

import (
	"math"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
)

// Denial is what a Consent says against organisations that would see the patient's data because the patient is in their care. What an
// organisation submitted itself it goes on to see.
type Denial struct {
	Organization string // "Organization/<id>"; Everyone
	Permits      bool   // an exception from a denial to everyone of the same Consent
	Low, High    int64  // within which it holds, microseconds since 1970 UTC
}

// Everyone is Denial.Organization of a denial to all.
const Everyone = "*"

// Denials returns what a resource denies: an active Consent whose root provision denies, to the organisations that are its actors or to
// everyone where it names no actor, but for those that an inner provision permits; and inner provisions of a permission that deny to
// actors. FHIR R4 consent.html#6.2.3
func Denials(r fhir.Resource) []Denial {
	if r.Type != "Consent" || r.Deleted {
		return nil
	}
	body := gjson.ParseBytes(r.Body)
	root := body.Get("provision")
	if body.Get("status").Str != "active" || !root.Exists() {
		return nil
	}
	var all []Denial
	denies := root.Get("type").Str == "deny"
	if denies {
		all = deny(root, Everyone)
	}
	for _, inner := range root.Get("provision").Array() {
		switch kind := inner.Get("type").Str; {
		case denies && kind == "permit" && !IsNarrow(inner):
			for _, d := range deny(inner, "") {
				d.Permits = true
				all = append(all, d)
			}
		case !denies && kind == "deny":
			all = append(all, deny(inner, "")...)
		}
	}
	return all
}

// deny returns the denials of one provision, to whoever stands for no actor at all.
func deny(provision gjson.Result, nobody string) []Denial {
	low, high := span(provision.Get("period"))
	actors := provision.Get("actor").Array()
	if len(actors) == 0 {
		if nobody == "" {
			return nil
		}
		return []Denial{{Organization: nobody, Low: low, High: high}}
	}
	var all []Denial
	for _, actor := range actors {
		ref, err := fhir.ParseReference(actor.Get("reference.reference").Str, "")
		if err == nil && ref.Kind == fhir.Local && ref.Type == "Organization" {
			all = append(all, Denial{Organization: ref.Type + "/" + ref.ID, Low: low, High: high})
		}
	}
	return all
}

// IsNarrow reports whether a provision of a Consent is about less than all of a patient's data to be seen for any purpose: a permission to
// less is none to all.
func IsNarrow(provision gjson.Result) bool {
	for _, element := range []string{"securityLabel", "purpose", "class", "code", "dataPeriod", "data", "provision"} {
		if provision.Get(element).Exists() {
			return true
		}
	}
	actions := provision.Get("action.#.coding|@flatten|#.code").Array()
	return len(actions) > 0 && !slices.ContainsFunc(actions, func(code gjson.Result) bool { return code.Str == "access" || code.Str == "disclose" })
}

// span is that of a Period; an absent end, and one that cannot be read, is open: a denial lasts rather too long.
func span(p gjson.Result) (low, high int64) {
	low, high = math.MinInt64, math.MaxInt64
	if d, err := fhir.ParseSearchDate(p.Get("start").Str); err == nil {
		low, _ = d.Interval()
	}
	if d, err := fhir.ParseSearchDate(p.Get("end").Str); err == nil {
		_, high = d.Interval()
	}
	return low, high
}

// IsPatient reports whether a reference, as stores keep it, is of a patient here.
func IsPatient(reference string) bool { return strings.HasPrefix(reference, "Patient/") }
