package ingest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"lightbox/auth/audit"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/mapping"
)

// Link takes what an operator says of two records of a person: everything that refers to the prior one is led to the survivor in the same
// transaction, or, undone, found back. It is the newest word, whatever the clocks of those who sent messages say. by is who says so, for the audit
// record.
func (p *Pipeline) Link(ctx context.Context, said mapping.PatientLink, by *audit.Caller) error {
	word := " goes on as "
	if said.Undone {
		word = " does not go on as "
	}
	told := audit.Event{Kind: audit.Identity, By: by, Reason: said.Prior + word + said.Survivor, Patients: []string{said.Prior, said.Survivor}}
	err := p.Store.Write(ctx, func(tx store.Tx) error {
		before, err := linksAbout(ctx, tx, []string{said.Prior, said.Survivor})
		if err != nil {
			return err
		}
		said.Sent = tx.Now().UTC().Format("20060102150405")
		for _, one := range before {
			if one.Sent >= said.Sent {
				said.Sent = one.Sent + "0"
			}
		}
		if err := p.relink(ctx, tx, []mapping.PatientLink{said}); err != nil {
			return err
		}
		return p.recordIn(ctx, tx, told)
	})
	if err != nil {
		return fmt.Errorf("link patients: %w", err)
	}
	return p.Build(ctx, nil)
}

// relink puts what was said into the index and moves what it changes.
func (p *Pipeline) relink(ctx context.Context, tx store.Tx, said []mapping.PatientLink) error {
	if len(said) == 0 {
		return nil
	}
	var about []string
	links := newRows(4)
	for _, one := range said {
		about = append(about, one.Prior, one.Survivor)
		links.add(fmt.Sprint(one), one.Prior, one.Survivor, one.Sent, flag(one.Undone))
	}
	return p.relinked(ctx, tx, about, func() error {
		if err := links.insert(ctx, tx, "ingest_link (prior, survivor, sent, undone)", "DO NOTHING"); err != nil {
			return err
		}
		return noteSaid(ctx, tx, about)
	})
}

// noteSaid has those compared again of whom rules have found something, now that somebody has said something.
func noteSaid(ctx context.Context, tx store.SQL, patients []string) error {
	dirty, generation := newRows(3), rand.Int64()
	for _, one := range patients {
		found, err := texts(ctx, tx, "SELECT a FROM ingest_match WHERE a = $1 OR b = $1 LIMIT 1", one)
		if err != nil {
			return err
		}
		if id := one[len("Patient/"):]; len(found) > 0 {
			dirty.add(id, matchType, id, generation)
		}
	}
	return dirty.insert(ctx, tx, dirtyColumns, dirtyAgain)
}

// relinked moves what changes between patients by a change of what is said of them.
func (p *Pipeline) relinked(ctx context.Context, tx store.Tx, about []string, change func() error) error {
	before, patientsBefore, err := linksOf(ctx, tx, about)
	if err != nil {
		return err
	}
	if err := change(); err != nil {
		return err
	}
	after, patients, err := linksOf(ctx, tx, about)
	if err != nil {
		return err
	}
	patients = append(patients, patientsBefore...) // what is said no more led to others
	slices.Sort(patients)
	changed := slices.DeleteFunc(slices.Compact(patients), func(one string) bool { return before.Survivor(one) == after.Survivor(one) })
	// Those who were led elsewhere already go first: what is theirs must not seem to be the other's.
	slices.SortStableFunc(changed, func(a, b string) int { return isOwn(before, a) - isOwn(before, b) })
	for _, one := range changed {
		if err := p.moveOne(ctx, tx, one, [2]string{before.Survivor(one), after.Survivor(one)}); err != nil {
			return err
		}
	}
	return noteLinked(ctx, tx, changed, []mapping.Links{before, after})
}

// moveOne leads what is a patient's own to the record that stands for it now, and keeps that on record.
func (p *Pipeline) moveOne(ctx context.Context, tx store.Tx, patient string, way [2]string) error {
	if err := move(ctx, tx, patient, way); err != nil {
		return err
	}
	act, err := p.Mapper.MergeProvenance(patient, way, tx.Now())
	if err != nil {
		return err
	}
	_, _, err = tx.Put(ctx, store.Write{Resource: act, Owners: []string{}, Mapped: true})
	return err
}

