package server_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"

	"lightbox/fhir"
)

// The reference of the access matrix: what each principal may do, written from the rules and apart from package auth. One line of it
// says one rule.

// class is how the rules take a type.
type class int

const (
	clinical  class = iota // data of the patient whom it is about
	equipment              // Device: a patient's, else nobody's
	directory              // organisations, people and places
	workings               // of those who run the hub and its sources
	audited                // who saw and did what
)

func classOf(resourceType string) class {
	switch resourceType {
	case "Device":
		return equipment
	case "Organization", "Practitioner", "PractitionerRole", "Location", "Endpoint":
		return directory
	case "Provenance", "Person", "Group":
		return workings
	case "AuditEvent":
		return audited
	}
	return clinical
}

// reference answers for a world.
type reference struct{ *world }

// changes reports whether an interaction, by its letter of cruds, changes data.
func changes(letter string) bool { return strings.Contains("cud", letter) }

// contexts are those of the scopes that name an interaction on a type.
func (p *principal) contexts(letter, resourceType string) (list []string) {
	for scope := range strings.FieldsSeq(p.scope) {
		context, rest, clinical := strings.Cut(scope, "/")
		named, letters, _ := strings.Cut(rest, ".")
		if clinical && context != "launch" && (named == "*" || named == resourceType) && strings.Contains(letters, letter) {
			list = append(list, context)
		}
	}
	return list
}

// covers reports whether a scope covers an interaction on a type at all: else it is 403 before any data is looked at.
func (p *principal) covers(letter, resourceType string) bool {
	return slices.ContainsFunc(p.contexts(letter, resourceType), func(context string) bool {
		kind := classOf(resourceType)
		switch {
		case p.isRelative() && context != "system": // who acts for a patient, and only for whom the app was launched, reads
			return p.actsIn(context) && kind != workings && kind != audited && !changes(letter) // the record tells of what is labelled, and of what the patient looked for
		case kind == audited && changes(letter): // nobody writes what was seen and done
			return false
		case kind == audited && context != "patient": // an auditor reads it
			return slices.Contains(p.roles, "auditor")
		case context == "system":
			return true
		case context == "user": // clinicians of an organisation
			return strings.HasPrefix(p.fhirUser, "Practitioner/") && p.organization != ""
		case context == "patient": // a patient has no part in the workings, and does not write the directory
			return p.patient != "" && kind != workings && (kind != directory || !changes(letter))
		}
		return false
	})
}

// isRelative reports whether somebody has no rights but of whom they act for.
func (p *principal) isRelative() bool { return strings.HasPrefix(p.fhirUser, "RelatedPerson/") }

func (p *principal) actsIn(context string) bool {
	return p.acts != "" && (context == "user" || context == "patient" && p.acts == "Patient/"+p.patient)
}

// ordinary is the principal without what is theirs in an emergency: what they hand on, and write of patients, goes by that.
func (p *principal) ordinary() *principal {
	o := *p
	o.emergency = ""
	return &o
}

// reaches reports whether an interaction reaches a version of a resource: the rules hold for what it is now and for what it was then.
func (r reference) reaches(p *principal, letter string, k *kept, v version) bool {
	past := k.deleted || v.canary != k.current().canary
	return r.sees(p, letter, k) && slices.ContainsFunc(p.contexts(letter, k.Type), func(context string) bool {
		return r.within(p, context, letter, k, k.patient()) && r.within(p, context, letter, k, v.patient) && !(past && p.byContent(context, k))
	})
}

// byContent reports whether a context decides by what a resource says beside whose data it is: by a label, or by its id. Of those the
// current version is shown alone.
func (p *principal) byContent(context string, k *kept) bool {
	switch {
	case len(p.hidden[context]) > 0 && p.judged(context, k): // by a label
		return context == "system" || k.patient() != "" || k.kind == workings
	case context == "patient":
		return slices.Contains([]string{"Binary", "DiagnosticReport", "DocumentReference", "Media", "Observation", "Task"}, k.Type)
	case context == "system":
		return k.ref() == p.organization
	}
	return false
}

// judged reports whether labels count: not for the directory, and not for who looks into what others did.
func (p *principal) judged(context string, k *kept) bool {
	return k.kind != directory && (k.kind != audited || context == "patient")
}

