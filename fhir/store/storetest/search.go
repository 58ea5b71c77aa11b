package storetest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"context"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// people are the resources of the search tests, in the order in which they are written.
var people = []string{
	`{"resourceType":"Patient","id":"a","active":true,"gender":"female","birthDate":"1980-05-06","name":[{"family":"Müller","given":["Anna Maria"]}],"identifier":[{"system":"urn:mrn","value":"1"}],"meta":{"tag":[{"system":"urn:t","code":"x"}]}}`,
	`{"resourceType":"Patient","id":"b","active":true,"gender":"male","birthDate":"1980","name":[{"family":"Muller-Lüdenscheidt"}],"identifier":[{"system":"urn:mrn","value":"2"},{"system":"urn:ssn","value":"1"}],"managingOrganization":{"reference":"Organization/o1"}}`,
	`{"resourceType":"Patient","id":"c","gender":"male","birthDate":"1990-01-01","name":[{"family":"Ёлкин","given":["Пётр"]}],"managingOrganization":{"reference":"Organization/o2"}}`,
	`{"resourceType":"Patient","id":"d","active":false,"name":[{"family":"Weber"},{"family":"Abel"}],"deceasedDateTime":"2020-02-03T04:05:06+03:00"}`,
	`{"resourceType":"Patient","id":"e","gender":"other","birthDate":"1990-01","name":[{"given":["Anna"]}]}`,
}

// searches are queries on people and the ids that they give. Without a clinical time the newest comes first.
var searches = map[string]string{
	"":                                     "edcba",
	"gender=male":                          "cb",
	"gender=male,female":                   "cba",
	"gender=MALE&birthdate=1980":           "b",
	"identifier=1":                         "ba",
	"identifier=urn:mrn|1":                 "a",
	"identifier=urn:mrn|":                  "ba",
	"identifier=urn:mrn|1,urn:ssn|1":       "ba",
	"identifier=|1":                        "",
	"organization=Organization/o1":         "b",
	"organization=o1,o2":                   "cb",
	"family=muller":                        "ba",
	"family=mull,weber":                    "dba",
	"family=елк":                           "c",
	"family=lud":                           "b",
	"family:exact=Müller":                  "a",
	"family:exact=Muller":                  "",
	"name=anna":                            "ea",
	"given=anna&family=m":                  "a",
	"birthdate=1980":                       "ba",
	"birthdate=1980-05-06":                 "a",
	"birthdate=ne1980":                     "ec",
	"birthdate=gt1980-06":                  "ecb",
	"birthdate=ge1990":                     "ec",
	"birthdate=lt1980-05-06":               "b",
	"birthdate=le1980-05-06":               "ba",
	"birthdate=sa1980":                     "ec",
	"birthdate=eb1990":                     "ba",
	"birthdate=ap1990-01-01":               "ec",
	"birthdate=ge1980-05&birthdate=lt1990": "ba",
	"birthdate=1980-05-06,1990-01-01":      "ca",
	"death-date=2020-02-03T01:05:06Z":      "d",
	"deceased=true":                        "d",
	"deceased=false":                       "ecba",
	"active=false":                         "d",
	"birthdate:missing=true":               "d",
	"birthdate:missing=false":              "ecba",
	"gender:missing=true&family=abel":      "d",
	"_id=b":                                "b",
	"_id=b,d,nobody":                       "db",
	"_id=b&gender=female":                  "",
	"_lastUpdated=gt2000":                  "edcba",
	"_lastUpdated=lt2000":                  "",
	"_tag=urn:t|x":                         "a",
	"_sort=_id":                            "abcde",
	"_sort=-_id":                           "edcba",
	"_sort=_lastUpdated":                   "abcde",
	"_sort=-_lastUpdated&gender=male":      "cb",
	"_sort=birthdate":                      "baced",
	"_sort=-birthdate":                     "ecabd",
	"_sort=family":                         "dabce",
	"_sort=-family":                        "cdbae",
	"_sort=birthdate,-_id":                 "baecd",
	"_sort=-birthdate,_id&gender=male":     "cb",
	"_sort=family&birthdate:missing=false": "abce",
}

