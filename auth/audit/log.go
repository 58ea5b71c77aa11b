package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"lightbox/fhir/store"
)

// Log records events in a database. It is safe for concurrent use, also by several processes on one database.
type Log struct {
	store store.Store
	base  string // of the FHIR API, by which the hub names itself
	key   []byte // of the ids of AuditEvents
	log   *slog.Logger

	recorded atomic.Int64 // events, since it was opened

	mu      sync.Mutex
	waiting *batch // events of requests that wait for the next commit
	busy    bool   // somebody commits

	indexing chan struct{} // taken by whoever makes AuditEvents
}

// batch is what is committed at once.
type batch struct {
	rows [][]byte
	done chan struct{}
	err  error // once done is closed
}

// Open returns the log of a database.
func Open(ctx context.Context, st store.Store, base string, log *slog.Logger) (*Log, error) {
	key, err := st.Secret(ctx, "audit-id")
	if err != nil {
		return nil, err
	}
	return &Log{store: st, base: base, key: key, log: log, indexing: make(chan struct{}, 1)}, nil
}

// commitTimeout bounds how long a request waits for its record.
const commitTimeout = 10 * time.Second

// Record returns once the events are durable. Events of calls that wait at the same time share a commit.
func (l *Log) Record(ctx context.Context, events ...Event) error {
	rows, err := encodeAll(events)
	if err != nil || len(rows) == 0 {
		return err
	}
	l.recorded.Add(int64(len(rows)))
	l.mu.Lock()
	if l.waiting == nil {
		l.waiting = &batch{done: make(chan struct{})}
	}
	mine := l.waiting
	mine.rows = append(mine.rows, rows...)
	if !l.busy {
		l.busy = true
		go l.commitAll()
	}
	l.mu.Unlock()
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return ctx.Err()
	}
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

// A commit costs the same for one event and for a hundred. While many come, the next one waits a moment for more.
const (
	manyWait = 4
	gather   = 2 * time.Millisecond
)

// commitAll commits what waits until nothing does.
func (l *Log) commitAll() {
	for last := 0; ; {
		if last >= manyWait {
			time.Sleep(gather)
		}
		l.mu.Lock()
		b := l.waiting
		l.waiting = nil
		l.busy = b != nil
		l.mu.Unlock()
		if b == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
		last = len(b.rows)
		b.err = l.store.Write(ctx, func(tx store.Tx) error { return appendRows(ctx, tx, b.rows) })
		cancel()
		close(b.done)
	}
}

// Append records events in a transaction, with what they tell of.
func (l *Log) Append(ctx context.Context, tx store.SQL, events ...Event) error {
	rows, err := encodeAll(events)
	if err != nil || len(rows) == 0 {
		return err
	}
	return appendRows(ctx, tx, rows)
}

// maxBody bounds one record, in bytes, unless a single event is longer.
const maxBody = 256 << 10

// appendRows adds to the chain: events that are committed together are one record, each on a line of its own, since a row costs more than
// the events in it. Writers exclude one another, so that the chain's end stays what it is until the commit.
func appendRows(ctx context.Context, tx store.SQL, events [][]byte) error {
	end, err := last(ctx, tx)
	if err != nil {
		return err
	}
	for len(events) > 0 {
		n, size := 0, 0
		for n < len(events) && (n == 0 || size+len(events[n]) <= maxBody) {
			size += len(events[n]) + 1
			n++
		}
		body := bytes.Join(events[:n], []byte{'\n'})
		end = end.next(body)
		if _, err := tx.Exec(ctx, "INSERT INTO audit_record (seq, hash, body) VALUES ($1, $2, $3)", end.seq, end.hash, body); err != nil {
			return err
		}
		events = events[n:]
	}
	return nil
}

// link is one place in the chain; the zero link stands before the first.
type link struct {
	seq  int64
	hash []byte
}

// next is the place of a record that follows.
func (k link) next(body []byte) link {
	h := sha256.New()
	h.Write(k.hash)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(k.seq+1))) //nolint:gosec // counts from 1
	h.Write(body)
	return link{k.seq + 1, h.Sum(nil)}
}

// last returns the end of the chain.
func last(ctx context.Context, tx store.SQL) (end link, err error) {
	err = tx.Query(ctx, "SELECT seq, hash FROM audit_record ORDER BY seq DESC LIMIT 1", nil, func(scan func(...any) error) error {
		return scan(&end.seq, &end.hash)
	})
	return end, err
}

// record is one that is stored.
type record struct {
	link
	body []byte
}

// errEnough ends a query of which no more rows are needed.
var errEnough = errors.New("enough")

// records reads those after a number: at most limit, and none after as many events. more: there may be further ones.
func records(ctx context.Context, tx store.SQL, after int64, limit int) (list []record, more bool, err error) {
	events := 0
	err = tx.Query(ctx, "SELECT seq, hash, body FROM audit_record WHERE seq > $1 ORDER BY seq LIMIT $2", []any{after, limit}, func(scan func(...any) error) error {
		var r record
		if err := scan(&r.seq, &r.hash, &r.body); err != nil {
			return err
		}
		list = append(list, r)
		if events += bytes.Count(r.body, []byte{'\n'}) + 1; events >= limit {
			return errEnough
		}
		return nil
	})
	if errors.Is(err, errEnough) {
		return list, true, nil
	}
	return list, false, err
}

// Verified is what Verify found.
type Verified struct {
	Events int64
	Head   string // the last record's number and hash, to be kept elsewhere: a later chain must hold it
	Broken int64  // the first record that does not follow from the one before; 0: none
}

// verifyBatch is how many records are read at once.
const verifyBatch = 1000

// Verify walks the whole chain. progress, when given, is called now and then with the number of events so far.
func (l *Log) Verify(ctx context.Context, progress func(events int64)) (v Verified, err error) {
	var at link
	for {
		var list []record
		err := l.store.View(ctx, func(tx store.SQL) (err error) {
			list, _, err = records(ctx, tx, at.seq, verifyBatch)
			return err
		})
		if err != nil {
			return v, err
		}
		if len(list) == 0 {
			v.Head = fmt.Sprintf("%d:%x", at.seq, at.hash)
			return v, nil
		}
		for _, r := range list {
			if at = at.next(r.body); at.seq != r.seq || !bytes.Equal(at.hash, r.hash) {
				v.Broken = at.seq
				return v, nil
			}
			v.Events += int64(bytes.Count(r.body, []byte{'\n'})) + 1
		}
		if progress != nil {
			progress(v.Events)
		}
	}
}

// HashAt returns the hash that a record has, as Head gives it; "" where there is none of the number.
func (l *Log) HashAt(ctx context.Context, seq int64) (hash string, err error) {
	err = l.store.View(ctx, func(tx store.SQL) error {
		list, _, err := records(ctx, tx, seq-1, 1)
		if len(list) == 1 && list[0].seq == seq {
			hash = fmt.Sprintf("%x", list[0].hash)
		}
		return err
	})
	return hash, err
}
