package main

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"runtime"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"lightbox/bench"
)

// sqliteLimit is plain SQLite with the hub's own settings of durability: rows without index go to a file of their own, what is read by
// id are the hub's rows in the hub's file.
type sqliteLimit struct {
	path, loadPath string
	load, read     *sql.DB
	byID           *sql.Stmt
	typeID         int64
}

func openSQLiteLimit(path, loadPath string) (bench.Limit, error) {
	load, err := openPlainSQLite(loadPath, 1)
	if err != nil {
		return nil, err
	}
	read, err := openPlainSQLite(path, max(4, 2*runtime.GOMAXPROCS(0))) // as many as the hub reads with
	if err != nil {
		return nil, errors.Join(err, load.Close())
	}
	_, err = load.Exec("DROP TABLE IF EXISTS bench_load; CREATE TABLE bench_load (body BLOB NOT NULL)")
	return &sqliteLimit{path: path, loadPath: loadPath, load: load, read: read}, err
}

func openPlainSQLite(path string, connections int) (*sql.DB, error) {
	settings := url.Values{"_pragma": {"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "cache_size(-16384)", "mmap_size(1073741824)"}}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+settings.Encode())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

func (l *sqliteLimit) Load(ctx context.Context, bodies [][]byte) error {
	tx, err := l.load.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	insert, err := tx.PrepareContext(ctx, "INSERT INTO bench_load VALUES (?)")
	if err != nil {
		return err
	}
	defer insert.Close()
	for _, body := range bodies {
		if _, err := insert.ExecContext(ctx, body); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// What the limits read: the key of a type of resource, and a resource by its key.
const (
	readType = "SELECT id FROM resource_type WHERE name = $1"
	readRow  = "SELECT body FROM resource WHERE type = $1 AND id = $2"
)

func (l *sqliteLimit) Find(ctx context.Context, resourceType string) (err error) {
	if err = l.read.QueryRowContext(ctx, readType, resourceType).Scan(&l.typeID); err != nil {
		return err
	}
	l.byID, err = l.read.PrepareContext(ctx, readRow)
	return err
}

func (l *sqliteLimit) Read(ctx context.Context, id string) error {
	var body []byte
	return l.byID.QueryRowContext(ctx, l.typeID, id).Scan(&body)
}

// Size counts the file and what of its journal is not in it yet.
func (l *sqliteLimit) Size(ctx context.Context) (int64, error) {
	if _, err := l.read.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return 0, err
	}
	var size int64
	for _, name := range []string{l.path, l.path + "-wal"} {
		info, err := os.Stat(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		size += info.Size()
	}
	return size, nil
}

func (l *sqliteLimit) Close(ctx context.Context) error {
	var err error
	if l.byID != nil {
		err = l.byID.Close()
	}
	err = errors.Join(err, l.read.Close(), l.load.Close())
	for _, name := range []string{l.loadPath, l.loadPath + "-wal", l.loadPath + "-shm"} {
		if removed := os.Remove(name); !errors.Is(removed, os.ErrNotExist) {
			err = errors.Join(err, removed)
		}
	}
	return err
}

// postgresLimit is plain PostgreSQL: COPY into a table without index, and the hub's rows by their key.
type postgresLimit struct {
	pool   *pgxpool.Pool
	typeID int64
}

func openPostgresLimit(ctx context.Context, database string) (bench.Limit, error) {
	pool, err := pgxpool.New(ctx, database)
	if err != nil {
		return nil, errors.New("the database URL is not understood") // the cause repeats the password
	}
	_, err = pool.Exec(ctx, "DROP TABLE IF EXISTS bench_load; CREATE TABLE bench_load (body BYTEA NOT NULL)")
	return &postgresLimit{pool: pool}, err
}

func (l *postgresLimit) Load(ctx context.Context, bodies [][]byte) error {
	rows := pgx.CopyFromSlice(len(bodies), func(i int) ([]any, error) { return []any{bodies[i]}, nil })
	_, err := l.pool.CopyFrom(ctx, pgx.Identifier{"bench_load"}, []string{"body"}, rows)
	return err
}

func (l *postgresLimit) Find(ctx context.Context, resourceType string) error {
	return l.pool.QueryRow(ctx, readType, resourceType).Scan(&l.typeID)
}

func (l *postgresLimit) Read(ctx context.Context, id string) error {
	var body []byte
	return l.pool.QueryRow(ctx, readRow, l.typeID, id).Scan(&body)
}

func (l *postgresLimit) Size(ctx context.Context) (size int64, err error) {
	query := "SELECT pg_database_size(current_database()) - pg_total_relation_size('bench_load')"
	err = l.pool.QueryRow(ctx, query).Scan(&size)
	return size, err
}

func (l *postgresLimit) Close(ctx context.Context) error {
	defer l.pool.Close()
	_, err := l.pool.Exec(ctx, "DROP TABLE IF EXISTS bench_load")
	return err
}
