package relational

import (
	"context"
	"fmt"
	"time"

	"lightbox/fhir/store"
)

// ledger is the store.Ledger of a Store.
type ledger struct {
	of *Store
	db Ledger
}

// Ledger implements store.Store.
func (s *Store) Ledger() store.Ledger {
	db := s.db.Ledger()
	if db == nil {
		return nil
	}
	return ledger{s, db}
}

// ledgerTimeout is the limit of a statement whose caller sets none.
const ledgerTimeout = 10 * time.Second

func (l ledger) Exec(ctx context.Context, query string, args ...any) error {
	ctx, cancel := statementContext(ctx, ledgerTimeout)
	defer cancel()
	err := l.db.Exec(ctx, query, args...)
	if err != nil && l.of.db.Taken(err) {
		return fmt.Errorf("%w: %w", store.ErrExists, err)
	}
	return l.of.failure(ctx, err)
}

func (l ledger) View(ctx context.Context, fn func(tx store.SQL) error) error {
	return l.of.onSnapshot(ctx, l.db.Snapshot, fn)
}
