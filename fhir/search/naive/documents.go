package naive

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
)

// Document is one current resource.
type Document struct {
	Body        []byte
	LastUpdated time.Time
	Row         int       // the order in which resources were created
	Created     time.Time // the clinical time it was created with: see ClinicalTime; it keeps its place in time order
	Owners      []string  // "Organization/id" of those who submitted it; of use to the caller's visible alone
}

// Documents is a set of current resources by reference. Make it with New. It keeps what it has read of each, and is not safe
// for concurrent use.
type Documents struct {
	// Base is our own base URL: an absolute reference below it is one to our own resource.
	Base string
	all  map[string]*document
}

// document is a Document with what has been read of it.
type document struct {
	Document
	resourceType, id string
	read             *read // nil: not yet, or something has changed
}

// read is what is known of a document.
type read struct {
	body   []byte // see linked
	root   gjson.Result
	values map[*fhir.SearchParameter][]element
}

// look reads a document.
func (d Documents) look(doc *document) *read {
	if doc.read == nil {
		body := d.linked(doc)
		doc.read = &read{body, gjson.ParseBytes(body), map[*fhir.SearchParameter][]element{}}
	}
	return doc.read
}

// forget lets every document be read again: what one leads to is a matter of all.
func (d Documents) forget() {
	for _, doc := range d.all {
		doc.read = nil
	}
}

// New returns an empty set.
func New() Documents { return Documents{all: map[string]*document{}} }

// Put adds or replaces the resource "Type/id".
func (d Documents) Put(ref string, doc Document) {
	resourceType, id, _ := strings.Cut(ref, "/")
	d.all[ref] = &document{Document: doc, resourceType: resourceType, id: id}
	d.forget()
}

// Delete takes the resource out.
func (d Documents) Delete(ref string) {
	delete(d.all, ref)
	d.forget()
}

// Get returns the resource.
func (d Documents) Get(ref string) (Document, bool) {
	doc, ok := d.all[ref]
	if !ok {
		return Document{}, false
	}
	return doc.Document, true
}

// References returns those of all resources, sorted.
func (d Documents) References() []string { return slices.Sorted(maps.Keys(d.all)) }

// Search answers a query on one type: the references of its matches in order. What visible refuses is not there: it neither
// matches nor leads to a match. A nil visible lets everything be seen.
func (d Documents) Search(resourceType string, query url.Values, visible func(ref string) bool) ([]string, error) {
	t, ok := fhir.R4().Type(resourceType)
	if !ok {
		return nil, bad("resource type %q is not served", resourceType)
	}
	q, err := readQuery(t, query)
	if err != nil {
		return nil, err
	}
	s := scope{d, visible}
	var found []*document
	for _, doc := range s.of(resourceType) {
		if q.holds(s, doc) {
			found = append(found, doc)
		}
	}
	slices.SortFunc(found, func(a, b *document) int { return q.compare(s, a, b) })
	refs := make([]string, 0, len(found))
	for _, doc := range found {
		refs = append(refs, doc.ref())
	}
	return refs, nil
}

func (d *document) ref() string { return d.resourceType + "/" + d.id }

// scope is what one caller sees.
type scope struct {
	Documents
	visible func(ref string) bool
}

// get returns a resource that exists and is seen.
func (s scope) get(ref string) (*document, bool) {
	doc, ok := s.all[ref]
	return doc, ok && (s.visible == nil || s.visible(ref))
}

// of returns the seen resources of a type.
func (s scope) of(resourceType string) []*document {
	var all []*document
	for _, ref := range s.References() {
		if doc, ok := s.get(ref); ok && doc.resourceType == resourceType {
			all = append(all, doc)
		}
	}
	return all
}
