// Package postgres keeps a store in a PostgreSQL database, through a pgx pool. Any number of processes may share it: those that
// write take turns by an advisory lock, those that read do not notice.
package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"lightbox/fhir/store"
	"lightbox/fhir/store/internal/relational"
	"lightbox/fhir/store/internal/schema"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Locks of the store's own among the advisory locks of a database ("Lightbox" in ASCII, and the next).
const (
	writerLock    int64 = 0x4c69676874626f78
	migrationLock       = writerLock + 1
)

// settings of every connection. A statement that runs on is stopped by the server too, and so is a writer that no longer
// speaks, for the others wait for it. The store counts for itself which index to drive a query by: what is forbidden here are
// plans that read or sort a whole table because a statistic is out of date.
func settings() map[string]string {
	return map[string]string{
		"application_name":                    "lightbox",
		"statement_timeout":                   "60000",
		"idle_in_transaction_session_timeout": "120000",
		"jit":                                 "off",
		"enable_seqscan":                      "off",
		"enable_bitmapscan":                   "off",
		"enable_hashjoin":                     "off",
		"enable_mergejoin":                    "off",
		"join_collapse_limit":                 "1",
		"from_collapse_limit":                 "1",
	}
}

// Open opens the store in the database at url and brings it to the present layout.
func Open(ctx context.Context, url string, o store.Options) (store.Store, error) {
	o = o.WithDefaults()
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, errors.New("postgres: the database URL is not understood") // the cause repeats the password
	}
	for name, value := range settings() {
		if _, given := config.ConnConfig.RuntimeParams[name]; !given {
			config.ConnConfig.RuntimeParams[name] = value
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	db := &database{pool: pool}
	hasLedger, err := migrate(ctx, pool, o)
	if err == nil && hasLedger {
		db.ledger, err = openLedger(ctx, db)
	}
	if err != nil {
		pool.Close()
		return nil, fmt.Errorf("postgres: %w", err)
	}
	s, err := relational.Open(ctx, db, o)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return s, nil
}

// migrate brings the tables of the store and of its ledger, where it has any, to the present layout.
func migrate(ctx context.Context, pool *pgxpool.Pool, o store.Options) (hasLedger bool, err error) {
	own, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return false, err
	}
	m, err := schema.New(goose.DialectPostgres, own, o)
	if err != nil {
		return false, err
	}
	ofLedger, err := schema.Ledger(goose.DialectPostgres, o)
	if err != nil {
		return false, err
	}
	return ofLedger != nil, up(ctx, pool, m, ofLedger)
}

// up holds a lock from the first statement to the last. Who else starts now waits, and finds it done.
func up(ctx context.Context, pool *pgxpool.Pool, all ...*schema.Migrator) (err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		return fmt.Errorf("lock for migration: %w", err)
	}
	defer func() {
		_, unlock := conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", migrationLock)
		err = errors.Join(err, unlock)
	}()
	db := stdlib.OpenDBFromPool(pool)
	for _, m := range all {
		if m != nil && err == nil {
			err = m.Up(ctx, db)
		}
	}
	return errors.Join(err, db.Close())
}
