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

// The organisations and resources of the visibility tests. Clinic one submitted patient p1, clinic two submitted p2; studies
// came from elsewhere, one from clinic one itself.
const (
	clinicOne = "Organization/one"
	clinicTwo = "Organization/two"
	hospital  = "Organization/three"
)

func imagingStudy(id, patient, status, started string) string {
	return fmt.Sprintf(`{"resourceType":"ImagingStudy","id":%q,"status":%q,"subject":{"reference":%q},"started":%q}`, id, status, patient, started)
}

func patient(id, family string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":%q,"name":[{"family":%q}]}`, id, family)
}

func (f fixture) fill() {
	f.put(patient("p1", "One"), clinicOne)
	f.put(patient("p2", "Two"), clinicTwo)
	f.put(imagingStudy("s1", "Patient/p1", "available", "2024-01-01T10:00:00Z"), hospital)
	f.put(imagingStudy("s2", "Patient/p2", "available", "2024-01-02T10:00:00Z"), hospital)
	f.put(imagingStudy("s3", "Patient/p2", "registered", "2024-01-03T10:00:00Z"), clinicOne, hospital)
	f.put(imagingStudy("s4", "urn:uuid:c757873d-ec9a-4326-a141-556f43239520", "available", "2024-01-04T10:00:00Z"), hospital)
	f.put(`{"resourceType":"Endpoint","id":"e1","status":"active"}`, hospital)
	f.put(`{"resourceType":"Device","id":"d1","patient":{"reference":"Patient/p1"}}`, hospital)
	f.put(`{"resourceType":"Device","id":"d2"}`, hospital)
}

// all that fill writes.
var filled = []string{"Patient/p1", "Patient/p2", "ImagingStudy/s1", "ImagingStudy/s2", "ImagingStudy/s3", "ImagingStudy/s4",
	"Endpoint/e1", "Device/d1", "Device/d2"}

// testVisible asks every method for every resource, under each kind of grant.
func testVisible(t *testing.T, fresh func(t testing.TB) Database) {
	f := open(t, fresh(t))
	f.fill()
	available := f.query("ImagingStudy", "status=available").Where
	for _, c := range []struct {
		name   string
		grants []search.Grant
		want   string
	}{
		{"nothing", nil, ""},
		{"a grant of nothing", []search.Grant{{}}, ""},
		{"all", []search.Grant{{All: true}}, strings.Join(filled, " ")},
		{"patient", []search.Grant{{Patient: "Patient/p1"}}, "Patient/p1 ImagingStudy/s1 Device/d1"},
		{"patient by the beginning of an id", []search.Grant{{Patient: "Patient/p"}}, ""},
		{"owner", []search.Grant{{Owner: clinicOne}}, "Patient/p1 ImagingStudy/s3"},
		{"owner by the beginning of an id", []search.Grant{{Owner: "Organization/on"}}, ""},
		{"care of", []search.Grant{{CareOf: clinicOne}}, "Patient/p1 ImagingStudy/s1 Device/d1"},
		{"care of the other", []search.Grant{{CareOf: clinicTwo}}, "Patient/p2 ImagingStudy/s2 ImagingStudy/s3"},
		{"care of who submitted no patient", []search.Grant{{CareOf: hospital}}, ""},
		{"nobody's", []search.Grant{{Nobodys: true}}, "Endpoint/e1 Device/d2"},
		{"both owner and patient", []search.Grant{{Owner: clinicOne, Patient: "Patient/p2"}}, "ImagingStudy/s3"},
		{"either owner or patient", []search.Grant{{Owner: clinicOne}, {Patient: "Patient/p2"}},
			"Patient/p1 Patient/p2 ImagingStudy/s2 ImagingStudy/s3"},
		{"care or nobody's", []search.Grant{{CareOf: clinicOne}, {Nobodys: true}},
			"Patient/p1 ImagingStudy/s1 Endpoint/e1 Device/d1 Device/d2"},
		{"granular", []search.Grant{{CareOf: clinicTwo, Where: available}}, "ImagingStudy/s2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			filter := search.Filter{Grants: c.grants}
			for method, seen := range seers(f, filter) {
				var got []string
				for _, ref := range filled {
					if seen(ref) {
						got = append(got, ref)
					}
				}
				if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
					t.Errorf("%s (-want +got):\n%s", method, diff)
				}
			}
		})
	}
	t.Run("past versions", func(t *testing.T) { pastVersions(t, fresh(t)) })
	t.Run("deleted", func(t *testing.T) { deletedVisible(t, fresh(t)) })
	t.Run("owners change", func(t *testing.T) { ownersChange(t, fresh(t)) })
	t.Run("denials", func(t *testing.T) { denied(t, fresh(t)) })
	t.Run("referrals", func(t *testing.T) { referred(t, fresh(t)) })
	t.Run("referrals to a specialty", func(t *testing.T) { referredToSpecialty(t, fresh(t)) })
	t.Run("releases", func(t *testing.T) { released(t, fresh(t)) })
	t.Run("releases in a transaction", func(t *testing.T) { releasedAtOnce(t, fresh(t)) })
}

