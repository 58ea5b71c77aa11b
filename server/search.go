package server

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// maxParams bounds how many parameters a query is split into at all.
const maxParams = 200

// search answers a search on one type, by GET and by POST _search. https://hl7.org/fhir/R4/http.html#search
func (a *api) search(c *call) error {
	return a.find(c, scope{types: []string{c.kind.Name}, path: c.kind.Name})
}

// searchSystem answers a search over all types that the caller may search. https://hl7.org/fhir/R4/search.html#all-types
func (a *api) searchSystem(c *call) error {
	types := a.searchable(c)
	if len(types) == 0 {
		return errForbidden()
	}
	return a.find(c, scope{types: types, several: true})
}

// searchable returns the types that a scope of the caller's lets search.
func (a *api) searchable(c *call) []string {
	var types []string
	for _, t := range a.Registry.Types() {
		if c.by.Allows(auth.Search, t.Name) {
			types = append(types, t.Name)
		}
	}
	return types
}

// scope is what a search goes over.
type scope struct {
	types       []string
	several     bool // _type may narrow them
	compartment *search.Compartment
	path        string // below the base, in links
}

// find does a search and answers with its page.
func (a *api) find(c *call, over scope) error {
	params, err := a.params(c)
	if err != nil {
		return err
	}
	pref, err := parsePrefer(c.r.Header)
	if err != nil {
		return err
	}
	q, err := a.parse(c, over, params, pref.strict)
	if err != nil {
		return err
	}
	if err := prepare(&q); err != nil {
		return err
	}
	if err := a.catchUp(c, over, params); err != nil {
		return err
	}
	found, err := a.Store.Search(c.ctx(), q, c.by.Caller())
	if err != nil {
		return err
	}
	return a.sendSearchset(c, listing{q, over.path, params, found})
}

// catchUp has AuditEvents made of all that was recorded, where a search is for them: of a type or by _type.
func (a *api) catchUp(c *call, over scope, params url.Values) error {
	const name = "AuditEvent"
	named := !over.several || slices.ContainsFunc(params["_type"], func(list string) bool { return slices.Contains(strings.Split(list, ","), name) })
	if a.Audit == nil || !named || !slices.Contains(over.types, name) {
		return nil
	}
	return a.Audit.CatchUp(c.ctx())
}

func (a *api) parse(c *call, over scope, params url.Values, strict bool) (search.Query, error) {
	o := search.Options{Strict: strict, Base: a.Base, Compartment: over.compartment,
		Allowed: func(t string) bool { return c.by.Allows(auth.Search, t) }}
	if !over.several {
		return search.Parse(a.Registry, over.types[0], asked(params), o)
	}
	for _, list := range params["_type"] {
		for name := range strings.SplitSeq(list, ",") {
			if _, ok := a.Registry.Type(name); ok && !c.by.Allows(auth.Search, name) {
				return search.Query{}, errForbidden()
			}
		}
	}
	return search.ParseAll(a.Registry, over.types, asked(params), o)
}

// params joins the parameters of URL and form body; R4 lets a POST have both.
func (a *api) params(c *call) (url.Values, error) {
	params, err := parseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	if c.r.Method == http.MethodPost {
		body, err := a.body(c, mediaForm)
		if err != nil {
			return nil, err
		}
		c.form = string(body)
		form, err := parseQuery(c.form)
		if err != nil {
			return nil, err
		}
		for name, values := range form {
			params[name] = append(params[name], values...)
		}
		if err := c.negotiate(params); err != nil {
			return nil, err
		}
	}
	return params, nil
}

// parseQuery is url.ParseQuery with a bound, and no leniency: a pair that is left out would widen the search.
func parseQuery(text string) (url.Values, error) {
	if strings.Count(text, "&") >= maxParams {
		return nil, fhir.NewError(fhir.TooCostly, "the search has too many parameters")
	}
	params, err := url.ParseQuery(text)
	if err != nil {
		return nil, fhir.NewError(fhir.Invalid, "the query is not form-encoded").Because(err)
	}
	return params, nil
}

// asked leaves out what steers the answer's form and not its content.
func asked(params url.Values) url.Values {
	p := maps.Clone(params)
	delete(p, "_format")
	delete(p, "_pretty")
	return p
}

// prepare turns _summary=count into a count, and refuses what R4 does not let stand together.
func prepare(q *search.Query) error {
	switch {
	case q.Summary == "count":
		q.Total, q.Count, q.Include, q.RevInclude = search.TotalAccurate, 1, nil, nil
	case q.Summary == "text" && len(q.Include)+len(q.RevInclude) > 0:
		return fhir.NewError(fhir.Invalid, "_summary=text and _include exclude each other").At("_summary")
	}
	return nil
}

// listing is a page of a search to be sent.
type listing struct {
	search.Query
	path   string
	params url.Values
	found  store.Result
}

func (a *api) sendSearchset(c *call, l listing) error {
	given := maps.Clone(l.Given)
	for _, name := range []string{"_format", "_pretty"} {
		if l.params.Has(name) {
			given[name] = l.params[name]
		}
	}
	found := l.found
	if l.Summary == "count" {
		found.Matches, found.Included, found.Next, found.Previous = nil, nil, "", ""
	}
	c.disclosesAll(cmp.Or(c.code, "search-system"), "", found.Matches, found.Included)
	url := func(page string) string { return a.searchURL(l.path, given, page) }
	return a.sendBundle(c, "searchset", func(b *bundle) {
		if found.Total >= 0 {
			b.total(found.Total)
		}
		b.link("self", url(l.Page))
		if found.Next != "" {
			b.link("next", url(found.Next))
		}
		if found.Previous != "" {
			b.link("previous", url(found.Previous))
		}
		b.link("first", url(""))
		cut := subsets{summary: l.Summary, elements: l.Elements}
		for _, res := range found.Matches {
			b.found(cut.of(res), "match")
		}
		for _, res := range found.Included {
			b.found(cut.of(res), "include")
		}
		if notes := remarks(l); len(notes) > 0 {
			b.outcome(outcome("warning", notes, ""))
		}
	})
}

// searchURL is the search as it was done, on one page of it. It is a GET whatever the request was.
func (a *api) searchURL(path string, given url.Values, page string) string {
	p := maps.Clone(given)
	if page != "" {
		p.Set("_page", page)
	}
	return withParams(strings.TrimSuffix(a.Base+"/"+path, "/"), p)
}

// remarks tell what was not done as asked.
func remarks(l listing) []*fhir.Error {
	var notes []*fhir.Error
	for _, name := range slices.Sorted(slices.Values(l.Ignored)) {
		notes = append(notes, fhir.NewError(fhir.NotSupported, "the parameter is unknown and was left out").At(name))
	}
	if l.Total == search.TotalAccurate && l.found.Total >= 0 && !l.found.Exact {
		notes = append(notes, fhir.NewError(fhir.TooCostly, "counting takes too long: the total is an estimate").At("_total"))
	}
	if l.Clamped {
		notes = append(notes, fhir.NewError(fhir.TooCostly, "the count exceeds limit; a page has at most "+strconv.Itoa(search.MaxCount)).At("_count"))
	}
	if l.found.Truncated {
		notes = append(notes, fhir.NewError(fhir.TooCostly, "more was to be included than a page holds; the rest is left out").At("_include"))
	}
	return notes
}
