package pgtest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"lightbox/fhir/store/postgres/pgtest"
)

func TestDatabasesAreApart(t *testing.T) {
	ctx := context.Background()
	for _, name := range []string{"first", "second"} {
		conn, err := pgx.Connect(ctx, pgtest.Start(t))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close(ctx) })
		if _, err := conn.Exec(ctx, "CREATE TABLE only_here (n int)"); err != nil {
			t.Errorf("%s database is not empty: %v", name, err)
		}
		var fsync string
		if err := conn.QueryRow(ctx, "SHOW fsync").Scan(&fsync); err != nil || fsync != "on" {
			t.Errorf("fsync = %q, %v; want on", fsync, err)
		}
	}
}
