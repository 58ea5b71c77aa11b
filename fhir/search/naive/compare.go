package naive

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Answer is a server that is compared: the references of the matches of a search in order.
type Answer func(resourceType string, query url.Values) ([]string, error)

// Compare asks both for one search and returns "" when they agree, in order and in refusing it, and otherwise a text with the
// query, the difference, and the documents that differ with those that they refer to.
func (d Documents) Compare(resourceType string, query url.Values, visible func(ref string) bool, answer Answer) string {
	want, refused := d.Search(resourceType, query, visible)
	got, err := answer(resourceType, query)
	if refused != nil && err != nil {
		return ""
	}
	if refused == nil && err == nil && slices.Equal(want, got) {
		return ""
	}
	var out strings.Builder
	readable, _ := url.QueryUnescape(query.Encode())
	fmt.Fprintf(&out, "%s?%s\n", resourceType, readable)
	if refused != nil || err != nil {
		fmt.Fprintf(&out, "want error: %v\ngot error: %v\n", refused, err)
	}
	fmt.Fprintf(&out, "(-want +got):\n%s", cmp.Diff(want, got))
	d.describe(&out, differing(want, got), visible)
	return out.String()
}

// differing returns the references that one side has and the other has not, first, and those whose place differs after them.
func differing(want, got []string) []string {
	var once, moved []string
	for _, ref := range append(slices.Clone(want), got...) {
		switch i, j := slices.Index(want, ref), slices.Index(got, ref); {
		case i < 0 || j < 0:
			once = append(once, ref)
		case i != j && !slices.Contains(moved, ref):
			moved = append(moved, ref)
		}
	}
	return append(once, moved...)
}

// describe writes the documents that differ, and then those that they have to do with.
func (d Documents) describe(out *strings.Builder, refs []string, visible func(ref string) bool) {
	for range 2 { // a chain or _has through one to another
		refs = append(refs, d.related(refs)...)
	}
	for _, ref := range refs {
		doc, ok := d.Get(ref)
		if !ok {
			fmt.Fprintf(out, "%s: no such document\n", ref)
			continue
		}
		hidden := ""
		if visible != nil && !visible(ref) {
			hidden = ", hidden"
		}
		fmt.Fprintf(out, "%s (row %d, created %s, updated %s%s): %s\n", ref, doc.Row, instant(doc.Created), instant(doc.LastUpdated),
			hidden, doc.Body)
	}
}

// related returns the documents that refer to one of those or that one of them refers to.
func (d Documents) related(refs []string) []string {
	var all []string
	for _, other := range d.References() {
		doc, _ := d.Get(other)
		refers := func(ref string) bool {
			of, ok := d.Get(ref)
			return ok && (bytes.Contains(doc.Body, []byte(`"`+ref)) || bytes.Contains(of.Body, []byte(`"`+other)))
		}
		if !slices.Contains(refs, other) && slices.ContainsFunc(refs, refers) {
			all = append(all, other)
		}
	}
	return all
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z") }
