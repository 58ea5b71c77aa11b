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
	indexBatch   = 300              // events of a chain, though at least one record
	indexEvery   = time.Second      // looks for records so often
	busyFrom     = 100              // records a second
	quietFor     = 10 * time.Second // without as many, until it is quiet
	longestBusy  = 10 * time.Minute
	restWhenIdle = 1 // how much longer it rests than it works
	restWhenBusy = 9
)

// Run makes AuditEvents of records until ctx ends.
func (l *Log) Run(ctx context.Context) {
	rest, load := indexEvery, load{at: time.Now(), recorded: l.recorded.Load()}
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(rest):
		}
		rest = indexEvery
		if load.look(time.Now(), l.recorded.Load()); load.busy() && !load.forLong() {
			continue
		}
		began := time.Now()
		more, err := l.index(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			l.log.Error("AuditEvents could not be made of audit records; they are tried again", "cause", err)
		case more && load.busy():
			rest = restWhenBusy * time.Since(began)
		case more:
			rest = restWhenIdle * time.Since(began)
		}
	}
}

// load tells how much is recorded.
type load struct {
	at          time.Time // of the last look
	recorded    int64     // until then
	since, last time.Time // when much began to come, and came last; zero: it is quiet
}

func (l *load) look(now time.Time, recorded int64) {
	many := float64(recorded-l.recorded) > busyFrom*now.Sub(l.at).Seconds()
	l.at, l.recorded = now, recorded
	switch {
	case many && l.last.IsZero():
		l.since, l.last = now, now
	case many:
		l.last = now
	case now.Sub(l.last) > quietFor:
		l.since, l.last = time.Time{}, time.Time{}
	}
}

func (l *load) busy() bool    { return !l.last.IsZero() }
func (l *load) forLong() bool { return l.at.Sub(l.since) > longestBusy }

// CatchUp returns once AuditEvents are made of all that was recorded before the call.
func (l *Log) CatchUp(ctx context.Context) error {
	for _, c := range l.chains {
		if err := l.catchUp(ctx, c); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) catchUp(ctx context.Context, c chain) error {
	var want link
	err := c.view(ctx, func(tx store.SQL) (err error) {
		want, err = c.last(ctx, tx)
		return err
	})
	for err == nil {
		var done int64
		if done, err = l.indexed(ctx, c); err != nil || done >= want.seq {
			break
		}
		_, err = l.indexChain(ctx, c)
	}
	return err
}

func (l *Log) indexed(ctx context.Context, c chain) (seq int64, err error) {
	err = l.store.View(ctx, func(tx store.SQL) error {
		return tx.Query(ctx, "SELECT seq FROM "+c.indexed, nil, func(scan func(...any) error) error { return scan(&seq) })
	})
	return seq, err
}

// index makes the AuditEvents of the next records of each chain, and tells whether there may be more.
func (l *Log) index(ctx context.Context) (more bool, err error) {
	for _, c := range l.chains {
		left, err := l.indexChain(ctx, c)
		if err != nil {
			return false, err
		}
		more = more || left
	}
	return more, nil
}

// indexChain does so for one. Another process that did so meanwhile is no error.
func (l *Log) indexChain(ctx context.Context, c chain) (more bool, err error) {
	select {
	case l.indexing <- struct{}{}:
		defer func() { <-l.indexing }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	from, err := l.indexed(ctx, c)
	if err != nil {
		return false, err
	}
	list, more, err := c.records(ctx, from, indexBatch)
	if err != nil || len(list) == 0 {
		return false, err
	}
	writes, err := l.writes(c, list)
	if err != nil {
		return false, err
	}
	err = l.store.Write(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, "UPDATE "+c.indexed+" SET seq = $1 WHERE seq = $2", list[len(list)-1].seq, from)
		if err != nil || n == 0 {
			return err
		}
		_, err = tx.PutAll(ctx, writes)
		return err
	})
	return more, err
}

func (l *Log) writes(c chain, list []record) ([]store.Write, error) {
	var writes []store.Write
	for _, r := range list {
		made, err := l.resources(c, r)
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
