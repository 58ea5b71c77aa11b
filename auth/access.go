package auth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// Access finds out, at each request, what a token cannot say for long: whom its caller may act for, and what the caller's organisation reads.
// It is a Verifier.
//
// A RelatedPerson acts for its patient while it is active and within its period: as a parent or guardian, by its relationship, until
// the child comes of age; otherwise by an active Consent of the patient that names it. A Person acts for those of the RelatedPersons
// that it links. A patient whose record was merged into another is the other. None of it outlives the patient.
type Access struct {
	Verifier
	Store    store.Store
	Majority int            // age in years; default 18
	Zone     *time.Location // in which a day begins; default UTC
	Labels   *Labels        // what labels hide from whom; nil: the defaults
	Hold     time.Duration  // how long after it was issued patients see a report; search.Held: once it is released
	Clock    func() time.Time
	Reading  []ReadingCentre // what organisations read; of others, what they are asked to by name
}

// Verify implements Verifier.
func (a *Access) Verify(ctx context.Context, r *http.Request) (*Principal, error) {
	p, err := a.Verifier.Verify(ctx, r)
	if err != nil {
		return nil, err
	}
	return a.Resolve(ctx, p)
}

// Resolve returns the caller as far as they may act now. A launch patient whom they may not act for any more is left out.
func (a *Access) Resolve(ctx context.Context, p *Principal) (*Principal, error) {
	reads := a.reading(p.Organization)
	if a.Labels == nil && reads == nil && p.Patient == "" && !actsForPatients(p.FHIRUser) && !p.MayBreakGlass() {
		return p, nil
	}
	now := *p // p is shared
	now.Reads, now.Labels, now.Hold = reads, a.Labels, a.Hold
	var err error
	if p.MayBreakGlass() {
		if now.Emergency, err = a.emergency(ctx, p); err != nil {
			return nil, err
		}
	}
	if now.Patient, err = a.survivor(ctx, p.Patient); err != nil {
		return nil, err
	}
	if !actsForPatients(p.FHIRUser) {
		return &now, nil
	}
	if p.FHIRUser == p.Patient {
		now.FHIRUser = now.Patient
	} else if now.FHIRUser, err = a.survivor(ctx, p.FHIRUser); err != nil {
		return nil, err
	}
	if now.Represents, now.Ages, err = a.represented(ctx, now.FHIRUser); err != nil {
		return nil, err
	}
	if now.Patient != now.FHIRUser && !slices.Contains(now.Represents, now.Patient) {
		now.Patient = ""
	}
	return &now, nil
}

// actsForPatients reports whether a user is somebody who sees what they see as, or on behalf of, a patient.
func actsForPatients(user string) bool {
	switch kind, _, _ := strings.Cut(user, "/"); kind {
	case "Patient", "RelatedPerson", "Person":
		return true
	}
	return false
}

// represented returns the patients whom a user acts for beside themselves, and their ages.
func (a *Access) represented(ctx context.Context, user string) (patients []string, ages map[string]int, err error) {
	people, err := a.roles(ctx, user)
	for _, one := range people {
		res, ok, actsErr := a.actsFor(ctx, one)
		patient := res.Reference()
		if err = errors.Join(err, actsErr); !ok || patient == user || slices.Contains(patients, patient) {
			continue
		}
		patients = append(patients, patient)
		if years, known := a.age(res); known {
			if ages == nil {
				ages = map[string]int{}
			}
			ages[patient] = years
		}
	}
	return patients, ages, err
}

// roles returns the RelatedPersons that a user is. (R4 lets Patient.link and Person.link lead to them.)
func (a *Access) roles(ctx context.Context, user string) ([]fhir.Resource, error) {
	res, err := a.read(ctx, user)
	if err != nil || res.ID == "" {
		return nil, err
	}
	paths := map[string]string{"Patient": "link.#.other.reference", "Person": "link.#.target.reference"}
	if res.Type == "RelatedPerson" {
		return []fhir.Resource{res}, nil
	}
	if res.Type == "Person" && !isActive(res) {
		return nil, nil
	}
	var found []fhir.Resource
	for _, link := range gjson.GetBytes(res.Body, paths[res.Type]).Array() {
		if !strings.HasPrefix(link.Str, "RelatedPerson/") {
			continue
		}
		one, err := a.read(ctx, link.Str)
		if err != nil {
			return nil, err
		}
		if one.ID != "" {
			found = append(found, one)
		}
	}
	return found, nil
}

// parental are the relationships (v3-RoleCode) of who acts for a child without a consent, until it is of age.
var parental = []string{"PRN", "FTH", "MTH", "NPRN", "NFTH", "NMTH", "PRNFOST", "FTHFOST", "MTHFOST", "ADOPTP", "ADOPTF", "ADOPTM", "STPPRN", "STPFTH", "STPMTH", "GUARD"}

