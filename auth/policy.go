package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"

	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// rule is how callers reach the resources of one type.
type rule int

const (
	denied      rule = iota // no row: nobody sees the type
	patientData             // data of one patient
	device                  // data of a patient when it is his, otherwise equipment that all may know of
	directory               // nobody's data: organisations, people and places that resources point to
	workings                // of those who run the hub and its sources: what was made of what, which record belongs with which
	disclosures             // who saw and did what: for auditors, and for patients where it was their record
)

// ruleOf is the policy: one row per resource type. A type without a row is seen by no one, and a test fails for it as soon as the
// registry serves it.
func ruleOf(resourceType string) rule {
	switch resourceType {
	case "Patient", "RelatedPerson",
		"ImagingStudy", "DiagnosticReport", "ServiceRequest", "Observation", "Procedure", "Condition", "Encounter",
		"Media", "DocumentReference", "Specimen", "BodyStructure", "List", "Task", "Consent",
		"Binary": // by its securityContext; one without is seen by its owner alone
		return patientData
	case "Device":
		return device
	case "Organization", "Practitioner", "PractitionerRole", "Location", "Endpoint":
		return directory
	case "Provenance", "Person", "Group":
		return workings
	case "AuditEvent":
		return disclosures
	}
	return denied
}

// Allows reports whether any scope covers the interaction on the type, before data is touched: a caller who is not allowed
// gets 403, one who is allowed and sees nothing gets 404 or an empty page. A scope that can never show anything, as
// patient/ without a launch patient, covers nothing.
func (p *Principal) Allows(i Interaction, resourceType string) bool {
	return len(p.Visible(i, resourceType).Grants) > 0
}

// Visible returns what the caller may see of a type by way of an interaction: the zero Filter (nothing) unless a rule and a
// scope say otherwise. For Create and Update it also is what the resource written must be covered by.
func (p *Principal) Visible(i Interaction, resourceType string) search.Filter {
	how := ruleOf(resourceType)
	if how == denied {
		return search.Filter{}
	}
	var f search.Filter
	for _, s := range p.covering(i, resourceType) {
		f.Grants = append(f.Grants, s.narrow(p.grants(s.Context, how, request{i, resourceType}))...)
	}
	return f
}

// request is what is asked for.
type request struct {
	interaction  Interaction
	resourceType string
}

// reads reports whether the request changes nothing.
func (r request) reads() bool { return r.interaction == Read || r.interaction == Search }

// Auditor is the role of who looks into what others saw and did.
const Auditor = "auditor"

// grants returns what scopes of one context give.
func (p *Principal) grants(context string, how rule, r request) []search.Grant {
	if how == disclosures && context != "patient" {
		return p.auditorGrants(r)
	}
	switch context {
	case "system":
		return p.systemGrants(r)
	case "user":
		return p.userGrants(how, r)
	case "patient":
		return p.launchGrants(how, r)
	}
	return nil
}

// Caller returns p as a store knows callers. Includes and chains go by what p may search.
func (p *Principal) Caller() store.Caller {
	return store.Caller{
		ID:     p.fingerprint(),
		Access: func(resourceType string) search.Filter { return p.Visible(Search, resourceType) },
	}
}

// fingerprint is a hash over all that decides what p may see. Each part is preceded by its length, so that no two principals
// give the same text.
func (p *Principal) fingerprint() string {
	parts := []string{p.Issuer, p.Subject, p.Client, p.Patient, p.FHIRUser, p.Organization}
	var scopes []string
	for _, s := range p.Scopes {
		scopes = append(scopes, s.String())
	}
	h := sha256.New()
	for _, list := range [][]string{parts, sorted(p.Roles), sorted(scopes), sorted(p.Represents), sorted(p.Emergency), sorted(p.Reads.referrals()),
		sorted(p.labelledFor())} {
		h.Write(binary.AppendUvarint(nil, uint64(len(list))))
		for _, part := range list {
			h.Write(binary.AppendUvarint(nil, uint64(len(part))))
			h.Write([]byte(part))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sorted returns the distinct texts in order.
func sorted(list []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(list)))
}

// Owners returns the organisations that own what the caller writes: the one that its token names. Nobody else can say so.
func (p *Principal) Owners() []string {
	if p.Organization == "" {
		return nil
	}
	return []string{p.Organization}
}

// Submits returns the organisation in whose name a backend service, a partner, writes; "" for other callers.
func (p *Principal) Submits() string {
	if !slices.ContainsFunc(p.Scopes, func(s Scope) bool { return s.Context == "system" }) {
		return ""
	}
	return p.Organization
}
