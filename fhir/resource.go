package fhir

import "time"

// Resource is one version of a resource: the JSON that was written, with meta.versionId and meta.lastUpdated spliced in.
// Nothing decodes and re-encodes it on the way out, so decimals, primitive extensions and unknown members survive.
type Resource struct {
	Type        string
	ID          string
	Version     int64     // counts 1, 2, 3
	LastUpdated time.Time // UTC, microseconds
	Deleted     bool      // this version is a deletion: Body is empty
	Body        []byte
}

// Reference returns "Type/ID".
func (r Resource) Reference() string { return r.Type + "/" + r.ID }

// Parse checks that body is one JSON resource (valid UTF-8, no duplicate member, bounded depth) and returns it with Type
// and ID (empty when the body has none). Errors are *Error with an expression where one fits.
func Parse(body []byte) (Resource, error) { panic("fhir.Parse") }

// WithID returns r with its id member set to id: spliced, every other byte kept.
func (r Resource) WithID(id string) Resource { panic("fhir.WithID") }

// Stamp returns r with version and time spliced into meta; whatever else meta holds is kept. Stamping twice with the same
// values gives the same bytes, and stamping with other values changes those two members alone.
func (r Resource) Stamp(version int64, at time.Time) Resource { panic("fhir.Stamp") }
