package relational

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"lightbox/fhir/store"
)

// writer lets concurrent calls share commits. A call waits for its turn, runs its function in the open transaction, passes
// the turn on and queues again, now to commit: whoever queued before it runs in between, so the first that has its turn again
// commits for all of them. Alone, a call commits its own. Each function runs on its caller's goroutine.
type writer struct {
	store *Store
	turn  chan struct{} // holds one token while somebody has the turn
	group *group        // the open transaction, nil for none; belongs to who has the turn
	gaps  map[int64]gap // what search_param is known to hold; belongs to who has the turn
	rare  int           // postings that went to the runs since they were last looked after; belongs to who has the turn
	ended chan struct{} // closed once nobody has the turn any more
}

func newWriter(s *Store) *writer {
	return &writer{store: s, turn: make(chan struct{}, 1), gaps: map[int64]gap{}, ended: make(chan struct{})}
}

// close commits what is open, and gives nobody the turn again: SQLite faults where a connection is closed under a statement.
func (w *writer) close() {
	select {
	case <-w.ended:
		return
	case w.turn <- struct{}{}:
	}
	if w.group != nil {
		w.commit()
	}
	close(w.ended)
}

// A write is tried again while others are in its way.
const maxAttempts = 10

// maxGroup bounds, in rows, what calls add to before they commit.
const maxGroup = 100_000

// errGroup says that the shared transaction failed, perhaps not through the call that gets it.
type errGroup struct{ error }

func (e errGroup) Unwrap() error { return e.error }

// write runs fn. When the shared transaction fails, each of its calls runs again in one of its own.
func (w *writer) write(ctx context.Context, fn func(store.Tx) error) error {
	var err error
	for attempt := range maxAttempts {
		err = w.attempt(ctx, fn, attempt > 0)
		var shared errGroup
		if !errors.As(err, &shared) {
			return err
		}
		if attempt > 0 && !w.store.db.Retryable(err) {
			return shared.error
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
	}
	return err
}

// pause waits a random time that grows with each attempt.
func pause(ctx context.Context, attempt int) error {
	wait := time.Duration(rand.Int64N(int64(time.Millisecond) << attempt)) //nolint:gosec // not a secret
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) attempt(ctx context.Context, fn func(store.Tx) error, alone bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case w.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.ended:
		return store.ErrUnavailable
	}
	g, err := w.run(ctx, fn, alone)
	if err != nil {
		return err
	}
	select {
	case <-g.done:
	case w.turn <- struct{}{}:
		if w.group == g {
			w.commit()
		}
		<-w.turn
		<-g.done
	}
	return g.err
}

// run has the turn, and passes it on however fn ends: by return, panic or runtime.Goexit.
func (w *writer) run(ctx context.Context, fn func(store.Tx) error, alone bool) (*group, error) {
	defer func() { <-w.turn }()
	if alone && w.group != nil {
		w.commit()
	}
	if w.group == nil {
		g, err := w.begin()
		if err != nil {
			return nil, errGroup{err}
		}
		w.group = g
	}
	g := w.group
	u := g.unit(ctx)
	accepted := false
	defer func() {
		if !accepted {
			w.discard(u)
		}
	}()
	err := fn(u)
	if u.err != nil && w.store.db.Retryable(u.err) {
		g.fail(u.err)
		return nil, g.err
	}
	if err = cmp.Or(err, u.err); err == nil {
		err = u.release()
	}
	if err != nil {
		return nil, err
	}
	accepted = true
	g.accept(u)
	if alone || g.size() > maxGroup {
		w.commit()
	}
	return g, nil
}

// discard undoes a unit that failed. A transaction that cannot undo it, or that nobody waits for, ends here.
func (w *writer) discard(u *unit) {
	g := u.group
	u.undo()
	if g.members == 0 || g.err != nil {
		w.commit()
	}
}

// Statements of a write are not cut short by the end of its caller's patience: others share the transaction. They have
// their own limit.
const writeTimeout = 60 * time.Second

func (w *writer) begin() (*group, error) {
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	tx, err := w.store.db.Begin(ctx)
	if err != nil {
		return nil, err
	}
	h, err := readHead(ctx, tx)
	if err == nil {
		err = w.store.catalog.follow(ctx, tx, h.dictionary)
	}
	if err != nil {
		return nil, errors.Join(err, tx.Rollback(ctx))
	}
	return &group{writer: w, tx: tx, head: h, done: make(chan struct{}), records: map[reference]*record{}, pending: newChanges(), due: newDue()}, nil
}

// commit ends the open transaction and tells those who wait.
func (w *writer) commit() {
	g := w.group
	w.group = nil
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	if g.members > 0 && g.err == nil {
		g.fail(g.flush(ctx))
		if g.err == nil {
			g.fail(g.link(ctx))
		}
		if g.err == nil {
			g.fail(g.tx.Commit(ctx))
		}
	}
	if g.members == 0 || g.err != nil {
		_ = g.tx.Rollback(ctx) // the reason is in g.err; there is nothing to keep
	} else {
		w.learn(g)
	}
	close(g.done)
}

// learn takes over what a commit made known to all.
func (w *writer) learn(g *group) {
	if w.rare += g.rare; w.rare >= untidyFrom {
		w.rare = 0
		w.store.nudge()
	}
	for p, known := range g.gaps {
		w.gaps[p] = known
	}
}
