package relational

import (
	"cmp"
	"maps"
	"slices"
)

// due is what has to be looked at before a transaction commits, so that logical references lead where they shall: see linker.
type due struct {
	referrers   map[reference]referrer // that were written
	identifiers map[int64]bool         // that resources have got or lost, see logicalHash
	types       int64                  // that referrers may lead to, see typeBit
}

// referrer is a resource with its index entries as if it led nowhere by its logical references.
type referrer struct {
	*record
	indexed
}

func newDue() *due {
	return &due{referrers: map[reference]referrer{}, identifiers: map[int64]bool{}}
}

func (d *due) empty() bool { return len(d.referrers)+len(d.identifiers) == 0 }

// join adds what o holds, which came later.
func (d *due) join(o *due) {
	maps.Copy(d.referrers, o.referrers)
	maps.Copy(d.identifiers, o.identifiers)
	d.types |= o.types
}

// refers takes a version that is written; x is empty when it goes.
func (u *unit) refers(r *record, x indexed) {
	_, ours := u.due.referrers[r.reference]
	_, others := u.group.due.referrers[r.reference]
	if len(x.logical) > 0 || ours || others {
		u.due.referrers[r.reference] = referrer{r, x}
	}
	for _, one := range x.logical {
		u.due.types |= typeBits(one)
	}
}

// sorted returns the resources that still refer.
func (d *due) sorted() []referrer {
	all := make([]referrer, 0, len(d.referrers))
	for _, r := range d.referrers {
		if len(r.logical) > 0 {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b referrer) int { return cmp.Compare(a.row, b.row) })
	return all
}

// identified notes the identifiers that a resource gets or loses, if anything refers to its type by them: a load of what nothing refers
// to asks nothing.
func (u *unit) identified(resourceType string, old, new entries) {
	c := u.store.catalog.forWriters
	types := u.group.head.logical | u.group.due.types | u.due.types
	if c.identifiers[resourceType] == nil || types&typeBit(resourceType) == 0 {
		return
	}
	known, err := c.posting(c.identifiers[resourceType])
	if err != nil {
		return // nor was it indexed
	}
	gone, added := difference(old.only(known), new.only(known))
	for _, hashes := range [][]int64{gone, added} {
		for _, h := range hashes {
			u.due.identifiers[h] = true
		}
	}
}

// only returns the hashes of one parameter's postings.
func (e *entries) only(p param) []int64 {
	var all []int64
	for _, one := range e.postings {
		if one.param == p.id {
			all = append(all, one.hash)
		}
	}
	return all
}
