package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// ReadingCentre says which work an organisation takes that is addressed to a specialty (ServiceRequest.performerType, Task.performerType)
// rather than to an organisation by name. Its clinicians see the data of the patients whom such work is about, as they do where the
// organisation is named: as long as the order or task holds, and as far as the patient does not deny it to the organisation.
type ReadingCentre struct {
	Organization string   `json:"organization"` // "Organization/<id>"
	Specialties  []string `json:"specialties"`  // "system|code"
	// Only: of what names the organisation it takes what is addressed to its specialties, or to none, and nothing else.
	Only bool `json:"only,omitempty"`
}

// ParseReadingCentres reads what organisations read from JSON. Members that are unknown are errors, and so is what could never hold.
func ParseReadingCentres(text []byte) ([]ReadingCentre, error) {
	var all []ReadingCentre
	if err := decodeArray(text, &all); err != nil {
		return nil, err
	}
	for i, c := range all {
		if err := c.check(); err != nil {
			return nil, fmt.Errorf("organization %q: %w", c.Organization, err)
		}
		if slices.ContainsFunc(all[:i], func(o ReadingCentre) bool { return o.Organization == c.Organization }) {
			return nil, fmt.Errorf("organization %q: it stands twice", c.Organization)
		}
	}
	return all, nil
}

func (c ReadingCentre) check() error {
	id, ok := strings.CutPrefix(c.Organization, "Organization/")
	if !ok || !fhir.ValidID(id) {
		return errors.New("it is not written Organization/<id>")
	}
	if len(c.Specialties) == 0 {
		return errors.New("it has no specialties")
	}
	for i, one := range c.Specialties {
		if !search.IsSpecialty(one) {
			return fmt.Errorf("specialty %q is not written system|code, with an absolute URI as system", one)
		}
		if slices.Contains(c.Specialties[:i], one) {
			return fmt.Errorf("specialty %q stands twice", one)
		}
	}
	return nil
}

// referrals are the keys of search.Referred of what the organisation takes; nil for an organisation that is no reading centre.
func (c *ReadingCentre) referrals() (keys []string) {
	if c == nil {
		return nil
	}
	if c.Only {
		keys = append(keys, search.ToSpecialty(c.Organization, ""))
	} else {
		keys = append(keys, c.Organization)
	}
	for _, specialty := range c.Specialties {
		if c.Only {
			keys = append(keys, search.ToSpecialty(c.Organization, specialty))
		}
		keys = append(keys, search.ToSpecialty("", specialty))
	}
	return keys
}

// reading returns what an organisation reads; nil where nothing is said of it.
func (a *Access) reading(organization string) *ReadingCentre {
	n := slices.IndexFunc(a.Reading, func(c ReadingCentre) bool { return c.Organization == organization })
	if n < 0 {
		return nil
	}
	return &a.Reading[n]
}
