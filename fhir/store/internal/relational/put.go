package relational

import (
	"bytes"
	"context"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// Put creates or updates a resource.
func (u *unit) Put(ctx context.Context, w store.Write) (fhir.Resource, store.Outcome, error) {
	old, err := u.lookup(ctx, reference{w.Resource.Type, w.Resource.ID})
	if err != nil {
		return fhir.Resource{}, store.Unchanged, err
	}
	if err := checkPut(old, w); err != nil {
		return fhir.Resource{}, store.Unchanged, err
	}
	live := old != nil && !old.deleted
	if live && bytes.Equal(w.Resource.Stamp(old.version, timeOf(old.lastUpdated)).Body, old.body) {
		return old.resource(), store.Unchanged, u.adopt(ctx, old, w)
	}
	r, err := u.put(ctx, old, w)
	if err != nil {
		return fhir.Resource{}, store.Unchanged, err
	}
	if live {
		return r.resource(), store.Updated, nil
	}
	return r.resource(), store.Created, nil
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
func (u *unit) put(ctx context.Context, old *record, w store.Write) (*record, error) {
	typeID, err := u.store.catalog.typeID(w.Resource.Type)
	if err != nil {
		return nil, err
	}
	r := &record{reference: reference{w.Resource.Type, w.Resource.ID}, typeID: typeID, mapped: w.Mapped,
		owners: ownersAfter(old, w.Owners)}
	if err := u.number(ctx, r, old); err != nil {
		return nil, err
	}
	r.body = w.Resource.Stamp(r.version, timeOf(r.lastUpdated)).Body
	x, err := u.store.indexOf(r)
	if err != nil {
		return nil, err
	}
	r.patient, r.present, r.timeKey = x.patient, x.present, timeKey(x, r, old)
	return r, u.replace(ctx, old, r, x.entries)
}

// ownersAfter keeps what is stored when nothing is given. What was deleted and is made anew has new owners.
func ownersAfter(old *record, given []string) string {
	if given == nil && old != nil && !old.deleted {
		return old.owners
	}
	return joinOwners(given)
}

// number gives r its row, version and time. Time never runs backwards for a resource, whatever the clocks do.
func (u *unit) number(ctx context.Context, r, old *record) error {
	r.version, r.lastUpdated = 1, u.now.UnixMicro()
	if old != nil {
		r.row, r.version, r.lastUpdated = old.row, old.version+1, max(r.lastUpdated, old.lastUpdated)
		return nil
	}
	row, err := u.group.row(ctx)
	r.row = row
	return u.failed(err)
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

// adopt takes over owners and origin where the content is unchanged: they make no version.
func (u *unit) adopt(ctx context.Context, old *record, w store.Write) error {
	r := *old
	r.owners, r.mapped = ownersAfter(old, w.Owners), w.Mapped
	if r.owners == old.owners && r.mapped == old.mapped {
		return nil
	}
	x, err := u.store.indexOf(&r)
	if err != nil {
		return err
	}
	return u.rewrite(ctx, old, &r, x.entries)
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
	if err := u.number(ctx, &r, old); err != nil {
		return fhir.Resource{}, err
	}
	return r.resource(), u.replace(ctx, old, &r, entries{})
}

// replace writes version r in place of old (nil: none), which becomes history.
func (u *unit) replace(ctx context.Context, old, r *record, new entries) error {
	if old != nil {
		u.pending.insert("resource_history", historyTable, old.historyValues()...)
	}
	return u.rewrite(ctx, old, r, new)
}

// rewrite replaces a resource's row and index entries. Changes to one resource that are still pending go out first.
func (u *unit) rewrite(ctx context.Context, old, r *record, new entries) error {
	var had entries
	if old != nil {
		if err := u.settle(ctx, r.reference, search.Filter{}); err != nil {
			return err
		}
		u.pending.remove("resource", rowColumn, old.row)
		x, err := u.store.indexOf(old)
		if err != nil {
			return err
		}
		had = x.entries
	}
	u.pending.insert("resource", resourceTable, r.values()...)
	oldKey := r.timeKey
	if old != nil {
		oldKey = old.timeKey
	}
	u.pending.entries(had, new, oldKey, r.timeKey, r.row)
	u.care(old, r)
	u.widen(new.dates, r.timeKey)
	u.pending.touched[r.reference] = true
	u.pending.bytes += len(r.body) + 64*len(new.postings)
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
		u.pending.remove("care", careTable[:2], o, patient)
	}
	for _, o := range added {
		u.pending.insert("care", careTable, o, patient, search.Hash(patient))
	}
	u.pending.care = u.pending.care || len(gone)+len(added) > 0
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
