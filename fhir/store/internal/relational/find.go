package relational

import (
	"context"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// Find returns the current versions that answer q, as this transaction sees them.
func (u *unit) Find(ctx context.Context, q search.Query, by store.Caller, limit int) ([]fhir.Resource, error) {
	l := u.store.listing(q, by)
	if len(l.parts) == 0 {
		return nil, nil
	}
	if err := u.link(ctx); err != nil {
		return nil, err
	}
	if err := u.settleAll(ctx); err != nil {
		return nil, err
	}
	l.from(u)
	hits, err := l.parts[0].walk(ctx, nil, limit)
	var found []fhir.Resource
	for _, h := range hits {
		found = append(found, h.resource)
	}
	return found, err
}

// settleAll sends whatever is pending: a search may depend on any of it.
func (u *unit) settleAll(ctx context.Context) error {
	if err := u.usable(ctx); err != nil {
		return err
	}
	flushContext, cancel := statementContext(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := u.group.flush(flushContext); err != nil {
		return u.failed(err)
	}
	return u.flush(ctx)
}
