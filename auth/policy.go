package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"sync"

	"lightbox/fhir"
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

// launchGrants: the launch patient's data, for whoever launched the app: the patient, or who acts for them, who only reads. An app that
// a clinician launched sees of that patient what the clinician sees.
func (p *Principal) launchGrants(how rule, r request) []search.Grant {
	kind, _, _ := strings.Cut(p.FHIRUser, "/")
	switch {
	case p.Patient == "":
		return nil
	case actsForPatients(p.FHIRUser) && p.FHIRUser != p.Patient:
		return p.actingGrants(p.Patient, how, r)
	case kind == "Practitioner" || kind == "PractitionerRole":
		return p.clinicianLaunch(how, r)
	}
	return patientGrants(p.Patient, how, r)
}

// actingGrants: who acts for a patient reads what the patient reads, but for what is labelled restricted, and what is on record of others who
// may act too.
func (p *Principal) actingGrants(patient string, how rule, r request) []search.Grant {
	if !r.reads() {
		return nil
	}
	if r.resourceType == "Person" && strings.HasPrefix(p.FHIRUser, "Person/") { // of the hub's workings, who one is oneself
		return only(p.FHIRUser)
	}
	if r.resourceType != "RelatedPerson" {
		return unrestricted(patientGrants(patient, how, r), r.resourceType)
	}
	if !strings.HasPrefix(p.FHIRUser, "RelatedPerson/") {
		return nil
	}
	var own []search.Grant
	for _, g := range only(p.FHIRUser) {
		own = append(own, search.Grant{Patient: patient, Where: g.Where})
	}
	return own
}

// unrestricted leaves out of a patient's data what is labelled as more than normally confidential (HL7 v3 Confidentiality R and V): the patient
// sees it, who acts for the patient does not. What has no label counts as normal.
func unrestricted(grants []search.Grant, resourceType string) []search.Grant {
	for i, g := range grants {
		if !g.Nobodys {
			grants[i].Where = append(slices.Clone(g.Where), notLabelled()[resourceType]...)
		}
	}
	return grants
}

const confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality|"

// notLabelled is that a resource of a type has neither label.
var notLabelled = sync.OnceValue(func() map[string][]search.Clause {
	of := map[string][]search.Clause{}
	for _, t := range fhir.R4().Types() {
		q, err := search.Parse(fhir.R4(), t.Name, url.Values{"_security:not": {confidentiality + "R," + confidentiality + "V"}}, search.Options{Strict: true})
		if err != nil {
			panic(err) // the parameter is of every type
		}
		of[t.Name] = q.Where
	}
	return of
})

// clinicianLaunch narrows what a clinician sees to the launch patient.
func (p *Principal) clinicianLaunch(how rule, r request) []search.Grant {
	var narrowed []search.Grant
	for _, g := range p.userGrants(how, r) {
		if !g.Nobodys {
			g.Patient = p.Patient
		}
		narrowed = append(narrowed, g)
	}
	return narrowed
}

// systemGrants: a backend service sees everything; one that is bound to an organisation (a partner) sees what that
// organisation submitted, and the organisation itself.
func (p *Principal) systemGrants(r request) []search.Grant {
	if p.Organization == "" {
		return []search.Grant{{All: true}}
	}
	grants := []search.Grant{{Owner: p.Organization}}
	if r.resourceType == "Organization" && r.reads() {
		grants = append(grants, only(p.Organization)...)
	}
	return grants
}

// auditorGrants: an auditor sees what everybody did, a patient who logs in as such what was done with the own record. Nobody
// writes it.
func (p *Principal) auditorGrants(r request) []search.Grant {
	switch {
	case !r.reads():
		return nil
	case slices.Contains(p.Roles, Auditor):
		return []search.Grant{{All: true}}
	case actsForPatients(p.FHIRUser):
		return p.ownGrants(disclosures, r)
	}
	return nil
}

