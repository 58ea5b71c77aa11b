package server

import (
	"context"
	"errors"
	"net/http"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// refusal is an error whose HTTP status its issue type alone does not tell.
type refusal struct {
	status int
	allow  string // of 405
	err    error
}

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// statusOf gives an issue type its HTTP status, FHIR R4 http.html#Status-Codes.
func statusOf(t fhir.IssueType) int {
	switch t {
	case fhir.Login:
		return http.StatusUnauthorized
	case fhir.Forbidden:
		return http.StatusForbidden
	case fhir.NotFound:
		return http.StatusNotFound
	case fhir.Deleted:
		return http.StatusGone
	case fhir.Conflict, fhir.Duplicate:
		return http.StatusConflict
	case fhir.MultipleHits:
		return http.StatusPreconditionFailed
	case fhir.TooLong:
		return http.StatusRequestEntityTooLarge
	case fhir.BusinessRule:
		return http.StatusUnprocessableEntity
	case fhir.Throttled:
		return http.StatusTooManyRequests
	case fhir.Timeout, fhir.Transient:
		return http.StatusServiceUnavailable
	case fhir.Exception:
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// translate gives what a store returns its words and status. Everything else stays what it is.
func translate(err error) error {
	var r *refusal
	var entry *entryError
	switch {
	case errors.As(err, &r), errors.As(err, &entry):
		return err
	case errors.Is(err, store.ErrNotFound):
		return errNotFound().Because(err)
	case errors.Is(err, store.ErrGone):
		return fhir.NewError(fhir.Deleted, "the resource was deleted").Because(err)
	case errors.Is(err, store.ErrConflict):
		return precondition("the version that If-Match names is not the current one", fhir.Conflict, err)
	case errors.Is(err, store.ErrExists):
		return precondition("the resource exists", fhir.Duplicate, err)
	case errors.Is(err, store.ErrMapped):
		return &refusal{status: http.StatusConflict, err: fhir.NewError(fhir.BusinessRule,
			"the hub made this resource from its sources, and only they change it").Because(err)}
	case errors.Is(err, store.ErrCursor):
		return fhir.NewError(fhir.Value, "not a page of this search for this caller").At("_page").Because(err)
	case errors.Is(err, context.Canceled): // the client left; if it only stopped sending, it must not take silence for success
		return fhir.NewError(fhir.Transient, "the request was broken off").Because(err)
	case errors.Is(err, store.ErrUnavailable):
		return fhir.NewError(fhir.Transient, "the database does not answer; try again soon").Because(err)
	case errors.Is(err, store.ErrFull):
		return &refusal{status: http.StatusInsufficientStorage, err: fhir.NewError(fhir.NoStore, "there is no space for more; try again later").Because(err)}
	case errors.Is(err, store.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return fhir.NewError(fhir.Timeout, "the request took longer than this server allows; narrow it or try again").Because(err)
	}
	return err
}

func precondition(detail string, t fhir.IssueType, err error) error {
	return &refusal{status: http.StatusPreconditionFailed, err: fhir.NewError(t, detail).Because(err)}
}

// errNotFound is the one answer for what is absent, hidden or of an impossible id.
func errNotFound() *fhir.Error { return fhir.NewError(fhir.NotFound, "there is no such resource") }

func errForbidden() error {
	return fhir.NewError(fhir.Forbidden, "no scope of the token covers this interaction on this resource type")
}

func methodNotAllowed(allow string) error {
	return &refusal{status: http.StatusMethodNotAllowed, allow: allow,
		err: fhir.NewError(fhir.NotSupported, "the method is not allowed here; "+allow+" are")}
}

func notAcceptable() error {
	return &refusal{status: http.StatusNotAcceptable,
		err: fhir.NewError(fhir.NotSupported, "this server answers in application/fhir+json of R4")}
}

func unsupportedMedia(detail string) error {
	return &refusal{status: http.StatusUnsupportedMediaType, err: fhir.NewError(fhir.NotSupported, detail)}
}

// entryError is what failed a transaction: the error of one of its entries.
type entryError struct {
	entry bundleEntry
	err   error
}

func (e *entryError) Error() string { return e.entry.at("") + ": " + e.err.Error() }
func (e *entryError) Unwrap() error { return e.err }

// inEntry says which entry an error is of; nil stays nil.
func inEntry(e bundleEntry, err error) error {
	if err == nil {
		return nil
	}
	return &entryError{e, translate(err)}
}

// goneError is a store's ErrGone with the deletion's version, for the ETag of a 410.
type goneError struct {
	error
	version int64
}

func (g goneError) Unwrap() error { return g.error }

func gone(err error, res fhir.Resource) error {
	if errors.Is(err, store.ErrGone) && res.Version > 0 {
		return goneError{err, res.Version}
	}
	return err
}

// invalid joins the findings of a validation; none is no error.
func invalid(issues []*fhir.Error) error {
	if len(issues) == 0 {
		return nil
	}
	all := make([]error, len(issues))
	for i, e := range issues {
		all[i] = e
	}
	return errors.Join(all...)
}