// seers are the ways to learn of a resource.
func seers(f fixture, filter search.Filter) map[string]func(reference string) bool {
	caller := store.Caller{ID: "seer", Access: func(string) search.Filter { return filter }}
	found := func(err error, n int) bool {
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			f.Error(err)
		}
		return err == nil && n > 0
	}
	split := func(reference string) (string, string) {
		resourceType, id, _ := strings.Cut(reference, "/")
		return resourceType, id
	}
	searches := func(query string) func(reference string) bool {
		return func(reference string) bool {
			resourceType, id := split(reference)
			result := f.search(caller, resourceType, strings.ReplaceAll(query, "ID", id))
			for _, m := range result.Matches {
				if m.ID == id {
					return true
				}
			}
			return false
		}
	}
	return map[string]func(reference string) bool{
		"Read": func(reference string) bool {
			resourceType, id := split(reference)
			_, err := f.Read(ctx, filter, resourceType, id)
			return found(err, 1)
		},
		"VRead": func(reference string) bool {
			resourceType, id := split(reference)
			_, err := f.VRead(ctx, filter, resourceType, id, 1)
			return found(err, 1)
		},
		"History": func(reference string) bool {
			resourceType, id := split(reference)
			versions, err := f.versions(filter, resourceType, id, 10)
			return found(err, len(versions))
		},
		"Visible": func(reference string) (seen bool) {
			resourceType, id := split(reference)
			err := f.Write(ctx, func(tx store.Tx) (err error) {
				seen, err = tx.Visible(ctx, filter, resourceType, id)
				return err
			})
			return found(err, 1) && seen
		},
		"search":                       searches(""),
		"search by id":                 searches("_id=ID"),
		"search by lastUpdated":        searches("_lastUpdated=gt2000"),
		"sorted":                       searches("_sort=-_lastUpdated"),
		"count":                        func(reference string) bool { return countOf(f, caller, reference) },
		"search by what they all have": searches("_lastUpdated=gt2000&_id=ID,x"),
	}
}

func countOf(f fixture, caller store.Caller, reference string) bool {
	resourceType, id, _ := strings.Cut(reference, "/")
	return f.search(caller, resourceType, "_count=0&_id="+id).Total == 1
}

// pastVersions moves a study from one patient to another: neither sees the other's version.
func pastVersions(t *testing.T, db Database) {
	f := open(t, db)
	f.put(imagingStudy("s", "Patient/p1", "available", "2024-01-01"))
	moved := f.put(imagingStudy("s", "Patient/p2", "available", "2024-01-01"))
	before, after := search.Filter{Grants: []search.Grant{{Patient: "Patient/p1"}}}, search.Filter{Grants: []search.Grant{{Patient: "Patient/p2"}}}
	f.wantError(store.ErrNotFound)(f.Read(ctx, before, "ImagingStudy", "s"))
	f.wantError(store.ErrNotFound)(f.VRead(ctx, before, "ImagingStudy", "s", 1))
	f.wantError(store.ErrNotFound)(f.VRead(ctx, after, "ImagingStudy", "s", 1))
	if history, err := f.versions(before, "ImagingStudy", "s", 10); !errors.Is(err, store.ErrNotFound) || history != nil {
		t.Errorf("the patient before sees %d versions, %v", len(history), err)
	}
	history, err := f.versions(after, "ImagingStudy", "s", 10)
	if diff := cmp.Diff([]fhir.Resource{moved}, history); diff != "" || err != nil {
		t.Errorf("what the patient after sees (-want +got): %v\n%s", err, diff)
	}
	for caller, want := range map[string]int{"Patient/p1": 0, "Patient/p2": 1} {
		if got := f.ids(as(caller, search.Grant{Patient: caller}), "ImagingStudy", ""); len(got) != want {
			t.Errorf("%s finds %v, want %d", caller, got, want)
		}
	}
}

