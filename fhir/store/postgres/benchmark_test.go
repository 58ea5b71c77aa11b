package postgres_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"lightbox/fhir/store/postgres/pgtest"
	"lightbox/fhir/store/storetest"
)

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, database, newLimit) }

// limit is plain PostgreSQL.
type limit struct{ pool *pgxpool.Pool }

func newLimit(b *testing.B) storetest.Limit {
	pool, err := pgxpool.New(context.Background(), pgtest.Start(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	return limit{pool}
}

func (l limit) exec(b *testing.B, statement string) {
	b.Helper()
	if _, err := l.pool.Exec(context.Background(), statement); err != nil {
		b.Fatal(err)
	}
}

func (l limit) Load(b *testing.B, batches [][][]byte) {
	l.exec(b, "DROP TABLE IF EXISTS load")
	l.exec(b, "CREATE TABLE load (body BYTEA)")
	for _, batch := range batches {
		rows := pgx.CopyFromSlice(len(batch), func(i int) ([]any, error) { return []any{batch[i]}, nil })
		if _, err := l.pool.CopyFrom(context.Background(), pgx.Identifier{"load"}, []string{"body"}, rows); err != nil {
			b.Fatal(err)
		}
	}
}

func (l limit) Prepare(b *testing.B, bodies map[string][]byte) {
	l.exec(b, "CREATE TABLE point (id TEXT PRIMARY KEY, body BYTEA)")
	var rows [][]any
	for id, body := range bodies {
		rows = append(rows, []any{id, body})
	}
	if _, err := l.pool.CopyFrom(context.Background(), pgx.Identifier{"point"}, []string{"id", "body"}, pgx.CopyFromRows(rows)); err != nil {
		b.Fatal(err)
	}
}

func (l limit) Read(b *testing.B, id string) (body []byte) {
	if err := l.pool.QueryRow(context.Background(), "SELECT body FROM point WHERE id = $1", id).Scan(&body); err != nil {
		b.Fatal(err)
	}
	return body
}
