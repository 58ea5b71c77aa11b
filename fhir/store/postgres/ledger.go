package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"lightbox/fhir/store/internal/relational"
)

// ledger is tables of the same database, which no lock but those of their rows guards. It writes on a connection of its own: many who read
// wait for what it writes, and would be in its way on theirs.
type ledger struct {
	*database
	pool *pgxpool.Pool
}

func openLedger(ctx context.Context, d *database) (*ledger, error) {
	config := d.pool.Config()
	config.MaxConns, config.MinConns = 1, 0
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	return &ledger{d, pool}, nil
}

// Exec implements relational.Ledger: one round trip.
func (l *ledger) Exec(ctx context.Context, query string, args ...any) error {
	_, err := l.pool.Exec(ctx, query, args...)
	return err
}

// Ledger implements relational.Database.
func (d *database) Ledger() relational.Ledger {
	if d.ledger == nil {
		return nil
	}
	return d.ledger
}
