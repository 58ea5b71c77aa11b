package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// testReindex opens databases with registries that differ, as programs of several versions do.
func testReindex(t *testing.T, fresh func(t testing.TB) Database) {
	t.Run("new and changed parameters", func(t *testing.T) { reindexed(t, fresh) })
	t.Run("several at once", func(t *testing.T) { reindexedAtOnce(t, fresh) })
	t.Run("all", func(t *testing.T) { reindexedAll(t, fresh) })
	t.Run("values not allowed", func(t *testing.T) { reindexedFaults(t, fresh) })
	t.Run("nothing to do", func(t *testing.T) { nothingToReindex(t, fresh(t)) })
	t.Run("two versions", func(t *testing.T) { twoVersions(t, fresh(t)) })
}

// former is the registry of an earlier version: it lacks some parameters and defines others otherwise.
func former(t testing.TB) *fhir.Registry {
	return varied(t, func(p *fhir.SearchParameter) bool {
		switch p.Type + " " + p.Name {
		case "Patient birthdate", "Patient identifier":
			return false
		case "Patient family":
			p.Expression = "Patient.contact.name.family"
		case "Patient gender":
			p.System = "urn:gender"
		case "Observation value-quantity":
			p.Expression = "(Observation.component.value as Quantity)"
		case "ImagingStudy started":
			p.Expression = "ImagingStudy.series.started"
		}
		return true
	})
}

