package sqlite

import (
	"context"

	"lightbox/fhir/store"
	"lightbox/fhir/store/internal/relational"
)

// ledger is a file of its own: whatever is committed to a file lets all that read it look anew and waits for who writes it, and what is
// put into the ledger comes with every read.
type ledger struct {
	db    *database
	turn  chan struct{} // holds one token while somebody writes
	ended chan struct{} // closed once nobody does any more
}

func newLedger(db *database) *ledger {
	return &ledger{db: db, turn: make(chan struct{}, 1), ended: make(chan struct{})}
}

// Exec implements relational.Ledger.
func (l *ledger) Exec(ctx context.Context, query string, args ...any) error {
	select {
	case l.turn <- struct{}{}:
	case <-l.ended:
		return store.ErrUnavailable
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.turn }()
	_, err := l.db.writer.Exec(ctx, query, args...)
	return err
}

// Snapshot implements relational.Ledger.
func (l *ledger) Snapshot(ctx context.Context) (relational.Transaction, error) {
	return l.db.Snapshot(ctx)
}

// close waits for the statement that runs.
func (l *ledger) close() error {
	if l == nil {
		return nil
	}
	select {
	case <-l.ended:
		return nil
	case l.turn <- struct{}{}:
	}
	close(l.ended)
	return l.db.Close()
}

// Ledger implements relational.Database.
func (d *database) Ledger() relational.Ledger {
	if d.ledger == nil {
		return nil
	}
	return d.ledger
}
