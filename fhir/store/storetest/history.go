package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// testHistory compares the histories of a resource, a type and the system with a plain list of what was written.
func testHistory(t *testing.T, fresh func(t testing.TB) Database) {
	t.Run("levels", func(t *testing.T) { historyLevels(t, open(t, fresh(t))) })
	t.Run("while others write", func(t *testing.T) { historyWhileWriting(open(t, fresh(t))) })
	t.Run("cursors", func(t *testing.T) { historyCursors(open(t, fresh(t))) })
	t.Run("past versions", func(t *testing.T) { historyOfMoved(open(t, fresh(t))) })
	t.Run("what is absent", func(t *testing.T) { historyOfAbsent(open(t, fresh(t))) })
}

// chronicle is what was written, oldest first.
type chronicle struct {
	fixture
	rand     *rand.Rand
	versions []*written
	current  map[string]*written
}

type written struct {
	store.Version
	replaced       time.Time // zero: current
	patient, owner string
}

func newChronicle(f fixture, writes int) *chronicle {
	c := &chronicle{fixture: f, rand: rand.New(rand.NewPCG(7, 7)), current: map[string]*written{}} //nolint:gosec // not a secret
	for range writes {
		c.write()
	}
	return c
}

// write makes a version of one of a few resources: three times out of four a change, else a deletion.
func (c *chronicle) write() {
	n := len(c.versions)
	resourceType, id := []string{"Patient", "ImagingStudy", "Device"}[c.rand.IntN(3)], fmt.Sprint("r", c.rand.IntN(4))
	old := c.current[resourceType+"/"+id]
	if old != nil && !old.Deleted && c.rand.IntN(4) == 0 {
		c.note(&written{Version: store.Version{Resource: c.delete(resourceType, id)}, patient: old.patient, owner: old.owner})
		return
	}
	w := &written{owner: []string{clinicOne, clinicTwo}[c.rand.IntN(2)], patient: fmt.Sprint("Patient/r", c.rand.IntN(2))}
	var body string
	switch resourceType {
	case "Patient":
		w.patient, body = "Patient/"+id, patient(id, fmt.Sprint("n", n))
	case "ImagingStudy":
		body = imagingStudy(id, w.patient, fmt.Sprint("s", n), "2024-01-01")
	default:
		w.patient, body = "", device(id, fmt.Sprint("s", n))
	}
	w.Made = old == nil || old.Deleted
	w.Resource = c.put(body, w.owner)
	c.note(w)
}

func (c *chronicle) note(w *written) {
	if old := c.current[w.Reference()]; old != nil {
		old.replaced = w.LastUpdated
	}
	c.current[w.Reference()] = w
	c.versions = append(c.versions, w)
}

// expect returns what a caller should be shown, newest first.
func (c *chronicle) expect(q store.HistoryQuery, sees func(*written) bool) []store.Version {
	all := []store.Version{}
	for _, w := range slices.Backward(c.versions) {
		switch {
		case q.Type != "" && q.Type != w.Type, q.ID != "" && q.ID != w.ID:
		case w.LastUpdated.Before(q.Since), !q.To.IsZero() && w.LastUpdated.After(q.To):
		case !q.From.IsZero() && !w.replaced.IsZero() && !w.replaced.After(q.From):
		case !sees(w), !sees(c.current[w.Reference()]):
		default:
			all = append(all, w.Version)
		}
	}
	return all
}

// history follows the cursors.
func (f fixture) history(q store.HistoryQuery, by store.Caller) []store.Version {
	f.Helper()
	all := []store.Version{}
	for {
		page, err := f.History(ctx, q, by)
		if err != nil {
			f.Fatalf("History(%+v): %v", q, err)
		}
		if len(page.Versions) > q.Count || page.Next != "" && len(page.Versions) < q.Count {
			f.Fatalf("a page of %d versions, next %q; want %d", len(page.Versions), page.Next, q.Count)
		}
		all = append(all, page.Versions...)
		if page.Next == "" {
			return all
		}
		q.Page = page.Next
	}
}

func historyLevels(t *testing.T, f fixture) {
	c := newChronicle(f, 100)
	middle, later := c.versions[40].LastUpdated, c.versions[60].LastUpdated
	study := c.current["ImagingStudy/r1"]
	callers := map[string]struct {
		by   store.Caller
		sees func(*written) bool
	}{
		"everyone": {everyone, func(*written) bool { return true }},
		"patient":  {as("p", search.Grant{Patient: "Patient/r1"}), func(w *written) bool { return w.patient == "Patient/r1" }},
		"owner":    {as("o", search.Grant{Owner: clinicOne}), func(w *written) bool { return w.owner == clinicOne }},
		"nobody's or owner": {as("n", search.Grant{Nobodys: true}, search.Grant{Owner: clinicTwo}),
			func(w *written) bool { return w.patient == "" || w.owner == clinicTwo }},
		"no devices": {store.Caller{ID: "d", Access: func(resourceType string) search.Filter {
			if resourceType == "Device" {
				return search.Filter{}
			}
			return search.Everything()
		}}, func(w *written) bool { return w.Type != "Device" }},
		"nobody": {as("x"), func(*written) bool { return false }},
	}
	for name, q := range map[string]store.HistoryQuery{
		"system":                {},
		"type":                  {Type: "ImagingStudy"},
		"a type without rows":   {Type: "Endpoint"},
		"instance":              {Type: "ImagingStudy", ID: "r1"},
		"system since":          {Since: middle},
		"instance since":        {Type: "ImagingStudy", ID: "r1", Since: middle},
		"since the last":        {Since: c.versions[99].LastUpdated},
		"at an instant":         {From: middle, To: middle},
		"just before":           {From: middle.Add(-time.Microsecond), To: middle.Add(-time.Microsecond)},
		"at a time":             {From: middle, To: later},
		"from":                  {From: later},
		"to":                    {To: middle},
		"type at":               {Type: "Patient", From: middle, To: later},
		"instance at":           {Type: "ImagingStudy", ID: "r1", From: study.LastUpdated, To: study.LastUpdated},
		"before there was any":  {To: c.versions[0].LastUpdated.Add(-time.Hour)},
		"at, and since as well": {From: middle, To: later, Since: middle.Add(time.Microsecond)},
	} {
		for who, caller := range callers {
			for _, q.Count = range []int{6, 1000} {
				want := c.expect(q, caller.sees)
				if q.ID != "" && !caller.sees(study) {
					if _, err := f.History(ctx, q, caller.by); !errors.Is(err, store.ErrNotFound) {
						t.Errorf("%s as %s: %v, want ErrNotFound", name, who, err)
					}
					continue
				}
				if diff := cmp.Diff(want, f.history(q, caller.by)); diff != "" {
					t.Errorf("%s as %s, %d a page (-want +got):\n%s", name, who, q.Count, diff)
				}
			}
		}
	}
}

