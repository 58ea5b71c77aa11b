package relational

import (
	"context"

	"lightbox/fhir/store"
	"lightbox/fhir/store/internal/runs"
)

// Database is one of the two databases, migrated.
type Database interface {
	Dialect
	// Query runs one statement that reads, outside of a transaction. Cancelling ctx stops it.
	Query(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error
	// Look is Query for a statement that finds a row or two by key. It need not be stopped once it runs.
	Look(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error
	// Begin starts a transaction that excludes every other writer, of other processes too, until it ends, and that sees
	// all that was committed before.
	Begin(ctx context.Context) (Transaction, error)
	// Runs is the dialect of package runs.
	Runs() runs.Dialect
	// Snapshot starts a transaction that reads one state of the database.
	Snapshot(ctx context.Context) (Transaction, error)
	// Ledger is the database of the ledger; nil where it has no tables.
	Ledger() Ledger
	Ping(ctx context.Context) error
	Close() error
}

// Ledger is the database of a store's ledger.
type Ledger interface {
	// Exec runs one statement and commits it, beside the writers of Begin.
	Exec(ctx context.Context, query string, args ...any) error
	Snapshot(ctx context.Context) (Transaction, error)
}

// Transaction is an open transaction. After an error of Apply or Fill it can only be rolled back.
type Transaction interface {
	store.SQL
	Apply(ctx context.Context, changes []Change) error
	// Fill inserts rows as Apply does, and leaves those alone that are there.
	Fill(ctx context.Context, changes []Change) error
	Commit(ctx context.Context) error
	Rollback(ctx context.Context) error
}

// Change inserts rows into a table, or removes those that are equal in Columns.
type Change struct {
	Table   string
	Columns []Column
	Remove  bool
}

// Column holds one value for each row, in the field of its type.
type Column struct {
	Name   string
	Ints   []int64
	Floats []float64
	Texts  []string
	Blobs  [][]byte
}

// Rows returns how many rows a change has.
func (c Change) Rows() int {
	first := c.Columns[0]
	return max(len(first.Ints), len(first.Floats), len(first.Texts), len(first.Blobs))
}

// Names returns the names of the columns.
func (c Change) Names() []string {
	names := make([]string, len(c.Columns))
	for i, column := range c.Columns {
		names[i] = column.Name
	}
	return names
}

// Row appends the values of one row to args.
func (c Change) Row(args []any, row int) []any {
	for i := range c.Columns {
		switch column := &c.Columns[i]; {
		case column.Ints != nil:
			args = append(args, column.Ints[row])
		case column.Floats != nil:
			args = append(args, column.Floats[row])
		case column.Texts != nil:
			args = append(args, column.Texts[row])
		default:
			args = append(args, column.Blobs[row])
		}
	}
	return args
}

// Dialect is where the SQL of the two databases differs.
type Dialect interface {
	// In tests a column against a list bound as one argument, which List makes of a []int64 or []string.
	In(column, parameter string, values any) string
	List(values any) any
	// InQuery tests a column against what a query selects, which is run once.
	InQuery(column, query string) string
	// Each is a table of such a list of numbers, its one column named value.
	Each(parameter string) string
	// Contains tests whether a text holds another.
	Contains(text, part string) string
	// Retryable reports whether a transaction failed for the sake of another one.
	Retryable(err error) bool
	// Taken reports whether a statement failed for a unique key that is taken.
	Taken(err error) bool
	// Fault names what kept the database from doing its work: store.ErrTimeout where it stopped a statement at its deadline,
	// store.ErrUnavailable or store.ErrFull; nil for everything else.
	Fault(err error) error
}
