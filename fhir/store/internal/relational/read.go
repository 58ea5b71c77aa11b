package relational

import (
	"context"
	"fmt"
	"strconv"

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

// History answers one page of versions, newest first.
func (s *Store) History(ctx context.Context, q store.HistoryQuery, by store.Caller) (store.HistoryPage, error) {
	if q.ID == "" {
		return store.HistoryPage{}, fhir.NewError(fhir.NotSupported, "history of a type or of the system is not served yet")
	}
	visible := by.Access(q.Type)
	w := window{">", 0, q.Count + 1}
	if q.Page != "" {
		before, err := strconv.ParseInt(q.Page, 10, 64)
		if err != nil {
			return store.HistoryPage{}, store.ErrCursor
		}
		w = window{"<", before, q.Count + 1}
	}
	found, err := s.history(ctx, visible, reference{q.Type, q.ID}, w)
	if err == nil && len(found) == 0 {
		_, err = s.current(ctx, visible, q.Type, q.ID)
	}
	if err != nil {
		return store.HistoryPage{}, err
	}
	page := store.HistoryPage{Total: -1}
	for i, v := range found {
		if i == q.Count {
			page.Next = strconv.FormatInt(found[i-1].Version, 10)
			break
		}
		if v.LastUpdated.Before(q.Since) {
			break
		}
		page.Versions = append(page.Versions, store.Version{Resource: v, Made: v.Version == 1 || i+1 < len(found) && found[i+1].Deleted})
	}
	return page, nil
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
