package relational

import (
	"context"

	"lightbox/fhir/store"
)

// Purge removes a resource with every version and index entry. It goes to the database at once, behind all that is pending, so
// that what is written later under the same id is new.
func (u *unit) Purge(ctx context.Context, resourceType, id string) error {
	old, err := u.lookup(ctx, reference{resourceType, id})
	if err != nil {
		return err
	}
	if old == nil {
		return store.ErrNotFound
	}
	gone, err := u.removal(ctx, old)
	if err != nil {
		return err
	}
	if err := u.open(ctx); err != nil {
		return err
	}
	if err := u.flush(ctx); err != nil {
		return err
	}
	u.records[old.reference] = nil
	u.refers(old, indexed{})
	ctx, cancel := statementContext(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	return u.failed(erase(ctx, u.group, old, gone))
}

// removal returns the changes that take away all of a resource but its past.
func (u *unit) removal(ctx context.Context, old *record) (*changes, error) {
	c := newChanges()
	stored, err := u.storedOf(ctx, old)
	if err != nil {
		return nil, err
	}
	u.identified(old.resourceType, stored.entries, entries{})
	c.goneResources = []*record{old}
	c.entries(place{stored.entries, old.timeKey}, place{timeKey: old.timeKey}, old.row)
	if old.resourceType == "Patient" {
		for _, o := range splitOwners(old.owners) {
			c.goneCare = append(c.goneCare, careRow{o, old.resourceType + "/" + old.id})
		}
	}
	return c, nil
}

// tablesByRow are the tables where everything of a resource can be found by its row, whatever wrote it.
var tablesByRow = []string{"resource_history", "string_posting", "date_posting", "number_posting", "referral", "denial", "release", "part", "link"}

// erase also asks for the runs to be merged, so that nothing is left in them, and keeps the numbers of what it removes from
// being given again: a reader may have seen them, and an index entry of an earlier generation may still stand under the row.
func erase(ctx context.Context, g *group, old *record, gone *changes) error {
	if err := g.tx.Apply(ctx, gone.list()); err != nil {
		return err
	}
	if err := g.addRare(ctx, gone.rare); err != nil {
		return err
	}
	if err := g.writer.store.runs.Compact(ctx, g.tx); err != nil {
		return err
	}
	g.rare += untidyFrom
	for _, table := range tablesByRow {
		if _, err := g.tx.Exec(ctx, "DELETE FROM "+table+" WHERE row = $1", old.row); err != nil {
			return err
		}
	}
	if old.resourceType == reportType {
		if _, err := g.tx.Exec(ctx, "DELETE FROM decision WHERE report = $1", old.id); err != nil {
			return err
		}
	}
	_, err := g.tx.Exec(ctx, "UPDATE head SET last_row = $1, last_updated = $2", g.head.row, g.head.stamp)
	return err
}
