package fhir

import (
	"errors"
	"strings"
)

// IssueType is a code of http://hl7.org/fhir/issue-type: what kind of thing went wrong (FHIR R4 valueset-issue-type.html).
type IssueType string

// The issue types that Lightbox returns. One place, server/outcome.go, turns them into HTTP statuses.
const (
	Invalid      IssueType = "invalid"       // content that breaks the format
	Structure    IssueType = "structure"     // not the shape of a resource
	Required     IssueType = "required"      // a required element is missing
	Value        IssueType = "value"         // an element's value is not acceptable
	NotSupported IssueType = "not-supported" // understood and not served
	NotFound     IssueType = "not-found"
	Deleted      IssueType = "deleted"
	Conflict     IssueType = "conflict"      // edit conflict, version mismatch
	Duplicate    IssueType = "duplicate"     // exists already
	BusinessRule IssueType = "business-rule" // e.g. a mapped resource changed from outside
	MultipleHits IssueType = "multiple-matches"
	TooLong      IssueType = "too-long"
	TooCostly    IssueType = "too-costly"
	Timeout      IssueType = "timeout"
	NoStore      IssueType = "no-store" // no room to keep it
	Throttled    IssueType = "throttled"
	Transient    IssueType = "transient"
	Login        IssueType = "login"      // no token, or one that does not hold
	Forbidden    IssueType = "forbidden"  // the token does not cover it
	Incomplete   IssueType = "incomplete" // there may be more than the answer has
	Exception    IssueType = "exception"  // a fault of ours
)

// Error is the one typed error of the project. Detail is safe to show to a client: it never holds a name, an identifier's
// value or a token. Err is the cause, for the log alone.
type Error struct {
	Type       IssueType
	Detail     string
	Expression string // FHIRPath of the element, or the name of the search parameter
	Err        error
}

// NewError makes an Error without a cause from a detail.
func NewError(t IssueType, detail string) *Error { return &Error{Type: t, Detail: detail} }

// At returns a copy of e that names the element it concerns.
func (e *Error) At(expression string) *Error {
	c := *e
	c.Expression = expression
	return &c
}

// Because returns a copy of e with its cause.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Type))
	b.WriteString(": ")
	b.WriteString(e.Detail)
	if e.Expression != "" {
		b.WriteString(" at ")
		b.WriteString(e.Expression)
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// IssueTypeOf returns the type of the first Error in err's tree, and Exception where there is none.
func IssueTypeOf(err error) IssueType {
	var e *Error
	if errors.As(err, &e) {
		return e.Type
	}
	return Exception
}