// actsFor returns the patient whom a RelatedPerson acts for now; not ok when it does not.
func (a *Access) actsFor(ctx context.Context, related fhir.Resource) (patient fhir.Resource, ok bool, err error) {
	body := gjson.ParseBytes(related.Body)
	if !isActive(related) || !within(body.Get("period"), a.now()) {
		return patient, false, nil
	}
	reference, err := a.survivor(ctx, body.Get("patient.reference").Str)
	if err != nil {
		return patient, false, err
	}
	patient, err = a.read(ctx, reference)
	if err != nil || patient.ID == "" || isDead(patient) {
		return patient, false, err
	}
	codes := body.Get("relationship.#.coding|@flatten|#.code").Array()
	if slices.ContainsFunc(codes, func(code gjson.Result) bool { return slices.Contains(parental, code.Str) }) && a.isMinor(patient) {
		return patient, true, nil
	}
	ok, err = a.consents(ctx, reference, related.Reference())
	return patient, ok, err
}

// isMinor: somebody comes of age at the beginning of the birthday. Of whom the age is not known is none.
func (a *Access) isMinor(patient fhir.Resource) bool {
	years, known := a.age(patient)
	return known && years < a.majority()
}

// age is a patient's now: a year is over at the beginning of the birthday, in the zone. Where that is not known to the day, the earliest
// counts: access ends rather too early.
func (a *Access) age(patient fhir.Resource) (years int, known bool) {
	text, now := gjson.GetBytes(patient.Body, "birthDate").Str, a.now().In(a.zone())
	for _, layout := range []string{"2006-01-02", "2006-01", "2006"} {
		born, err := time.ParseInLocation(layout, text, a.zone())
		if err != nil {
			continue
		}
		if years = now.Year() - born.Year(); now.Before(born.AddDate(years, 0, 0)) {
			years--
		}
		return years, true
	}
	return 0, false
}

// consents reports whether an active Consent of the patient lets a RelatedPerson act for them. One that denies does so wholly, whatever
// narrows it; one that permits counts where nothing does (search.IsNarrow).
func (a *Access) consents(ctx context.Context, patient, related string) (bool, error) {
	q, err := search.Parse(fhir.R4(), "Consent", url.Values{"patient": {patient}, "actor": {related}, "status": {"active"}, "_count": {"50"}}, search.Options{Strict: true})
	if err != nil {
		return false, err
	}
	found, err := a.Store.Search(ctx, q, store.Caller{ID: "access", Access: func(string) search.Filter { return search.Everything() }})
	if err != nil {
		return false, err
	}
	if found.Next != "" { // one that denies may be among those that were not read
		return false, nil
	}
	permitted := false
	for _, res := range found.Matches {
		provision := gjson.GetBytes(res.Body, "provision")
		if !within(provision.Get("period"), a.now()) {
			continue
		}
		if provision.Get("type").Str == "deny" { // a word against goes before any for
			return false, nil
		}
		plain := !search.IsNarrow(provision) && !gjson.GetBytes(res.Body, "modifierExtension").Exists()
		permitted = permitted || provision.Get("type").Str == "permit" && plain
	}
	return permitted, nil
}

// survivor follows a patient who was merged into another (Patient.link, replaced-by), and returns any other reference as it is, as
// it does where the other cannot be told.
func (a *Access) survivor(ctx context.Context, reference string) (string, error) {
	for range maxReplaced { // a chain of merges; a circle ends
		if !strings.HasPrefix(reference, "Patient/") {
			return reference, nil
		}
		res, err := a.read(ctx, reference)
		if err != nil {
			return "", err
		}
		next, err := replacedBy(res)
		if err != nil || next == "" {
			return reference, nil
		}
		reference = next
	}
	return reference, nil
}

// read returns a resource whoever may see it; the zero Resource where there is none.
func (a *Access) read(ctx context.Context, reference string) (fhir.Resource, error) {
	kind, id, _ := strings.Cut(reference, "/")
	if _, served := fhir.R4().Type(kind); !served || !fhir.ValidID(id) {
		return fhir.Resource{}, nil
	}
	res, err := a.Store.Read(ctx, search.Everything(), kind, id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrGone) {
		return fhir.Resource{}, nil
	}
	return res, err
}

// isActive: what does not say otherwise is.
func isActive(res fhir.Resource) bool {
	active := gjson.GetBytes(res.Body, "active")
	return !active.Exists() || active.Bool()
}

func isDead(patient fhir.Resource) bool {
	body := gjson.ParseBytes(patient.Body)
	return body.Get("deceasedBoolean").Bool() || body.Get("deceasedDateTime").Exists()
}

// within reports whether a time is in a Period; an absent end is open. What cannot be read is not within.
func within(period gjson.Result, now time.Time) bool {
	for name, outside := range map[string]func(low, high int64) bool{
		"start": func(low, _ int64) bool { return now.UnixMicro() < low },
		"end":   func(_, high int64) bool { return now.UnixMicro() > high },
	} {
		text := period.Get(name).Str
		if text == "" {
			continue
		}
		d, err := fhir.ParseSearchDate(text)
		if err != nil {
			return false
		}
		if outside(d.Interval()) {
			return false
		}
	}
	return true
}

func (a *Access) now() time.Time {
	if a.Clock == nil {
		return time.Now()
	}
	return a.Clock()
}

func (a *Access) zone() *time.Location {
	if a.Zone == nil {
		return time.UTC
	}
	return a.Zone
}

func (a *Access) majority() int {
	if a.Majority == 0 {
		return 18
	}
	return a.Majority
}
