package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"lightbox/fhir/store"
	"lightbox/fhir/store/internal/relational"
	"lightbox/fhir/store/internal/runs"
)

// database is a relational.Database.
type database struct {
	pool   *pgxpool.Pool
	ledger *ledger // nil: it has no tables
}

func (d *database) Query(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error {
	rows, err := d.pool.Query(ctx, query, args...)
	return each(rows, err, row)
}

func (d *database) Look(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error {
	return d.Query(ctx, query, args, row)
}

func each(rows pgx.Rows, err error, row func(scan func(dest ...any) error) error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Begin takes the writers' lock, so that transactions that write are serial over all processes. Each statement sees what was
// committed before it, hence all that the writers before this one left.
func (d *database) Begin(ctx context.Context) (relational.Transaction, error) {
	tx, err := d.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", writerLock); err != nil {
		return nil, errors.Join(err, tx.Rollback(ctx))
	}
	return transaction{tx}, nil
}

// Snapshot begins a transaction whose state is that of its first statement.
func (d *database) Snapshot(ctx context.Context) (relational.Transaction, error) {
	tx, err := d.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	return transaction{tx}, err
}

func (d *database) Ping(ctx context.Context) error { return d.pool.Ping(ctx) }

func (d *database) Close() error {
	if d.ledger != nil {
		d.ledger.pool.Close()
	}
	d.pool.Close()
	return nil
}

func (d *database) In(column, parameter string, values any) string {
	kind := "text"
	if _, ok := values.([]int64); ok {
		kind = "bigint"
	}
	return fmt.Sprintf("%s = ANY(%s::%s[])", column, parameter, kind)
}

func (d *database) List(values any) any { return values }

func (d *database) Each(parameter string) string {
	return "(SELECT u AS value FROM unnest(" + parameter + "::bigint[]) u)"
}

func (d *database) Runs() runs.Dialect { return runs.Arrays{} }

func (d *database) InQuery(column, query string) string {
	return column + " = ANY(ARRAY(" + query + "))"
}

func (d *database) Contains(text, part string) string {
	return fmt.Sprintf("strpos(%s, %s) > 0", text, part)
}

// SQLSTATE codes (PostgreSQL appendix A).
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	lockNotAvailable     = "55P03"
	queryCanceled        = "57014"
	diskFull             = "53100"
	tooManyConnections   = "53300"
	uniqueViolation      = "23505"
)

// Retryable reports whether another transaction was in the way: one that went past the writers' lock, of a job table or a
// migration.
func (d *database) Retryable(err error) bool {
	switch codeOf(err) {
	case serializationFailure, deadlockDetected, lockNotAvailable:
		return true
	}
	return false
}

func (d *database) Taken(err error) bool { return codeOf(err) == uniqueViolation }

// Fault goes by the code of an answer (PostgreSQL appendix A): classes 08 and 57P tell of a server that ends or begins. Where there is no answer
// the connection broke, unless it is the caller who went.
func (d *database) Fault(err error) error {
	code := codeOf(err)
	var network net.Error
	var connect *pgconn.ConnectError
	switch {
	case code == queryCanceled:
		return store.ErrTimeout
	case code == diskFull:
		return store.ErrFull
	case code == tooManyConnections, strings.HasPrefix(code, "08"), strings.HasPrefix(code, "57P"):
		return store.ErrUnavailable
	case code != "", errors.Is(err, context.Canceled):
		return nil
	case errors.As(err, &connect), errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), pgconn.SafeToRetry(err):
		return store.ErrUnavailable
	}
	return nil
}

func codeOf(err error) string {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return ""
	}
	return e.Code
}

type transaction struct{ tx pgx.Tx }

func (t transaction) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := t.tx.Exec(ctx, query, args...)
	return tag.RowsAffected(), err
}

func (t transaction) Query(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error {
	rows, err := t.tx.Query(ctx, query, args...)
	return each(rows, err, row)
}

func (t transaction) Commit(ctx context.Context) error { return t.tx.Commit(ctx) }

func (t transaction) Rollback(ctx context.Context) error {
	if err := t.tx.Rollback(ctx); !errors.Is(err, pgx.ErrTxClosed) {
		return err
	}
	return nil
}

// fewRows is up to where one round trip with unnest is faster than COPY, which takes two for each table.
const fewRows = 500

// Apply sends few rows as one batch of statements; many inserts go by COPY.
func (t transaction) Apply(ctx context.Context, changes []relational.Change) error {
	batch := &pgx.Batch{}
	for _, c := range changes {
		if c.Remove || c.Rows() <= fewRows {
			batch.Queue(textOf(c), columnsOf(c)...)
		}
	}
	if err := t.tx.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	for _, c := range changes {
		if c.Remove || c.Rows() <= fewRows {
			continue
		}
		rows := pgx.CopyFromSlice(c.Rows(), func(i int) ([]any, error) { return c.Row(nil, i), nil })
		if _, err := t.tx.CopyFrom(ctx, pgx.Identifier{c.Table}, c.Names(), rows); err != nil {
			return fmt.Errorf("%s: %w", c.Table, err)
		}
	}
	return nil
}

// Fill sends one batch of statements: COPY stops at a row that is there.
func (t transaction) Fill(ctx context.Context, changes []relational.Change) error {
	batch := &pgx.Batch{}
	for _, c := range changes {
		batch.Queue(textOf(c)+" ON CONFLICT DO NOTHING", columnsOf(c)...)
	}
	return t.tx.SendBatch(ctx, batch).Close()
}

// textOf writes a statement that takes each column as one array.
func textOf(c relational.Change) string {
	arrays, same := make([]string, len(c.Columns)), make([]string, len(c.Columns))
	for i, column := range c.Columns {
		arrays[i] = fmt.Sprintf("$%d::%s[]", i+1, kindOf(column))
		same[i] = "t." + column.Name + " = u." + column.Name
	}
	unnest, names := "unnest("+strings.Join(arrays, ", ")+")", strings.Join(c.Names(), ", ")
	if c.Remove {
		return fmt.Sprintf("DELETE FROM %s t USING %s u (%s) WHERE %s", c.Table, unnest, names, strings.Join(same, " AND "))
	}
	return fmt.Sprintf("INSERT INTO %s (%s) SELECT * FROM %s", c.Table, names, unnest)
}

func kindOf(c relational.Column) string {
	switch {
	case c.Floats != nil:
		return "double precision"
	case c.Texts != nil:
		return "text"
	case c.Blobs != nil:
		return "bytea"
	}
	return "bigint"
}

func columnsOf(c relational.Change) []any {
	columns := make([]any, len(c.Columns))
	for i, column := range c.Columns {
		switch {
		case column.Floats != nil:
			columns[i] = column.Floats
		case column.Texts != nil:
			columns[i] = column.Texts
		case column.Blobs != nil:
			columns[i] = column.Blobs
		default:
			columns[i] = column.Ints
		}
	}
	return columns
}
