package auth

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// People is the Directory and the Links of a database.
type People struct {
	store store.Store
}

// NewPeople returns those of a database that has Schema.
func NewPeople(st store.Store) *People { return &People{st} }

// Bounds of a look-up. Who has as many records is not to be told apart.
const (
	maxHolders  = 20
	maxReplaced = 8
)

// Identify implements Directory.
func (p *People) Identify(ctx context.Context, resourceType, system, value string) (string, error) {
	if system == "" || value == "" { // a search would find all of a system
		return "", ErrUnknown
	}
	q, err := search.Parse(fhir.R4(), resourceType, url.Values{"identifier": {search.EscapeToken(system) + "|" + search.EscapeToken(value)}},
		search.Options{Strict: true, Count: maxHolders})
	if err != nil { // a value that no identifier has
		return "", errors.Join(ErrUnknown, err)
	}
	page, err := p.store.Search(ctx, q, store.Caller{ID: "identify", Access: func(string) search.Filter { return search.Everything() }})
	if err != nil {
		return "", err
	}
	var one string
	for _, holder := range page.Matches {
		if !hasIdentifier(holder, system, value) {
			continue
		}
		reference, err := p.current(ctx, holder)
		if err != nil {
			return "", err
		}
		if one != "" && one != reference {
			return "", ErrUnknown
		}
		one = reference
	}
	if one == "" || page.Next != "" {
		return "", ErrUnknown
	}
	return one, nil
}

// hasIdentifier compares letter by letter: the index finds by hashes, and by the rules of search.
func hasIdentifier(r fhir.Resource, system, value string) bool {
	return slices.ContainsFunc(gjson.GetBytes(r.Body, "identifier").Array(), func(i gjson.Result) bool {
		return i.Get("system").Str == system && i.Get("value").Str == value
	})
}

// current returns the record that a resource goes on as: itself, or of a Patient that was merged the survivor.
func (p *People) current(ctx context.Context, r fhir.Resource) (string, error) {
	for range maxReplaced {
		next, err := replacedBy(r)
		if err != nil || next == "" {
			return r.Type + "/" + r.ID, err
		}
		if r, err = p.read(ctx, next); err != nil {
			return "", err
		}
	}
	return "", ErrUnknown // in a circle
}

// replacedBy returns the "Patient/id" that took the place of a Patient; "" where none did. ErrUnknown where that cannot be told.
func replacedBy(r fhir.Resource) (string, error) {
	if r.Type != "Patient" || gjson.GetBytes(r.Body, "active").Type != gjson.False {
		return "", nil
	}
	var by []string
	for _, link := range gjson.GetBytes(r.Body, "link").Array() {
		if link.Get("type").Str != "replaced-by" {
			continue
		}
		ref, err := fhir.ParseReference(link.Get("other.reference").Str, "")
		if err != nil || ref.Kind != fhir.Local || ref.Type != "Patient" {
			return "", ErrUnknown
		}
		by = append(by, "Patient/"+ref.ID)
	}
	switch len(by) {
	case 0:
		return "", nil
	case 1:
		return by[0], nil
	}
	return "", ErrUnknown
}

func (p *People) read(ctx context.Context, reference string) (fhir.Resource, error) {
	resourceType, id, _ := strings.Cut(reference, "/")
	r, err := p.store.Read(ctx, search.Everything(), resourceType, id)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrGone) {
		return r, errors.Join(ErrUnknown, err)
	}
	return r, err
}

func typeOf(reference string) string {
	resourceType, _, _ := strings.Cut(reference, "/")
	return resourceType
}

// Linked implements Links.
func (p *People) Linked(ctx context.Context, issuer, subject string) ([]string, error) {
	links, err := p.List(ctx, Link{Issuer: issuer, Subject: subject})
	if err != nil {
		return nil, err
	}
	var all []string
	for _, l := range links {
		r, err := p.read(ctx, l.Reference)
		if err != nil {
			return nil, err
		}
		reference, err := p.current(ctx, r)
		if err != nil {
			return nil, err
		}
		all = append(all, reference)
	}
	if len(all) == 0 {
		return nil, ErrUnknown
	}
	return all, nil
}
