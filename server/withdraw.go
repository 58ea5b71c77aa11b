package server

import (
	"net/http"
	"slices"

	"github.com/tidwall/gjson"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/fhir"
)

// withdraw takes back what the sender of a submission sent, and answers with its Task. Whoever may change the Task and is of the organisation that
// sent it may, and who is of none and may change everything.
func (a *api) withdraw(c *call) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	visible := c.by.Visible(auth.Update, "Task")
	if len(visible.Grants) == 0 {
		return errForbidden()
	}
	task, err := a.Store.Read(c.ctx(), visible, "Task", id)
	if err != nil {
		return gone(err, task)
	}
	if !unfiltered(visible) && !slices.Contains(c.by.Owners(), gjson.GetBytes(task.Body, "requester.reference").Str) {
		return errForbidden()
	}
	done := false
	if a.Withdraw != nil {
		done, err = a.Withdraw(c.ctx(), task)
	}
	switch {
	case err != nil:
		return err
	case !done:
		return fhir.NewError(fhir.BusinessRule, "the Task is no submission, or one that was withdrawn before")
	}
	if task, err = a.Store.Read(c.ctx(), visible, "Task", id); err != nil {
		return err
	}
	c.disclosesAll(audit.Operation, task.Reference(), []fhir.Resource{task})
	stamp(c.w.Header(), task)
	return c.send(http.StatusOK, task.Body)
}
