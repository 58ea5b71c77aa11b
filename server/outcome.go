package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"unicode"

	"lightbox/auth"
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
	switch {
	case errors.As(err, &r):
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

// issues returns every fhir.Error of err's tree, outermost of each branch; a fault of ours when there is none.
func issues(err error) []*fhir.Error {
	if found := collect(err, nil); len(found) > 0 {
		return found
	}
	return []*fhir.Error{fhir.NewError(fhir.Exception, "the server failed; its log has the reason under this request's id")}
}

func collect(err error, found []*fhir.Error) []*fhir.Error {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case nil:
		return found
	case *fhir.Error:
		return append(found, e)
	case interface{ Unwrap() []error }:
		for _, branch := range e.Unwrap() {
			found = collect(branch, found)
		}
		return found
	}
	return collect(errors.Unwrap(err), found)
}

// status is that of the refusal, else of the gravest issue: several findings about a body are a 400 unless all are rules of
// business.
func status(err error, all []*fhir.Error) int {
	var r *refusal
	if errors.As(err, &r) {
		return r.status
	}
	for _, e := range all {
		if e.Type != all[0].Type && statusOf(e.Type) != statusOf(all[0].Type) {
			return http.StatusBadRequest
		}
	}
	return statusOf(all[0].Type)
}

// fail renders an error: quiet on what the client did, loud on what we did.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	err = translate(err)
	all := issues(err)
	code := status(err, all)
	v := visitOf(r)
	v.issue = string(all[0].Type)
	if code >= http.StatusInternalServerError && !errors.Is(err, context.Canceled) {
		a.Log.LogAttrs(r.Context(), slog.LevelError, "request failed", slog.String("request", v.id), slog.Int("status", code),
			slog.String("cause", err.Error()))
	}
	failHeaders(w.Header(), code, err)
	if code >= http.StatusInternalServerError {
		a.write(w, code, outcome("error", all, "request "+v.id))
		return
	}
	a.write(w, code, outcome("error", all, ""))
}

func failHeaders(h http.Header, code int, err error) {
	h.Set("Cache-Control", "no-store")
	switch code {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", challenge(err))
	case http.StatusForbidden:
		h.Set("WWW-Authenticate", `Bearer realm="fhir", error="insufficient_scope"`)
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		h.Set("Retry-After", "5")
	}
	var refused *refusal
	if errors.As(err, &refused) && refused.allow != "" {
		h.Set("Allow", refused.allow)
	}
	var deleted goneError
	if errors.As(err, &deleted) {
		h.Set("ETag", etag(deleted.version))
	}
}

// challenge says why a token is wanted, RFC 6750 3: without one there is no error code.
func challenge(err error) string {
	if errors.Is(err, auth.ErrNoToken) {
		return `Bearer realm="fhir"`
	}
	return `Bearer realm="fhir", error="invalid_token"`
}

func (a *api) write(w http.ResponseWriter, code int, body []byte) {
	w.Header().Set("Content-Type", fhirJSON)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body)
}

// operationOutcome is the shape of https://hl7.org/fhir/R4/operationoutcome.html as far as the server fills it.
type operationOutcome struct {
	ResourceType string  `json:"resourceType"`
	Issue        []issue `json:"issue"`
}

type issue struct {
	Severity    string     `json:"severity"`
	Code        string     `json:"code"`
	Details     detailText `json:"details"`
	Diagnostics string     `json:"diagnostics,omitempty"`
	Location    []string   `json:"location,omitempty"`
	Expression  []string   `json:"expression,omitempty"`
}

type detailText struct {
	Text string `json:"text"`
}

// outcome renders issues. Diagnostics carry the request id of a fault, and nothing else: two callers who may not see a
// resource for different reasons get the same bytes.
func outcome(severity string, all []*fhir.Error, diagnostics string) []byte {
	o := operationOutcome{ResourceType: "OperationOutcome"}
	for _, e := range all {
		i := issue{Severity: severity, Code: string(e.Type), Details: detailText{e.Detail}, Diagnostics: diagnostics}
		switch {
		case e.Expression == "":
		case unicode.IsUpper(rune(e.Expression[0])) || e.Expression == "resourceType":
			i.Expression = []string{e.Expression}
		default: // R4: an HTTP parameter is named by location, as "http." and its name
			i.Location = []string{"http." + e.Expression}
			i.Details.Text = e.Expression + ": " + e.Detail
		}
		o.Issue = append(o.Issue, i)
	}
	return encode(o)
}

func success(text string) []byte {
	return outcome("information", []*fhir.Error{fhir.NewError("informational", text)}, "")
}

// encode marshals what the server itself makes, without the HTML escapes of json.Marshal.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // only strings and slices of strings come here
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
