package relational

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"lightbox/fhir/store"
)

// Changes returns the versions after a stamp, oldest first: of each type a bounded walk of the index by lastUpdated for its
// current versions and one for the past ones, merged. It sees one state of the database, and stamps rise in the order of commits,
// so what it does not see yet comes after all that it sees.
func (s *Store) Changes(ctx context.Context, after int64, limit int) ([]store.Change, error) {
	ctx, cancel := statementContext(ctx, readTimeout)
	defer cancel()
	tx, err := s.db.Snapshot(ctx)
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // it only read
	names, err := typeNames(ctx, tx)
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	st := s.statement()
	var all []store.Change
	err = st.query(ctx, tx, st.changes(names, after, limit), func(scan func(...any) error) error {
		var c store.Change
		var typeID, deleted int64
		err := scan(&typeID, &c.ID, &c.Version, &c.LastUpdated, &deleted)
		c.Type, c.Deleted = names[typeID], deleted != 0
		all = append(all, c)
		return err
	})
	return all, s.failure(ctx, err)
}

// typeNames reads the types that there are now: another program may serve more than this one.
func typeNames(ctx context.Context, q querier) (map[int64]string, error) {
	names := map[int64]string{}
	err := q.Query(ctx, "SELECT id, name FROM resource_type", nil, func(scan func(...any) error) error {
		var id int64
		var name string
		err := scan(&id, &name)
		names[id] = name
		return err
	})
	return names, err
}

func (s *statement) changes(types map[int64]string, after int64, limit int) string {
	from, most := s.bind(after), s.bind(limit)
	var arms []string
	for _, typeID := range slices.Sorted(maps.Keys(types)) {
		for _, table := range []string{"resource", "resource_history"} {
			arms = append(arms, fmt.Sprintf(`SELECT a%d.* FROM (SELECT v.row AS row, v.version AS version, v.last_updated AS at, v.deleted AS deleted
				FROM %s v WHERE v.type = %s AND v.last_updated > %s ORDER BY v.last_updated LIMIT %s) a%[1]d`,
				len(arms), table, s.bind(typeID), from, most))
		}
	}
	return fmt.Sprintf(`SELECT r.type, r.id, c.version, c.at, c.deleted
		FROM (SELECT u.* FROM (%s) u ORDER BY u.at LIMIT %s) c CROSS JOIN resource r WHERE r.row = c.row ORDER BY c.at`,
		strings.Join(arms, " UNION ALL "), most)
}
