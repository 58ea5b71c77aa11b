// Package auth decides who is asking (OIDC access tokens, SMART scopes) and what they may see: one filter per caller and
// resource type, in the terms of fhir/search, which the store puts inside every query.
//
// A request's bearer token becomes a Principal (oidc.go, claims.go), its scopes are read strictly (scope.go), and one table
// says what each kind of caller may reach of each resource type (policy.go, grants.go, narrowed by labels.go and release.go); whom a caller
// acts for, and what a reading centre is asked to read (reading.go), is found out at each request (access.go). What no row and no scope grants is refused.
// The package knows no HTTP status and no database.
//
// https://hl7.org/fhir/smart-app-launch/ and FHIR R4 security.html
package auth

import (
	"context"
	"net/http"
	"time"
)

// Interaction is a FHIR RESTful interaction as SMART v2 letters group them.
type Interaction string

const (
	Create Interaction = "c"
	Read   Interaction = "r" // read, vread, history
	Update Interaction = "u"
	Delete Interaction = "d"
	Search Interaction = "s"
)

// Principal is one verified caller.
type Principal struct {
	Issuer, Subject, Client string
	Patient                 string // "Patient/<id>" of the launch context
	FHIRUser                string // "Type/<id>" when it is ours, the absolute URL as given when it is not
	Organization            string // "Organization/<id>"
	Roles                   []string
	TokenID                 string         // jti
	Purpose                 []string       // why it is asked for, codes of v3-ActReason
	Emergency               []string       // "Patient/<id>" of each whom a clinician may see by having broken the glass: see Access
	Represents              []string       // "Patient/<id>" of each whom the caller may act for now: see Access
	Reads                   *ReadingCentre // what the caller's organisation reads; nil: what it is asked to by name. See Access
	Ages                    map[string]int // in years, of those of Represents of whom it is known: see Access
	Labels                  *Labels        // what labels hide from the caller; nil: the defaults
	Hold                    time.Duration  // how long after it was issued a patient sees a report; search.Held: once it is released
	Scopes                  []Scope
}

// Verifier turns a request's bearer token into a Principal.
type Verifier interface {
	// Verify returns *fhir.Error with Login when there is no token (ErrNoToken is its cause) or it does not hold, and with
	// Transient while the keys of the token's issuer were never to be had.
	Verify(ctx context.Context, r *http.Request) (*Principal, error)
}
