package relational

import (
	"context"

	"lightbox/fhir"
)

// Purge removes a resource with every version and index entry.
func (u *unit) Purge(ctx context.Context, resourceType, id string) error {
	return fhir.NewError(fhir.NotSupported, "purge is not served yet")
}
