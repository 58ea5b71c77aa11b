package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Rules say how the tokens of one issuer are read, where that is not as SMART has it: an outside issuer has claims of its own, and knows
// people by their numbers, not by the ids that they have here.
type Rules struct {
	Issuer     string   `json:"issuer"`               // exact URL
	Audience   string   `json:"audience,omitempty"`   // default: that of the Config
	Algorithms []string `json:"algorithms,omitempty"` // default: those of the Config
	Claims     ClaimMap `json:"claims,omitzero"`

	Introspection *Introspection `json:"introspection,omitempty"` // nil: its tokens are JWTs

	// Identify and Linked say who a caller is here. With either, the token's own patient, fhirUser, organization and roles count for
	// nothing unless Claims names them, and who is not known here is refused.
	Identify []Identify `json:"identify,omitempty"`
	Linked   bool       `json:"linked,omitempty"` // by what is recorded of issuer and subject, see Links
}

// ClaimMap says where a token has what the hub reads; what is absent is where SMART and RFC 9068 have it.
type ClaimMap struct {
	Patient      ClaimPath `json:"patient,omitempty"`
	FHIRUser     ClaimPath `json:"fhirUser,omitempty"`
	Organization ClaimPath `json:"organization,omitempty"`
	Roles        ClaimPath `json:"roles,omitempty"`
	Scope        ClaimPath `json:"scope,omitempty"`
	Purpose      ClaimPath `json:"purpose,omitempty"`
}

// Identify says that a claim holds an identifier of the caller: the Patient of the launch, the person who logged in (Practitioner,
// RelatedPerson, or the Patient where it is nobody else), or the Organization. The one current resource that has it is meant.
type Identify struct {
	Claim  ClaimPath `json:"claim"`
	Type   string    `json:"type"`
	System string    `json:"system"` // Identifier.system
}

// ClaimPath leads to a claim through JSON objects: "org.id", or as an array of names where one holds a dot or is a URL.
type ClaimPath []string

// UnmarshalJSON reads either form.
func (p *ClaimPath) UnmarshalJSON(text []byte) error {
	var names []string
	if json.Unmarshal(text, &names) == nil && names != nil {
		*p = names
		return p.check()
	}
	var dotted string
	if err := json.Unmarshal(text, &dotted); err != nil {
		return errors.New("a claim is a name, names with dots between, or an array of names")
	}
	if strings.ContainsAny(dotted, ":/") {
		return fmt.Errorf("the claim %q is written as an array of names, since it may hold dots", dotted)
	}
	*p = strings.Split(dotted, ".")
	return p.check()
}

func (p ClaimPath) check() error {
	if len(p) == 0 || slices.Contains(p, "") {
		return errors.New("a claim has an empty name")
	}
	return nil
}

// find walks to the claim. present tells whether anything on the way is there; where it then leads to no value, that is an error: left
// out, an organization would widen what the token gives.
func (p ClaimPath) find(c claims) (value json.RawMessage, present bool, err error) {
	at := c
	for i, name := range p {
		raw, ok := at[name]
		switch {
		case !ok && i == 0:
			return nil, false, nil
		case !ok:
			return nil, true, errNoClaim
		case i == len(p)-1:
			return raw, true, nil
		}
		at = nil
		if err := decode(raw, &at); err != nil || at == nil {
			return nil, true, errors.New("a claim on the way is not a JSON object")
		}
	}
	return nil, false, nil
}

// errNoClaim is of a path of which the beginning is there and the end is not.
var errNoClaim = errors.New("the object has no such member")

// ParseRules reads the rules of several issuers from JSON. Members that are unknown are errors.
func ParseRules(text []byte) ([]Rules, error) {
	var all []Rules
	if err := decodeArray(text, &all); err != nil {
		return nil, fmt.Errorf("issuers: %w", err)
	}
	for _, r := range all {
		if err := r.check(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// decodeArray reads an array of a configuration strictly.
func decodeArray(text []byte, all any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(all); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the array")
	}
	return nil
}

// check refuses what could only fail later.
func (r Rules) check() error {
	if err := checkIssuer(r.Issuer); err != nil {
		return err
	}
	for _, a := range r.Algorithms {
		if !slices.Contains(asymmetric(), a) {
			return fmt.Errorf("auth: issuer %s: signature algorithm %q is not allowed", r.Issuer, a)
		}
	}
	for _, one := range r.Identify {
		if err := one.check(); err != nil {
			return fmt.Errorf("auth: issuer %s: identify: %w", r.Issuer, err)
		}
	}
	if r.Introspection != nil {
		if err := r.Introspection.check(r.Issuer); err != nil {
			return fmt.Errorf("auth: issuer %s: introspection: %w", r.Issuer, err)
		}
	}
	return nil
}

func (i Identify) check() error {
	if err := i.Claim.check(); err != nil {
		return err
	}
	if !slices.Contains(identified(), i.Type) {
		return fmt.Errorf("type %q is none of %s", i.Type, strings.Join(identified(), ", "))
	}
	if u, err := url.Parse(i.System); err != nil || u.Scheme == "" {
		return fmt.Errorf("system %q is not an absolute URI", i.System)
	}
	return nil
}

// identified are the types of whom or what a caller can be.
func identified() []string {
	return []string{"Patient", "Practitioner", "RelatedPerson", "Organization"}
}

// knowsOthers reports whether the issuer names people otherwise than by the ids that they have here.
func (r Rules) knowsOthers() bool { return r.Linked || len(r.Identify) > 0 }

// standard returns the claims under the names that the hub reads them by.
func (r Rules) standard(c claims) (claims, error) {
	named := maps.Clone(c)
	if r.knowsOthers() {
		forget(named, "patient", "fhirUser", "organization", "roles", "role")
	}
	for _, m := range []struct {
		path  ClaimPath
		names []string // by which it is read: the first, and others that would stand for it
	}{
		{r.Claims.Patient, []string{"patient"}},
		{r.Claims.FHIRUser, []string{"fhirUser"}},
		{r.Claims.Organization, []string{"organization"}},
		{r.Claims.Roles, []string{"roles", "role"}},
		{r.Claims.Scope, []string{"scope", "scp"}},
		{r.Claims.Purpose, []string{"purpose_of_use", "extensions"}},
	} {
		if m.path == nil {
			continue
		}
		forget(named, m.names...)
		value, present, err := m.path.find(c)
		if errors.Is(err, errNoClaim) && m.names[0] != "organization" {
			continue
		}
		if err != nil {
			return nil, refused("its claim for " + m.names[0] + " is not acceptable").Because(err)
		}
		if present {
			named[m.names[0]] = value
		}
	}
	return named, nil
}

func forget(c claims, names ...string) {
	for _, name := range names {
		delete(c, name)
	}
}