// conceals reports whether a label of a resource hides it.
func (p *principal) conceals(context string, k *kept) bool {
	return p.judged(context, k) && slices.ContainsFunc(k.codes, func(code string) bool { return slices.Contains(p.hidden[context], code) })
}

// acting is the rules of who acts for a patient.
func (r reference) acting(p *principal, context, letter string, k *kept, patient string) bool {
	switch {
	case !p.actsIn(context), changes(letter), k.kind == workings:
		return false
	case k.kind == directory, k.kind == equipment && patient == "": // organisations, people and places; equipment of nobody
		return true
	case k.asserted, r.withholds(k): // not what the patient is not shown
		return false
	case k.Type == "RelatedPerson" && k.ref() != p.fhirUser: // nor others who may act
		return false
	}
	return patient == p.acts
}

// within is the rules of one context, for a resource that is a patient's data ("" for nobody's).
func (r reference) within(p *principal, context, letter string, k *kept, patient string) bool {
	read := !changes(letter)
	if p.conceals(context, k) {
		return false
	}
	if p.isRelative() && context != "system" {
		return r.acting(p, context, letter, k, patient)
	}
	switch context {
	case "system":
		switch {
		case k.kind == audited: // auditors alone
			return read && slices.Contains(p.roles, "auditor")
		case p.organization == "": // a backend service: everything
			return true
		case k.owner == p.organization: // a partner: what its organisation submitted
			return true
		}
		return read && k.ref() == p.organization // and the organisation itself
	case "user":
		switch {
		case k.kind == audited:
			return read && slices.Contains(p.roles, "auditor")
		case p.organization == "":
			return false
		case k.owner == p.organization: // what the organisation submitted, to read and to change
			return true
		case k.kind == workings || !read: // and of workings, or to change, nothing else
			return false
		case k.kind == directory: // organisations, people and places
			return true
		case k.kind == equipment && patient == "": // equipment
			return true
		case patient != "" && patient == p.emergency: // data of a patient in an emergency
			return true
		case slices.Contains(p.denied, patient): // not what a patient denies
			return false
		case slices.Contains(p.referred, patient): // data of patients who were referred to the organisation
			return true
		}
		return r.submitter(patient) == p.organization // data of patients whom the organisation submitted, whoever made it
	case "patient":
		mine := "Patient/" + p.patient
		switch {
		case k.kind == workings:
			return false
		case k.kind == audited: // what was done with the own record
			return read && patient == mine
		case k.kind == directory: // organisations, people and places
			return read
		case k.kind == equipment && patient == "": // equipment
			return read
		case k.asserted: // not what programs found and nobody accepted, nor the reading that it hastens
			return false
		case r.withholds(k): // nor reports before their time, and what belongs to them
			return false
		}
		return patient == mine // the own data
	}
	return false
}

// withholds reports whether a resource is kept from its patient: none of the reports that it is, or belongs to, is open; or it is labelled as
// not for the patient, and nobody has released it.
func (r reference) withholds(k *kept) bool {
	reports := []*kept{k}
	if k.Type != "DiagnosticReport" {
		if !slices.Contains([]string{"Binary", "DocumentReference", "Media", "Observation"}, k.Type) {
			return false
		}
		reports = r.reportsOf(k, map[string]bool{})
	}
	released := func(report *kept) bool { return report.decided == "released" && report.isSigned() }
	if slices.ContainsFunc(reports, released) {
		return false
	}
	return slices.Contains(k.codes, "NOPAT") || len(reports) > 0 && !slices.ContainsFunc(reports, r.isOpen)
}

func (k *kept) isSigned() bool { return !strings.Contains(k.current().body, `"status":"preliminary"`) }

// isOpen: a report is signed, not kept back, and its time has come, where there is one.
func (r reference) isOpen(report *kept) bool {
	return report.isSigned() && report.decided != "kept back" && (!r.delayed || strings.Contains(report.current().body, `"issued":"2020`))
}

