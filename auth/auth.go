// Package auth decides who is asking (OIDC access tokens, SMART scopes) and what they may see: one filter per caller and
// resource type, in the terms of fhir/search, which the store puts inside every query.
// https://hl7.org/fhir/smart-app-launch/ and FHIR R4 security.html
package auth

import (
	"context"
	"net/http"

	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// Interaction is a FHIR RESTful interaction as SMART v2 letters group them.
type Interaction string

const (
	Create Interaction = "c"
	Read   Interaction = "r" // read, vread, instance history
	Update Interaction = "u"
	Delete Interaction = "d"
	Search Interaction = "s"
)

// Principal is one verified caller.
type Principal struct {
	Issuer, Subject, Client string
	Patient                 string // "Patient/<id>" of the launch context
	FHIRUser                string
	Organization            string // "Organization/<id>"
	Roles                   []string
	Scopes                  []Scope
}

// Scope is one SMART clinical scope.
type Scope struct {
	Context      string // patient, user, system
	Type         string // resource type or "*"
	Interactions string // of "cruds"
}

// Allows reports whether any scope covers the interaction on the type, before data is touched.
func (p *Principal) Allows(i Interaction, resourceType string) bool { panic("auth.Allows") }

// Visible returns what the caller may see of a type by way of an interaction: the zero Filter (nothing) unless a rule and a scope say otherwise.
func (p *Principal) Visible(i Interaction, resourceType string) search.Filter { panic("auth.Visible") }

// Caller returns p as a store knows callers.
func (p *Principal) Caller() store.Caller { panic("auth.Caller") }

// Verifier turns a request's bearer token into a Principal.
type Verifier interface {
	// Verify returns *fhir.Error with Login when there is no token or it does not hold.
	Verify(ctx context.Context, r *http.Request) (*Principal, error)
}
