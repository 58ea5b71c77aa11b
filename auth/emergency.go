package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"lightbox/fhir/store"
)

// EmergencyLife is how long a clinician may see a patient by breaking the glass.
const EmergencyLife = 4 * time.Hour

// emergencies are the purposes of use (v3-ActReason) that let a clinician break the glass: the provider says by whom.
var emergencies = []string{"BTG", "ETREAT"}

// MayBreakGlass reports whether a caller may go beyond what is theirs in an emergency: a clinician of an organisation, whose token says
// that this is one.
func (p *Principal) MayBreakGlass() bool {
	kind, _, _ := strings.Cut(p.FHIRUser, "/")
	return (kind == "Practitioner" || kind == "PractitionerRole") && p.Organization != "" && p.Subject != "" &&
		slices.ContainsFunc(p.Scopes, func(s Scope) bool { return s.Context == "user" }) &&
		slices.ContainsFunc(p.Purpose, func(code string) bool { return slices.Contains(emergencies, code) })
}

// Ordinary is the caller without what an emergency lets them see: what they hand on, or change, goes by that.
func (p *Principal) Ordinary() *Principal {
	if len(p.Emergency) == 0 {
		return p
	}
	ordinary := *p
	ordinary.Emergency = nil
	return &ordinary
}

// BreakGlass lets a clinician read one patient's data until a time, for a reason. It goes into a transaction with its audit event.
func BreakGlass(ctx context.Context, tx store.SQL, p *Principal, patient, reason string, at time.Time) (until time.Time, err error) {
	until = at.Add(EmergencyLife)
	_, err = tx.Exec(ctx, `INSERT INTO auth_emergency (id, issuer, subject, patient, organization, reason, made_at, until) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		uuid.NewString(), p.Issuer, p.Subject, patient, p.Organization, reason, at.UnixMicro(), until.UnixMicro())
	return until, err
}

// emergency returns the patients whom a clinician sees now by having broken the glass.
func (a *Access) emergency(ctx context.Context, p *Principal) (patients []string, err error) {
	err = a.Store.View(ctx, func(tx store.SQL) error {
		return tx.Query(ctx, "SELECT DISTINCT patient FROM auth_emergency WHERE issuer = $1 AND subject = $2 AND organization = $3 AND until > $4 ORDER BY patient LIMIT 20",
			[]any{p.Issuer, p.Subject, p.Organization, a.now().UnixMicro()}, func(scan func(...any) error) error {
				var one string
				err := scan(&one)
				patients = append(patients, one)
				return err
			})
	})
	return patients, err
}
