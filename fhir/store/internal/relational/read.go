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
var versionTable = []string{"id", "version", "last_updated", "deleted", "patient", "body"}

func scanVersion(resourceType string, scan func(...any) error) (fhir.Resource, error) {
	r := record{reference: reference{resourceType: resourceType}}
	var deleted int64
	err := scan(&r.id, &r.version, &r.lastUpdated, &deleted, &r.patient, (*unpacked)(&r.body))
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

// VRead returns one version. It is covered itself, and so is the current one.
func (s *Store) VRead(ctx context.Context, visible search.Filter, resourceType, id string, version int64) (fhir.Resource, error) {
	if len(visible.Grants) == 0 {
		return fhir.Resource{}, store.ErrNotFound
	}
	ctx, cancel := statementContext(ctx, readTimeout)
	defer cancel()
	st := s.statement()
	text, err := st.readVersion(visible, reference{resourceType, id}, version)
	if err != nil {
		return fhir.Resource{}, err
	}
	found, err := st.versions(ctx, look{s.db}, resourceType, text)
	switch {
	case err != nil || len(found) == 0:
		return fhir.Resource{}, notFound(err)
	case found[0].Deleted:
		return found[0], store.ErrGone
	}
	return found[0], nil
}

func (s *statement) readVersion(f search.Filter, ref reference, version int64) (string, error) {
	current, err := s.readCurrent(columns("r", versionTable), f, ref.resourceType, ref.id)
	if err != nil {
		return "", err
	}
	row, err := s.readCurrent("r.row", f, ref.resourceType, ref.id)
	if err != nil {
		return "", err
	}
	covered, err := s.visible(f, "h", true)
	if err != nil {
		return "", err
	}
	wanted := s.bind(version)
	return fmt.Sprintf(`%s AND r.version = %s UNION ALL
		SELECT %s AS id, %s FROM resource_history h WHERE h.row = (%s) AND h.version = %s AND %s`,
		current, wanted, s.bind(ref.id), columns("h", versionTable[1:]), row, wanted, covered), nil
}
