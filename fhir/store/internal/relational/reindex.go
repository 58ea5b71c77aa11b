package relational

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"lightbox/fhir/store"
)

// reindexBatch is how many resources one transaction of the reindex indexes. Writers wait for it as for each other.
const reindexBatch = 200

// maxMeasured bounds the count of what there is to do: it must not take longer than a statement may.
const maxMeasured = 5_000_000

// Reindex adds the index entries that are missing, then removes those of former generations.
func (s *Store) Reindex(ctx context.Context, o store.Reindexing) error {
	if o.All {
		if err := s.renew(ctx); err != nil {
			return s.failure(ctx, err)
		}
	}
	r := reindex{store: s, report: o.Progress}
	err := r.run(ctx)
	if err := errors.Join(err, s.lookAround(context.WithoutCancel(ctx))); err != nil {
		return s.failure(ctx, err)
	}
	return s.failure(ctx, s.sweep(ctx))
}

// renew begins a new generation of everything. Who shares its transaction still indexes for the old ones; the walk comes to
// that.
func (s *Store) renew(ctx context.Context) error {
	err := s.writer.write(ctx, func(tx store.Tx) error {
		u := tx.(*unit)
		if err := u.open(ctx); err != nil {
			return err
		}
		return u.failed(s.catalog.begin(ctx, u.group.tx, s.registry, true))
	})
	if err != nil {
		return err
	}
	return s.catalog.reload(ctx, s.db)
}

// reindex walks the types that have a parameter which is being built, oldest version first. Whatever is written meanwhile
// gets a later lastUpdated, so that the walk comes to it: a change writes only the entries that differ from the ones which the
// version before it should have had. It stops where it is; the database keeps how far it came.
type reindex struct {
	store       *Store
	report      func(done, total int64)
	done, total int64
	types       map[int64]*task
}

// task is what one type needs in this run.
type task struct {
	done, total int64
	percent     int64 // when it began
}

func (r *reindex) run(ctx context.Context) error {
	if err := r.measure(ctx); err != nil {
		return err
	}
	for _, typeID := range slices.Sorted(maps.Keys(r.types)) {
		for finished := false; !finished; {
			err := r.store.writer.write(ctx, func(tx store.Tx) error {
				b := batch{unit: tx.(*unit), task: r.types[typeID], typeID: typeID, missing: newChanges()}
				err := b.run(ctx)
				finished, r.done = b.finished, r.before(typeID)+b.done
				return err
			})
			if err != nil {
				return err
			}
			r.types[typeID].done = r.done - r.before(typeID)
			r.tell()
		}
		if err := r.store.catalog.reload(ctx, r.store.db); err != nil {
			return err
		}
	}
	return nil
}

// before returns what was done of the types before one.
func (r *reindex) before(typeID int64) (done int64) {
	for id, t := range r.types {
		if id < typeID {
			done += t.done
		}
	}
	return done
}

func (r *reindex) tell() {
	if r.report != nil {
		r.report(r.done, max(r.done, r.total))
	}
}

// measure finds the types and counts their resources.
func (r *reindex) measure(ctx context.Context) error {
	ctx, cancel := statementContext(ctx, readTimeout)
	defer cancel()
	r.types = map[int64]*task{}
	from := map[int64]int64{}
	query := "SELECT type, MIN(position), MIN(percent) FROM search_param WHERE state = $1 GROUP BY type"
	err := r.store.db.Query(ctx, query, []any{stateBuilding}, func(scan func(...any) error) error {
		var typeID, position int64
		t := &task{}
		err := scan(&typeID, &position, &t.percent)
		if r.store.catalog.names[typeID] != "" { // a type that only another program serves is its own affair
			from[typeID], r.types[typeID] = position, t
		}
		return err
	})
	if err != nil {
		return err
	}
	for typeID, t := range r.types {
		query := fmt.Sprintf("SELECT COUNT(*) FROM (SELECT 1 FROM resource WHERE type = $1 AND last_updated > $2 LIMIT %d) n", maxMeasured)
		err := r.store.db.Query(ctx, query, []any{typeID, from[typeID]}, func(scan func(...any) error) error { return scan(&t.total) })
		if err != nil {
			return err
		}
		r.total += t.total
	}
	return nil
}

// batch is one transaction's part. It has the writers' lock, so that several processes can share the work: each goes on
// where the one before it stopped.
type batch struct {
	*unit
	*task
	typeID   int64
	building map[int64]bool
	position int64
	missing  *changes
	misplace *changes // entries at a time key that the resource no longer has
	finished bool
	done     int64
}

func (b *batch) run(ctx context.Context) error {
	b.misplace, b.done = newChanges(), b.task.done
	if err := b.open(ctx); err != nil {
		return err
	}
	if err := b.generations(ctx); err != nil || b.finished {
		return err
	}
	found, err := b.read(ctx)
	if err != nil {
		return err
	}
	for _, r := range found {
		if err := b.index(ctx, r); err != nil {
			return err
		}
	}
	if b.finished = len(found) < reindexBatch; !b.finished {
		b.position = found[len(found)-1].lastUpdated
	}
	b.done += int64(len(found))
	return b.failed(b.write(ctx))
}

