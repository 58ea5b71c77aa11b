package relational

import (
	"context"
	"fmt"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// readCurrent selects from the current version of a resource, if the filter covers it.
func (s *statement) readCurrent(what string, f search.Filter, resourceType, id string) (string, error) {
	typeID, err := s.store.catalog.typeID(resourceType)
	if err != nil {
		return "", err
	}
	covered, err := s.visible(f, "r", false)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("SELECT %s FROM resource r WHERE r.type = %s AND r.id = %s AND %s",
		what, s.bind(typeID), s.bind(id), covered), nil
}

// versionTable is what of a version goes out.
var versionTable = []string{"id", "version", "last_updated", "deleted", "body"}

func scanVersion(resourceType string, scan func(...any) error) (fhir.Resource, error) {
	r := record{reference: reference{resourceType: resourceType}}
	var deleted int64
	err := scan(&r.id, &r.version, &r.lastUpdated, &deleted, (*unpacked)(&r.body))
	r.deleted = deleted != 0
	return r.resource(), err
}

// versions runs a statement that selects versionTable.
func (s *statement) versions(ctx context.Context, q querier, resourceType, text string) ([]fhir.Resource, error) {
	var all []fhir.Resource
	err := s.query(ctx, q, text, func(scan func(...any) error) error {
		r, err := scanVersion(resourceType, scan)
		all = append(all, r)
		return err
	})
	return all, s.store.failure(ctx, err)
}

// Read returns the current version.
func (s *Store) Read(ctx context.Context, visible search.Filter, resourceType, id string) (fhir.Resource, error) {
	r, err := s.current(ctx, visible, resourceType, id)
	if err == nil && r.Deleted {
		return r, store.ErrGone
	}
	return r, err
}

// current returns the current version, be it a deletion.
func (s *Store) current(ctx context.Context, visible search.Filter, resourceType, id string) (fhir.Resource, error) {
	if len(visible.Grants) == 0 {
		return fhir.Resource{}, store.ErrNotFound
	}
	ctx, cancel := statementContext(ctx, readTimeout)
	defer cancel()
	st := s.statement()
	text, err := st.readCurrent(columns("r", versionTable), visible, resourceType, id)
	if err != nil {
		return fhir.Resource{}, err
	}
	found, err := st.versions(ctx, look{s.db}, resourceType, text)
	if err != nil || len(found) == 0 {
		return fhir.Resource{}, notFound(err)
	}
	return found[0], nil
}

// look is a database that is asked for a row by its key.
type look struct{ Database }

func (l look) Query(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error {
	return l.Look(ctx, query, args, row)
}

func notFound(err error) error {
	if err == nil {
		return store.ErrNotFound
	}
	return err
}

// VRead returns one version.
func (s *Store) VRead(ctx context.Context, visible search.Filter, resourceType, id string, version int64) (fhir.Resource, error) {
	found, err := s.history(ctx, visible, reference{resourceType, id}, window{"=", version, 1})
	switch {
	case err != nil || len(found) == 0:
		return fhir.Resource{}, notFound(err)
	case found[0].Deleted:
		return found[0], store.ErrGone
	}
	return found[0], nil
}

// History returns versions of one resource, newest first.
func (s *Store) History(ctx context.Context, visible search.Filter, resourceType, id string, before int64, limit int) ([]fhir.Resource, error) {
	w := window{"<", before, limit}
	if before <= 0 {
		w = window{">", 0, limit}
	}
	found, err := s.history(ctx, visible, reference{resourceType, id}, w)
	if err != nil || len(found) > 0 {
		return found, err
	}
	_, err = s.current(ctx, visible, resourceType, id)
	return nil, err
}

// window is the versions that are wanted.
type window struct {
	operator string
	version  int64
	limit    int
}

// history reads versions that are covered themselves, of a resource whose current version is.
func (s *Store) history(ctx context.Context, visible search.Filter, ref reference, w window) ([]fhir.Resource, error) {
	if len(visible.Grants) == 0 {
		return nil, nil
	}
	ctx, cancel := statementContext(ctx, readTimeout)
	defer cancel()
	st := s.statement()
	current, err := st.readCurrent(columns("r", versionTable), visible, ref.resourceType, ref.id)
	if err != nil {
		return nil, err
	}
	row, err := st.readCurrent("r.row", visible, ref.resourceType, ref.id)
	if err != nil {
		return nil, err
	}
	covered, err := st.visible(visible, "h", true)
	if err != nil {
		return nil, err
	}
	version := st.bind(w.version)
	text := fmt.Sprintf(`SELECT v.* FROM (%s UNION ALL SELECT %s AS id, %s FROM resource_history h WHERE h.row = (%s) AND h.version %s %s AND %s) v
		WHERE v.version %s %s ORDER BY v.version DESC LIMIT %s`,
		current, st.bind(ref.id), columns("h", versionTable[1:]), row, w.operator, version, covered,
		w.operator, version, st.bind(w.limit))
	return st.versions(ctx, s.db, ref.resourceType, text)
}
