package server

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"lightbox/auth/audit"
	"lightbox/fhir"
	"lightbox/fhir/store"
)

// transactionRun is one run of a transaction's writes; the store may need several, and keeps nothing of those that fail.
type transactionRun struct {
	*transaction
	ctx     context.Context
	tx      store.Tx
	answers []answer
	changes []change        // copies: what is decided holds for this run
	becomes []fhir.Resource // type, id and, once known, version of what an entry's resource is
	pending []int           // changes to be put
	found   map[string]fhir.Resource
	late    map[string]bool // types of what was put after a conditional reference was resolved
}

func newRun(t *transaction, ctx context.Context, tx store.Tx) *transactionRun {
	n := len(t.steps)
	return &transactionRun{transaction: t, ctx: ctx, tx: tx, answers: make([]answer, n), changes: make([]change, n),
		becomes: make([]fhir.Resource, n), found: map[string]fhir.Resource{}, late: map[string]bool{}}
}

// do goes through the steps of R4. Conditions are judged by what is there after the deletions; conditional references by what
// there is at the end.
func (r *transactionRun) do() error {
	for _, phase := range []func() error{r.remove, r.decide, r.distinct, r.putAll, r.verify, r.readable} {
		if err := phase(); err != nil {
			return err
		}
	}
	return nil
}

// events are the writes for the record.
func (r *transactionRun) events() (all []audit.Event) {
	codes := map[int]string{removing: "delete", making: "create", changing: "update"}
	for i, s := range r.steps {
		if s.work == nil {
			continue
		}
		code := codes[phaseOf(s.entry.method)]
		if s.entry.method == http.MethodPatch {
			code = "patch"
		}
		all = append(all, r.call.changed(code, r.answers[i])...)
	}
	return all
}

func (r *transactionRun) remove() error {
	for i, s := range r.steps {
		if phaseOf(s.entry.method) != removing {
			continue
		}
		var err error
		if r.answers[i], err = s.work.run(r.ctx, r.tx); err != nil {
			return inEntry(s.entry, err)
		}
	}
	return nil
}

// decide finds out which resource each change is about.
func (r *transactionRun) decide() error {
	for _, phase := range []int{making, changing} {
		for i, s := range r.steps {
			if phaseOf(s.entry.method) != phase {
				continue
			}
			if err := r.decideOne(i); err != nil {
				return inEntry(s.entry, err)
			}
		}
	}
	return nil
}

func (r *transactionRun) decideOne(i int) error {
	w, _ := r.steps[i].work.(change)
	done, err := w.decided(r.ctx, r.tx)
	if err != nil {
		return err
	}
	if done != nil {
		r.answers[i], r.becomes[i] = *done, done.res
		return nil
	}
	r.changes[i] = w
	r.becomes[i] = fhir.Resource{Type: w.kind.Name, ID: w.put.Resource.ID}
	if phaseOf(r.steps[i].entry.method) == making {
		r.becomes[i].Version = 1 // its id is new
	}
	r.pending = append(r.pending, i)
	return nil
}

// distinct refuses two entries that delete or change one resource, whichever way they name it.
func (r *transactionRun) distinct() error {
	seen := map[string]bool{}
	for i, s := range r.steps {
		about := r.answers[i].removed
		if r.changes[i].api != nil { // it is to be put
			about = []string{r.becomes[i].Reference()}
		}
		for _, one := range about {
			if seen[one] {
				return inEntry(s.entry, sameIdentity())
			}
			seen[one] = true
		}
	}
	return nil
}

// putAll puts the changes in rounds, each at once: first those whose links are all known, then those with conditional
// references, or with references to a version that is only known now.
func (r *transactionRun) putAll() error {
	for waiting := r.pending; len(waiting) > 0; {
		ready, rest, err := r.ready(waiting, false)
		if err == nil && len(ready) == 0 {
			ready, rest, err = r.ready(waiting, true)
		}
		if err != nil {
			return err
		}
		if len(ready) == 0 {
			return r.unresolved(waiting[0])
		}
		if err := r.put(ready); err != nil {
			return err
		}
		waiting = rest
	}
	return r.stillOne()
}

// ready gives the bodies of those changes their final text whose links can be resolved now.
func (r *transactionRun) ready(waiting []int, searching bool) (ready, rest []int, err error) {
	for _, i := range waiting {
		texts, ok, err := r.texts(i, searching)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			rest = append(rest, i)
			continue
		}
		if err := r.changes[i].rewrite(r.steps[i].links, texts); err != nil {
			return nil, nil, inEntry(r.steps[i].entry, err)
		}
		if searching {
			r.late[r.becomes[i].Type] = true
		}
		ready = append(ready, i)
	}
	return ready, rest, nil
}