// historyWhileWriting walks while each page is followed by changes: the walk shows what there was when it began.
func historyWhileWriting(f fixture) {
	c := newChronicle(f, 40)
	for _, q := range []store.HistoryQuery{{}, {Type: "ImagingStudy"}, {Type: "Device", ID: "r1"}} {
		want := c.expect(q, func(*written) bool { return true })
		got := []store.Version{}
		q.Count = 3
		for {
			page, err := f.History(ctx, q, everyone)
			if err != nil {
				f.Fatal(err)
			}
			got = append(got, page.Versions...)
			if q.Page = page.Next; page.Next == "" {
				break
			}
			for range 5 {
				c.write()
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			f.Errorf("%s/%s (-want +got):\n%s", q.Type, q.ID, diff)
		}
	}
}

func historyCursors(f fixture) {
	newChronicle(f, 20)
	q := store.HistoryQuery{Count: 2}
	page, err := f.History(ctx, q, everyone)
	if err != nil || page.Next == "" {
		f.Fatalf("next %q, %v", page.Next, err)
	}
	q.Page, q.Count = page.Next, 3
	if _, err := f.History(ctx, q, everyone); err != nil {
		f.Errorf("another page size: %v", err)
	}
	for name, wrong := range map[string]store.HistoryQuery{
		"another type":  {Type: "Device", Page: page.Next, Count: 2},
		"another since": {Since: time.Now(), Page: page.Next, Count: 2},
		"another at":    {To: time.Now(), Page: page.Next, Count: 2},
		"cut":           {Page: page.Next[1:], Count: 2},
		"made up":       {Page: "1", Count: 2},
		"no base64":     {Page: "?", Count: 2},
		"a search's":    {Page: f.search(everyone, "Patient", "_count=1").Next, Count: 2},
	} {
		if _, err := f.History(ctx, wrong, everyone); !errors.Is(err, store.ErrCursor) {
			f.Errorf("%s: %v, want ErrCursor", name, err)
		}
	}
	if _, err := f.History(ctx, q, as("another", search.Grant{All: true})); !errors.Is(err, store.ErrCursor) {
		f.Errorf("another caller: %v, want ErrCursor", err)
	}
}

// historyOfMoved has versions of which a caller sees some. A grant by search parameters covers none that is past.
func historyOfMoved(f fixture) {
	f.put(imagingStudy("s", "Patient/p1", "available", "2024-01-01"))
	second := f.put(imagingStudy("s", "Patient/p2", "available", "2024-01-01"))
	third := f.put(imagingStudy("s", "Patient/p2", "registered", "2024-01-01"))
	registered := search.Filter{Grants: []search.Grant{{All: true, Where: f.query("ImagingStudy", "status=registered").Where}}}
	for _, q := range []store.HistoryQuery{{}, {Type: "ImagingStudy"}, {Type: "ImagingStudy", ID: "s"}} {
		q.Count = 10
		both := []store.Version{{Resource: third}, {Resource: second}}
		if diff := cmp.Diff(both, f.history(q, as("p2", search.Grant{Patient: "Patient/p2"}))); diff != "" {
			f.Errorf("the patient of the last two versions (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(both[:1], f.history(q, as("granular", registered.Grants...))); diff != "" {
			f.Errorf("by status (-want +got):\n%s", diff)
		}
	}
}

func historyOfAbsent(f fixture) {
	f.put(device("a", "active"))
	for name, c := range map[string]struct {
		id string
		by store.Caller
	}{
		"absent":      {"b", everyone},
		"not visible": {"a", as("x", search.Grant{Patient: "Patient/p"})},
		"no grant":    {"a", as("x")},
	} {
		q := store.HistoryQuery{Type: "Device", ID: c.id, Count: 10}
		if page, err := f.History(ctx, q, c.by); !errors.Is(err, store.ErrNotFound) || len(page.Versions) > 0 {
			f.Errorf("%s: %d versions, %v; want ErrNotFound", name, len(page.Versions), err)
		}
	}
	if _, err := f.History(ctx, store.HistoryQuery{Type: "Basic", Count: 10}, everyone); fhir.IssueTypeOf(err) != fhir.NotSupported {
		f.Errorf("unknown type: %v, want not-supported", err)
	}
	q := store.HistoryQuery{Type: "Device", ID: "a", Count: 10, Since: time.Now().Add(time.Hour)}
	if page, err := f.History(ctx, q, everyone); err != nil || len(page.Versions) > 0 || page.Total != -1 {
		f.Errorf("since tomorrow: %d versions, total %d, %v", len(page.Versions), page.Total, err)
	}
}