// deletedVisible: who could see a resource learns that it is gone, nobody else does.
func deletedVisible(t *testing.T, db Database) {
	f := open(t, db)
	f.fill()
	f.delete("ImagingStudy", "s3")
	for _, c := range []struct {
		grant search.Grant
		want  error
	}{
		{search.Grant{Patient: "Patient/p2"}, store.ErrGone},
		{search.Grant{Owner: clinicOne}, store.ErrGone},
		{search.Grant{CareOf: clinicTwo}, store.ErrGone},
		{search.Grant{Patient: "Patient/p1"}, store.ErrNotFound},
		{search.Grant{CareOf: clinicOne}, store.ErrNotFound},
		{search.Grant{Nobodys: true}, store.ErrNotFound},
	} {
		filter := search.Filter{Grants: []search.Grant{c.grant}}
		f.wantError(c.want)(f.Read(ctx, filter, "ImagingStudy", "s3"))
		if got := f.search(as("x", c.grant), "ImagingStudy", "_id=s3&_total=accurate"); len(got.Matches) > 0 || got.Total != 0 {
			t.Errorf("%+v: search finds what is deleted, total %d", c.grant, got.Total)
		}
	}
	f.delete("Patient", "p2")
	careOfTwo := as("two", search.Grant{CareOf: clinicTwo})
	if diff := cmp.Diff([]string{"s2"}, f.ids(careOfTwo, "ImagingStudy", "")); diff != "" {
		t.Errorf("data of a deleted patient (-want +got):\n%s", diff)
	}
}

