package search

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
)

// referrals say, by type, what element brings a patient to which organisations' attention, and in which statuses it does not. What is
// completed has been referred all the same. performerType is 0..1 of a ServiceRequest and 0..* of a Task.
var referrals = map[string]struct {
	to, types string
	over      []string
}{
	"ServiceRequest": {"performer", "performerType.coding", []string{"draft", "revoked", "entered-in-error"}},
	"Task":           {"owner", "performerType.#.coding|@flatten", []string{"draft", "rejected", "cancelled", "failed", "entered-in-error"}},
}

// Refers reports whether resources of a type may refer their patient to organisations.
func Refers(resourceType string) bool {
	_, ok := referrals[resourceType]
	return ok
}

// ToSpecialty is the key of what is referred to a specialty, "system|code": by a resource that names this organisation, or, where that is "",
// none. An empty specialty is that of a resource that says of none. See Referred.
func ToSpecialty(organization, specialty string) string { return organization + "|" + specialty }

// Referred returns whom a resource refers its patient to: who is to perform an order, and who a task is for. Of an organisation that it names
// these are
//
//	Organization/<id>              by name
//	Organization/<id>|             by name, where it is addressed to no specialty
//	Organization/<id>|system|code  by name, with a specialty that it is addressed to (performerType)
//
// and where it names none, "|system|code" of each specialty: it is for whoever does such work here. An organisation that is named in a way
// that leads to none of here, or a performer of whom it cannot be told what they are, counts as one that is named: what may be for somebody
// is not for all. No id of an organisation has a "|", and neither has a specialty (see IsSpecialty) but the one. Of more than
// maxSpecialties the first count.
func Referred(r fhir.Resource) []string {
	rule, ok := referrals[r.Type]
	if !ok || r.Deleted {
		return nil
	}
	body := gjson.ParseBytes(r.Body)
	if slices.Contains(rule.over, body.Get("status").Str) {
		return nil
	}
	addressed := body.Get("performerType").Exists()
	specialties := specialtiesOf(body.Get(rule.types))
	named, organizations := namedBy(body.Get(rule.to))
	if !named {
		organizations = []string{""}
	}
	var keys []string
	for _, organization := range organizations {
		if organization != "" {
			keys = append(keys, organization)
		}
		if organization != "" && !addressed {
			keys = append(keys, ToSpecialty(organization, ""))
		}
		for _, one := range specialties {
			keys = append(keys, ToSpecialty(organization, one))
		}
	}
	return keys
}

// namedBy returns the organisations of here among performers; named where any is, of here or not.
func namedBy(performers gjson.Result) (named bool, organizations []string) {
	for _, one := range performers.Array() {
		ref, err := fhir.ParseReference(one.Get("reference").Str, "")
		kind := one.Get("type").Str
		if err == nil && ref.Type != "" {
			kind = ref.Type
		}
		if kind != "Organization" && kind != "" {
			continue
		}
		named = true
		if to := ref.Type + "/" + ref.ID; err == nil && ref.Kind == fhir.Local && !slices.Contains(organizations, to) {
			organizations = append(organizations, to)
		}
	}
	return named, organizations
}

// Each specialty is a row of an index for each organisation that is named beside it.
const (
	maxSpecialties = 16
	maxSpecialty   = 500 // bytes
)

// specialtiesOf returns "system|code" of codings.
func specialtiesOf(codings gjson.Result) (all []string) {
	for _, coding := range codings.Array() {
		one := coding.Get("system").Str + "|" + coding.Get("code").Str
		if IsSpecialty(one) && !slices.Contains(all, one) && len(all) < maxSpecialties {
			all = append(all, one)
		}
	}
	return all
}

// IsSpecialty reports whether a text is "system|code" as Referred has it: an absolute URI, and a code as FHIR R4 datatypes.html#code says.
func IsSpecialty(text string) bool {
	system, code, _ := strings.Cut(text, "|")
	u, err := url.Parse(system)
	return err == nil && u.Scheme != "" && len(text) <= maxSpecialty && codePattern.MatchString(code)
}

var codePattern = regexp.MustCompile(`^[^\s|\x00-\x1f\x7f]+(?: [^\s|\x00-\x1f\x7f]+)*$`)
