package auth

import (
	"net/url"
	"slices"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

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
	return p.patientGrants(p.Patient, how, r)
}

// actingGrants: who acts for a patient reads what the patient reads, but for what labels hide, and what is on record of others who may act
// too.
func (p *Principal) actingGrants(patient string, how rule, r request) []search.Grant {
	if !r.reads() || how == disclosures { // which tells of what is restricted, and of what the patient looked for
		return nil
	}
	if r.resourceType == "Person" && strings.HasPrefix(p.FHIRUser, "Person/") { // of the hub's workings, who one is oneself
		return only(p.FHIRUser)
	}
	if r.resourceType != "RelatedPerson" {
		return p.acting(patient).narrow(p.patientGrants(patient, how, r), r)
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
		return p.labels().row(ofProgram, p.Roles, 0).narrow([]search.Grant{{All: true}}, r)
	}
	grants := []search.Grant{{Owner: p.Organization}}
	if r.resourceType == "Organization" && r.reads() {
		grants = append(grants, only(p.Organization)...)
	}
	return p.labels().row(ofPartner, p.Roles, 0).narrow(grants, r)
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
	return p.labels().row(ofClinician, p.Roles, 0).narrow(p.clinicianGrants(how, r), r)
}

// clinicianGrants are what a clinician sees but for labels. That there is an emergency opens whose data are seen, and nothing that a label keeps
// from who has the clinician's role: otherwise the word of one would open what was sealed against all. A role's row can lift it.
func (p *Principal) clinicianGrants(how rule, r request) []search.Grant {
	grants := []search.Grant{{Owner: p.Organization}}
	if how == workings {
		return grants
	}
	if r.reads() && how != directory {
		grants = append(grants, search.Grant{CareOf: p.Organization}, p.referred())
		for _, patient := range p.Emergency {
			grants = append(grants, search.Grant{Patient: patient})
		}
	}
	return append(grants, commons(how, r)...)
}

// referred: what orders and tasks refer to the own organisation, by name or, where it is a reading centre, to its specialties.
func (p *Principal) referred() search.Grant {
	return search.Grant{ReferredTo: p.Organization, ReferredAs: p.Reads.referrals()}
}

// ownGrants: the own data of a patient who logs in, and that of those whom the user acts for.
func (p *Principal) ownGrants(how rule, r request) (grants []search.Grant) {
	if strings.HasPrefix(p.FHIRUser, "Patient/") {
		grants = p.patientGrants(p.FHIRUser, how, r)
	}
	for _, patient := range p.Represents {
		for _, g := range p.actingGrants(patient, how, r) {
			if !g.Nobodys || !slices.ContainsFunc(grants, func(h search.Grant) bool { return h.Nobodys }) {
				grants = append(grants, g)
			}
		}
	}
	return grants
}

// patientGrants: the data of one patient and the directory entries that it points to.
func (p *Principal) patientGrants(patient string, how rule, r request) []search.Grant {
	if patient == "" || how == workings {
		return nil
	}
	switch {
	case how == directory:
		return commons(how, r)
	case how == disclosures && !r.reads():
		return nil
	}
	own := search.Grant{Patient: patient, Where: unaccepted()[r.resourceType], Release: p.release(r.resourceType)}
	grants := append([]search.Grant{own}, commons(how, r)...)
	return p.labels().row(ofPatient, nil, 0).narrow(grants, r)
}

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