// texts returns what the links of an entry become; not ok while one of them is open.
func (r *transactionRun) texts(i int, searching bool) (texts []string, ok bool, err error) {
	for _, l := range r.steps[i].links {
		target := r.becomes[l.entry]
		if l.search != "" {
			if target, ok, err = r.referred(l.search, searching); err != nil {
				return nil, false, inEntry(r.steps[i].entry, at(err, l.expression))
			}
			if !ok {
				return nil, false, nil
			}
		}
		text := target.Reference()
		if l.versioned {
			if target.Version == 0 {
				return nil, false, nil
			}
			text += "/_history/" + strconv.FormatInt(target.Version, 10)
		}
		texts = append(texts, text+l.fragment)
	}
	return texts, true, nil
}

// referred returns what a conditional reference means.
func (r *transactionRun) referred(search string, searching bool) (fhir.Resource, bool, error) {
	res, known := r.found[search]
	if known || !searching {
		return res, known, nil
	}
	q := r.searches[search]
	found, err := reach{by: r.call.by}.matches(r.ctx, r.tx, q, 2)
	if err != nil || len(found) == 0 {
		return fhir.Resource{}, false, err
	}
	if len(found) > 1 {
		return fhir.Resource{}, false, ambiguous()
	}
	r.found[search] = found[0]
	return found[0], true, nil
}

func ambiguous() error {
	return fhir.NewError(fhir.Invalid, "a conditional reference must match one resource, and several do")
}

// unresolved tells why a change can never be put.
func (r *transactionRun) unresolved(i int) error {
	for _, l := range r.steps[i].links {
		if _, known := r.found[l.search]; l.search != "" && !known {
			return inEntry(r.steps[i].entry, fhir.NewError(fhir.Invalid,
				"a conditional reference must match one resource, and none does").At(l.expression))
		}
	}
	return inEntry(r.steps[i].entry, fhir.NewError(fhir.NotSupported, "references to versions that wait for one another"))
}

// put stores the changes in the order of the entries.
func (r *transactionRun) put(ready []int) error {
	slices.Sort(ready)
	writes := make([]store.Write, len(ready))
	for k, i := range ready {
		if err := r.changes[i].built(r.ctx, r.tx); err != nil {
			return inEntry(r.steps[i].entry, err)
		}
		writes[k] = r.changes[i].put
	}
	written, err := r.tx.PutAll(r.ctx, writes)
	if err != nil {
		return inEntry(r.steps[ready[min(len(written), len(ready)-1)]].entry, err)
	}
	for k, i := range ready {
		r.becomes[i] = written[k].Resource
		r.answers[i] = r.changes[i].answer(written[k].Resource, written[k].Outcome)
		if err := r.changes[i].told(r.ctx, r.tx, written[k].Resource); err != nil {
			return err
		}
	}
	return nil
}

// stillOne searches again for what a conditional reference meant where a resource of its type was put since.
func (r *transactionRun) stillOne() error {
	for _, s := range r.steps {
		for _, l := range s.links {
			q, ok := r.searches[l.search]
			if !ok || !r.late[q.Type] {
				continue
			}
			found, err := reach{by: r.call.by}.matches(r.ctx, r.tx, q, 2)
			if err == nil && (len(found) != 1 || found[0].ID != r.found[l.search].ID) {
				err = at(ambiguous(), l.expression)
			}
			if err != nil {
				return inEntry(s.entry, err)
			}
		}
	}
	return nil
}

func (r *transactionRun) verify() error {
	patients := map[checked]bool{}
	for _, i := range r.pending {
		if err := r.changes[i].verify(r.ctx, r.tx, patients); err != nil {
			return inEntry(r.steps[i].entry, err)
		}
	}
	return nil
}

// readable makes sure that what the transaction reads of what it has changed can be read.
func (r *transactionRun) readable() error {
	for _, s := range r.steps {
		if s.work != nil || !r.touches(s) {
			continue
		}
		current, err := r.tx.Get(r.ctx, s.reach.kind.Name, s.id)
		if err == nil && current.Deleted {
			err = store.ErrGone
		}
		ok, fault := s.reach.sees(r.ctx, r.tx, s.id)
		if fault != nil {
			return fault
		}
		if !ok {
			err = errNotFound()
		}
		if err != nil {
			return inEntry(s.entry, err)
		}
	}
	return nil
}

// touches reports whether the transaction changes the resource that a step reads.
func (r *transactionRun) touches(s step) bool {
	if s.reach.kind == nil || !fhir.ValidID(s.id) {
		return false
	}
	name := s.reach.kind.Name + "/" + s.id
	for i := range r.steps {
		if r.becomes[i].ID != "" && r.becomes[i].Reference() == name || slices.Contains(r.answers[i].removed, name) {
			return true
		}
	}
	return false
}
