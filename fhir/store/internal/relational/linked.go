package relational

import (
	"context"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// links are what the logical references of one resource lead to, by search.Logical.Key.
type links map[int64]string

func (l links) of(one search.Logical) string { return l[one.Key()] }

// document evaluates a resource whose logical references lead to what links has of them. body is what it is evaluated on.
func (s *Store) document(r fhir.Resource, d search.Document, known links) (linked search.Document, body []byte, err error) {
	body = r.Body
	if len(known) == 0 {
		return d, body, nil
	}
	r.Body = d.Linked(body, known.of)
	linked, _, err = search.IndexStored(s.registry, r)
	return linked, r.Body, err
}

// viewed is a resource as searches see it: with the literal references that its logical ones stand for.
type viewed struct {
	search.Document
	body []byte
}

// view evaluates resources. Only those with a logical reference cost a statement, one for each type.
func (s *Store) view(ctx context.Context, q querier, resources []fhir.Resource) ([]viewed, error) {
	all, logical := make([]viewed, len(resources)), map[string][]string{}
	for i, r := range resources {
		d, _, err := search.IndexStored(s.registry, r)
		if err != nil {
			return nil, err
		}
		all[i] = viewed{d, r.Body}
		if len(d.Logical) > 0 {
			logical[r.Type] = append(logical[r.Type], r.ID)
		}
	}
	for resourceType, ids := range logical {
		known, err := s.linksByID(ctx, q, resourceType, ids)
		if err != nil {
			return nil, err
		}
		for i, r := range resources {
			if r.Type != resourceType {
				continue
			}
			if all[i].Document, all[i].body, err = s.document(r, all[i].Document, known[r.ID]); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

// linksByID reads what resources of a type lead to.
func (s *Store) linksByID(ctx context.Context, q querier, resourceType string, ids []string) (map[string]links, error) {
	typeID, err := s.catalog.typeID(resourceType)
	if err != nil {
		return nil, err
	}
	st := s.statement()
	text := "SELECT r.id, l.hash, l.target FROM resource r CROSS JOIN link l WHERE r.type = " + st.bind(typeID) + " AND " +
		st.texts("r.id", ids) + " AND l.row = r.row"
	found := map[string]links{}
	err = st.query(ctx, q, text, func(scan func(...any) error) error {
		var id, target string
		var hash int64
		err := scan(&id, &hash, &target)
		if found[id] == nil {
			found[id] = links{}
		}
		found[id][hash] = target
		return err
	})
	return found, err
}

// linksByRow reads the same of rows.
func (s *Store) linksByRow(ctx context.Context, q querier, rows []int64) (map[int64]links, error) {
	st := s.statement()
	text := "SELECT l.row, l.hash, l.target FROM link l WHERE " + st.numbers("l.row", rows)
	found := map[int64]links{}
	err := st.query(ctx, q, text, func(scan func(...any) error) error {
		var row, hash int64
		var target string
		err := scan(&row, &hash, &target)
		if found[row] == nil {
			found[row] = links{}
		}
		found[row][hash] = target
		return err
	})
	return found, err
}

// stored is what the index tables hold of a version, and what it leads to.
type stored struct {
	indexed
	links  links
	faults []*fhir.Error // values that a parameter does not take
}

// storedOf returns what there is of a version.
func (u *unit) storedOf(ctx context.Context, r *record) (stored, error) {
	if r.deleted {
		return stored{}, nil
	}
	x, faults, err := u.store.indexStored(r)
	if err != nil {
		return stored{}, err
	}
	var known links
	if len(x.logical) > 0 {
		if known, err = u.linksOf(ctx, r.row); err != nil {
			return stored{}, err
		}
		if x, err = u.store.indexLinked(r.resource(), known); err != nil {
			return stored{}, err
		}
	}
	err = u.store.addOwners(&x.entries, r)
	return stored{x, known, faults}, err
}

// linksOf reads what a resource leads to.
func (u *unit) linksOf(ctx context.Context, row int64) (links, error) {
	all, err := u.store.linksByRow(ctx, transactional{u}, []int64{row})
	return all[row], err
}

// transactional reads in a unit's transaction, and lets it know of an error.
type transactional struct{ *unit }

func (t transactional) Query(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error {
	return t.query(ctx, query, args, row)
}
