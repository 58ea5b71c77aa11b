package audit

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"lightbox/fhir/store"
)

// Log records events in a database. It is safe for concurrent use, also by several processes on one database.
type Log struct {
	store  store.Store
	chains []chain // of changes, and of accesses
	base   string  // of the FHIR API, by which the hub names itself
	key    []byte  // of the ids of AuditEvents
	log    *slog.Logger

	recorded atomic.Int64 // events, since it was opened

	mu      sync.Mutex
	waiting *batch        // events of requests that wait for the next commit
	busy    bool          // somebody commits
	enough  int           // from how many events on who commits need not wait for more; 0: nobody waits
	full    chan struct{} // tells that they are there
	end     *link         // of the accesses as far as is known; of whoever commits

	indexing chan struct{} // taken by whoever makes AuditEvents
}

// batch is what is committed at once.
type batch struct {
	rows [][]byte
	done chan struct{}
	err  error // once done is closed
}

// Open returns the log of a database whose store was opened with Schema.
func Open(ctx context.Context, st store.Store, base string, log *slog.Logger) (*Log, error) {
	key, err := st.Secret(ctx, "audit-id")
	if err != nil {
		return nil, err
	}
	return &Log{store: st, chains: chainsOf(st), base: base, key: key, log: log, full: make(chan struct{}, 1), indexing: make(chan struct{}, 1)}, nil
}

func (l *Log) changes() chain  { return l.chains[0] }
func (l *Log) accesses() chain { return l.chains[1] }

// commitTimeout bounds how long a request waits for its record.
const commitTimeout = 10 * time.Second

// Record returns once the events are durable. Events of calls that wait at the same time share a commit.
func (l *Log) Record(ctx context.Context, events ...Event) error {
	rows, err := encodeAll(events)
	if err != nil || len(rows) == 0 {
		return err
	}
	l.recorded.Add(int64(len(rows)))
	mine := l.join(rows)
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join adds rows to what is committed next, and sees to it that somebody does.
func (l *Log) join(rows [][]byte) *batch {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == nil {
		l.waiting = &batch{done: make(chan struct{})}
	}
	mine := l.waiting
	mine.rows = append(mine.rows, rows...)
	if l.enough > 0 && len(mine.rows) >= l.enough {
		l.enough = 0
		l.full <- struct{}{}
	}
	if !l.busy {
		l.busy = true
		go l.commitAll()
	}
	return mine
}

func encodeAll(events []Event) ([][]byte, error) {
	rows := make([][]byte, 0, len(events))
	for _, e := range events {
		row, err := e.encode()
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// A commit costs the same for one event and for a hundred. While many come, the next one waits a moment until all are there again whose
// requests it knows to be under way: those that the last one was of, and those that came meanwhile.
const (
	manyWait = 4
	gather   = 2 * time.Millisecond
)

// commitAll commits what waits until nothing does.
func (l *Log) commitAll() {
	for last := 0; ; {
		b := l.take(last)
		if b == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
		last = len(b.rows)
		b.err = l.append(ctx, b.rows)
		cancel()
		close(b.done)
	}
}

// take returns what is to be committed after a commit of some events; nil where nothing waits.
func (l *Log) take(last int) *batch {
	l.gather(last)
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.waiting
	l.waiting = nil
	l.busy = b != nil
	return b
}

// gather waits until they are there, though not for long.
func (l *Log) gather(last int) {
	if last < manyWait {
		return
	}
	l.mu.Lock()
	l.enough = last
	if l.waiting != nil {
		l.enough += len(l.waiting.rows)
	}
	l.mu.Unlock()
	timer := time.NewTimer(gather)
	defer timer.Stop()
	select {
	case <-l.full:
	case <-timer.C:
		l.mu.Lock()
		if l.enough == 0 { // they came just now
			<-l.full
		}
		l.enough = 0
		l.mu.Unlock()
	}
}

// append puts events at the end of the accesses.
func (l *Log) append(ctx context.Context, events [][]byte) error {
	for _, body := range bodies(events) {
		if err := l.extend(ctx, body); err != nil {
			l.end = nil
			return err
		}
	}
	return nil
}

// mostTries is how often a record is put behind those that other processes were faster to put there.
const mostTries = 100

func (l *Log) extend(ctx context.Context, body []byte) (err error) {
	c := l.accesses()
	for range mostTries {
		if l.end == nil {
			var end link
			if err = c.view(ctx, func(tx store.SQL) (err error) { end, err = c.last(ctx, tx); return err }); err != nil {
				return err
			}
			l.end = &end
		}
		next := l.end.next(body)
		if err = l.store.Ledger().Exec(ctx, c.insert(), next.seq, next.hash, body); err == nil {
			l.end = &next
			return nil
		}
		if !errors.Is(err, store.ErrExists) {
			return err
		}
		l.end = nil
	}
	return err
}

// Append records events in a transaction, with what they tell of. Writers exclude one another, so that the chain's end stays what it is until
// the commit.
func (l *Log) Append(ctx context.Context, tx store.SQL, events ...Event) error {
	rows, err := encodeAll(events)
	if err != nil || len(rows) == 0 {
		return err
	}
	c := l.changes()
	end, err := c.last(ctx, tx)
	if err != nil {
		return err
	}
	for _, body := range bodies(rows) {
		end = end.next(body)
		if _, err := tx.Exec(ctx, c.insert(), end.seq, end.hash, body); err != nil {
			return err
		}
	}
	return nil
}