// generations reads which are being built; another process may have finished.
func (b *batch) generations(ctx context.Context) error {
	b.building = map[int64]bool{}
	query := "SELECT id, position FROM search_param WHERE type = $1 AND state = $2"
	err := b.query(ctx, query, []any{b.typeID, stateBuilding}, func(scan func(...any) error) error {
		var id, position int64
		err := scan(&id, &position)
		if len(b.building) == 0 || position < b.position {
			b.position = position
		}
		b.building[id] = true
		return err
	})
	b.finished = len(b.building) == 0
	return err
}

func (b *batch) read(ctx context.Context) ([]*record, error) {
	s := b.unit.store.statement()
	text := fmt.Sprintf("SELECT %s FROM resource r WHERE r.type = %s AND r.last_updated > %s ORDER BY r.last_updated LIMIT %s",
		columns("r", resourceTable), s.bind(b.typeID), s.bind(b.position), s.bind(reindexBatch))
	var found []*record
	err := b.query(ctx, text, s.args, func(scan func(...any) error) error {
		r := &record{}
		err := r.scan(scan)
		r.resourceType = b.unit.store.catalog.names[b.typeID]
		found = append(found, r)
		return err
	})
	return found, err
}

// index adds the entries of one resource. What its row says of it is brought up to date as well.
func (b *batch) index(ctx context.Context, r *record) error {
	if r.resourceType == "Patient" {
		for _, o := range splitOwners(r.owners) {
			b.missing.care = append(b.missing.care, careRow{o, r.resourceType + "/" + r.id})
		}
	}
	if r.deleted {
		return nil
	}
	b.missing.refer(nil, r)
	if err := b.missing.belong(b.unit.store, r); err != nil {
		return err
	}
	x, err := b.storedOf(ctx, r)
	for _, f := range x.faults {
		b.unit.store.log.Warn("a stored value is not indexed", "resource", r.resourceType+"/"+r.id, "element", f.Expression, "reason", f.Detail)
	}
	if err != nil {
		return fmt.Errorf("index of %s/%s: %w", r.resourceType, r.id, err)
	}
	now := *r
	if err := b.relink(&now, x); err != nil {
		return err
	}
	x.entries.keep(func(param int64) bool { return b.building[param] || param == logicalParam })
	now.present, now.patient, now.timeKey, now.timeHigh = x.present, x.patient, timeKey(x.indexed, &now, r), x.timeHigh()
	if now.timeKey != r.timeKey {
		b.misplace.entries(place{x.entries, r.timeKey}, place{timeKey: r.timeKey}, r.row)
	}
	b.missing.entries(place{timeKey: now.timeKey}, place{x.entries, now.timeKey}, r.row)
	b.widen(x.dates, now.timeKey)
	b.widen(x.clock, now.timeKey)
	if now.present == r.present && now.patient == r.patient && now.timeKey == r.timeKey && now.timeHigh == r.timeHigh {
		return nil
	}
	b.records[r.reference] = &now
	_, err = b.group.tx.Exec(ctx, "UPDATE resource SET present = $1, patient = $2, time_key = $3, time_high = $4 WHERE row = $5",
		now.present, now.patient, now.timeKey, now.timeHigh, r.row)
	return b.failed(err)
}

// relink has links looked at: a registry may let a reference lead elsewhere than the one before, and identifiers that are being indexed
// come to be known.
func (b *batch) relink(r *record, x stored) error {
	b.identified(r.resourceType, entries{}, x.entries)
	if len(x.logical) == 0 {
		return nil
	}
	plain, _, err := b.unit.store.indexStored(r)
	b.refers(r, plain)
	return err
}

// keep leaves the entries of some parameters.
func (e *entries) keep(wanted func(param int64) bool) {
	e.postings = slices.DeleteFunc(e.postings, func(p posting) bool { return !wanted(p.param) })
	e.strings = slices.DeleteFunc(e.strings, func(s stringPosting) bool { return !wanted(s.param) })
	e.dates = slices.DeleteFunc(e.dates, func(d datePosting) bool { return !wanted(d.param) })
	e.numbers = slices.DeleteFunc(e.numbers, func(n numberPosting) bool { return !wanted(n.param) })
}

func (b *batch) write(ctx context.Context) error {
	tx := b.group.tx
	if err := b.group.addRare(ctx, append(b.misplace.rare, b.missing.rare...)); err != nil {
		return err
	}
	if gone := b.misplace.list(); len(gone) > 0 {
		if err := tx.Apply(ctx, gone); err != nil {
			return err
		}
	}
	if missing := b.missing.list(); len(missing) > 0 {
		if err := tx.Fill(ctx, missing); err != nil {
			return err
		}
	}
	if err := widenGaps(ctx, tx, b.pending.gaps); err != nil {
		return err
	}
	if b.finished {
		_, err := tx.Exec(ctx, "UPDATE search_param SET state = $1, percent = 100 WHERE type = $2 AND state = $3",
			stateLive, b.typeID, stateBuilding)
		if err != nil {
			return err
		}
		return renumber(ctx, tx)
	}
	percent := b.percent + (99-b.percent)*min(b.done, b.total)/max(b.total, 1)
	_, err := tx.Exec(ctx, "UPDATE search_param SET position = $1, percent = $2 WHERE type = $3 AND state = $4 AND position < $1",
		b.position, percent, b.typeID, stateBuilding)
	return err
}
