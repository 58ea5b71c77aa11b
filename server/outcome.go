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
)

// fail renders an error: quiet on what the client did, loud on what we did.
func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	err = translate(err)
	if inner, ok := w.(*innerResponse); ok {
		inner.cause = err
	}
	all := issues(err)
	code := status(err, all)
	v := visitOf(r)
	v.issue = string(all[0].Type)
	if all[0].Type == fhir.Login {
		v.reason = all[0].Detail
	}
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
	h.Del("ETag") // of a resource that a handler was about to send
	h.Del("Last-Modified")
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
	var entry *entryError
	if errors.As(err, &deleted) && !errors.As(err, &entry) {
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
	case *entryError:
		for _, inner := range collect(e.err, nil) {
			found = append(found, e.entry.name(inner))
		}
		return found
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