func ownersChange(t *testing.T, db Database) {
	f := open(t, db)
	f.fill()
	f.put(patient("p1", "Renamed"))
	one, two := as("one", search.Grant{CareOf: clinicOne}), as("two", search.Grant{CareOf: clinicTwo})
	if diff := cmp.Diff([]string{"s1"}, f.ids(one, "ImagingStudy", "")); diff != "" {
		t.Errorf("an update without owners keeps them (-want +got):\n%s", diff)
	}
	f.put(patient("p1", "Renamed"), clinicTwo)
	if got := f.ids(one, "ImagingStudy", ""); len(got) > 0 {
		t.Errorf("the former owner finds %v", got)
	}
	if diff := cmp.Diff([]string{"s3", "s2", "s1"}, f.ids(two, "ImagingStudy", "")); diff != "" {
		t.Errorf("the new owner (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"p1", "p2"}, f.ids(as("two", search.Grant{Owner: clinicTwo}), "Patient", "_sort=_id")); diff != "" {
		t.Errorf("what the new owner submitted (-want +got):\n%s", diff)
	}
}

// referred: whom an order or a task refers a patient to sees the patient's data as long as one of them holds, and sees it once.
func referred(t *testing.T, db Database) {
	f := open(t, db)
	f.fill()
	by := as("reading", search.Grant{ReferredTo: hospital})
	sees := func(why string, want ...string) {
		t.Helper()
		for _, query := range []string{"_sort=_id", "_sort=_id&status=available,registered"} {
			result := f.search(by, "ImagingStudy", query+"&_total=accurate")
			if diff := cmp.Diff(strings.Join(want, " "), strings.Join(idsOf(result.Matches), " ")); diff != "" || result.Total != int64(len(want)) {
				t.Errorf("%s: %s, total %d (-want +got):\n%s", why, query, result.Total, diff)
			}
		}
		for _, id := range []string{"s1", "s2", "s3"} {
			_, err := f.Read(ctx, by.Access("ImagingStudy"), "ImagingStudy", id)
			if (err == nil) != slices.Contains(want, id) {
				t.Errorf("%s: read of %s: %v", why, id, err)
			}
		}
	}
	order := func(status, to string) string {
		return fmt.Sprintf(`{"resourceType":"ServiceRequest","id":"o","status":%q,"intent":"order","subject":{"reference":"Patient/p2"},"performer":[{"reference":"Practitioner/x"},{"reference":%q}]}`, status, to)
	}
	task := func(id, status, of string) string {
		return fmt.Sprintf(`{"resourceType":"Task","id":%q,"status":%q,"intent":"order","for":{"reference":%q},"owner":{"reference":%q}}`, id, status, of, hospital)
	}
	sees("nothing is referred")
	f.put(order("draft", hospital))
	sees("a draft")
	f.put(order("active", hospital))
	sees("an order", "s2", "s3")
	f.put(task("t1", "requested", "Patient/p2"))
	f.put(task("t2", "in-progress", "Patient/p2"))
	sees("an order and two tasks", "s2", "s3")
	f.put(order("active", clinicOne))
	sees("the order is another's", "s2", "s3")
	f.put(task("t1", "cancelled", "Patient/p2"))
	f.put(task("t2", "completed", "Patient/p2"))
	sees("one task is done", "s2", "s3")
	f.put(task("t2", "completed", "Patient/p1"))
	sees("it was of another patient", "s1")
	f.delete("Task", "t2")
	sees("it is deleted")
	f.put(task("t3", "requested", "Patient/p1"))
	if err := f.Reindex(ctx, store.Reindexing{All: true}); err != nil {
		t.Fatal(err)
	}
	sees("everything was indexed anew", "s1")
	if err := f.purge("Task/t3"); err != nil {
		t.Fatal(err)
	}
	sees("it is purged")
	f.put(`{"resourceType":"Patient","id":"p2","identifier":[{"system":"urn:x","value":"2"}]}`, clinicTwo)
	f.put(`{"resourceType":"Task","id":"t4","status":"requested","intent":"order","for":{"identifier":{"system":"urn:x","value":"2"},"type":"Patient"},"owner":{"reference":"` + hospital + `"}}`)
	sees("by an identifier", "s2", "s3")
	f.put(`{"resourceType":"Patient","id":"p2","identifier":[{"system":"urn:x","value":"3"}]}`, clinicTwo)
	sees("which is the patient's no more")
}

const radiology = "http://snomed.info/sct|394914008"

// addressed is an order or a task for a specialty, and for an organisation or nobody.
func addressed(resourceType, id, status, of, organization, code string) string {
	kind := fmt.Sprintf(`{"coding":[{"system":"http://snomed.info/sct","code":%q}]}`, code)
	subject, types, to := "subject", kind, fmt.Sprintf(`"performer":[{"reference":"Practitioner/x"},{"reference":%q}]`, organization)
	if resourceType == "Task" {
		subject, types, to = "for", "["+kind+"]", fmt.Sprintf(`"owner":{"reference":%q}`, organization)
	}
	if organization == "" {
		to = `"priority":"routine"`
	}
	return fmt.Sprintf(`{"resourceType":%q,"id":%q,"status":%q,"intent":"order",%q:{"reference":%q},"performerType":%s,%s}`,
		resourceType, id, status, subject, of, types, to)
}

// referredToSpecialty: work that names nobody is for the organisations that read its specialty; what names one is for that one alone, and
// where that one takes its specialties only, not even for it.
func referredToSpecialty(t *testing.T, db Database) {
	f := open(t, db)
	f.fill()
	const ct, mr = "394914008", "394649004"
	callers := map[string]store.Caller{
		"wide":  as("wide", search.Grant{ReferredTo: hospital, ReferredAs: []string{hospital, "|" + radiology}}),
		"only":  as("only", search.Grant{ReferredTo: hospital, ReferredAs: []string{hospital + "|", hospital + "|" + radiology, "|" + radiology}}),
		"named": as("named", search.Grant{ReferredTo: hospital}),
		"two":   as("two", search.Grant{ReferredTo: hospital, ReferredAs: []string{hospital, "|" + radiology}}, search.Grant{ReferredTo: hospital}, search.Grant{CareOf: clinicOne}),
	}
	sees := func(why, want string) {
		t.Helper()
		var seen []string
		for name, by := range callers {
			result := f.search(by, "ImagingStudy", "_sort=_id&_total=accurate")
			found := strings.Join(idsOf(result.Matches), " ")
			if result.Total != int64(len(result.Matches)) {
				t.Errorf("%s: %s: total %d of %s", why, name, result.Total, found)
			}
			if listed := strings.Join(f.ids(by, "ImagingStudy", "status=available,registered&_sort=_id"), " "); listed != found {
				t.Errorf("%s: %s finds %s by status, else %s", why, name, listed, found)
			}
			for _, id := range []string{"s1", "s2", "s3"} {
				if _, err := f.Read(ctx, by.Access("ImagingStudy"), "ImagingStudy", id); (err == nil) != slices.Contains(idsOf(result.Matches), id) {
					t.Errorf("%s: %s: read of %s: %v", why, name, id, err)
				}
			}
			if slices.Contains(idsOf(result.Matches), "s2") {
				seen = append(seen, name)
			}
		}
		slices.Sort(seen)
		if diff := cmp.Diff(want, strings.Join(seen, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", why, diff)
		}
	}
	for _, c := range []struct{ name, status, organization, code, want string }{
		{"of the specialty", "active", "", ct, "only two wide"},
		{"of another", "active", "", mr, ""},
		{"completed", "completed", "", ct, "only two wide"},
		{"which is over", "entered-in-error", "", ct, ""},
		{"that is a draft", "draft", "", ct, ""},
		{"for the organisation", "active", hospital, ct, "named only two wide"},
		{"for the organisation, of another specialty", "active", hospital, mr, "named two wide"},
		{"for another organisation", "active", clinicTwo, ct, ""},
	} {
		for _, resourceType := range []string{"ServiceRequest", "Task"} {
			f.put(addressed(resourceType, "a", c.status, "Patient/p2", c.organization, c.code))
			sees(resourceType+" "+c.name, c.want)
			f.delete(resourceType, "a")
			sees(resourceType+" "+c.name+", deleted", "")
		}
	}
	f.put(addressed("Task", "b", "requested", "Patient/p2", "", ct))
	f.put(addressed("Task", "c", "requested", "Patient/p2", hospital, ct))
	sees("two of them", "named only two wide")
	err := f.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM referral")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	sees("a database of before", "")
	if err := f.Reindex(ctx, store.Reindexing{All: true}); err != nil {
		t.Fatal(err)
	}
	sees("everything was indexed anew", "named only two wide")
	f.put(addressed("Task", "c", "cancelled", "Patient/p2", hospital, ct))
	sees("one is cancelled", "only two wide")
	if err := f.purge("Task/b"); err != nil {
		t.Fatal(err)
	}
	sees("the other is purged", "")
	f.put(`{"resourceType":"ServiceRequest","id":"n","status":"active","intent":"order","subject":{"reference":"Patient/p2"},"performer":[{"reference":"` + hospital + `"}]}`)
	sees("one for the organisation of no specialty", "named only two wide")
}

func consent(id, patient, provision string) string {
	return fmt.Sprintf(`{"resourceType":"Consent","id":%q,"status":"active","scope":{"text":"x"},"category":[{"text":"x"}],"patient":{"reference":%q},"provision":{%s}}`,
		id, patient, provision)
}

// denied: a patient's Consent keeps organisations from what they would see as theirs in care, while it holds.
func denied(t *testing.T, db Database) {
	f := open(t, db)
	f.fill()
	f.put(`{"resourceType":"Task","id":"t","status":"requested","intent":"order","for":{"reference":"Patient/p2"},"owner":{"reference":"`+hospital+`"}}`, clinicTwo)
	f.put(addressed("ServiceRequest", "o", "active", "Patient/p2", "", "394914008"))
	callers := map[string]store.Caller{
		"care": as("care", search.Grant{CareOf: clinicTwo}), "referred": as("referred", search.Grant{ReferredTo: hospital}), "all": everyone,
		"own": as("own", search.Grant{Owner: hospital}), "specialty": as("specialty", search.Grant{ReferredTo: clinicOne, ReferredAs: []string{clinicOne, "|" + radiology}}),
	}
	to := func(organization string) string {
		return `"actor":[{"reference":{"reference":"` + organization + `"}}]`
	}
	for _, c := range []struct{ name, provision, want string }{
		{"nothing", ``, "all care own referred specialty"},
		{"to one", `"type":"deny",` + to(clinicTwo), "all own referred specialty"},
		{"to the other", `"type":"deny",` + to(hospital), "all care own specialty"},
		{"to both", `"type":"deny","actor":[{"reference":{"reference":"` + hospital + `"}},{"reference":{"reference":"` + clinicTwo + `"}}]`, "all own specialty"},
		{"to the one that is not named", `"type":"deny",` + to(clinicOne), "all care own referred"},
		{"to a fourth", `"type":"deny",` + to("Organization/fourth"), "all care own referred specialty"},
		{"to all but the one that is not named", `"type":"deny","provision":[{"type":"permit",` + to(clinicOne) + `}]`, "all own specialty"},
		{"to all", `"type":"deny"`, "all own"},
		{"to all but one", `"type":"deny","provision":[{"type":"permit",` + to(clinicTwo) + `}]`, "all care own"},
		{"to all but one for whom that is over", `"type":"deny","provision":[{"type":"permit","period":{"end":"2001"},` + to(clinicTwo) + `}]`, "all own"},
		{"over", `"type":"deny","period":{"end":"2001-01-01"}`, "all care own referred specialty"},
		{"not yet", `"type":"deny","period":{"start":"2999"}`, "all care own referred specialty"},
		{"now", `"type":"deny","period":{"start":"2001","end":"2999"}`, "all own"},
		{"permits", `"type":"permit",` + to(clinicOne), "all care own referred specialty"},
		{"permits but one", `"type":"permit","provision":[{"type":"deny",` + to(hospital) + `}]`, "all care own specialty"},
		{"of one class of data", `"type":"deny","class":[{"system":"http://hl7.org/fhir/resource-types","code":"DocumentReference"}],` + to(hospital), "all care own specialty"},
		{"but for one class of data", `"type":"permit","provision":[{"type":"deny","class":[{"code":"ImagingStudy"}]}]`, "all own"},
		{"for a time that is over, and again", `"type":"permit","provision":[{"type":"deny","period":{"end":"2001"},` + to(hospital) + `},{"type":"deny",` + to(hospital) + `}]`, "all care own specialty"},
		{"to a person", `"type":"deny",` + to("Practitioner/x"), "all care own referred specialty"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := fixture{t, f.Store}
			f.put(consent("c", "Patient/p2", c.provision))
			var sees []string
			for name, by := range callers {
				_, err := f.Read(ctx, by.Access("ImagingStudy"), "ImagingStudy", "s2")
				found := f.search(by, "ImagingStudy", "_id=s2&_total=accurate")
				if (err == nil) != (len(found.Matches) == 1) || found.Total != int64(len(found.Matches)) {
					t.Errorf("%s: read %v, search finds %d of %d", name, err, len(found.Matches), found.Total)
				}
				if listed := slices.Contains(f.ids(by, "ImagingStudy", ""), "s2"); listed != (err == nil) {
					t.Errorf("%s: read %v, listed %v", name, err, listed)
				}
				if err == nil {
					sees = append(sees, name)
				}
			}
			slices.Sort(sees)
			if diff := cmp.Diff(c.want, strings.Join(sees, " ")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	f.delete("Consent", "c")
	if _, err := f.Read(ctx, callers["care"].Access(""), "ImagingStudy", "s2"); err != nil {
		t.Errorf("the Consent is deleted: %v", err)
	}
}
