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

// Denials returns what a resource denies: an active Consent in which a provision denies, the root or one within at any depth, to the
// organisations that are its actors. Where it names no actor it is about those of the provision that it is in, and where none names any,
// about everyone; but for those that a permission within a denying root names. FHIR R4 consent.html#6.2.3
//
// What a provision is narrowed by (purpose, class, securityLabel, code, data, dataPeriod, action) is not weighed: it denies wholly, since
// what cannot be told apart is rather denied, and a permission that is narrowed permits nothing (IsNarrow). Actors that are no organisations
// are not kept out by it. Of one organisation there is one denial, for as long as any of them.
func Denials(r fhir.Resource) []Denial {
	if r.Type != "Consent" || r.Deleted {
		return nil
	}
	body := gjson.ParseBytes(r.Body)
	root := body.Get("provision")
	if body.Get("status").Str != "active" || !root.Exists() {
		return nil
	}
	var all denials
	all.deny(root, gjson.Result{}, 0)
	if root.Get("type").Str != "deny" || body.Get("modifierExtension").Exists() {
		return all
	}
	for _, inner := range root.Get("provision").Array() {
		if inner.Get("type").Str == "permit" && !IsNarrow(inner) {
			all.add(inner, inner.Get("actor"), true)
		}
	}
	return all
}

type denials []Denial

// maxProvisions is how deep provisions are read. What is deeper counts as a denial.
const maxProvisions = 16

// deny adds what a provision and those in it deny; actors are those of the nearest one around it that has some.
func (all *denials) deny(provision, actors gjson.Result, depth int) {
	if own := provision.Get("actor"); len(own.Array()) > 0 {
		actors = own
	}
	deepest := depth == maxProvisions
	switch denies := deepest || provision.Get("type").Str == "deny"; {
	case denies && len(actors.Array()) == 0:
		low, high := span(provision.Get("period"))
		all.put(Denial{Organization: Everyone, Low: low, High: high})
	case denies:
		all.add(provision, actors, false)
	}
	if deepest {
		return
	}
	for _, inner := range provision.Get("provision").Array() {
		all.deny(inner, actors, depth+1)
	}
}

// add adds a denial, or an exception, for each organisation among actors.
func (all *denials) add(provision, actors gjson.Result, permits bool) {
	low, high := span(provision.Get("period"))
	for _, actor := range actors.Array() {
		ref, err := fhir.ParseReference(actor.Get("reference.reference").Str, "")
		if err == nil && ref.Kind == fhir.Local && ref.Type == "Organization" {
			all.put(Denial{Organization: ref.Type + "/" + ref.ID, Permits: permits, Low: low, High: high})
		}
	}
}

// put adds one, or lengthens a denial that is there. Of two exceptions the first counts.
func (all *denials) put(d Denial) {
	n := slices.IndexFunc(*all, func(o Denial) bool { return o.Organization == d.Organization && o.Permits == d.Permits })
	switch {
	case n < 0:
		*all = append(*all, d)
	case !d.Permits:
		(*all)[n].Low, (*all)[n].High = min((*all)[n].Low, d.Low), max((*all)[n].High, d.High)
	}
}

// IsNarrow reports whether a provision of a Consent is about less than all of a patient's data to be seen for any purpose: a permission to
// less is none to all, and so is one that is modified in a way that nobody here knows.
func IsNarrow(provision gjson.Result) bool {
	for _, element := range []string{"securityLabel", "purpose", "class", "code", "dataPeriod", "data", "provision", "modifierExtension", "actor.#.modifierExtension|0"} {
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