// userGrants: a clinician reads the data of the patients of the own organisation, wherever it was made, and changes only what
// that organisation submitted; a patient who logs in as such has what patient/ scopes give. Being a patient or a relative
// comes before any organisation that the token may name as well.
func (p *Principal) userGrants(how rule, r request) []search.Grant {
	userType, _, _ := strings.Cut(p.FHIRUser, "/")
	switch {
	case userType == "Patient" || userType == "RelatedPerson" || userType == "Person":
		return p.ownGrants(how, r)
	case p.Organization == "":
		return nil
	}
	grants := []search.Grant{{Owner: p.Organization}}
	if how == workings {
		return grants
	}
	if r.reads() && how != directory {
		grants = append(grants, search.Grant{CareOf: p.Organization}, search.Grant{ReferredTo: p.Organization})
		for _, patient := range p.Emergency {
			grants = append(grants, search.Grant{Patient: patient})
		}
	}
	return append(grants, commons(how, r)...)
}

// ownGrants: the own data of a patient who logs in, and that of those whom the user acts for.
func (p *Principal) ownGrants(how rule, r request) (grants []search.Grant) {
	if strings.HasPrefix(p.FHIRUser, "Patient/") {
		grants = patientGrants(p.FHIRUser, how, r)
	}
	for _, patient := range p.Represents {
		for _, g := range p.actingGrants(patient, how, r) {
			if !g.Nobodys || len(grants) == 0 {
				grants = append(grants, g)
			}
		}
	}
	return grants
}

// patientGrants: the data of one patient and the directory entries that it points to.
func patientGrants(patient string, how rule, r request) []search.Grant {
	if patient == "" || how == workings {
		return nil
	}
	switch {
	case how == directory:
		return commons(how, r)
	case how == disclosures && !r.reads():
		return nil
	}
	return append([]search.Grant{{Patient: patient, Where: unreleased()[r.resourceType]}}, commons(how, r)...)
}

// Labels that keep a resource from its patient's own view, until who treats them releases it: what a program found and nobody has accepted
// (HL7 v3 ObservationValue), and what the patient shall not see alone (HL7 v3 ActCode).
const (
	asserted = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue|AIAST"
	nopat    = "http://terminology.hl7.org/CodeSystem/v3-ActCode|NOPAT"
)

// unreleased leaves out of a patient's own view, by type, what is not released: reports that nobody has signed, what belongs to them or is
// labelled so, and what programs assert. A physician sees them.
var unreleased = sync.OnceValue(func() map[string][]search.Clause {
	of := map[string][]search.Clause{}
	for resourceType, conditions := range map[string]url.Values{
		"DiagnosticReport":  {"_security:not": {nopat}, "status:not": {"registered,partial,preliminary"}},
		"Observation":       {"_security:not": {asserted + "," + nopat}},
		"Task":              {"_security:not": {asserted}},
		"DocumentReference": {"_security:not": {nopat}},
		"Binary":            {"_security:not": {nopat}},
		"Media":             {"_security:not": {nopat}},
	} {
		q, err := search.Parse(fhir.R4(), resourceType, conditions, search.Options{Strict: true})
		if err != nil {
			panic(err) // the parameters are of the types
		}
		of[resourceType] = q.Where
	}
	return of
})

// commons is what everyone may read, and nobody may change by it.
func commons(how rule, r request) []search.Grant {
	if how != device && how != directory || !r.reads() {
		return nil
	}
	return []search.Grant{{Nobodys: true}}
}

// only grants the one directory entry that reference names.
func only(reference string) []search.Grant {
	resourceType, id, _ := strings.Cut(reference, "/")
	q, err := search.Parse(fhir.R4(), resourceType, url.Values{"_id": {id}}, search.Options{Strict: true})
	if err != nil || len(q.Where) == 0 {
		return nil
	}
	return []search.Grant{{Nobodys: true, Where: q.Where}}
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
	for _, list := range [][]string{parts, sorted(p.Roles), sorted(scopes), sorted(p.Represents), sorted(p.Emergency)} {
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
