package relational

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// linker lets logical references lead to what has their identifier, in the transaction that makes it so: when the one that refers is
// written, and when what is referred to comes, goes or changes. What it decides is kept in table link, and index entries follow.
type linker struct {
	*group
	store *Store
	seen  map[reference]*record // where rows that change are known by; nil: nobody asks any more
}

// linkBatch is how many referring resources are looked at together.
const linkBatch = 500

// maxReferrers bounds the resources that one commit looks at again, for it has the time of one statement.
const maxReferrers = 50_000

// errManyReferrers is the answer to a write that would take too long.
var errManyReferrers = fhir.NewError(fhir.TooCostly, "too many resources refer to this one by its identifier")

// link does what is due. Everything that was written must have been sent.
func (g *group) link(ctx context.Context) error {
	if bits := g.head.logical | g.due.types; bits != g.head.logical {
		g.head.logical = bits
		if _, err := g.tx.Exec(ctx, "UPDATE head SET logical = $1", bits); err != nil {
			return err
		}
	}
	d := g.due
	g.due = newDue()
	return linker{g, g.writer.store, nil}.do(ctx, d)
}

// link does at once what is due, for what comes next depends on it. What is due of other members is done again at the commit: should
// this one fail, all of it is undone.
func (u *unit) link(ctx context.Context) error {
	d := newDue()
	if !u.linked {
		d.join(u.group.due)
	}
	d.join(u.due)
	if d.empty() {
		return nil
	}
	if err := u.open(ctx); err != nil {
		return err
	}
	if err := u.flush(ctx); err != nil {
		return err
	}
	u.due, u.linked = newDue(), true
	u.due.types = d.types
	ctx, cancel := statementContext(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	return u.failed(linker{u.group, u.store, u.records}.do(ctx, d))
}

func (l linker) do(ctx context.Context, d *due) error {
	if d.empty() {
		return nil
	}
	written := d.sorted()
	for some := range slices.Chunk(written, linkBatch) {
		if err := l.update(ctx, some); err != nil {
			return err
		}
	}
	rows, err := l.referring(ctx, d.identifiers)
	if err != nil {
		return err
	}
	for _, r := range written {
		delete(rows, r.row)
	}
	for some := range slices.Chunk(slices.Sorted(maps.Keys(rows)), linkBatch) {
		referrers, err := l.load(ctx, some)
		if err != nil {
			return err
		}
		if err := l.update(ctx, referrers); err != nil {
			return err
		}
	}
	return nil
}

// referring returns the rows of what refers by the identifiers.
func (l linker) referring(ctx context.Context, identifiers map[int64]bool) (map[int64]bool, error) {
	rows := map[int64]bool{}
	if len(identifiers) == 0 {
		return rows, nil
	}
	s := l.store.statement()
	hashes := s.store.db.Each(s.bind(s.store.db.List(slices.Sorted(maps.Keys(identifiers)))))
	text := fmt.Sprintf("SELECT p.row FROM %s h CROSS JOIN posting p WHERE p.param = %s AND p.hash = h.value LIMIT %s",
		hashes, s.bind(logicalParam), s.bind(maxReferrers+1))
	err := s.query(ctx, l.tx, text, func(scan func(...any) error) error {
		var row int64
		err := scan(&row)
		rows[row] = true
		return err
	})
	if err == nil && len(rows) > maxReferrers {
		err = errManyReferrers
	}
	return rows, err
}

// load reads resources with what refers in them.
func (l linker) load(ctx context.Context, rows []int64) ([]referrer, error) {
	s := l.store.statement()
	text := fmt.Sprintf("SELECT %s FROM resource r WHERE %s AND r.deleted = 0", columns("r", resourceTable), s.numbers("r.row", rows))
	var all []referrer
	err := s.query(ctx, l.tx, text, func(scan func(...any) error) error {
		r := &record{}
		if err := r.scan(scan); err != nil {
			return err
		}
		r.resourceType = l.store.catalog.names[r.typeID]
		x, _, err := l.store.indexStored(r)
		all = append(all, referrer{r, x})
		return err
	})
	return all, err
}

// update makes the links of resources what they should be.
func (l linker) update(ctx context.Context, referrers []referrer) error {
	rows := make([]int64, len(referrers))
	for i, r := range referrers {
		rows[i] = r.row
	}
	known, err := l.store.linksByRow(ctx, l.tx, rows)
	if err != nil {
		return err
	}
	targets, err := l.resolve(ctx, referrers)
	if err != nil {
		return err
	}
	c := newChanges()
	for _, r := range referrers {
		wanted := links{}
		for _, one := range r.logical {
			if t := targets.of(one); t != "" {
				wanted[one.Key()] = t
			}
		}
		if maps.Equal(known[r.row], wanted) {
			continue
		}
		if err := l.change(c, r, known[r.row], wanted); err != nil {
			return err
		}
	}
	return l.send(ctx, c)
}

// entries returns what the index holds of a resource with its links, but for its owners.
func (l linker) entries(r referrer, known links) (indexed, error) {
	if len(known) == 0 {
		return r.indexed, nil
	}
	return l.store.indexLinked(r.resource(), known)
}

// change takes the difference that links make.
func (l linker) change(c *changes, r referrer, old, new links) error {
	had, err := l.entries(r, old)
	if err != nil {
		return err
	}
	has, err := l.entries(r, new)
	if err != nil {
		return err
	}
	c.touched[r.reference] = true
	c.goneLinks, c.links = append(c.goneLinks, rowsOf(r.row, old)...), append(c.links, rowsOf(r.row, new)...)
	c.entries(place{had.entries, r.timeKey}, place{has.entries, r.timeKey}, r.row)
	if has.patient == had.patient && has.present == had.present {
		return nil
	}
	now := *r.record
	now.patient, now.present = has.patient, has.present
	c.relinked = append(c.relinked, &now)
	was := now
	was.patient = had.patient
	c.refer(&was, &now)
	if l.seen != nil {
		l.seen[r.reference] = &now
	}
	return nil
}

func rowsOf(row int64, known links) []linkRow {
	var all []linkRow
	for hash, target := range known {
		all = append(all, linkRow{row, hash, target})
	}
	return all
}

// relink tells rows whose data they are.
func relink(ctx context.Context, tx store.SQL, rows []*record) error {
	for _, r := range rows {
		if _, err := tx.Exec(ctx, "UPDATE resource SET patient = $1, present = $2 WHERE row = $3", r.patient, r.present, r.row); err != nil {
			return err
		}
	}
	return nil
}
