package auth

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"lightbox/fhir"
)

// claims are the members of a verified token's payload, by their exact names.
type claims map[string]json.RawMessage

// principal reads who the token speaks of. A claim that is present and cannot be read refuses the token: left out, it could
// widen what the token gives (a partner without its organisation would see everything).
func (c claims) principal(base string) (*Principal, error) {
	p := new(Principal)
	var scope string
	for _, read := range []struct {
		name string
		into func() error
	}{
		{"iss", func() error { return c.text("iss", &p.Issuer) }},
		{"sub", func() error { return c.text("sub", &p.Subject) }},
		{"client_id", func() error { return c.client(&p.Client) }},
		{"patient", func() error { return c.patient(base, &p.Patient) }},
		{"fhirUser", func() error { return c.fhirUser(base, &p.FHIRUser) }},
		{"organization", func() error { return c.organization(base, &p.Organization) }},
		{"roles", func() error { return c.roles(&p.Roles) }},
		{"scope", func() error { return c.scope(&scope) }},
		{"jti", func() error { return c.text("jti", &p.TokenID) }},
		{"purpose_of_use", func() error { return c.purpose(&p.Purpose) }},
	} {
		if err := read.into(); err != nil {
			return nil, fhir.NewError(fhir.Login, "the access token's claim "+read.name+" is not acceptable").Because(err)
		}
	}
	scopes, err := ParseScopes(scope)
	if err != nil {
		return nil, err
	}
	p.Scopes = scopes
	return p, nil
}

// has reports whether a claim is present and not null.
func (c claims) has(name string) bool {
	raw, ok := c[name]
	return ok && string(raw) != "null"
}

// text reads a claim that is a string, if it is there.
func (c claims) text(name string, into *string) error {
	if !c.has(name) {
		return nil
	}
	return decode(c[name], into)
}

// texts reads a claim that is a string or an array of strings.
func (c claims) texts(name string) ([]string, error) {
	if !c.has(name) {
		return nil, nil
	}
	if c[name][0] == '[' {
		var list []string
		err := decode(c[name], &list)
		return list, err
	}
	var one string
	err := decode(c[name], &one)
	return []string{one}, err
}

// client reads client_id (RFC 9068), or azp, which older providers use.
func (c claims) client(into *string) error {
	if c.has("client_id") {
		return c.text("client_id", into)
	}
	return c.text("azp", into)
}

// scope reads scope (RFC 9068: one string) or scp, and their array forms.
func (c claims) scope(into *string) error {
	for _, name := range []string{"scope", "scp"} {
		if !c.has(name) {
			continue
		}
		list, err := c.texts(name)
		*into = strings.Join(list, " ")
		return err
	}
	return errors.New("absent")
}

// roles reads roles, or role.
func (c claims) roles(into *[]string) (err error) {
	name := "role"
	if c.has("roles") {
		name = "roles"
	}
	*into, err = c.texts(name)
	return err
}

// purpose reads why data is asked for: codes, as texts or Codings, of IHE IUA's extension or a claim of its own.
// https://profiles.ihe.net/ITI/IUA/index.html#3714221-json-web-token-option
func (c claims) purpose(into *[]string) error {
	raw := c["purpose_of_use"]
	if c.has("extensions") {
		var extensions struct {
			IUA struct {
				Purpose json.RawMessage `json:"purpose_of_use"`
			} `json:"ihe_iua"`
		}
		if err := decode(c["extensions"], &extensions); err != nil {
			return err
		}
		raw = extensions.IUA.Purpose
	}
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var list []json.RawMessage
	if raw[0] != '[' {
		list = []json.RawMessage{raw}
	} else if err := decode(raw, &list); err != nil {
		return err
	}
	for _, one := range list {
		code := struct {
			Code string `json:"code"`
		}{}
		err := decode(one, &code)
		if len(one) > 0 && one[0] == '"' {
			err = decode(one, &code.Code)
		}
		if err != nil || code.Code == "" {
			return errors.New("neither a code nor a Coding")
		}
		*into = append(*into, code.Code)
	}
	return nil
}

// patient reads the launch patient: an id as SMART has it, or a reference.
func (c claims) patient(base string, into *string) error {
	var text string
	if err := c.text("patient", &text); err != nil || text == "" {
		return err
	}
	if fhir.ValidID(text) {
		text = "Patient/" + text
	}
	reference, err := local(text, base, "Patient")
	*into = reference
	return err
}

// fhirUser reads who logged in, of the types that SMART App Launch 2.2 names (scopes-and-launch-context.html). A person known to
// another server keeps the absolute URL, which no rule here matches.
func (c claims) fhirUser(base string, into *string) error {
	var text string
	if err := c.text("fhirUser", &text); err != nil || text == "" {
		return err
	}
	if r, err := fhir.ParseReference(text, base); err == nil && r.Kind == fhir.Absolute {
		*into = text
		return nil
	}
	reference, err := local(text, base, "Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Person")
	*into = reference
	return err
}

// organization reads the organisation that the caller belongs to. Even null and "" are refused: see principal.
func (c claims) organization(base string, into *string) error {
	raw, ok := c["organization"]
	if !ok {
		return nil
	}
	var text *string
	if err := decode(raw, &text); err != nil {
		return err
	}
	if text == nil {
		return errors.New("null")
	}
	reference, err := local(*text, base, "Organization")
	*into = reference
	return err
}

// local returns the "Type/id" of a reference to a resource here of one of the types: relative or below our base URL, without a
// version. Whoever writes tokens has no reason for another form, and each form more is a way to slip past.
func local(text, base string, types ...string) (string, error) {
	r, err := fhir.ParseReference(text, base)
	if err != nil || r.Kind != fhir.Local || r.Version != "" || !slices.Contains(types, r.Type) {
		return "", errors.New("not a reference of the right type to a resource here")
	}
	return r.Type + "/" + r.ID, nil
}

// instant reads a NumericDate (RFC 7519 section 2), in seconds since 1970 that may have a fraction.
func (c claims) instant(name string) (at time.Time, present bool, err error) {
	raw, ok := c[name]
	if !ok {
		return time.Time{}, false, nil
	}
	var seconds *float64
	if err := decode(raw, &seconds); err != nil || seconds == nil {
		return time.Time{}, true, fmt.Errorf("%s is not a number", name)
	}
	const year9999 = 253402300800
	if *seconds < 0 || *seconds > year9999 {
		return time.Time{}, true, fmt.Errorf("%s is out of range", name)
	}
	whole, part := math.Modf(*seconds)
	return time.Unix(int64(whole), int64(part*1e9)), true, nil
}

// decode withholds the text of JSON errors, which quotes the input.
func decode(raw json.RawMessage, into any) error {
	if err := json.Unmarshal(raw, into); err != nil {
		return errors.New("not of the right JSON type")
	}
	return nil
}