func isOwn(l mapping.Links, patient string) int {
	if l.Survivor(patient) == patient {
		return 1
	}
	return 0
}

// maxRounds bounds how far from patient to patient statements are followed.
const maxRounds = 64

// linksOf settles all that was said of patients and of whoever they are linked with, and names those.
func linksOf(ctx context.Context, tx store.SQL, patients []string) (mapping.Links, []string, error) {
	known := map[string]bool{}
	var said []mapping.PatientLink
	next := patients
	for range maxRounds {
		next = slices.DeleteFunc(next, func(one string) bool { return known[one] })
		if len(next) == 0 {
			break
		}
		for _, one := range next {
			known[one] = true
		}
		found, err := linksAbout(ctx, tx, next)
		if err != nil {
			return mapping.Links{}, nil, err
		}
		said, next = append(said, found...), nil
		for _, link := range found {
			next = append(next, link.Prior, link.Survivor)
		}
	}
	links, _ := mapping.SettleLinks(said)
	all := make([]string, 0, len(known))
	for one := range known {
		all = append(all, one)
	}
	slices.Sort(all)
	return links, all, nil
}

func linksAbout(ctx context.Context, tx store.SQL, patients []string) (said []mapping.PatientLink, err error) {
	const columns = "SELECT prior, survivor, sent, undone FROM ingest_link WHERE "
	for some := range slices.Chunk(patients, maxRows) {
		var args []any
		for _, one := range some {
			args = append(args, one)
		}
		in := " IN " + placeholders(1, len(some))
		err = tx.Query(ctx, columns+"prior"+in+" UNION "+columns+"survivor"+in, args, func(scan func(...any) error) error {
			var one mapping.PatientLink
			var undone int64
			err := scan(&one.Prior, &one.Survivor, &one.Sent, &undone)
			one.Undone = undone != 0
			said = append(said, one)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return said, nil
}

// move leads what is a patient's own from one record to another.
func move(ctx context.Context, tx store.Tx, patient string, way [2]string) error {
	var of []fhir.Reference
	var err error
	if way[0] == patient {
		of, err = referring(ctx, tx, patient)
	} else {
		of, err = movedOf(ctx, tx, patient)
	}
	if err != nil {
		return err
	}
	moved := newRows(3)
	for _, ref := range of {
		if err := redirect(ctx, tx, ref, way); err != nil {
			return err
		}
		moved.add(ref.Type+"/"+ref.ID, patient, ref.Type, ref.ID)
	}
	if way[1] == patient {
		_, err := tx.Exec(ctx, "DELETE FROM ingest_moved WHERE prior = $1", patient)
		return err
	}
	return moved.insert(ctx, tx, movedColumns, "DO NOTHING")
}

const movedColumns = "ingest_moved (prior, type, id)"

func movedOf(ctx context.Context, tx store.SQL, patient string) (list []fhir.Reference, err error) {
	query := "SELECT type, id FROM ingest_moved WHERE prior = $1 ORDER BY type, id"
	err = tx.Query(ctx, query, []any{patient}, func(scan func(...any) error) error {
		var one fhir.Reference
		err := scan(&one.Type, &one.ID)
		list = append(list, one)
		return err
	})
	return list, err
}

func redirect(ctx context.Context, tx store.Tx, ref fhir.Reference, way [2]string) error {
	stored, err := tx.Get(ctx, ref.Type, ref.ID)
	if err != nil || stored.Deleted {
		return ignoreAbsent(err)
	}
	to := stored.Resource
	to.Body = mapping.RedirectPatient(to.Body, way[0], way[1])
	_, _, err = tx.Put(ctx, store.Write{Resource: to, Mapped: stored.Mapped})
	return err
}

// maxMoved bounds what one patient has. No real one comes near it; moving a part would be worse than refusing.
const maxMoved = 100_000

// referring finds what is a patient's own: by what access goes by, and where the type is nobody's data by the compartment. What records
// an act keeps whom it was done to.
func referring(ctx context.Context, tx store.Tx, patient string) (list []fhir.Reference, err error) {
	reg := fhir.R4()
	for _, t := range reg.Types() {
		if t.Name == "Patient" || t.Name == "Provenance" || t.Name == "AuditEvent" {
			continue
		}
		o, grant := search.Options{}, search.Grant{Patient: patient}
		if t.Patient == "" {
			if by, _ := t.Compartment("Patient"); len(by) == 0 {
				continue
			}
			o.Compartment, grant = &search.Compartment{Type: "Patient", ID: patient[len("Patient/"):]}, search.Grant{All: true}
		}
		q, err := search.Parse(reg, t.Name, nil, o)
		if err != nil {
			return nil, err
		}
		by := store.Caller{Access: func(string) search.Filter { return search.Filter{Grants: []search.Grant{grant}} }}
		found, err := tx.Find(ctx, q, by, maxMoved)
		if err != nil {
			return nil, err
		}
		if len(found) == maxMoved {
			return nil, fmt.Errorf("%s has more than any person: not linked", patient)
		}
		for _, r := range found {
			list = append(list, fhir.Reference{Type: r.Type, ID: r.ID})
		}
	}
	return list, nil
}

// noteLinked has built again what links decide of: the patients and their studies, whose held instances may be no other's now. Studies
// that are being built have read the links before.
func noteLinked(ctx context.Context, tx store.SQL, changed []string, links []mapping.Links) error {
	if len(changed) == 0 {
		return nil
	}
	generation := rand.Int64()
	dirty := newRows(3)
	for _, one := range changed {
		for _, patient := range []string{one, links[0].Survivor(one), links[1].Survivor(one)} {
			dirty.add("Patient\x00"+patient, "Patient", patient[len("Patient/"):], generation)
			studies, err := texts(ctx, tx, "SELECT study_uid FROM ingest_study WHERE patient = $1", patient)
			if err != nil {
				return err
			}
			for _, uid := range studies {
				dirty.add(studyType+"\x00"+uid, studyType, uid, generation)
			}
		}
	}
	if _, err := tx.Exec(ctx, "UPDATE ingest_dirty SET generation = $1 WHERE type = $2", generation, studyType); err != nil {
		return err
	}
	return dirty.insert(ctx, tx, dirtyColumns, dirtyAgain)
}

// follow leads what is about to be written to the records that survive, as this transaction sees them, and remembers from where.
func follow(ctx context.Context, tx store.SQL, writes []store.Write) error {
	var patients []string
	for _, w := range writes {
		if w.Resource.Type != "Patient" {
			patients = append(patients, mapping.PatientsOf(w.Resource.Body)...)
		}
	}
	slices.Sort(patients)
	links, _, err := linksOf(ctx, tx, slices.Compact(patients))
	if err != nil {
		return err
	}
	moved := newRows(3)
	for i := range writes {
		w := &writes[i]
		to, changed := links.Redirect(w.Resource)
		if !changed {
			continue
		}
		for _, from := range mapping.PatientsOf(w.Resource.Body) {
			if links.Survivor(from) != from {
				moved.add(from+"\x00"+to.Reference(), from, to.Type, to.ID)
			}
		}
		w.Resource, w.Document = to, nil
	}
	return moved.insert(ctx, tx, movedColumns, "DO NOTHING")
}

// linked is a settled Patient with what was said of it and other records.
func linked(ctx context.Context, tx store.SQL, p fhir.Resource) (fhir.Resource, error) {
	links, patients, err := linksOf(ctx, tx, []string{p.Reference()})
	if err != nil {
		return p, err
	}
	known := map[string]fhir.Resource{}
	for _, one := range patients {
		mentions, err := mentionsOf(ctx, tx, due{Type: "Patient", ID: one[len("Patient/"):]})
		if err != nil {
			return p, err
		}
		if r, _, err := mapping.Merge(mentions); err == nil {
			known[one] = r
		}
	}
	return links.Link(p, func(reference string) (fhir.Resource, bool) {
		r, ok := known[reference]
		return r, ok
	})
}
