package server

import (
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// Bounds of a reason, in characters.
const (
	minReason = 10
	maxReason = 500
)

// breakGlass lets a clinician read one patient's data for some hours, in an emergency and for a reason. That is on record, also the
// patient's own, before anything is read; whom it is asked for and does not exist is on record as well.
func (a *api) breakGlass(c *call) error {
	c.code = audit.Emergency
	if !c.by.MayBreakGlass() {
		return fhir.NewError(fhir.Forbidden, "this takes a clinician's token with the purpose of use BTG or ETREAT")
	}
	asked, err := a.parameters(c, "reason", "identifier", "patient")
	if err != nil {
		return err
	}
	reason := strings.TrimSpace(asked["reason"])
	if n := utf8.RuneCountInString(reason); n < minReason || n > maxReason {
		return fhir.NewError(fhir.Required, "a reason of 10 to 500 characters is needed").At("Parameters.parameter")
	}
	patient, err := a.inEmergency(c, asked)
	if err != nil {
		return err
	}
	var until time.Time
	err = a.Store.Write(c.ctx(), func(tx store.Tx) error {
		e := c.event(audit.Emergency)
		e.Data, e.Patients, e.Reason = patient.Reference(), []string{patient.Reference()}, reason
		if err := a.settleIn(c.ctx(), tx, []audit.Event{e}); err != nil {
			return err
		}
		until, err = auth.BreakGlass(c.ctx(), tx, c.by, patient.Reference(), reason, e.At)
		return err
	})
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, encode(parameters{"Parameters", []parameter{
		{Name: "patient", ValueString: patient.Reference()}, {Name: "until", ValueInstant: instant(until)},
	}}))
}

// inEmergency finds the one patient who is asked for, whoever may see them.
func (a *api) inEmergency(c *call, asked map[string]string) (fhir.Resource, error) {
	criteria := url.Values{"identifier": {asked["identifier"]}}
	if id, ok := strings.CutPrefix(asked["patient"], "Patient/"); ok && asked["identifier"] == "" {
		criteria = url.Values{"_id": {id}}
	} else if system, value, ok := strings.Cut(asked["identifier"], "|"); !ok || system == "" || value == "" || strings.Contains(asked["identifier"], ",") {
		return fhir.Resource{}, fhir.NewError(fhir.Required, "the patient is needed: identifier as system|value, or patient as Patient/[id]").At("Parameters.parameter")
	}
	q, err := search.Parse(a.Registry, "Patient", criteria, search.Options{Strict: true})
	if err != nil {
		return fhir.Resource{}, err
	}
	found, err := a.Store.Search(c.ctx(), q, store.Caller{ID: "emergency", Access: func(string) search.Filter { return search.Everything() }})
	if err == nil && len(found.Matches) != 1 {
		return fhir.Resource{}, errNotFound()
	}
	if err != nil {
		return fhir.Resource{}, err
	}
	return found.Matches[0], nil
}
