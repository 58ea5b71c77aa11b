package auth

import (
	"context"
	"errors"
	"slices"

	"lightbox/fhir"
)

// Directory finds who a caller is here.
type Directory interface {
	// Identify returns the "Type/id" of the one current resource of the type that has the identifier; of a Patient that another record
	// has replaced, that record. ErrUnknown where there is none, or more than one.
	Identify(ctx context.Context, resourceType, system, value string) (reference string, err error)
}

// Links tells what is recorded of the subjects of issuers.
type Links interface {
	// Linked returns the "Type/id" of what a subject is linked to, one of a type. ErrUnknown where that is nothing, or is not there.
	Linked(ctx context.Context, issuer, subject string) (references []string, err error)
}

// ErrUnknown is of a caller of whom this hub does not know who it is.
var ErrUnknown = errors.New("auth: not known here")

// errStranger is what such a caller is told.
func errStranger(err error) error {
	return refused("the token's subject is not known here").Because(err)
}

// identify completes a principal by who it is here. All that is found must agree, and something must be: an issuer that knows others gives
// nobody the whole hub.
func (o *OIDC) identify(ctx context.Context, r Rules, c claims, p *Principal) error {
	if !r.knowsOthers() {
		return nil
	}
	var found []string
	for _, rule := range r.Identify {
		reference, err := o.byClaim(ctx, rule, c)
		if err != nil {
			return err
		}
		found = append(found, reference...)
	}
	if r.Linked {
		linked, err := o.byLink(ctx, p)
		if err != nil {
			return err
		}
		found = append(found, linked...)
	}
	if len(found) == 0 {
		return errStranger(ErrUnknown)
	}
	for _, reference := range found {
		if err := p.become(reference); err != nil {
			return err
		}
	}
	if p.FHIRUser == "" {
		p.FHIRUser = p.Patient // who else?
	}
	if p.Organization == "" && slices.ContainsFunc(p.Scopes, func(s Scope) bool { return s.Context == "system" }) {
		return errStranger(errors.New("a system scope without an organization"))
	}
	return nil
}

// byClaim finds what an identifier in a claim is of; nothing where the token has no such claim.
func (o *OIDC) byClaim(ctx context.Context, rule Identify, c claims) ([]string, error) {
	raw, present, err := rule.Claim.find(c)
	if !present {
		return nil, nil
	}
	var value string
	if err == nil {
		err = decode(raw, &value)
	}
	if err != nil || value == "" {
		return nil, errStranger(err)
	}
	reference, err := o.config.Directory.Identify(ctx, rule.Type, rule.System, value)
	return []string{reference}, known(err)
}

func (o *OIDC) byLink(ctx context.Context, p *Principal) ([]string, error) {
	if p.Subject == "" {
		return nil, errStranger(ErrUnknown)
	}
	found, err := o.config.Links.Linked(ctx, p.Issuer, p.Subject)
	return found, known(err)
}

// known tells a caller who is not known from a directory that does not answer.
func known(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrUnknown):
		return errStranger(err)
	}
	return fhir.NewError(fhir.Transient, "who the token speaks of cannot be told now").Because(err)
}

// become takes a reference as what the principal is by its type. Two that differ are none.
func (p *Principal) become(reference string) error {
	at := &p.FHIRUser
	switch typeOf(reference) {
	case "Patient":
		at = &p.Patient
	case "Organization":
		at = &p.Organization
	}
	if *at != "" && *at != reference {
		return errStranger(errors.New("two that differ"))
	}
	*at = reference
	return nil
}
