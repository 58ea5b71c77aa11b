package storetest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/search/naive"
	"lightbox/fhir/store"
	"lightbox/fhir/store/internal/relational"
)

// testEvaluator draws documents of many types that refer to one another, changes and deletes some, and asks random queries of every
// kind, page by page and back: answers and order are those of package naive, which shares nothing with the index.
func testEvaluator(t *testing.T, fresh func(t testing.TB) Database) {
	t.Run("few candidates", func(t *testing.T) { checkEvaluator(t, open(t, fresh(t))) })
	t.Run("many candidates", func(t *testing.T) { // as a planner sees them that takes one for many
		f := open(t, fresh(t))
		f.Store.(*relational.Store).SetLimits(relational.Limits{Ordered: 1, Sorted: 1, Inner: 1})
		checkEvaluator(t, f)
	})
}

// queriesPerDraw is how many queries one set of documents is asked.
const queriesPerDraw = 30

func checkEvaluator(t *testing.T, f fixture) {
	var asked, answered atomic.Int64
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		w := &world{fixture: fixture{t, f.Store}, rt: rt, run: run, documents: naive.New(), owners: map[string]string{}}
		w.settle()
		defer w.clear()
		for range queriesPerDraw {
			found := w.ask()
			asked.Add(1)
			if found {
				answered.Add(1)
			}
		}
	})
	t.Logf("%d queries, %d with an answer", asked.Load(), answered.Load())
}

// world is what the store should hold.
type world struct {
	fixture
	rt        *rapid.T
	run       int
	documents naive.Documents
	owners    map[string]string
	known     []string // references
}

func (w *world) settle() {
	for _, resourceType := range naive.Types {
		for _, id := range []string{"a", "b", "c"} {
			w.known = append(w.known, fmt.Sprintf("%s/%s-%d", resourceType, id, w.run))
		}
	}
	for row, ref := range w.known {
		w.write(ref, row)
	}
	for row, ref := range w.known {
		switch rapid.IntRange(0, 7).Draw(w.rt, "then") {
		case 0:
			resourceType, id, _ := strings.Cut(ref, "/")
			w.delete(resourceType, id)
			w.documents.Delete(ref)
		case 1:
			w.write(ref, row)
		}
	}
}

// write puts a document. Its place among those without a clinical time is that of its creation.
func (w *world) write(ref string, row int) {
	resourceType, id, _ := strings.Cut(ref, "/")
	body := naive.Resource(w.rt, resourceType, id, w.known)
	owner := rapid.SampledFrom([]string{clinicOne, clinicTwo}).Draw(w.rt, "owner")
	r := w.put(string(body), owner)
	created := naive.ClinicalTime(resourceType, body, r.LastUpdated)
	if before, ok := w.documents.Get(ref); ok && created.Equal(r.LastUpdated) {
		created = before.Created
	}
	w.documents.Put(ref, naive.Document{Body: body, LastUpdated: r.LastUpdated, Row: row, Created: created})
	w.owners[ref] = owner
}

// clear deletes what the next run must not meet.
func (w *world) clear() {
	for _, ref := range w.known {
		if _, ok := w.documents.Get(ref); ok {
			resourceType, id, _ := strings.Cut(ref, "/")
			w.delete(resourceType, id)
		}
	}
}

// ask compares one query, and reports whether it has an answer.
func (w *world) ask() bool {
	resourceType := rapid.SampledFrom(naive.Types).Draw(w.rt, "type")
	query := naive.Query(w.rt, resourceType, w.known)
	caller, sees := w.caller()
	found := false
	size := rapid.IntRange(1, 4).Draw(w.rt, "page")
	diff := w.documents.Compare(resourceType, query, sees, func(resourceType string, query url.Values) ([]string, error) {
		refs, err := w.answer(resourceType, query, caller, size)
		found = len(refs) > 0
		return refs, err
	})
	if diff != "" {
		w.rt.Fatalf("as %s:\n%s", caller.ID, diff)
	}
	return found
}

// caller draws who asks, and what they see.
func (w *world) caller() (caller store.Caller, sees func(ref string) bool) {
	switch rapid.IntRange(0, 5).Draw(w.rt, "caller") {
	case 0, 1:
		return as("owner", search.Grant{Owner: clinicOne}), func(ref string) bool { return w.owners[ref] == clinicOne }
	case 2:
		patient := fmt.Sprintf("Patient/%s-%d", rapid.SampledFrom([]string{"a", "b", "c"}).Draw(w.rt, "patient"), w.run)
		return as("patient", search.Grant{Patient: patient}), func(ref string) bool { return w.documents.Patient(ref) == patient }
	}
	return everyone, func(string) bool { return true }
}

func (w *world) answer(resourceType string, query url.Values, caller store.Caller, size int) ([]string, error) {
	q, err := search.Parse(fhir.R4(), resourceType, query, search.Options{Strict: true})
	if err != nil {
		return nil, err
	}
	var refs []string
	for _, id := range w.pages(caller, q, size, true) {
		refs = append(refs, resourceType+"/"+id)
	}
	q.Count = 0
	if total := w.page(q, caller).Total; total != int64(len(refs)) {
		return nil, fmt.Errorf("total %d of %v", total, slices.Sorted(slices.Values(refs)))
	}
	return refs, nil
}
