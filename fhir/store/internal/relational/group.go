package relational

import (
	"context"

	"lightbox/fhir/store"
)

// group is one transaction with the calls that share it.
type group struct {
	writer  *writer
	tx      Transaction
	members int
	records map[reference]*record // versions that the members so far leave, nil for what is absent
	pending *changes              // of the members so far
	due     *due                  // the same, whatever was sent
	gaps    map[int64]gap
	head    head  // of the database with what the members and those who failed have counted
	rare    int   // postings that went to the runs
	err     error // once set, nothing is kept
	done    chan struct{}
}

func (g *group) unit(ctx context.Context) *unit {
	now := max(g.writer.store.now().UnixMicro(), g.head.stamp+1)
	return &unit{group: g, ctx: ctx, store: g.writer.store, records: map[reference]*record{}, pending: newChanges(), due: newDue(), now: now}
}

// accept takes over what a unit leaves.
func (g *group) accept(u *unit) {
	g.members++
	for ref, r := range u.records {
		g.records[ref] = r
	}
	for p, known := range u.pending.gaps {
		g.learn(p, known)
	}
	g.pending.join(u.pending)
	g.due.join(u.due)
}

// size is how many rows wait for the commit.
func (g *group) size() int { return len(g.pending.postings) + len(g.pending.resources) }

func (g *group) learn(p int64, known gap) {
	if g.gaps == nil {
		g.gaps = map[int64]gap{}
	}
	g.gaps[p] = known
}

func (g *group) gap(p int64) (gap, bool) {
	if known, ok := g.gaps[p]; ok {
		return known, true
	}
	known, ok := g.writer.gaps[p]
	return known, ok
}

// fail marks the transaction as lost. What waited for it tries again.
func (g *group) fail(err error) {
	if err != nil && g.err == nil {
		g.err = errGroup{err}
	}
}

// flush sends what is pending.
func (g *group) flush(ctx context.Context) error {
	pending := g.pending
	g.pending = newChanges()
	return g.send(ctx, pending)
}

func (g *group) send(ctx context.Context, c *changes) error {
	if c.empty() {
		return nil
	}
	if err := g.tx.Apply(ctx, c.list()); err != nil {
		return err
	}
	if err := g.addRare(ctx, c.rare); err != nil {
		return err
	}
	if err := relink(ctx, g.tx, c.relinked); err != nil {
		return err
	}
	return widenGaps(ctx, g.tx, c.gaps)
}

// widenGaps never narrows: another process may have stored wider bounds.
func widenGaps(ctx context.Context, tx store.SQL, gaps map[int64]gap) error {
	for p, g := range gaps {
		_, err := tx.Exec(ctx, `UPDATE search_param SET
			low_gap = CASE WHEN low_gap < $2 THEN low_gap ELSE $2 END,
			high_gap = CASE WHEN high_gap > $3 THEN high_gap ELSE $3 END
			WHERE id = $1`, p, g.low, g.high)
		if err != nil {
			return err
		}
	}
	return nil
}
