package relational

import (
	"context"
	"fmt"
	"strings"

	"lightbox/fhir/store"
)

// sweepBatch is how many index entries one transaction of a sweep removes.
const sweepBatch = 5000

// sweptTables are the tables of index entries, with what follows param in their primary keys.
var sweptTables = []struct {
	name string
	key  []string
}{
	{"posting", []string{"hash", "time_key", "row"}},
	{"string_posting", []string{"text", "row"}},
	{"date_posting", []string{"low", "row", "high"}},
	{"number_posting", []string{"unit", "low", "row", "high"}},
}

// sweep removes the entries of dead generations. Whoever starts it later goes on.
func (s *Store) sweep(ctx context.Context) error {
	dead, err := s.dead(ctx)
	if err != nil {
		return err
	}
	for _, id := range dead {
		for _, table := range sweptTables {
			for more := true; more; {
				err := s.writer.write(ctx, func(tx store.Tx) (err error) {
					more, err = sweepSome(ctx, tx, table.name, table.key, id)
					return err
				})
				if err != nil {
					return err
				}
			}
		}
		err := s.writer.write(ctx, func(tx store.Tx) error {
			if _, err := tx.Exec(ctx, "UPDATE search_param SET state = $1 WHERE id = $2", stateGone, id); err != nil {
				return err
			}
			return s.runs.Compact(ctx, tx)
		})
		if err != nil {
			return err
		}
	}
	return s.Tidy(ctx)
}

func (s *Store) dead(ctx context.Context) (ids []int64, err error) {
	query := "SELECT id FROM search_param WHERE state = $1 ORDER BY id"
	err = s.db.Query(ctx, query, []any{stateDead}, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// sweepSome removes the first entries of a parameter by their primary key, and reports whether there are more.
func sweepSome(ctx context.Context, tx store.SQL, table string, key []string, param int64) (more bool, err error) {
	columns := strings.Join(key, ", ")
	last, dest := make([]any, len(key)), make([]any, len(key))
	for i := range last {
		dest[i] = &last[i]
	}
	query := fmt.Sprintf("SELECT %s FROM %s WHERE param = $1 ORDER BY %[1]s LIMIT 1 OFFSET %[3]d", columns, table, sweepBatch-1)
	err = tx.Query(ctx, query, []any{param}, func(scan func(...any) error) error {
		more = true
		return scan(dest...)
	})
	if err != nil {
		return false, err
	}
	remove, args := "DELETE FROM "+table+" WHERE param = $1", []any{param}
	if more {
		places := make([]string, len(key))
		for i := range key {
			places[i] = fmt.Sprintf("$%d", i+2)
		}
		remove += fmt.Sprintf(" AND (%s) <= (%s)", columns, strings.Join(places, ", "))
		args = append(args, last...)
	}
	_, err = tx.Exec(ctx, remove, args...)
	return more, err
}
