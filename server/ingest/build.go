package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

	"golang.org/x/sync/errgroup"

	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/mapping"
)

// Notes of studyType name a study by its UID, those of reportType a report that messages tell, those of matchType a Patient to compare with
// others by its id; every other note names a shared resource by type and id.
const (
	studyType  = "ImagingStudy"
	reportType = "DiagnosticReport"
	matchType  = "match"
)

// noStudy is the group of what is told of objects whose study could not be read.
const noStudy = "-"

// isShared, isReport, isStudy and isMatch choose notes.
const (
	isShared = "type NOT IN ('" + studyType + "', '" + reportType + "', '" + matchType + "')"
	isMatch  = "type = '" + matchType + "'"
	isReport = "type = '" + reportType + "'"
	isStudy  = "type = '" + studyType + "'"
)

// How many notes one commit takes care of.
const (
	sharedBatch = 500
	studyBatch  = 32
)

// due is one note of something to build.
type due struct {
	Type, ID   string
	Generation int64
}

// built is what a note led to.
type built struct {
	due      due
	writes   []store.Write
	group    string         // whose resources writes are, all that there are: the study's UID, or the report; "" of a shared one
	study    *mapping.Study // of a study
	issues   []mapping.Issue
	mentions []mapping.Mention // that only the content of documents makes
	matched  *matched          // of a Patient that was compared
	failure  error             // the mapping refused: the note stays
}

// Build makes every resource that is due, shared ones first so that a study never names a Patient who is not there yet. A
// resource that cannot be built stays due, with its reason in the log, and does not hold up the others.
func (p *Pipeline) Build(ctx context.Context, t *tally) error {
	if t == nil {
		t = newTally(nil)
	}
	return p.build(ctx, t, nil)
}

// build is Build; ready chooses the studies, nil is all.
func (p *Pipeline) build(ctx context.Context, t *tally, ready func(due) (bool, error)) error {
	steps := []step{
		{isShared, sharedBatch, p.shared, nil}, {isReport, sharedBatch, p.report, nil}, {isStudy, studyBatch, p.study, ready},
		{isShared, sharedBatch, p.shared, nil}, // what the studies' documents tell of
	}
	if p.Matching != nil { // otherwise the notes wait for who has rules
		steps = append(steps, step{isMatch, studyBatch, p.match, nil}, steps[0], steps[2]) // again, of whom that linked
	}
	for _, s := range steps {
		if err := p.buildAll(ctx, t, s); err != nil {
			return err
		}
	}
	return nil
}

// step is how the notes of one kind are built.
type step struct {
	which string // condition
	batch int
	build func(context.Context, due) (built, error)
	ready func(due) (bool, error) // leaves notes for later; nil: none
}

// chosen are the notes that are ready.
func (s step) chosen(notes []due) ([]due, error) {
	if s.ready == nil {
		return notes, nil
	}
	var list []due
	for _, n := range notes {
		ok, err := s.ready(n)
		if err != nil {
			return nil, err
		}
		if ok {
			list = append(list, n)
		}
	}
	return list, nil
}