func varied(t testing.TB, edit func(p *fhir.SearchParameter) bool) *fhir.Registry {
	t.Helper()
	r, err := fhir.Vary(edit)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// without is a registry that lacks one parameter of Patient.
func without(t testing.TB, name string) *fhir.Registry {
	return varied(t, func(p *fhir.SearchParameter) bool { return p.Type != "Patient" || p.Name != name })
}

// changedQueries are searches on what former has otherwise, sameQueries on what it has too.
var (
	changedQueries = []string{"gender=male", "gender=http://hl7.org/fhir/administrative-gender|female", "identifier=urn:mrn|3", "identifier=urn:mrn|",
		"family=weber", "family:exact=Heide", "birthdate=1980", "birthdate=ge1985-03&birthdate=lt1991", "birthdate:missing=true",
		"family:missing=false&given=anna", "_sort=birthdate", "_sort=-birthdate&gender=male", "_sort=family"}
	sameQueries = []string{"", "given=anna", "name=web", "active=true", "_id=p3,p30,p77", "organization=o1"}
)

func person(n int, family string) string {
	members := ""
	if n%7 > 0 {
		members = fmt.Sprintf(`"birthDate":"19%d-0%d-1%d",`, 80+n%13, 1+n%9, n%10)
	}
	return fmt.Sprintf(`{"resourceType":"Patient","id":"p%d",%s"active":%v,"gender":%q,"identifier":[{"system":"urn:mrn","value":"%d"}],`+
		`"managingOrganization":{"reference":"Organization/o%d"},"name":[{"family":%q,"given":["Anna"]}],"contact":[{"name":{"family":"Former"}}]}`,
		n, members, n%2 == 0, []string{"male", "female", "other"}[n%3], n, n%4, family)
}

// populate writes what takes several batches of the reindex, and gives some of it a past.
func (f fixture) populate(t testing.TB, count int) {
	var writes []store.Write
	for n := range count {
		family := []string{"Weber", "von der Heide", "Heide"}[n%3]
		writes = append(writes, store.Write{Resource: parse(t, person(n, family)), Owners: []string{[]string{clinicOne, clinicTwo}[n%2]}})
	}
	for n := range 20 {
		writes = append(writes, store.Write{Resource: parse(t, fmt.Sprintf(`{"resourceType":"Observation","id":"o%d","status":"final",`+
			`"code":{"text":"dose"},"subject":{"reference":"Patient/p%[1]d"},"valueQuantity":{"value":%[1]d,"system":"http://unitsofmeasure.org","code":"mGy"}}`, n))})
	}
	for n := range 20 {
		started := fmt.Sprintf("2024-01-%02d", n+1)
		writes = append(writes, store.Write{Resource: parse(t, imagingStudy(fmt.Sprint("s", n), fmt.Sprint("Patient/p", n), "available", started)), Owners: []string{clinicOne}})
	}
	f.putAll(writes)
	f.stir(0)
}

// stir changes, deletes, restores and hands over resources all over the walk of the reindex.
func (f fixture) stir(by int) {
	for n := by; n < 100; n += 10 {
		f.put(person(n*5, fmt.Sprint("Stirred", by)))
	}
	f.delete("Patient", fmt.Sprint("p", 201+by))
	f.delete("Patient", fmt.Sprint("p", 301+by))
	f.put(person(301+by, "Restored"), clinicTwo)
	f.put(person(402+by, []string{"Weber", "von der Heide", "Heide"}[(402+by)%3]), clinicOne, clinicTwo) // owners alone
	f.put(person(1000+by, "Weber"), clinicOne)
}

// copyOf writes what there is of f to an empty database, in the order in which it was made.
func copyOf(t *testing.T, f fixture, db Database) fixture {
	var writes []store.Write
	err := f.Write(ctx, func(tx store.Tx) error {
		writes = nil
		var refs [][2]string
		query := "SELECT t.name, r.id FROM resource r JOIN resource_type t ON t.id = r.type WHERE r.deleted = 0 ORDER BY r.row"
		err := tx.Query(ctx, query, nil, func(scan func(...any) error) error {
			var ref [2]string
			err := scan(&ref[0], &ref[1])
			refs = append(refs, ref)
			return err
		})
		for _, ref := range refs {
			stored, getErr := tx.Get(ctx, ref[0], ref[1])
			err = errors.Join(err, getErr)
			writes = append(writes, store.Write{Resource: stored.Resource, Owners: stored.Owners})
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, db)
	c.putAll(writes)
	return c
}

// wantSame compares answers and the number of index entries with those of a fresh database.
func (f fixture) wantSame(want fixture) {
	f.Helper()
	callers := []store.Caller{everyone, as("one", search.Grant{Owner: clinicOne}), as("two", search.Grant{CareOf: clinicTwo}),
		as("p", search.Grant{Patient: "Patient/p8"})}
	for _, caller := range callers {
		for _, query := range slices.Concat(changedQueries, sameQueries) {
			all := strings.TrimPrefix(query+"&_count=1000", "&")
			if diff := cmp.Diff(want.ids(caller, "Patient", all), f.ids(caller, "Patient", all)); diff != "" {
				f.Errorf("Patient?%s as %s (-want +got):\n%s", query, caller.ID, diff)
			}
		}
		for _, query := range []string{"value-quantity=7", "value-quantity=lt5|http://unitsofmeasure.org|mGy", "patient=Patient/p3"} {
			if diff := cmp.Diff(want.ids(caller, "Observation", query), f.ids(caller, "Observation", query)); diff != "" {
				f.Errorf("Observation?%s as %s (-want +got):\n%s", query, caller.ID, diff)
			}
		}
	}
	for _, query := range []string{"started=2024-01-07", "started=gt2024-01-07T12:00:00Z&_sort=started", "started:missing=false&_sort=-started", "patient=Patient/p3"} {
		if diff := cmp.Diff(want.ids(everyone, "ImagingStudy", query), f.ids(everyone, "ImagingStudy", query)); diff != "" {
			f.Errorf("ImagingStudy?%s (-want +got):\n%s", query, diff)
		}
	}
	got, expected := f.counts(), want.counts()
	for _, table := range []string{"resource", "resource_history"} { // the copy has neither deletions nor a past
		delete(got, table)
		delete(expected, table)
	}
	got["care"] = f.count("care WHERE patient IN (SELECT 'Patient/' || id FROM resource WHERE deleted = 0)")
	if diff := cmp.Diff(expected, got); diff != "" {
		f.Errorf("index entries (-want +got):\n%s", diff)
	}
}

// wantRefused checks that no search answers from an index that is not complete.
func (f fixture) wantRefused(resourceType string, queries ...string) (detail string) {
	f.Helper()
	for _, query := range queries {
		result, err := f.Search(ctx, f.query(resourceType, query), everyone)
		var e *fhir.Error
		if !errors.As(err, &e) || e.Type != fhir.Transient || len(result.Matches) > 0 {
			f.Errorf("%s: %d matches, %v; want transient", query, len(result.Matches), err)
			continue
		}
		detail = e.Detail
	}
	return detail
}

func reindexed(t *testing.T, fresh func(t testing.TB) Database) {
	db := fresh(t)
	old := openWith(t, db, store.Options{Registry: former(t)})
	old.populate(t, 500)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	f := open(t, db)
	if detail := f.wantRefused("Patient", changedQueries...); !strings.HasSuffix(detail, ": 0 %") {
		t.Errorf("refused with %q", detail)
	}
	f.wantRefused("Observation", "value-quantity=7")
	f.wantRefused("ImagingStudy", "started=2024-01-07", "_sort=started")
	for _, query := range sameQueries {
		f.ids(everyone, "Patient", query)
	}
	f.stir(1)
	f.breakOff(t)
	if detail := f.wantRefused("Patient", changedQueries...); strings.HasSuffix(detail, ": 0 %") {
		t.Errorf("half-way through, refused with %q", detail)
	}
	f.stir(2)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	other := openWith(t, db, store.Options{Registry: without(t, "given")}) // and then comes back, while the rest is half-way
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	f = open(t, db)
	f.wantRefused("Patient", append(changedQueries, "given=anna")...)
	f.stir(3)
	var last, total int64
	err := f.Reindex(ctx, store.Reindexing{Progress: func(done, all int64) {
		if done < last || done > all {
			t.Errorf("%d of %d done after %d", done, all, last)
		}
		if last == 0 {
			f.stir(4)
			f.stir(5)
		}
		last, total = done, all
	}})
	if err != nil || last == 0 || last != total {
		t.Errorf("reindex: %v, %d of %d done", err, last, total)
	}
	f.wantSame(copyOf(t, f, fresh(t)))
	f.stir(6)
	f.wantSame(copyOf(t, f, fresh(t)))
}

// breakOff begins a reindex and stops it within the first large type.
func (f fixture) breakOff(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	err := f.Reindex(ctx, store.Reindexing{Progress: func(done, _ int64) {
		if done > 100 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a reindex that is broken off: %v", err)
	}
}

// reindexedAtOnce has several processes share the work while others write.
func reindexedAtOnce(t *testing.T, fresh func(t testing.TB) Database) {
	db := fresh(t)
	old := openWith(t, db, store.Options{Registry: former(t)})
	old.populate(t, 500)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	stores := []fixture{open(t, db), open(t, db), open(t, db)}
	var wg sync.WaitGroup
	for i, f := range stores {
		wg.Go(func() {
			if err := f.Reindex(ctx, store.Reindexing{All: i == 2}); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			for n := range 30 {
				f.put(person(i+n*10, "Meanwhile"))
			}
		})
	}
	wg.Wait()
	for _, f := range stores {
		f.put(person(2000, "Last")) // whoever writes knows the generations
	}
	if err := stores[0].Reindex(ctx, store.Reindexing{}); err != nil { // another may have begun anew after one had finished
		t.Fatal(err)
	}
	for _, f := range stores[:2] {
		f.wantSame(copyOf(t, f, fresh(t)))
	}
}

// reindexedAll mends an index that has lost entries and holds some that are nobody's.
func reindexedAll(t *testing.T, fresh func(t testing.TB) Database) {
	f := open(t, fresh(t))
	f.populate(t, 500)
	err := f.Write(ctx, func(tx store.Tx) error {
		for _, damage := range []string{
			"DELETE FROM posting WHERE row > 100", "DELETE FROM string_posting WHERE row < 300",
			"UPDATE date_posting SET low = 7 WHERE row < 50", "DELETE FROM number_posting", "DELETE FROM care WHERE patient < 'Patient/p3'",
			"UPDATE resource SET present = 0, time_high = 0 WHERE row > 200",
			"INSERT INTO posting (param, hash, time_key, row) SELECT param, hash + 1, time_key, row FROM posting", "DELETE FROM posting_fresh",
		} {
			if _, err := tx.Exec(ctx, damage); err != nil {
				return fmt.Errorf("%s: %w", damage, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for round := range 10 {
				f.put(person(n*50+round, fmt.Sprint("Meanwhile", round)))
			}
		})
	}
	begun := false
	err = f.Reindex(ctx, store.Reindexing{All: true, Progress: func(done, all int64) {
		if !begun {
			f.wantRefused("Patient", "active=true")
			f.stir(1)
		}
		begun = true
	}})
	wg.Wait()
	if err != nil || !begun {
		t.Fatalf("reindex: %v, begun %v", err, begun)
	}
	same := copyOf(t, f, fresh(t))
	f.wantSame(same)
	if got, want := f.rare(), same.rare(); got != want {
		t.Errorf("%d entries in the runs, want %d: those of dead generations go", got, want)
	}
}

// reindexedFaults has a value that the parameter which is new does not take: the resource stays as good as it was.
func reindexedFaults(t *testing.T, fresh func(t testing.TB) Database) {
	db := fresh(t)
	old := openWith(t, db, store.Options{Registry: without(t, "birthdate")})
	for _, id := range []string{"a", "b", "c", "d"} {
		old.put(`{"resourceType":"Patient","id":"`+id+`","gender":"male","birthDate":"yesterday","name":[{"family":"Weber"}]}`, clinicOne)
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	f := open(t, db)
	f.delete("Patient", "d")
	if err := f.Reindex(ctx, store.Reindexing{}); err != nil {
		t.Fatal(err)
	}
	if got := f.ids(everyone, "Patient", "family=weber&gender=male&birthdate:missing=false"); len(got) != 3 {
		t.Errorf("found %v", got)
	}
	f.put(`{"resourceType":"Patient","id":"a","birthDate":"1980","name":[{"family":"Heide"}]}`)
	f.put(`{"resourceType":"Patient","id":"b","gender":"male","birthDate":"yesterday","name":[{"family":"Weber"}]}`, clinicTwo)
	f.delete("Patient", "c")
	if got := f.ids(everyone, "Patient", "birthdate=1980"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("with a date since: %v", got)
	}
	if err := f.purge("Patient/b"); err != nil {
		t.Fatal(err)
	}
	f.wantSame(copyOf(t, f, fresh(t)))
}

// nothingToReindex: what holds no resource of a type is what the registry says at once.
func nothingToReindex(t *testing.T, db Database) {
	old := openWith(t, db, store.Options{Registry: former(t)})
	old.put(`{"resourceType":"Endpoint","id":"e","status":"active"}`)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	f := open(t, db)
	f.put(person(3, "Weber"))
	for _, query := range []string{"birthdate:missing=false", "family=weber", "identifier=urn:mrn|3", "gender=male"} {
		if got := f.ids(everyone, "Patient", query); !slices.Equal(got, []string{"p3"}) {
			t.Errorf("%s: %v", query, got)
		}
	}
	err := f.Reindex(ctx, store.Reindexing{Progress: func(done, total int64) { t.Errorf("%d of %d to do", done, total) }})
	if err != nil {
		t.Error(err)
	}
}

// twoVersions work on one database: the later decides what is indexed, and the former stops before it does harm.
func twoVersions(t *testing.T, db Database) {
	old := openWith(t, db, store.Options{Registry: former(t)})
	kept := old.put(person(3, "Weber"))
	f := open(t, db)
	f.put(person(7, "Heide")) // who has no date of birth
	if _, _, err := old.tryPut(store.Write{Resource: parse(t, person(9, "Weber"))}); fhir.IssueTypeOf(err) != fhir.Transient {
		t.Errorf("a write that would not be found: %v, want transient", err)
	}
	old.wantRefused("Patient", "gender=male", "family=former")
	old.wantRead(kept)
	if got := old.ids(everyone, "Patient", "given=anna&_sort=_id"); !slices.Equal(got, []string{"p3", "p7"}) {
		t.Errorf("by what both have: %v", got)
	}
	if err := f.Reindex(ctx, store.Reindexing{}); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{"gender=male": "p3", "birthdate=1983": "p3", "birthdate=ge1983": "p3", "birthdate:missing=true": "p7", "family=heide": "p7"} {
		if got := f.ids(everyone, "Patient", query); !slices.Equal(got, []string{want}) {
			t.Errorf("%s after the reindex: %v, want %s", query, got, want)
		}
	}
	less := openWith(t, db, store.Options{Registry: without(t, "birthdate")})
	less.put(person(9, "Weber"))
	if _, _, err := f.tryPut(store.Write{Resource: parse(t, person(12, "Weber"))}); fhir.IssueTypeOf(err) != fhir.Transient {
		t.Errorf("a write by more parameters than the later one has: %v, want transient", err)
	}
	open(t, db).put(person(12, "Weber"))
	if _, _, err := less.tryPut(store.Write{Resource: parse(t, person(15, "Weber"))}); fhir.IssueTypeOf(err) != fhir.Transient {
		t.Errorf("a write by less parameters than the later one has: %v, want transient", err)
	}
}
