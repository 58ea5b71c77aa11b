package search

import (
	"slices"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
)

// referrals say, by type, what element brings a patient to which organisations' attention, and in which statuses it does not.
var referrals = map[string]struct {
	to   string
	over []string
}{
	"ServiceRequest": {"performer.#.reference", []string{"draft", "revoked", "entered-in-error"}},
	"Task":           {"owner.reference", []string{"draft", "rejected", "cancelled", "failed", "entered-in-error"}},
}

// Refers reports whether resources of a type may refer their patient to organisations.
func Refers(resourceType string) bool {
	_, ok := referrals[resourceType]
	return ok
}

// Referred returns the organisations, "Organization/<id>", that a resource refers its patient to: who is to perform an order, and who a
// task is for.
func Referred(r fhir.Resource) []string {
	rule, ok := referrals[r.Type]
	if !ok || r.Deleted {
		return nil
	}
	body := gjson.ParseBytes(r.Body)
	if slices.Contains(rule.over, body.Get("status").Str) {
		return nil
	}
	var organizations []string
	for _, one := range append(body.Get(rule.to).Array(), gjson.Result{}) {
		if ref, err := fhir.ParseReference(one.Str, ""); err == nil && ref.Kind == fhir.Local && ref.Type == "Organization" {
			if to := ref.Type + "/" + ref.ID; !slices.Contains(organizations, to) {
				organizations = append(organizations, to)
			}
		}
	}
	return organizations
}
