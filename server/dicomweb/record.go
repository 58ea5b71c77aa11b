package dicomweb

import (
	"context"
	"errors"

	"lightbox/auth/audit"
	"lightbox/fhir"
)

// event is what a call is about so far, for the audit record.
func (c *call) event(kind string) audit.Event {
	return audit.Begin(kind, c.by, c.r.RemoteAddr, c.w.Header().Get("X-Request-Id"))
}

// record puts events on record; after it, an answer may go out.
func (s *Server) record(c *call, events ...audit.Event) error {
	if s.Audit == nil {
		return nil
	}
	return s.Audit.Record(context.WithoutCancel(c.ctx()), events...)
}

// disclose puts on record that a caller gets objects of a study, or what they say.
func (s *Server) disclose(c *call, study fhir.Resource) error {
	e := c.event(audit.Retrieve)
	e.Data, e.Patients = study.Reference(), audit.PatientsOf(study)
	return s.record(c, e)
}

// refused puts on record that a caller was refused, unless all that is wrong is how the question was put.
func (s *Server) refused(c *call, err error) error {
	e := c.event(audit.Retrieve)
	switch {
	case c.by == nil:
		return nil // told by the log of the front, and by a status
	case errors.Is(err, errForbidden):
		e.Outcome, e.Reason = audit.Serious, "forbidden"
	case errors.Is(err, errNoStudy):
		e.Outcome, e.Reason = audit.Minor, "not-found"
	default:
		return nil
	}
	e.Query = c.r.Method + " " + c.r.URL.RequestURI()
	return s.record(c, e)
}
