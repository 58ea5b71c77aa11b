package relational

import (
	"context"
	"fmt"
	"slices"
	"time"

	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// unit is one call's part of a group: what it has read and what it wants written. Nothing of it reaches the database
// before the group's commit, unless a statement of its own needs it there.
type unit struct {
	group     *group
	store     *Store
	ctx       context.Context
	now       int64 // the first stamp
	records   map[reference]*record
	pending   *changes
	due       *due
	linked    bool  // what was due of other members
	savepoint bool  // the database holds something of this unit
	err       error // of a statement; nothing is kept then
}

const savepointName = "unit"

// Now is the time that this transaction stamps first.
func (u *unit) Now() time.Time { return timeOf(u.now) }

// Exec runs a statement of a package with tables of its own.
func (u *unit) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	if err := u.open(ctx); err != nil {
		return 0, err
	}
	ctx, cancel := statementContext(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	n, err := u.group.tx.Exec(ctx, query, args...)
	return n, u.failed(err)
}

// Query reads what a package with tables of its own keeps.
func (u *unit) Query(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error {
	if err := u.open(ctx); err != nil {
		return err
	}
	return u.query(ctx, query, args, row)
}

// query runs a statement whose rows are taken by row. An error of row is the caller's own affair: it spoils nothing.
func (u *unit) query(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error {
	ctx, cancel := statementContext(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	var own error
	err := u.group.tx.Query(ctx, query, args, func(scan func(dest ...any) error) error {
		own = row(scan)
		return own
	})
	if own != nil {
		return own
	}
	return u.failed(err)
}

// open makes sure that what follows can be undone apart from what other members wrote.
func (u *unit) open(ctx context.Context) error {
	if err := u.usable(ctx); err != nil || u.savepoint {
		return err
	}
	ctx, cancel := statementContext(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := u.group.flush(ctx); err != nil {
		return u.failed(err)
	}
	if _, err := u.group.tx.Exec(ctx, "SAVEPOINT "+savepointName); err != nil {
		return u.failed(err)
	}
	u.savepoint = true
	return nil
}

func (u *unit) usable(ctx context.Context) error {
	if u.err != nil {
		return u.err
	}
	return u.store.failure(ctx, ctx.Err())
}

// flush sends what this unit wants written.
func (u *unit) flush(ctx context.Context) error {
	if u.pending.empty() {
		return nil
	}
	if err := u.open(ctx); err != nil {
		return err
	}
	ctx, cancel := statementContext(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	sent := u.pending
	u.pending = newChanges()
	for p, known := range sent.gaps {
		u.pending.gaps[p] = known
	}
	return u.failed(u.group.send(ctx, sent))
}

// failed remembers the error of a statement: after it, the database keeps nothing of this unit.
func (u *unit) failed(err error) error {
	if err != nil {
		err = u.store.failure(u.ctx, err)
		if u.err == nil {
			u.err = err
		}
	}
	return err
}

// undo takes back what the database holds of this unit.
func (u *unit) undo() {
	g := u.group
	if !u.savepoint || g.err != nil {
		if u.err != nil {
			g.fail(u.err)
		}
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	for _, statement := range []string{"ROLLBACK TO SAVEPOINT ", "RELEASE SAVEPOINT "} {
		if _, err := g.tx.Exec(ctx, statement+savepointName); err != nil {
			g.fail(err)
			return
		}
	}
}

// release ends what open began, for good.
func (u *unit) release() error {
	if !u.savepoint {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	_, err := u.group.tx.Exec(ctx, "RELEASE SAVEPOINT "+savepointName)
	return u.failed(err)
}

// Visible reports whether filter covers the current version of a resource, as this transaction sees it.
func (u *unit) Visible(ctx context.Context, filter search.Filter, resourceType, id string) (bool, error) {
	if len(filter.Grants) == 0 {
		return false, nil
	}
	if err := u.link(ctx); err != nil {
		return false, err
	}
	if err := u.settle(ctx, reference{resourceType, id}, filter); err != nil {
		return false, err
	}
	s := u.store.statement()
	text, err := s.readCurrent("1", filter, resourceType, id)
	if err != nil {
		return false, err
	}
	seen := false
	text, args := s.finish(text)
	err = u.query(ctx, text, args, func(scan func(...any) error) error {
		var one int64
		seen = true
		return scan(&one)
	})
	return seen, err
}

// settle sends what is pending where the answer for a resource depends on it.
func (u *unit) settle(ctx context.Context, ref reference, filter search.Filter) error {
	if err := u.usable(ctx); err != nil {
		return err
	}
	concerns := func(c *changes) bool {
		return c.touched[ref] || c.touchesCare() && needsCare(filter) || c.touchesRelease() && needsRelease(filter)
	}
	if concerns(u.group.pending) {
		flushContext, cancel := statementContext(context.WithoutCancel(ctx), writeTimeout)
		defer cancel()
		if err := u.group.flush(flushContext); err != nil {
			return u.failed(err)
		}
	}
	if concerns(u.pending) {
		return u.flush(ctx)
	}
	return nil
}

func needsCare(filter search.Filter) bool {
	for _, g := range filter.Grants {
		if g.CareOf != "" || g.ReferredTo != "" {
			return true
		}
	}
	return false
}

func needsRelease(filter search.Filter) bool {
	return slices.ContainsFunc(filter.Grants, func(g search.Grant) bool { return g.Release != nil })
}

// Get returns the current version whatever any caller may see.
func (u *unit) Get(ctx context.Context, resourceType, id string) (store.Stored, error) {
	r, err := u.lookup(ctx, reference{resourceType, id})
	if err != nil {
		return store.Stored{}, err
	}
	if r == nil {
		return store.Stored{}, store.ErrNotFound
	}
	return store.Stored{Resource: r.resource(), Mapped: r.mapped, Owners: splitOwners(r.owners)}, nil
}

// known returns what this transaction has read or written; nil for what is absent.
func (u *unit) known(ref reference) (*record, bool) {
	if r, ok := u.records[ref]; ok {
		return r, true
	}
	r, ok := u.group.records[ref]
	return r, ok
}

// lookup returns the current version, nil when there is none.
func (u *unit) lookup(ctx context.Context, ref reference) (*record, error) {
	if r, ok := u.known(ref); ok {
		return r, u.usable(ctx)
	}
	if err := u.load(ctx, ref.resourceType, []string{ref.id}); err != nil {
		return nil, err
	}
	return u.records[ref], nil
}

func (u *unit) load(ctx context.Context, resourceType string, ids []string) error {
	if err := u.usable(ctx); err != nil {
		return err
	}
	typeID, err := u.store.catalog.typeID(resourceType)
	if err != nil {
		return err
	}
	s := u.store.statement()
	text := fmt.Sprintf("SELECT %s FROM resource r WHERE r.type = %s AND %s",
		columns("r", resourceTable), s.bind(typeID), s.texts("r.id", ids))
	found := map[reference]*record{}
	err = u.query(ctx, text, s.args, func(scan func(...any) error) error {
		r := &record{}
		if err := r.scan(scan); err != nil {
			return err
		}
		r.resourceType = resourceType
		found[reference{resourceType, r.id}] = r
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		u.records[reference{resourceType, id}] = found[reference{resourceType, id}]
	}
	return nil
}
