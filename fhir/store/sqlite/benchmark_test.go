package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"

	"lightbox/fhir/store/storetest"
)

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, database, newLimit) }

// limit is plain SQLite with the same settings.
type limit struct {
	db   *sql.DB
	read *sql.Stmt
}

func newLimit(b *testing.B) storetest.Limit {
	path := filepath.Join(b.TempDir(), "limit.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	b.Cleanup(func() { db.Close() })
	return &limit{db: db}
}

func (l *limit) exec(b *testing.B, statement string) {
	b.Helper()
	if _, err := l.db.Exec(statement); err != nil {
		b.Fatal(err)
	}
}

func (l *limit) Load(b *testing.B, batches [][][]byte) {
	l.exec(b, "DROP TABLE IF EXISTS load")
	l.exec(b, "CREATE TABLE load (body BLOB)")
	for _, batch := range batches {
		tx, err := l.db.Begin()
		if err != nil {
			b.Fatal(err)
		}
		insert, err := tx.Prepare("INSERT INTO load VALUES (?)")
		if err != nil {
			b.Fatal(err)
		}
		for _, body := range batch {
			if _, err := insert.Exec(body); err != nil {
				b.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
}

func (l *limit) Prepare(b *testing.B, bodies map[string][]byte) {
	l.exec(b, "CREATE TABLE point (id TEXT PRIMARY KEY, body BLOB)")
	l.exec(b, "BEGIN")
	for id, body := range bodies {
		if _, err := l.db.Exec("INSERT INTO point VALUES (?, ?)", id, body); err != nil {
			b.Fatal(err)
		}
	}
	l.exec(b, "COMMIT")
	var err error
	if l.read, err = l.db.Prepare("SELECT body FROM point WHERE id = ?"); err != nil {
		b.Fatal(err)
	}
}

func (l *limit) Read(b *testing.B, id string) (body []byte) {
	if err := l.read.QueryRow(id).Scan(&body); err != nil {
		b.Fatal(err)
	}
	return body
}
