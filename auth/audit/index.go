package audit

import (
	"context"
	"time"

	"lightbox/fhir"
	"lightbox/fhir/store"
)

// How AuditEvents are made of records. To make one costs more than the read that it tells of: while much is recorded it waits for a
// quieter time, though not for ever, and whoever searches for AuditEvents has them made.
const (
	indexBatch   = 300         // events, though at least one record
	indexEvery   = time.Second // looks for records so often
	busyFrom     = 100         // records a second
	longestBusy  = 10 * time.Minute
	restWhenIdle = 1 // how much longer it rests than it works
	restWhenBusy = 9
)

// Run makes AuditEvents of records until ctx ends.
func (l *Log) Run(ctx context.Context) {
	rest, before, busySince := indexEvery, l.recorded.Load(), time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(rest):
		}
		now, began := l.recorded.Load(), time.Now()
		busy := now-before > busyFrom
		if before = now; !busy {
			busySince = time.Time{}
		} else if busySince.IsZero() {
			busySince = began
		}
		if rest = indexEvery; busy && began.Sub(busySince) < longestBusy {
			continue
		}
		more, err := l.index(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			l.log.Error("AuditEvents could not be made of audit records; they are tried again", "cause", err)
		case more && busy:
			rest = restWhenBusy * time.Since(began)
		case more:
			rest = restWhenIdle * time.Since(began)
		}
	}
}

// CatchUp returns once AuditEvents are made of all that was recorded before the call.
func (l *Log) CatchUp(ctx context.Context) error {
	var want, done int64
	err := l.store.View(ctx, func(tx store.SQL) error {
		end, err := last(ctx, tx)
		want = end.seq
		return err
	})
	for err == nil {
		if done, err = l.indexed(ctx); err != nil || done >= want {
			break
		}
		_, err = l.index(ctx)
	}
	return err
}

func (l *Log) indexed(ctx context.Context) (seq int64, err error) {
	err = l.store.View(ctx, func(tx store.SQL) (err error) {
		seq, err = indexedOf(ctx, tx)
		return err
	})
	return seq, err
}

func indexedOf(ctx context.Context, tx store.SQL) (seq int64, err error) {
	err = tx.Query(ctx, "SELECT seq FROM audit_indexed", nil, func(scan func(...any) error) error { return scan(&seq) })
	return seq, err
}

// index makes the AuditEvents of the next records, and tells whether there may be more. Another process that did so meanwhile is no
// error.
func (l *Log) index(ctx context.Context) (more bool, err error) {
	select {
	case l.indexing <- struct{}{}:
		defer func() { <-l.indexing }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	var from int64
	var list []record
	err = l.store.View(ctx, func(tx store.SQL) error {
		if from, err = indexedOf(ctx, tx); err != nil {
			return err
		}
		list, more, err = records(ctx, tx, from, indexBatch)
		return err
	})
	if err != nil || len(list) == 0 {
		return false, err
	}
	writes, err := l.writes(list)
	if err != nil {
		return false, err
	}
	err = l.store.Write(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE audit_indexed SET seq = $1 WHERE seq = $2", list[len(list)-1].seq, from)
		if err != nil || n == 0 {
			return err
		}
		_, err = tx.PutAll(ctx, writes)
		return err
	})
	return more, err
}

func (l *Log) writes(list []record) ([]store.Write, error) {
	var writes []store.Write
	for _, r := range list {
		made, err := l.resources(r.seq, r.body)
		if err != nil {
			return nil, err
		}
		for _, one := range made {
			writes = append(writes, store.Write{Resource: one, Mapped: true})
		}
	}
	store.Prepare(fhir.R4(), writes)
	return writes, nil
}
