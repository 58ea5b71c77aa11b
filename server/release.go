package server

import (
	"context"
	"net/http"

	"lightbox/auth/audit"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// release shows a signed report to its patient at once, with what belongs to it, whatever the rule of release and a label NOPAT say.
func (a *api) release(c *call) error { return a.decide(c, true) }

// withhold keeps a report, and what belongs to it, from its patient, until it is released.
func (a *api) withhold(c *call) error { return a.decide(c, false) }

// decide is the same again for who decides what was decided before. It is on record each time.
func (a *api) decide(c *call, released bool) error {
	c.code = audit.Operation
	c.kind, _ = a.Registry.Type("DiagnosticReport")
	id, err := c.id()
	if err != nil {
		return err
	}
	if c.visible = c.by.Releases(); len(c.visible.Grants) == 0 {
		return errForbidden()
	}
	changed := false
	err = a.Store.Write(c.ctx(), func(tx store.Tx) error {
		report, err := decided(c.ctx(), tx, c.visible, id)
		if err != nil {
			return err
		}
		if _, signed := search.Issued(report); released && !signed {
			return fhir.NewError(fhir.BusinessRule, "nobody has signed the report: its patient sees none of it").At("DiagnosticReport.status")
		}
		e := c.event(audit.Operation)
		e.Data, e.Patients, e.Query = versioned(report), audit.PatientsOf(report), c.asked()
		if err := a.settleIn(c.ctx(), tx, []audit.Event{e}); err != nil {
			return err
		}
		changed, err = tx.Decide(c.ctx(), store.Decision{Report: id, Released: released, By: c.by.Issuer + " " + c.by.Subject, At: e.At})
		return err
	})
	if err != nil {
		return err
	}
	return c.send(http.StatusOK, encode(parameters{"Parameters", []parameter{
		{Name: "report", ValueString: "DiagnosticReport/" + id}, {Name: "released", ValueBoolean: &released}, {Name: "changed", ValueBoolean: &changed},
	}}))
}

// decided returns the report that a caller may decide about.
func decided(ctx context.Context, tx store.Tx, visible search.Filter, id string) (fhir.Resource, error) {
	seen, err := tx.Visible(ctx, visible, "DiagnosticReport", id)
	if err != nil || !seen {
		if err == nil {
			err = errNotFound()
		}
		return fhir.Resource{}, err
	}
	report, err := tx.Get(ctx, "DiagnosticReport", id)
	if err == nil && report.Deleted {
		err = store.ErrGone
	}
	return report.Resource, err
}
