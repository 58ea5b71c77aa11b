package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"lightbox/fhir/store"
	"lightbox/fhir/store/internal/relational"
	"lightbox/fhir/store/internal/runs"
)

// database is a relational.Database: a pool that reads, and one connection that writes.
type database struct {
	read       *sql.DB
	statements *prepared     // of read
	turns      chan struct{} // of queries on read
	write      *sql.DB
	snapshots  chan *snapshot // idle, or not opened yet
	conn       *sql.Conn      // of write
	ledger     *ledger        // nil: it has no tables
	writer     *transaction   // on conn; reused by each Begin; whoever writes has the turn
}

func newDatabase(ctx context.Context, read, write *sql.DB) (*database, error) {
	conn, err := write.Conn(ctx)
	if err != nil {
		return nil, err
	}
	snapshots := make(chan *snapshot, readers())
	for range cap(snapshots) {
		snapshots <- nil
	}
	writer := &transaction{statements: newPrepared(conn, maxStatements), end: func(error) error { return nil }}
	return &database{read: read, statements: newPrepared(read, maxStatements), turns: make(chan struct{}, readers()), snapshots: snapshots, write: write, conn: conn,
		writer: writer}, nil
}

func (d *database) Query(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error {
	return d.query(ctx, ctx, query, args, row)
}

// query takes its turn while waiting is not cancelled, then runs. The pool itself would draw lots, and some would wait for long.
func (d *database) query(waiting, ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error {
	select {
	case d.turns <- struct{}{}:
	case <-waiting.Done():
		return waiting.Err()
	}
	defer func() { <-d.turns }()
	if err := waiting.Err(); err != nil {
		return err
	}
	return d.statements.with(ctx, query, func(s *sql.Stmt) error { return each(ctx, s, args, row) })
}

// Look spares SQLite the goroutines that watch ctx, which take longer than the look-up.
func (d *database) Look(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error {
	return d.query(ctx, context.WithoutCancel(ctx), query, args, row)
}

// Begin takes SQLite's write lock at once: a transaction that takes it later may find that what it read has changed.
func (d *database) Begin(ctx context.Context) (relational.Transaction, error) {
	_, err := d.writer.Exec(ctx, "BEGIN IMMEDIATE")
	return d.writer, err
}

// snapshot is a connection of read for transactions that read, with its statements: to compile them anew each time would take longer
// than most of them run.
type snapshot struct {
	conn       *sql.Conn
	statements *prepared
}

// Snapshot begins a transaction whose state is that of its first statement. Who waits longest has the next connection; the pool itself
// would draw lots.
func (d *database) Snapshot(ctx context.Context) (relational.Transaction, error) {
	var s *snapshot
	select {
	case s = <-d.snapshots:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s == nil {
		conn, err := d.read.Conn(ctx)
		if err != nil {
			d.snapshots <- nil
			return nil, err
		}
		s = &snapshot{conn, newPrepared(conn, maxOfASnapshot)}
	}
	t := &transaction{statements: s.statements}
	t.end = func(ended error) error { return d.release(s, ended) }
	if _, err := t.Exec(ctx, "BEGIN"); err != nil {
		return nil, errors.Join(err, d.release(s, err))
	}
	return t, nil
}

// release keeps a connection whose transaction has ended as it should.
func (d *database) release(s *snapshot, ended error) (err error) {
	if ended != nil {
		err, s = s.close(), nil
	}
	d.snapshots <- s
	return err
}

func (s *snapshot) close() error {
	if s == nil {
		return nil
	}
	return errors.Join(s.statements.close(), s.conn.Close())
}

func (d *database) Ping(ctx context.Context) error { return d.read.PingContext(ctx) }

func (d *database) Close() error {
	err := d.ledger.close()
	for len(d.snapshots) > 0 { // those in use go with the pool
		err = errors.Join(err, (<-d.snapshots).close())
	}
	return errors.Join(err, d.statements.close(), d.read.Close(), d.writer.statements.close(), d.conn.Close(), d.write.Close())
}

func (d *database) In(column, parameter string, _ any) string {
	return column + " IN (SELECT value FROM json_each(" + parameter + "))"
}

func (d *database) List(values any) any {
	text, err := json.Marshal(values)
	if err != nil {
		panic(err) // numbers and texts have a JSON form
	}
	return string(text)
}

// Each lists the elements of the array that List made.
func (d *database) Each(parameter string) string { return "json_each(" + parameter + ")" }

func (d *database) Runs() runs.Dialect { return runs.JSON{} }

func (d *database) InQuery(column, query string) string { return column + " IN (" + query + ")" }

func (d *database) Contains(text, part string) string {
	return fmt.Sprintf("instr(%s, %s) > 0", text, part)
}

// Retryable reports whether another process was in the way.
func (d *database) Retryable(err error) bool {
	code := codeOf(err)
	return code == sqlite3.SQLITE_BUSY || code == sqlite3.SQLITE_LOCKED
}

// Taken goes by the primary code: the tables have no other constraints that their statements could break.
func (d *database) Taken(err error) bool { return codeOf(err) == sqlite3.SQLITE_CONSTRAINT }

func (d *database) Fault(err error) error {
	switch codeOf(err) {
	case sqlite3.SQLITE_INTERRUPT:
		return store.ErrTimeout
	case sqlite3.SQLITE_FULL:
		return store.ErrFull
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
		return store.ErrUnavailable
	}
	return nil
}

// codeOf returns the primary result code, 0 when err is not SQLite's.
func codeOf(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

// transaction runs on one connection. It ends with Commit or with Rollback.
type transaction struct {
	statements *prepared
	end        func(error) error // how it ended
}

// Exec is not stopped by ctx: SQLite would roll back the whole transaction, and what followed would stand on its own.
func (t *transaction) Exec(ctx context.Context, query string, args ...any) (affected int64, err error) {
	ctx = context.WithoutCancel(ctx)
	err = t.statements.with(ctx, query, func(s *sql.Stmt) error {
		result, err := s.ExecContext(ctx, args...)
		if err == nil {
			affected, err = result.RowsAffected()
		}
		return err
	})
	return affected, err
}

func (t *transaction) Query(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error {
	return t.statements.with(ctx, query, func(s *sql.Stmt) error { return each(ctx, s, args, row) })
}

func each(ctx context.Context, s *sql.Stmt, args []any, row func(scan func(dest ...any) error) error) error {
	rows, err := s.QueryContext(ctx, args...)
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

func (t *transaction) Commit(ctx context.Context) error {
	if _, err := t.Exec(ctx, "COMMIT"); err != nil {
		return err // Rollback follows
	}
	return t.end(nil)
}

func (t *transaction) Rollback(ctx context.Context) error {
	_, err := t.Exec(ctx, "ROLLBACK")
	return errors.Join(err, t.end(err))
}

// Apply runs one statement a row, or inserts many rows with one.
func (t *transaction) Apply(ctx context.Context, changes []relational.Change) error {
	return t.applyAll(ctx, changes, textOf)
}

// Fill inserts the rows that are missing.
func (t *transaction) Fill(ctx context.Context, changes []relational.Change) error {
	return t.applyAll(ctx, changes, func(c relational.Change, size int) string {
		return strings.Replace(textOf(c, size), "OR FAIL", "OR IGNORE", 1)
	})
}

func (t *transaction) applyAll(ctx context.Context, changes []relational.Change, text func(relational.Change, int) string) error {
	for _, c := range changes {
		if err := t.apply(ctx, c, text); err != nil {
			return fmt.Errorf("%s: %w", c.Table, err)
		}
	}
	return nil
}

// chunk is how many rows one statement inserts.
const chunk = 100

func (t *transaction) apply(ctx context.Context, c relational.Change, text func(relational.Change, int) string) error {
	size := chunk
	if c.Remove {
		size = 1
	}
	var args []any
	for from, rows := 0, c.Rows(); from < rows; from += size {
		if size > rows-from {
			size = 1
		}
		args = args[:0]
		for row := from; row < from+size; row++ {
			args = c.Row(args, row)
		}
		if _, err := t.Exec(ctx, text(c, size), args...); err != nil {
			return err
		}
	}
	return nil
}

// textOf writes the statement for size rows. OR FAIL spares SQLite a journal for each statement: after an error the
// transaction is rolled back as a whole.
func textOf(c relational.Change, size int) string {
	names := c.Names()
	if c.Remove {
		return "DELETE FROM " + c.Table + " WHERE " + strings.Join(names, " = ? AND ") + " = ?"
	}
	row := "(" + strings.Repeat("?, ", len(names)-1) + "?)"
	return "INSERT OR FAIL INTO " + c.Table + " (" + strings.Join(names, ", ") + ") VALUES " + strings.Repeat(row+", ", size-1) + row
}
