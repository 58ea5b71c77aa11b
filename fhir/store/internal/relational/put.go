package relational

import (
	"bytes"
	"context"
	"runtime"
	"sync/atomic"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// Put creates or updates a resource.
func (u *unit) Put(ctx context.Context, w store.Write) (fhir.Resource, store.Outcome, error) {
	written, err := u.PutAll(ctx, []store.Write{w})
	if err != nil {
		return fhir.Resource{}, store.Unchanged, err
	}
	return written[0].Resource, written[0].Outcome, nil
}

// PutAll reads what is stored of many resources at once, and evaluates their search parameters on every processor.
func (u *unit) PutAll(ctx context.Context, writes []store.Write) ([]store.Written, error) {
	if err := u.loadAll(ctx, writes); err != nil {
		return nil, err
	}
	index := u.indexAhead(writes)
	written := make([]store.Written, 0, len(writes))
	for i, w := range writes {
		r, err := u.putOne(ctx, w, func() (indexed, error) { return index(i) })
		if err != nil {
			return written, err
		}
		written = append(written, r)
	}
	return written, nil
}

// loadAll reads the current versions that are not known yet, type by type.
func (u *unit) loadAll(ctx context.Context, writes []store.Write) error {
	missing := map[string][]string{}
	for _, w := range writes {
		if _, ok := u.known(reference{w.Resource.Type, w.Resource.ID}); !ok {
			missing[w.Resource.Type] = append(missing[w.Resource.Type], w.Resource.ID)
		}
	}
	for resourceType, ids := range missing {
		if err := u.load(ctx, resourceType, ids); err != nil {
			return err
		}
	}
	return u.usable(ctx)
}

// indexAhead returns a function that gives the index entries of one of the writes. Of many, which are read for the first time
// here, they are evaluated side by side: that takes a third of a write's time.
func (u *unit) indexAhead(writes []store.Write) func(i int) (indexed, error) {
	index := func(i int) (indexed, error) { return u.store.indexOf(writes[i]) }
	workers := min(runtime.GOMAXPROCS(0), len(writes)/minAhead)
	if workers < 2 || writes[0].Document != nil {
		return index
	}
	type result struct {
		indexed
		err     error
		skipped bool // it looked unchanged
		done    chan struct{}
	}
	results, old := make([]result, len(writes)), make([]*record, len(writes))
	for i, w := range writes { // the workers must not look at what this goroutine goes on to change
		results[i].done = make(chan struct{})
		old[i], _ = u.known(reference{w.Resource.Type, w.Resource.ID})
	}
	var next atomic.Int64
	for range workers {
		go func() {
			for i := next.Add(1) - 1; i < int64(len(writes)); i = next.Add(1) - 1 {
				r := &results[i]
				if r.skipped = isUnchanged(old[i], writes[i]); !r.skipped {
					r.indexed, r.err = index(int(i))
				}
				close(r.done)
			}
		}()
	}
	return func(i int) (indexed, error) {
		<-results[i].done
		if results[i].skipped {
			return index(i)
		}
		return results[i].indexed, results[i].err
	}
}

// minAhead is how many writes keep one more processor busy.
const minAhead = 8

// putOne judges one write and makes the next version.
func (u *unit) putOne(ctx context.Context, w store.Write, index func() (indexed, error)) (store.Written, error) {
	old, err := u.lookup(ctx, reference{w.Resource.Type, w.Resource.ID})
	if err != nil {
		return store.Written{}, err
	}
	if err := checkPut(old, w); err != nil {
		return store.Written{}, err
	}
	if isUnchanged(old, w) {
		return store.Written{Resource: old.resource(), Outcome: store.Unchanged}, u.adopt(ctx, old, w)
	}
	x, err := index()
	if err != nil {
		return store.Written{}, err
	}
	r, err := u.put(ctx, old, w, x)
	if err != nil {
		return store.Written{}, err
	}
	if old != nil && !old.deleted {
		return store.Written{Resource: r.resource(), Outcome: store.Updated}, nil
	}
	return store.Written{Resource: r.resource(), Outcome: store.Created}, nil
}

// isUnchanged reports whether a write would make the version that is there.
func isUnchanged(old *record, w store.Write) bool {
	return old != nil && !old.deleted && bytes.Equal(w.Resource.Stamp(old.version, timeOf(old.lastUpdated)).Body, old.body)
}

// checkPut judges a write by what is stored. What was deleted may be made anew, by whom it belonged to.
func checkPut(old *record, w store.Write) error {
	switch {
	case w.MustBeNew && old != nil && !old.deleted:
		return store.ErrExists
	case old != nil && old.mapped && !w.Mapped:
		return store.ErrMapped
	case w.IfVersion != 0 && (old == nil || old.version != w.IfVersion):
		return store.ErrConflict
	}
	return nil
}

// put makes the next version.
func (u *unit) put(ctx context.Context, old *record, w store.Write, x indexed) (*record, error) {
	typeID, err := u.store.catalog.typeID(w.Resource.Type)
	if err != nil {
		return nil, err
	}
	r := &record{reference: reference{w.Resource.Type, w.Resource.ID}, typeID: typeID, mapped: w.Mapped,
		owners: ownersAfter(old, w.Owners)}
	u.number(r, old)
	r.body = w.Resource.Stamp(r.version, timeOf(r.lastUpdated)).Body
	r.patient, r.present, r.timeKey, r.timeHigh = x.patient, x.present, timeKey(x, r, old), x.timeHigh()
	u.widen(x.clock, r.timeKey)
	return r, u.replace(ctx, old, r, x)
}

// ownersAfter keeps what is stored when nothing is given. What was deleted and is made anew has new owners.
func ownersAfter(old *record, given []string) string {
	if given == nil && old != nil && !old.deleted {
		return old.owners
	}
	return joinOwners(given)
}

// number gives r its row, version and time.
func (u *unit) number(r, old *record) {
	r.lastUpdated = u.group.head.nextStamp(u.now)
	if old == nil {
		r.row, r.version = u.group.head.nextRow(), 1
		return
	}
	r.row, r.version = old.row, old.version+1
}

// timeKey orders newest first. A resource without a clinical time keeps the key of its creation, so that an update does
// not move it while somebody pages.
func timeKey(x indexed, r, old *record) int64 {
	switch {
	case x.timed:
		return -clamp(x.time)
	case old != nil:
		return old.timeKey
	}
	return -clamp(r.lastUpdated)
}

// timeHigh is the end of the clinical time, where a parameter selects it.
func (x indexed) timeHigh() int64 {
	if len(x.clock) == 0 {
		return 0
	}
	return x.clock[0].high
}

// adopt takes over owners and origin where the content is unchanged: they make no version.
func (u *unit) adopt(ctx context.Context, old *record, w store.Write) error {
	r := *old
	r.owners, r.mapped = ownersAfter(old, w.Owners), w.Mapped
	if r.owners == old.owners && r.mapped == old.mapped {
		return nil
	}
	x, _, err := u.store.indexStored(old)
	if err != nil {
		return err
	}
	r.patient, r.present = x.patient, x.present // without what its links have added, which are made anew
	return u.rewrite(ctx, old, &r, x)
}

// Delete makes a deletion version. It keeps whose data it was: who could see the resource sees that it is gone.
func (u *unit) Delete(ctx context.Context, d store.Delete) (fhir.Resource, error) {
	old, err := u.lookup(ctx, reference{d.Type, d.ID})
	if err != nil {
		return fhir.Resource{}, err
	}
	switch {
	case old == nil:
		return fhir.Resource{}, store.ErrNotFound
	case old.deleted:
		return fhir.Resource{}, store.ErrGone
	case old.mapped && !d.Mapped:
		return fhir.Resource{}, store.ErrMapped
	case d.IfVersion != 0 && old.version != d.IfVersion:
		return fhir.Resource{}, store.ErrConflict
	}
	r := *old
	r.deleted, r.body, r.present = true, nil, 0
	u.number(&r, old)
	return r.resource(), u.replace(ctx, old, &r, indexed{})
}

// replace writes version r in place of old (nil: none), which becomes history.
func (u *unit) replace(ctx context.Context, old, r *record, new indexed) error {
	if err := u.rewrite(ctx, old, r, new); err != nil {
		return err
	}
	if old != nil {
		u.pending.history = append(u.pending.history, pastRow{old, r.lastUpdated})
	}
	return nil
}

// rewrite replaces a resource's row and index entries. Changes to one resource that are still pending go out first.
func (u *unit) rewrite(ctx context.Context, old, r *record, new indexed) error {
	had, plain := place{timeKey: r.timeKey}, new
	if old != nil {
		if err := u.settle(ctx, r.reference, search.Filter{}); err != nil {
			return err
		}
		stored, err := u.storedOf(ctx, old)
		if err != nil {
			return err
		}
		had = place{stored.entries, old.timeKey}
		u.pending.goneLinks = append(u.pending.goneLinks, rowsOf(old.row, stored.links)...)
		u.pending.goneResources = append(u.pending.goneResources, old)
	}
	if !r.deleted {
		if err := u.store.addOwners(&new.entries, r); err != nil {
			return err
		}
	}
	u.pending.resources = append(u.pending.resources, r)
	u.pending.entries(had, place{new.entries, r.timeKey}, r.row)
	u.identified(r.resourceType, had.entries, new.entries)
	u.refers(r, plain)
	u.pending.touched[r.reference] = true
	u.care(old, r)
	u.pending.refer(old, r)
	if err := u.belong(old, r); err != nil {
		return err
	}
	u.widen(new.dates, r.timeKey)
	u.records[r.reference] = r
	return nil
}

// care records which organisations submitted a patient. It outlives a deletion: the patient's data may.
func (u *unit) care(old, r *record) {
	if r.resourceType != "Patient" {
		return
	}
	var had []string
	if old != nil {
		had = splitOwners(old.owners)
	}
	gone, added := difference(had, splitOwners(r.owners))
	patient := r.resourceType + "/" + r.id
	for _, o := range gone {
		u.pending.goneCare = append(u.pending.goneCare, careRow{o, patient})
	}
	for _, o := range added {
		u.pending.care = append(u.pending.care, careRow{o, patient})
	}
}

// refer records which organisations a resource refers its patient to, and to which it denies the patient's data.
func (c *changes) refer(old, r *record) {
	revoked, denied := difference(denialsOf(old), denialsOf(r))
	c.goneDenials, c.denials = append(c.goneDenials, revoked...), append(c.denials, denied...)
	gone, added := difference(referralsOf(old), referralsOf(r))
	c.goneReferrals, c.referrals = append(c.goneReferrals, gone...), append(c.referrals, added...)
}

func referralsOf(r *record) (rows []referralRow) {
	if r == nil || !search.Refers(r.resourceType) || !search.IsPatient(r.patient) {
		return nil
	}
	for _, to := range search.Referred(r.resource()) {
		rows = append(rows, referralRow{to, r.patient, r.row})
	}
	return rows
}

func denialsOf(r *record) (rows []denialRow) {
	if r == nil || !search.IsPatient(r.patient) {
		return nil
	}
	for _, d := range search.Denials(r.resource()) {
		rows = append(rows, denialRow{d, r.patient, r.row})
	}
	return rows
}

func (u *unit) widen(dates []datePosting, timeKey int64) {
	for _, d := range dates {
		known, ok := u.pending.gaps[d.param]
		if !ok {
			known, ok = u.group.gap(d.param)
		}
		if wider, grew := known.widen(d, timeKey, ok); grew {
			u.pending.gaps[d.param] = wider
		}
	}
}