func testSearch(t *testing.T, fresh func(t testing.TB) Database) {
	f := open(t, fresh(t))
	for _, body := range people {
		f.put(body)
	}
	f.put(`{"resourceType":"Organization","id":"o1","name":"One"}`)
	for query, want := range searches {
		t.Run(query, func(t *testing.T) {
			all := fixture{t, f.Store}
			if diff := cmp.Diff(want, strings.Join(all.ids(everyone, "Patient", query), "")); diff != "" {
				t.Errorf("all at once (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, strings.Join(all.walk(everyone, "Patient", query, 1), "")); diff != "" {
				t.Errorf("page by page (-want +got):\n%s", diff)
			}
			total := all.search(everyone, "Patient", query+"&_total=accurate&_count=1")
			if total.Total != int64(len(want)) || !total.Exact {
				t.Errorf("total %d, exact %v; want %d", total.Total, total.Exact, len(want))
			}
		})
	}
	t.Run("clinical time", func(t *testing.T) { clinicalTime(open(t, fresh(t))) })
	t.Run("many alternatives", func(t *testing.T) { manyAlternatives(fixture{t, f.Store}) })
	t.Run("nothing is counted unasked", func(t *testing.T) {
		if got := f.search(everyone, "Patient", ""); got.Total != -1 || got.Exact {
			t.Errorf("total %d, exact %v", got.Total, got.Exact)
		}
	})
	t.Run("deadline", func(t *testing.T) { deadline(fixture{t, f.Store}) })
}

// walk follows the cursors and returns the ids of all pages. From each page but the first, the way back leads to the one before.
func (f fixture) walk(caller store.Caller, resourceType, query string, count int) []string {
	f.Helper()
	return f.pages(caller, f.query(resourceType, query), count, true)
}

// pages is walk, with the way back only where nobody writes meanwhile.
func (f fixture) pages(caller store.Caller, q search.Query, count int, quiet bool) []string {
	f.Helper()
	q.Count = count
	var all, before []string
	for range 10000 {
		result := f.page(q, caller)
		ids := idsOf(result.Matches)
		if quiet && (result.Previous == "") != (len(all) == 0) {
			f.Fatalf("page after %v: previous %q", all, result.Previous)
		}
		if result.Previous != "" && quiet {
			back := q
			back.Page = result.Previous
			if diff := cmp.Diff(before, idsOf(f.page(back, caller).Matches)); diff != "" {
				f.Fatalf("%s: the page before %v (-want +got):\n%s", q.Given.Encode(), ids, diff)
			}
		}
		all, before = append(all, ids...), ids
		if result.Next == "" {
			return all
		}
		q.Page = result.Next
	}
	f.Fatal("the pages do not end")
	return nil
}

func (f fixture) page(q search.Query, caller store.Caller) store.Result {
	f.Helper()
	result, err := f.Search(ctx, q, caller)
	if err != nil {
		f.Fatal(err)
	}
	return result
}

// clinicalTime: newest first goes by started, whatever the order of writing, and an update does not move what has none.
func clinicalTime(f fixture) {
	f.put(imagingStudy("old", "Patient/p", "available", "2020-01-01"))
	f.put(imagingStudy("new", "Patient/p", "available", "2024-01-01T10:00:00+02:00"))
	f.put(imagingStudy("middle", "Patient/p", "available", "2022-06"))
	for _, query := range []string{"", "patient=Patient/p", "status=available", "started=ge2020", "started=lt2025", "started=ne2023"} {
		if diff := cmp.Diff([]string{"new", "middle", "old"}, f.ids(everyone, "ImagingStudy", query)); diff != "" {
			f.Errorf("%q (-want +got):\n%s", query, diff)
		}
	}
	f.put(imagingStudy("old", "Patient/p", "available", "2025-01-01"))
	if diff := cmp.Diff([]string{"old", "new", "middle"}, f.ids(everyone, "ImagingStudy", "status=available")); diff != "" {
		f.Errorf("after its time changed (-want +got):\n%s", diff)
	}
	for n := range 3 {
		f.put(device(fmt.Sprint(n), "active"))
	}
	f.put(device("1", "inactive"))
	if diff := cmp.Diff([]string{"2", "1", "0"}, f.ids(everyone, "Device", "")); diff != "" {
		f.Errorf("without a clinical time (-want +got):\n%s", diff)
	}
}

// manyAlternatives asks for more values than are merged in order.
func manyAlternatives(f fixture) {
	values := []string{"urn:mrn|2", "urn:mrn|1"}
	for n := range 300 {
		values = append(values, fmt.Sprint("urn:none|", n))
	}
	query := "identifier=" + strings.Join(values, ",")
	if diff := cmp.Diff([]string{"b", "a"}, f.walk(everyone, "Patient", query, 1)); diff != "" {
		f.Errorf("(-want +got):\n%s", diff)
	}
}

func deadline(f fixture) {
	past, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
	defer cancel()
	if _, err := f.Search(past, f.query("Patient", "gender=male"), everyone); !errors.Is(err, store.ErrTimeout) {
		f.Errorf("Search: %v, want ErrTimeout", err)
	}
	if _, err := f.Read(past, search.Everything(), "Patient", "a"); !errors.Is(err, store.ErrTimeout) {
		f.Errorf("Read: %v, want ErrTimeout", err)
	}
	if err := f.Write(past, func(store.Tx) error { return nil }); !errors.Is(err, store.ErrTimeout) {
		f.Errorf("Write: %v, want ErrTimeout", err)
	}
}

func testPaging(t *testing.T, fresh func(t testing.TB) Database) {
	t.Run("cursor", func(t *testing.T) { cursors(open(t, fresh(t))) })
	for _, query := range []string{"", "status=available", "_sort=started", "_sort=-started", "_sort=_id", "status=available,registered&_sort=-_id"} {
		t.Run("while others write "+query, func(t *testing.T) { pagingWhileWriting(open(t, fresh(t)), query) })
	}
}

// cursors work for their caller and query alone.
func cursors(f fixture) {
	for n := range 5 {
		f.put(device(fmt.Sprint(n), "active"))
	}
	q := f.query("Device", "status=active&_count=2")
	first, err := f.Search(ctx, q, everyone)
	if err != nil || first.Next == "" {
		f.Fatalf("no next page: %v", err)
	}
	cases := map[string]struct {
		query, page string
		caller      store.Caller
	}{
		"another caller":   {"status=active&_count=2", first.Next, as("another", search.Grant{All: true})},
		"another query":    {"status=inactive&_count=2", first.Next, everyone},
		"another sort":     {"status=active&_sort=_id", first.Next, everyone},
		"a changed byte":   {"status=active&_count=2", flip(first.Next, len(first.Next)/2), everyone},
		"cut":              {"status=active&_count=2", first.Next[:len(first.Next)-4], everyone},
		"no cursor at all": {"status=active&_count=2", "hello", everyone},
		"not base64":       {"status=active&_count=2", "???", everyone},
	}
	for name, c := range cases {
		q := f.query("Device", c.query)
		q.Page = c.page
		if result, err := f.Search(ctx, q, c.caller); !errors.Is(err, store.ErrCursor) || len(result.Matches) > 0 {
			f.Errorf("%s: %v, %d matches; want ErrCursor", name, err, len(result.Matches))
		}
	}
	q.Page, q.Count = first.Next, 10
	if again, err := f.Search(ctx, q, everyone); err != nil || len(again.Matches) != 3 {
		f.Errorf("another page size: %v, %d matches; want 3", err, len(again.Matches))
	}
}

func flip(s string, at int) string {
	c := byte('A')
	if s[at] == c {
		c = 'B'
	}
	return s[:at] + string(c) + s[at+1:]
}

// pagingWhileWriting walks while others insert, update and delete: what exists throughout comes up exactly once.
func pagingWhileWriting(f fixture, query string) {
	started := func(n int) string { return fmt.Sprintf("2024-01-%02dT00:00:00Z", n%28+1) }
	want := map[string]bool{}
	var writes []store.Write
	for n := range 60 {
		id := fmt.Sprintf("kept-%02d", n)
		want[id] = true
		writes = append(writes, store.Write{Resource: parse(f, imagingStudy(id, "Patient/p", "available", started(n)))},
			store.Write{Resource: parse(f, imagingStudy(fmt.Sprintf("gone-%02d", n), "Patient/p", "available", started(n+7)))})
	}
	f.putAll(writes)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { f.disturb(stop, started) })
	seen := map[string]int{}
	for _, id := range f.pages(everyone, f.query("ImagingStudy", query), 7, false) {
		seen[id]++
	}
	close(stop)
	wg.Wait()
	for id := range want {
		if seen[id] != 1 {
			f.Errorf("%s came up %d times", id, seen[id])
		}
	}
	for id, n := range seen {
		if n > 1 {
			f.Errorf("%s came up %d times", id, n)
		}
	}
}

func (f fixture) putAll(writes []store.Write) {
	f.Helper()
	err := f.Write(ctx, func(tx store.Tx) error {
		_, err := tx.PutAll(ctx, writes)
		return err
	})
	if err != nil {
		f.Fatal(err)
	}
}

// disturb writes until it is stopped: it makes, changes and deletes, but leaves the sort keys of what is kept.
func (f fixture) disturb(stop chan struct{}, started func(int) string) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		err := f.Write(ctx, func(tx store.Tx) error {
			kept := strings.Replace(imagingStudy(fmt.Sprintf("kept-%02d", n%60), "Patient/p", "available", started(n%60)),
				`"status"`, fmt.Sprintf(`"description":"change %d","status"`, n), 1)
			writes := []store.Write{{Resource: parse(f, kept)},
				{Resource: parse(f, imagingStudy(fmt.Sprint("new-", n), "Patient/p", "available", started(n*5)))}}
			if _, err := tx.PutAll(ctx, writes); err != nil || n >= 60 {
				return err
			}
			_, err := tx.Delete(ctx, store.Delete{Type: "ImagingStudy", ID: fmt.Sprintf("gone-%02d", n)})
			return err
		})
		if err != nil {
			f.Error(err)
			return
		}
	}
}