// buildAll walks the notes of a step, once each, in batches.
func (p *Pipeline) buildAll(ctx context.Context, t *tally, s step) error {
	var last due
	for {
		notes, err := p.due(ctx, s, last)
		if err != nil || len(notes) == 0 {
			return err
		}
		last = notes[len(notes)-1]
		if notes, err = s.chosen(notes); err != nil {
			return err
		}
		results := make([]built, len(notes))
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(runtime.GOMAXPROCS(0))
		for i, n := range notes {
			g.Go(func() error {
				var err error
				results[i], err = s.build(gctx, n)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if err := p.put(ctx, results, t); err != nil {
			return err
		}
	}
}

func (p *Pipeline) due(ctx context.Context, s step, after due) (notes []due, err error) {
	err = p.Store.View(ctx, func(tx store.SQL) error {
		notes = nil
		query := "SELECT type, id, generation FROM ingest_dirty WHERE " + s.which + " AND (type, id) > ($1, $2) ORDER BY type, id LIMIT $3"
		return tx.Query(ctx, query, []any{after.Type, after.ID, s.batch}, func(scan func(...any) error) error {
			var n due
			err := scan(&n.Type, &n.ID, &n.Generation)
			notes = append(notes, n)
			return err
		})
	})
	return notes, err
}

// shared merges what is said of one shared resource.
func (p *Pipeline) shared(ctx context.Context, n due) (built, error) {
	var r fhir.Resource
	var owners []string
	var failure error
	err := p.Store.View(ctx, func(tx store.SQL) (err error) {
		mentions, err := mentionsOf(ctx, tx, n)
		if err != nil {
			return err
		}
		if owners, err = ownersOf(ctx, tx, n); err != nil {
			return err
		}
		if r, _, failure = mapping.Merge(mentions); failure == nil && n.Type == "Patient" {
			r, err = linked(ctx, tx, r)
		}
		return err
	})
	if err != nil {
		return built{}, err
	}
	return built{due: n, writes: []store.Write{mapped(r, owners)}, failure: failure}, nil
}

func mentionsOf(ctx context.Context, tx store.SQL, n due) (mentions []mapping.Mention, err error) {
	query := "SELECT latest, body FROM ingest_mention WHERE type = $1 AND id = $2 ORDER BY hash"
	err = tx.Query(ctx, query, []any{n.Type, n.ID}, func(scan func(...any) error) error {
		m := mapping.Mention{Type: n.Type, ID: n.ID}
		err := scan(&m.Date, &m.Body)
		mentions = append(mentions, m)
		return err
	})
	return mentions, err
}

func ownersOf(ctx context.Context, tx store.SQL, n due) ([]string, error) {
	return texts(ctx, tx, "SELECT owner FROM ingest_owner WHERE type = $1 AND id = $2 ORDER BY owner", n.Type, n.ID)
}

func mapped(r fhir.Resource, owners []string) store.Write {
	if owners == nil {
		owners = []string{}
	}
	return store.Write{Resource: r, Owners: owners, Mapped: true}
}

// study maps one study from its index, and its reports from their objects.
func (p *Pipeline) study(ctx context.Context, n due) (built, error) {
	var all, instances []archive.Instance
	var submissions []mapping.Submission
	var patient string
	var persons mapping.Links
	err := p.Store.View(ctx, func(tx store.SQL) (err error) {
		patient = ""
		if all, err = archive.Study(ctx, tx, n.ID); err != nil {
			return err
		}
		if submissions, err = submissionsOf(ctx, tx, n.ID); err != nil {
			return err
		}
		instances = withoutWithdrawn(all, submissions)
		links, err := texts(ctx, tx, "SELECT patient FROM ingest_study WHERE study_uid = $1 AND recorded = 1", n.ID)
		if len(links) > 0 {
			patient = links[0]
		}
		if err != nil {
			return err
		}
		patients, err := p.Mapper.Patients(instances)
		if err != nil {
			return err
		}
		persons, _, err = linksOf(ctx, tx, append(patients, patient))
		return err
	})
	if err != nil {
		return built{}, err
	}
	if len(instances) == 0 { // conflicts gave all of them to other studies, all were withdrawn, or none was taken
		tasks, err := p.tasks(ctx, submissions, all, nil)
		return built{due: n, group: cmp.Or(n.ID, noStudy), study: &mapping.Study{}, writes: tasks, failure: err}, nil
	}
	s, failure := p.Mapper.Study(instances, patient, persons)
	if failure != nil {
		return built{due: n, failure: failure}, nil
	}
	documents, unread, failure := p.documents(ctx, instances, s)
	if failure != nil {
		return built{due: n, failure: failure}, nil
	}
	if err := p.aboutReading(ctx, &s); err != nil {
		return built{}, err
	}
	told, failure := p.Mapper.Documents(s, documents)
	var writes []store.Write
	for _, r := range slices.Concat(s.Resources(), told.Resources) {
		writes = append(writes, mapped(r, s.Owners))
	}
	tasks, err := p.tasks(ctx, submissions, all, &s)
	if err != nil {
		return built{due: n, failure: err}, nil
	}
	writes = append(writes, tasks...)
	issues := slices.Concat(s.Issues, unread, told.Issues)
	return built{due: n, group: n.ID, writes: writes, study: &s, mentions: told.Mentions, issues: issues, failure: failure}, nil
}

// documents reads the report objects among instances back from the archive, those held for another patient left out. The error is
// the archive's: a report must not seem to be gone because its object could not be had.
func (p *Pipeline) documents(ctx context.Context, instances []archive.Instance, s mapping.Study) (list []mapping.Document, issues []mapping.Issue, err error) {
	for _, i := range instances {
		if isHeld(s, i) || !mapping.IsDocument(i.SOPClassUID) {
			continue
		}
		ds, unread, err := p.document(ctx, i)
		if err != nil {
			return nil, nil, fmt.Errorf("report object: %w", err)
		}
		issues = append(issues, unread...)
		if ds != nil {
			list = append(list, mapping.Document{Instance: i, Dataset: ds})
		}
	}
	return list, issues, nil
}

// document reads one report object. Its bytes are checked first: what is damaged must not pass for a report without its end.
func (p *Pipeline) document(ctx context.Context, i archive.Instance) (*dicom.Dataset, []mapping.Issue, error) {
	if !i.Object.IsRemote() {
		if err := archive.Verify(ctx, p.Objects, i.Object); err != nil {
			return nil, nil, err
		}
	}
	object, err := p.Open(ctx, i)
	if err != nil {
		return nil, nil, err
	}
	defer object.Close()
	return wholeReport(object, object.Size())
}

// put writes what was built and takes back the notes, those apart for which more has come meanwhile.
func (p *Pipeline) put(ctx context.Context, results []built, t *tally) error {
	changes := 0
	for i := range results {
		prepare(&results[i])
	}
	err := p.Store.Write(ctx, func(tx store.Tx) (err error) {
		if changes, err = p.putAll(ctx, tx, results); err != nil {
			return err
		}
		return p.noteReported(ctx, tx, results)
	})
	if err != nil {
		return fmt.Errorf("build: %w", err)
	}
	p.tell(results, changes, t)
	return nil
}

// prepare evaluates what is about to be written. What cannot be indexed would keep out all that is written with it: it fails alone.
func prepare(b *built) {
	store.Prepare(fhir.R4(), b.writes)
	for _, w := range b.writes {
		if w.Document != nil {
			continue
		}
		if _, err := search.Index(fhir.R4(), w.Resource); err != nil && b.failure == nil {
			b.failure = err
		}
	}
}

// putAll goes by the notes that are still there as they were read. Writers come one after the other, and a note changes with the
// index: where it is the same, what was built from the index is the newest, and where it is not, another process has built
// already or will.
func (p *Pipeline) putAll(ctx context.Context, tx store.Tx, results []built) (changes int, err error) {
	var writes []store.Write
	var current []built
	for _, b := range results {
		if b.failure != nil {
			continue
		}
		taken, err := takeBack(ctx, tx, b.due)
		if err != nil {
			return 0, err
		}
		if taken {
			current, writes = append(current, b), append(writes, b.writes...)
		}
	}
	if err := follow(ctx, tx, writes); err != nil {
		return 0, err
	}
	written, err := tx.PutAll(ctx, writes)
	if err != nil {
		return 0, err
	}
	for _, w := range written {
		if w.Outcome != store.Unchanged {
			changes++
		}
	}
	if err := p.noteMatches(ctx, tx, written); err != nil {
		return 0, err
	}
	for _, b := range current {
		if b.matched != nil {
			if err := p.settleMatches(ctx, tx, *b.matched); err != nil {
				return 0, err
			}
		}
		if b.group == "" {
			continue
		}
		if b.study != nil {
			if err := rememberPatient(ctx, tx, b); err != nil {
				return 0, err
			}
			if err := mentionContent(ctx, tx, b); err != nil {
				return 0, err
			}
		}
		deleted, err := tidy(ctx, tx, b)
		if err != nil {
			return 0, err
		}
		changes += deleted
	}
	return changes, nil
}

// takeBack removes a note, and reports whether it was there as it was read.
func takeBack(ctx context.Context, tx store.SQL, n due) (bool, error) {
	removed, err := tx.Exec(ctx, "DELETE FROM ingest_dirty WHERE type = $1 AND id = $2 AND generation = $3", n.Type, n.ID, n.Generation)
	return removed > 0, err
}

func (p *Pipeline) tell(results []built, changes int, t *tally) {
	t.add(func(s *Summary) { s.Resources += changes })
	for _, b := range results {
		if b.failure != nil {
			p.Log.Error("a resource could not be built and stays due", "type", b.due.Type, "cause", b.failure)
			t.add(func(s *Summary) { s.Issues["not-built"]++ })
			t.unbuilt = append(t.unbuilt, b.due)
			continue
		}
		if b.study != nil {
			t.add(func(s *Summary) { s.Studies++ })
		}
		t.issues(b.issues)
	}
}

// mentionContent notes what the documents of a study tell of, to be built right after.
func mentionContent(ctx context.Context, tx store.SQL, b built) error {
	said := newSayings()
	for _, owner := range append([]string{""}, b.study.Owners...) {
		said.add(b.mentions, owner)
	}
	return said.insert(ctx, tx)
}

// rememberPatient notes whose the study was found to be. What was recorded went into the mapping, so this changes it only where that
// gave a placeholder way to a named patient.
func rememberPatient(ctx context.Context, tx store.SQL, b built) error {
	_, err := tx.Exec(ctx, `INSERT INTO ingest_study (study_uid, patient, recorded) VALUES ($1, $2, 0)
		ON CONFLICT (study_uid) DO UPDATE SET patient = excluded.patient`, b.due.ID, b.study.Patient)
	return err
}

// tidy remembers the resources of a group, and deletes those that it no longer gives.
func tidy(ctx context.Context, tx store.Tx, b built) (deleted int, err error) {
	now := make([]string, 0, len(b.writes))
	for _, w := range b.writes {
		now = append(now, w.Resource.Reference())
	}
	before, err := texts(ctx, tx, "SELECT type || '/' || id FROM ingest_resource WHERE study_uid = $1", b.group)
	if err != nil {
		return 0, err
	}
	for _, reference := range before {
		if slices.Contains(now, reference) {
			continue
		}
		if err := forget(ctx, tx, b.group, reference); err != nil {
			return 0, err
		}
		deleted++
	}
	resources := newRows(3)
	for _, w := range b.writes {
		if !slices.Contains(before, w.Resource.Reference()) {
			resources.add(w.Resource.Reference(), b.group, w.Resource.Type, w.Resource.ID)
		}
	}
	return deleted, resources.insert(ctx, tx, "ingest_resource (study_uid, type, id)", "DO NOTHING")
}

func forget(ctx context.Context, tx store.Tx, group, reference string) error {
	ref, err := fhir.ParseReference(reference, "")
	if err != nil {
		return err
	}
	_, err = tx.Delete(ctx, store.Delete{Type: ref.Type, ID: ref.ID, Mapped: true})
	if err := ignoreAbsent(err); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "DELETE FROM ingest_resource WHERE study_uid = $1 AND type = $2 AND id = $3", group, ref.Type, ref.ID)
	return err
}

// ignoreAbsent is err unless it says that there is no such resource.
func ignoreAbsent(err error) error {
	if errors.Is(err, store.ErrGone) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// record makes the patient links of everything built so far binding: from here on they change by an explicit act alone.
func (p *Pipeline) record(ctx context.Context) error {
	return p.Store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE ingest_study SET recorded = 1 WHERE recorded = 0")
		return err
	})
}

func texts(ctx context.Context, tx store.SQL, query string, args ...any) ([]string, error) {
	var list []string
	err := tx.Query(ctx, query, args, func(scan func(...any) error) error {
		var s string
		err := scan(&s)
		list = append(list, s)
		return err
	})
	return list, err
}
