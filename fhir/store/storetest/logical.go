package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// testLogical writes references by identifier alone: each counts as the literal one while exactly one resource has the identifier.
func testLogical(t *testing.T, fresh func(t testing.TB) Database) {
	for name, run := range map[string]func(f fixture){
		"the target comes first": targetFirst,
		"the target comes later": targetLater,
		"in one transaction":     targetAtOnce,
		"the identifier changes": identifierChanges,
		"two have it":            ambiguousTarget,
		"of several types":       targetTypes,
		"it is compared whole":   wholeIdentifiers,
		"every kind of search":   linkedSearches,
		"who refers changes":     referrerChanges,
		"whose data it is":       linkedPatient,
		"nothing is left":        noLinkLeft,
		"rolled back":            linkRolledBack,
		"within a transaction":   linkedWithin,
		"thousands refer to one": manyReferrers,
		"all is indexed anew":    linksReindexed,
	} {
		t.Run(name, func(t *testing.T) { run(open(t, fresh(t))) })
	}
	t.Run("through two stores", func(t *testing.T) { linkedByTwo(t, fresh(t)) })
	t.Run("a parameter is defined otherwise", func(t *testing.T) { linksRedefined(t, fresh(t)) })
}

// known is a patient with record numbers ("urn:mrn|1").
func known(id string, numbers ...string) string {
	var all []string
	for _, n := range numbers {
		system, value, _ := strings.Cut(n, "|")
		all = append(all, fmt.Sprintf(`{"system":%q,"value":%q}`, system, value))
	}
	return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"identifier":[%s],"name":[{"family":"Weber"}]}`, id, strings.Join(all, ","))
}

// of is a study of the patient with a record number. A type may be stated.
func of(id, number string, statedType ...string) string {
	system, value, _ := strings.Cut(number, "|")
	stated := ""
	if len(statedType) > 0 {
		stated = fmt.Sprintf(`"type":%q,`, statedType[0])
	}
	return fmt.Sprintf(`{"resourceType":"ImagingStudy","id":%q,"status":"available","started":"2024-01-01T10:00:00Z","subject":{%s"identifier":{"system":%q,"value":%q}}}`,
		id, stated, system, value)
}

// wantFound checks what a search on a type finds.
func (f fixture) wantFound(resourceType, query string, want ...string) {
	f.Helper()
	if want == nil {
		want = []string{}
	}
	got := f.ids(everyone, resourceType, query)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		f.Errorf("%s?%s (-want +got):\n%s", resourceType, query, diff)
	}
}

func targetFirst(f fixture) {
	f.put(known("p", "urn:mrn|1"))
	written := f.put(of("s", "urn:mrn|1"))
	f.wantFound("ImagingStudy", "patient=Patient/p", "s")
	f.wantRead(written) // as it was written, and no version more
}

func targetLater(f fixture) {
	written := f.put(of("s", "urn:mrn|1", "Patient"))
	f.wantFound("ImagingStudy", "subject=Patient/p")
	f.put(known("p", "urn:mrn|1"))
	f.wantFound("ImagingStudy", "subject=Patient/p", "s")
	f.wantRead(written)
	f.delete("Patient", "p")
	f.wantFound("ImagingStudy", "subject=Patient/p")
	f.put(known("p", "urn:mrn|1"))
	f.wantFound("ImagingStudy", "subject=Patient/p", "s")
	if err := f.purge("Patient/p"); err != nil {
		f.Fatal(err)
	}
	f.wantFound("ImagingStudy", "subject=Patient/p")
	f.wantFound("ImagingStudy", "subject:identifier=urn:mrn|1", "s")
}

func targetAtOnce(f fixture) {
	f.putAll([]store.Write{{Resource: parse(f, of("before", "urn:mrn|1"))}, {Resource: parse(f, known("p", "urn:mrn|1"))},
		{Resource: parse(f, of("after", "urn:mrn|1"))}})
	f.wantFound("ImagingStudy", "patient=Patient/p", "after", "before")
	err := f.Write(ctx, func(tx store.Tx) error { // written, taken back, written: what counts is how it ends
		for _, body := range []string{known("q", "urn:mrn|1"), known("q", "urn:mrn|2"), of("s", "urn:mrn|1"), of("s", "urn:mrn|2"), of("t", "urn:mrn|2")} {
			if _, _, err := tx.Put(ctx, store.Write{Resource: parse(f, body)}); err != nil {
				return err
			}
		}
		_, err := tx.Delete(ctx, store.Delete{Type: "ImagingStudy", ID: "t"})
		return errors.Join(err, tx.Purge(ctx, "Patient", "p"))
	})
	if err != nil {
		f.Fatal(err)
	}
	f.wantFound("ImagingStudy", "patient=Patient/p")
	f.wantFound("ImagingStudy", "patient=Patient/q", "s")
}

func identifierChanges(f fixture) {
	f.put(of("s", "urn:mrn|1"))
	f.put(of("t", "urn:mrn|2"))
	for _, step := range []struct {
		numbers, want []string
	}{
		{[]string{"urn:other|1"}, nil},
		{[]string{"urn:other|1", "urn:mrn|1"}, []string{"s"}}, // added
		{[]string{"urn:mrn|2", "urn:mrn|1"}, []string{"s", "t"}},
		{[]string{"urn:mrn|2"}, []string{"t"}}, // removed
		{[]string{"urn:mrn|1"}, []string{"s"}}, // changed
		{nil, nil},
	} {
		f.put(known("p", step.numbers...))
		f.wantFound("ImagingStudy", "patient=Patient/p", step.want...)
	}
}

func ambiguousTarget(f fixture) {
	f.put(known("p", "urn:mrn|1"))
	f.put(of("s", "urn:mrn|1"))
	f.put(known("q", "urn:mrn|1"))
	f.wantFound("ImagingStudy", "patient=Patient/p,Patient/q")
	f.put(of("t", "urn:mrn|1"))
	f.wantFound("ImagingStudy", "patient=Patient/p,Patient/q")
	f.delete("Patient", "p")
	f.wantFound("ImagingStudy", "patient=Patient/q", "s", "t")
	for n := range 40 { // more than are told apart
		f.put(known(fmt.Sprint("p", n), "urn:mrn|1"))
	}
	f.wantFound("ImagingStudy", "patient=Patient/q")
	for n := range 40 {
		f.delete("Patient", fmt.Sprint("p", n))
	}
	f.wantFound("ImagingStudy", "patient=Patient/q", "s", "t")
}

// targetTypes: a reference whose element allows two types leads to neither when one of each has the identifier, by no parameter; one
// that states its type leads there.
func targetTypes(f fixture) {
	f.put(of("s", "urn:mrn|1"))
	f.put(of("t", "urn:mrn|1", "Patient"))
	f.put(of("u", "urn:mrn|1", "Basic"))
	f.put(`{"resourceType":"Practitioner","id":"d","identifier":[{"system":"urn:mrn","value":"1"}]}`) // no study's subject
	f.put(known("p", "urn:mrn|1"))
	f.wantFound("ImagingStudy", "patient=Patient/p", "s", "t")
	f.put(`{"resourceType":"Group","id":"g","type":"person","actual":true,"identifier":[{"system":"urn:mrn","value":"1"}]}`)
	f.wantFound("ImagingStudy", "patient=Patient/p", "t")
	f.wantFound("ImagingStudy", "subject=Group/g")
	f.delete("Patient", "p")
	f.wantFound("ImagingStudy", "subject=Group/g", "s")
	f.put(`{"resourceType":"DocumentReference","id":"d","status":"current","masterIdentifier":{"system":"urn:doc","value":"1"},"content":[{"attachment":{}}]}`)
	f.put(`{"resourceType":"Task","id":"t","status":"ready","intent":"order","focus":{"identifier":{"system":"urn:doc","value":"1"}}}`)
	f.wantFound("Task", "focus=DocumentReference/d", "t")
}

func wholeIdentifiers(f fixture) {
	f.put(known("p", "urn:mrn|A", "|2", "urn:dicom:uid|urn:oid:1.2.3"))
	for id, number := range map[string]string{"case": "urn:mrn|a", "system": "urn:other|A", "none": "|A", "one": "urn:mrn|2",
		"same": "urn:mrn|A", "bare": "|2", "oid": "urn:dicom:uid|1.2.3", "empty": "urn:mrn|"} {
		f.put(strings.ReplaceAll(strings.ReplaceAll(of(id, number), `"system":"",`, ``), `,"value":""`, ``))
	}
	f.wantFound("ImagingStudy", "patient=Patient/p", "bare", "oid", "same")
}

func linkedSearches(f fixture) {
	f.put(of("s", "urn:mrn|1"))
	f.put(of("t", "urn:mrn|2"))
	f.put(`{"resourceType":"DiagnosticReport","id":"r","status":"final","code":{"text":"CT"},"subject":{"reference":"Patient/p"},` +
		`"imagingStudy":[{"identifier":{"system":"urn:dicom:uid","value":"urn:oid:1.2"}}]}`)
	f.put(`{"resourceType":"List","id":"l","status":"current","mode":"working","entry":[{"item":{"type":"ImagingStudy","identifier":{"system":"urn:dicom:uid","value":"urn:oid:1.2"}}}]}`)
	f.put(known("p", "urn:mrn|1"))
	f.put(strings.Replace(of("s", "urn:mrn|1"), `"status"`, `"identifier":[{"system":"urn:dicom:uid","value":"urn:oid:1.2"}],"status"`, 1))
	for _, c := range []struct{ resourceType, query, want string }{
		{"ImagingStudy", "subject=p", "s"},
		{"ImagingStudy", "subject:Patient=p", "s"},
		{"ImagingStudy", "patient.family=weber", "s"},
		{"ImagingStudy", "patient.identifier=urn:mrn|1", "s"},
		{"ImagingStudy", "patient:missing=false", "s"},
		{"ImagingStudy", "patient:identifier=urn:mrn|1", "s"},
		{"ImagingStudy", "subject:identifier=urn:mrn|2", "t"},
		{"ImagingStudy", "_list=l", "s"},
		{"DiagnosticReport", "imaging-study=ImagingStudy/s", "r"},
		{"DiagnosticReport", "imaging-study.patient.family=weber", "r"},
		{"Patient", "_has:ImagingStudy:patient:_id=s", "p"},
		{"Patient", "_has:ImagingStudy:patient:_has:DiagnosticReport:imaging-study:status=final", "p"},
		{"ImagingStudy", "_id=s&_include=ImagingStudy:patient", "s Patient/p"},
		{"DiagnosticReport", "_include=DiagnosticReport:imaging-study&_include:iterate=ImagingStudy:patient", "r ImagingStudy/s Patient/p"},
		{"Patient", "_revinclude=ImagingStudy:patient", "p ImagingStudy/s"},
		{"Patient", "_revinclude=ImagingStudy:patient&_revinclude:iterate=DiagnosticReport:imaging-study", "p DiagnosticReport/r ImagingStudy/s"},
		{"ImagingStudy", "_sort=patient", "s t"},
		{"ImagingStudy", "_sort=-subject", "s t"},
	} {
		result := f.search(everyone, c.resourceType, c.query)
		var included []string
		for _, r := range result.Included {
			included = append(included, r.Reference())
		}
		slices.Sort(included)
		if diff := cmp.Diff(c.want, strings.Join(append(idsOf(result.Matches), included...), " ")); diff != "" {
			f.Errorf("%s?%s (-want +got):\n%s", c.resourceType, c.query, diff)
		}
	}
	q, err := search.Parse(fhir.R4(), "ImagingStudy", nil, search.Options{Compartment: &search.Compartment{Type: "Patient", ID: "p"}})
	if err != nil {
		f.Fatal(err)
	}
	if result, err := f.Search(ctx, q, everyone); err != nil || !slices.Equal(idsOf(result.Matches), []string{"s"}) {
		f.Errorf("compartment of the patient: %v, %v", idsOf(result.Matches), err)
	}
}

func referrerChanges(f fixture) {
	f.put(known("p", "urn:mrn|1"))
	f.put(known("q", "urn:mrn|2"))
	f.put(of("s", "urn:mrn|1"))
	f.put(of("s", "urn:mrn|2"))
	f.wantFound("ImagingStudy", "patient=Patient/p")
	f.wantFound("ImagingStudy", "patient=Patient/q", "s")
	f.put(strings.Replace(of("s", "urn:mrn|2"), "2024-01-01", "2025-01-01", 1)) // elsewhere in the index
	f.wantFound("ImagingStudy", "patient=Patient/q&started=2025", "s")
	f.put(strings.Replace(of("s", "urn:mrn|2"), "2024-01-01", "2025-01-01", 1), clinicOne) // owners alone
	f.wantFound("ImagingStudy", "patient=Patient/q", "s")
	f.put(imagingStudy("s", "Patient/p", "available", "2024-01-01T10:00:00Z"))
	f.wantFound("ImagingStudy", "patient=Patient/q")
	f.wantFound("ImagingStudy", "patient=Patient/p", "s")
	f.put(of("s", "urn:mrn|2"))
	f.delete("ImagingStudy", "s")
	f.wantFound("ImagingStudy", "patient=Patient/p,Patient/q")
	f.put(known("q", "urn:mrn|3"))
	f.put(known("q", "urn:mrn|2"))
	f.wantFound("ImagingStudy", "patient=Patient/p,Patient/q")
	if n := f.count("link"); n != 0 {
		f.Errorf("%d links of what is deleted", n)
	}
}

// linkedPatient: access goes by whose data it is.
func linkedPatient(f fixture) {
	f.put(of("s", "urn:mrn|1"), clinicOne)
	filters := map[string]search.Filter{"patient": as("", search.Grant{Patient: "Patient/p"}).Access(""), "care": as("", search.Grant{CareOf: clinicTwo}).Access("")}
	want := func(seen bool) {
		f.Helper()
		for name, filter := range filters {
			_, err := f.Read(ctx, filter, "ImagingStudy", "s")
			if seen != (err == nil) || !seen && !errors.Is(err, store.ErrNotFound) {
				f.Errorf("read by %s: %v; to be seen: %v", name, err, seen)
			}
			caller := store.Caller{ID: name, Access: func(string) search.Filter { return filter }}
			if got := f.ids(caller, "ImagingStudy", ""); seen != (len(got) == 1) {
				f.Errorf("search by %s: %v; to be seen: %v", name, got, seen)
			}
		}
	}
	want(false)
	f.put(known("p", "urn:mrn|1"), clinicTwo)
	want(true)
	f.put(known("q", "urn:mrn|1"), hospital)
	want(false)
	f.delete("Patient", "q")
	want(true)
	f.put(of("s", "urn:mrn|1"), clinicOne, hospital)
	want(true)
	f.put(known("p", "urn:mrn|2"))
	want(false)
	if got := f.ids(as("", search.Grant{Nobodys: true}), "ImagingStudy", ""); len(got) > 0 {
		f.Errorf("it is nobody's: %v", got)
	}
	f.put(`{"resourceType":"Binary","id":"b","contentType":"text/plain","data":"eA==","securityContext":{"identifier":{"system":"urn:mrn","value":"2"}}}`)
	if _, err := f.Read(ctx, filters["patient"], "Binary", "b"); err != nil {
		f.Errorf("a Binary of the patient: %v", err)
	}
}

func noLinkLeft(f fixture) {
	f.put(known("other", "urn:mrn|9"), clinicOne)
	f.put(of("other", "urn:mrn|9"), clinicOne)
	before, rare := f.counts(), f.rare()
	for _, last := range []string{"Patient/p", "ImagingStudy/s"} {
		f.put(of("s", "urn:mrn|1"), clinicOne)
		f.put(known("p", "urn:mrn|1"), clinicOne)
		f.put(of("t", "urn:mrn|1", "Patient"), clinicOne)
		f.put(known("p", "urn:mrn|2"))
		f.put(known("p", "urn:mrn|1", "urn:mrn|2"))
		f.put(of("t", "urn:mrn|2"))
		if n := f.count("link"); n != 3 {
			f.Errorf("%d links, want 3", n)
		}
		all := []string{"Patient/p", "ImagingStudy/s", "ImagingStudy/t"}
		all = append(slices.DeleteFunc(all, func(ref string) bool { return ref == last }), last)
		for _, ref := range all {
			if err := f.purge(ref); err != nil {
				f.Fatal(err)
			}
		}
		if diff := cmp.Diff(before, f.counts()); diff != "" {
			f.Errorf("%s purged last: rows of each table (-want +got):\n%s", last, diff)
		}
		if n := f.rare(); n != rare {
			f.Errorf("%s purged last: %d entries in the runs, want %d", last, n, rare)
		}
	}
}

func linkRolledBack(f fixture) {
	f.put(of("s", "urn:mrn|1"))
	failure := errors.New("changed my mind")
	err := f.Write(ctx, func(tx store.Tx) error {
		_, _, err := tx.Put(ctx, store.Write{Resource: parse(f, known("p", "urn:mrn|1"))})
		return errors.Join(err, failure)
	})
	if !errors.Is(err, failure) {
		f.Fatal(err)
	}
	f.wantFound("ImagingStudy", "patient=Patient/p")
	if n := f.count("link"); n != 0 {
		f.Errorf("%d links", n)
	}
}

// linkedWithin: a transaction sees what its own writes lead to.
func linkedWithin(f fixture) {
	f.put(of("s", "urn:mrn|1"))
	mine := as("p", search.Grant{Patient: "Patient/p"})
	err := f.Write(ctx, func(tx store.Tx) error {
		for _, body := range []string{known("p", "urn:mrn|1"), of("t", "urn:mrn|1")} {
			if _, _, err := tx.Put(ctx, store.Write{Resource: parse(f, body)}); err != nil {
				return err
			}
		}
		for _, id := range []string{"s", "t"} {
			if seen, err := tx.Visible(ctx, mine.Access(""), "ImagingStudy", id); !seen || err != nil {
				f.Errorf("visible: %v, %v", seen, err)
			}
		}
		found, err := tx.Find(ctx, f.query("ImagingStudy", "patient.identifier=urn:mrn|1"), mine, 10)
		if len(found) != 2 || err != nil {
			f.Errorf("found: %v, %v", idsOf(found), err)
		}
		_, _, err = tx.Put(ctx, store.Write{Resource: parse(f, of("t", "urn:mrn|2"))})
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
	f.wantFound("ImagingStudy", "patient=Patient/p", "s")
}

func manyReferrers(f fixture) {
	const many = 3000
	var writes []store.Write
	for n := range many {
		writes = append(writes, store.Write{Resource: parse(f, of(fmt.Sprint("s", n), "urn:mrn|1"))})
	}
	f.putAll(writes)
	f.put(known("p", "urn:mrn|1"))
	if result := f.search(everyone, "ImagingStudy", "patient=Patient/p&_total=accurate"); result.Total != many {
		f.Errorf("%d studies, want %d", result.Total, many)
	}
	f.delete("Patient", "p")
	if n := f.count("link"); n != 0 {
		f.Errorf("%d links", n)
	}
}

func linksReindexed(f fixture) {
	f.put(known("p", "urn:mrn|1"))
	f.put(of("s", "urn:mrn|1"))
	f.put(of("t", "urn:mrn|2"))
	if err := f.Reindex(ctx, store.Reindexing{All: true}); err != nil {
		f.Fatal(err)
	}
	f.wantFound("ImagingStudy", "patient=Patient/p", "s")
	f.put(known("q", "urn:mrn|2"))
	f.wantFound("ImagingStudy", "patient=Patient/q", "t")
	f.put(known("p"))
	f.wantFound("ImagingStudy", "patient=Patient/p")
}

// linksRedefined opens what a program wrote that had no identifiers of patients.
func linksRedefined(t *testing.T, db Database) {
	old := openWith(t, db, store.Options{Registry: former(t)})
	old.put(of("s", "urn:mrn|1"))
	old.put(known("p", "urn:mrn|1"))
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	f := open(t, db)
	if err := f.Reindex(ctx, store.Reindexing{}); err != nil {
		t.Fatal(err)
	}
	f.wantFound("ImagingStudy", "patient=Patient/p", "s")
}

func linkedByTwo(t *testing.T, db Database) {
	one, two := open(t, db), open(t, db)
	one.put(known("p", "urn:mrn|1"))
	two.put(of("s", "urn:mrn|1"))
	one.wantFound("ImagingStudy", "patient=Patient/p", "s")
	one.put(of("t", "urn:mrn|2"))
	two.put(known("q", "urn:mrn|2"))
	one.wantFound("ImagingStudy", "patient=Patient/q", "t")
	two.put(known("p", "urn:mrn|2"))
	one.wantFound("ImagingStudy", "patient=Patient/p,Patient/q")
}