// reportsOf are the reports that a resource belongs to: as a result or a member of one, an image, a form or a document, also of a report that
// was deleted since.
func (r reference) reportsOf(k *kept, met map[string]bool) (reports []*kept) {
	for _, holder := range r.sorted() {
		if met[holder.ref()] || !holder.holds(k.ref()) && !(k.Type == "DocumentReference" && holder.Type == "DiagnosticReport" && slices.Contains(k.links["related"], holder.ref())) {
			continue
		}
		if met[holder.ref()] = true; holder.Type == "DiagnosticReport" {
			reports = append(reports, holder)
			continue
		}
		reports = append(reports, r.reportsOf(holder, met)...)
	}
	return reports
}

// holds reports whether a resource names another as belonging to it.
func (k *kept) holds(ref string) bool {
	switch k.Type {
	case "DiagnosticReport":
		return slices.Contains(k.links["result"], ref) || slices.Contains(k.links["media"], ref) || strings.Contains(k.current().body, `"url":"`+ref+`"`)
	case "Observation":
		return slices.Contains(k.links["has-member"], ref)
	}
	return false
}

// decide is for clinicians and programs who may change reports: of reports of the organisation and of its patients. What was referred to them,
// or is seen in an emergency, is not theirs to release; and nobody's own is.
func (r reference) decide(p *principal, k *kept, release bool) int {
	who := *p.ordinary()
	who.referred = nil
	var contexts []string
	for _, context := range p.contexts("r", k.Type) {
		if context == "system" || context == "user" && strings.HasPrefix(p.fhirUser, "Practitioner/") && p.organization != "" {
			contexts = append(contexts, context)
		}
	}
	seen := slices.ContainsFunc(contexts, func(context string) bool {
		return !(k.deleted && p.byContent(context, k)) && r.within(&who, context, "r", k, k.patient())
	})
	switch {
	case !p.covers("u", k.Type), len(contexts) == 0:
		return http.StatusForbidden
	case !seen:
		return http.StatusNotFound
	case k.deleted:
		return http.StatusGone
	case release && !k.isSigned():
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

// submitter is the organisation that owns a Patient.
func (r reference) submitter(patient string) string {
	if k := r.all[patient]; k != nil && k.owner != "" {
		return k.owner
	}
	return "nobody"
}

// sees reports whether the current version is reached, deleted or not. A deletion says nothing by which it could be shown.
func (r reference) sees(p *principal, letter string, k *kept) bool {
	return p.covers(letter, k.Type) && slices.ContainsFunc(p.contexts(letter, k.Type), func(context string) bool {
		return !(k.deleted && p.byContent(context, k)) && r.within(p, context, letter, k, k.patient())
	})
}

// finds is sees of what is still there.
func (r reference) finds(p *principal, letter string, k *kept) bool {
	return k != nil && !k.deleted && r.sees(p, letter, k)
}

// shows reports whether a version may be shown by any interaction.
func (r reference) shows(p *principal, at sighting) bool {
	if p.forged != nil {
		return false
	}
	v := at.of.versions[at.version]
	return r.reaches(p, "r", at.of, v) || r.reaches(p, "s", at.of, v)
}

// unrestricted reports whether nothing of a type is hidden from a principal, who may be told then what is absent and what is deleted.
func (p *principal) unrestricted(letter, resourceType string) bool {
	return p.organization == "" && slices.Contains(p.contexts(letter, resourceType), "system") && p.covers(letter, resourceType) &&
		(len(p.hidden["system"]) == 0 || classOf(resourceType) == directory)
}

// login: who does not hold a token of ours is told so before all else.
func login(p *principal, otherwise int) int {
	if p.forged != nil {
		return http.StatusUnauthorized
	}
	return otherwise
}

// read: 403 without a scope, 404 for what is hidden as for what is absent, 410 for what is deleted and was visible.
func (r reference) read(p *principal, k *kept) int {
	switch {
	case !p.covers("r", k.Type):
		return http.StatusForbidden
	case !r.sees(p, "r", k):
		return http.StatusNotFound
	case k.deleted:
		return http.StatusGone
	}
	return http.StatusOK
}

// vread of the first version: both it and the current one must be visible. What was before a deletion stays to be read.
func (r reference) vread(p *principal, k *kept) int {
	switch {
	case !p.covers("r", k.Type):
		return http.StatusForbidden
	case !r.reaches(p, "r", k, k.versions[0]):
		return http.StatusNotFound
	}
	return http.StatusOK
}

// history of a resource: as read; of a deleted one it is told.
func (r reference) history(p *principal, k *kept) int {
	if status := r.read(p, k); status != http.StatusGone {
		return status
	}
	return http.StatusOK
}

var patientReference = regexp.MustCompile(`"reference":"(?:[^"]*/)?(Patient/[A-Za-z0-9.-]+)(?:/_history/[0-9]+)?"`)

var forOrganization = regexp.MustCompile(`"(?:owner|performer)":\[?\{"reference":"Organization/|"performerType":`)

var (
	order    = regexp.MustCompile(`"resourceType":"(?:ServiceRequest|Task)"`)
	decision = regexp.MustCompile(`"resourceType":"(?:Consent|RelatedPerson)"`)
)

// handsOn reports whether a body decides who else sees its patient: a consent, somebody who acts for them, and what refers them to an
// organisation, an order by who performs it, a task by whose it is, either by a specialty.
func handsOn(body string) bool {
	return decision.MatchString(body) || order.MatchString(body) && forOrganization.MatchString(body)
}

// refers reports whether a principal may write a body as far as the patients go that it refers to: those that are hidden are refused
// like those that are absent.
func (r reference) refers(p *principal, body string) bool {
	if p.unrestricted("r", "Patient") || p.unrestricted("s", "Patient") {
		return true
	}
	if p = p.ordinary(); handsOn(body) { // who was referred is not referred further, and nothing is decided of them
		p.referred = nil
	}
	for _, found := range patientReference.FindAllStringSubmatch(body, -1) {
		k := r.all[found[1]]
		if k == nil || k.deleted || !r.sees(p, "r", k) && !r.sees(p, "s", k) {
			return false
		}
	}
	return true
}

// create: the server stamps the organisation of the token as the owner; the new resource must be one that the principal may create.
func (r reference) create(p *principal, k *kept, body string) int {
	made := &kept{Type: k.Type, ID: "new", kind: k.kind, owner: p.organization, versions: []version{{body: body, patient: patientOf(body)}}}
	switch {
	case k.kind == audited:
		return http.StatusMethodNotAllowed
	case !p.covers("c", k.Type):
		return http.StatusForbidden
	case !r.refers(p, body):
		return http.StatusUnprocessableEntity
	case !r.sees(p, "c", made):
		return http.StatusForbidden
	}
	return http.StatusCreated
}

// patientOf is whose data a body is, by the table of types.
func patientOf(body string) string {
	res, err := fhir.Parse([]byte(body))
	if err != nil {
		panic(err)
	}
	if res.Type == "Patient" {
		return "Patient/new"
	}
	if m := moldOf(res.Type); m.subject != "" {
		element, _, _ := strings.Cut(strings.TrimPrefix(m.subject, `"`), `"`)
		found := regexp.MustCompile(`"` + element + `":\{"reference":"([^"]+)"`).FindStringSubmatch(body)
		if found != nil {
			return found[1]
		}
	}
	return ""
}

// ifNoneExist: what both search and read reach is the answer; what is hidden is no match.
func (r reference) ifNoneExist(p *principal, k *kept, body string) int {
	status := r.create(p, k, body)
	switch {
	case k.kind == audited, !p.covers("c", k.Type):
		return status
	case !r.conditional(p, "c", k):
		return http.StatusForbidden
	case r.matches(p, k):
		return http.StatusOK
	}
	return status
}

func (r reference) matches(p *principal, k *kept) bool {
	return r.finds(p, "r", k) && r.finds(p, "s", k)
}

// upsert: under an id of the client's choice only where nothing can be hidden from the client.
func (r reference) upsert(p *principal, k *kept) int {
	switch {
	case k.kind == audited:
		return http.StatusMethodNotAllowed
	case !p.covers("u", k.Type):
		return http.StatusForbidden
	case p.unrestricted("u", k.Type):
		return http.StatusCreated
	}
	return http.StatusNotFound
}

// update: what may not be changed is absent, even where it can be read; what the hub maps is changed by its sources alone; what comes
// out must be the principal's to change.
func (r reference) update(p *principal, k *kept, body string) int {
	switch {
	case k.kind == audited:
		return http.StatusMethodNotAllowed
	case !p.covers("u", k.Type):
		return http.StatusForbidden
	case k.deleted && p.unrestricted("u", k.Type):
		return http.StatusCreated
	case !r.finds(p, "u", k):
		return http.StatusNotFound
	}
	return r.changed(p, k, body)
}

// changed is what becomes of a change of a resource that the principal may change.
func (r reference) changed(p *principal, k *kept, body string) int {
	after := *k
	after.versions = []version{{body: body, patient: k.patient()}}
	if k.Type != "Patient" {
		after.versions[0].patient = patientOf(body)
	}
	switch {
	case k.mapped:
		return http.StatusConflict
	case !r.refers(p, body):
		return http.StatusUnprocessableEntity
	case !r.sees(p, "u", &after):
		return http.StatusForbidden
	}
	return http.StatusOK
}

// updateWhere: what matches and may not be changed is told as such; without a match it is a create.
func (r reference) updateWhere(p *principal, k *kept, body string) int {
	switch {
	case k.kind == audited:
		return http.StatusMethodNotAllowed
	case !r.conditional(p, "u", k):
		return http.StatusForbidden
	case !r.matches(p, k):
		return r.create(p, k, body)
	case !r.finds(p, "u", k):
		return http.StatusForbidden
	}
	return r.changed(p, k, body)
}

// patch: as update, of what is there; what is deleted is told to whom nothing is hidden from.
func (r reference) patch(p *principal, k *kept) int {
	switch {
	case k.kind == audited:
		return http.StatusMethodNotAllowed
	case !p.covers("u", k.Type):
		return http.StatusForbidden
	case k.deleted && p.unrestricted("u", k.Type):
		return http.StatusGone
	case !r.finds(p, "u", k):
		return http.StatusNotFound
	}
	return r.changed(p, k, k.current().body)
}

// patchWhere: without a match there is nothing to patch.
func (r reference) patchWhere(p *principal, k *kept) int {
	switch {
	case k.kind == audited:
		return http.StatusMethodNotAllowed
	case !r.conditional(p, "u", k):
		return http.StatusForbidden
	case !r.matches(p, k):
		return http.StatusNotFound
	case !r.finds(p, "u", k):
		return http.StatusForbidden
	}
	return r.changed(p, k, k.current().body)
}

// conditional reports whether scopes cover a conditional interaction.
func (r reference) conditional(p *principal, letter string, k *kept) bool {
	return p.covers(letter, k.Type) && p.covers("r", k.Type) && p.covers("s", k.Type)
}

// remove: what may not be deleted is absent; to delete again what one could delete is no error.
func (r reference) remove(p *principal, k *kept) int {
	switch {
	case k.kind == audited:
		return http.StatusMethodNotAllowed
	case !p.covers("d", k.Type):
		return http.StatusForbidden
	case !r.sees(p, "d", k):
		return http.StatusNotFound
	case k.mapped:
		return http.StatusConflict
	}
	return http.StatusNoContent
}

// removeWhere: what is hidden is no match, and no match is no error.
func (r reference) removeWhere(p *principal, k *kept) int {
	switch {
	case k.kind == audited:
		return http.StatusMethodNotAllowed
	case !r.conditional(p, "d", k):
		return http.StatusForbidden
	case !r.matches(p, k):
		return http.StatusNoContent
	case !r.finds(p, "d", k):
		return http.StatusForbidden
	case k.mapped:
		return http.StatusConflict
	}
	return http.StatusNoContent
}

// withdraw is for the organisation that sent the Task, and for whom nothing is hidden from.
func (r reference) withdraw(p *principal, k *kept) int {
	requester := k.links["requester"][0]
	switch {
	case !p.covers("u", "Task"):
		return http.StatusForbidden
	case !r.sees(p, "u", k):
		return http.StatusNotFound
	case k.deleted:
		return http.StatusGone
	case !p.unrestricted("u", "Task") && requester != p.organization:
		return http.StatusForbidden
	}
	return http.StatusOK
}
