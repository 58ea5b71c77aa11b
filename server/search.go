package server

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// maxParams bounds how many parameters a query is split into at all.
const maxParams = 200

// search answers a search on one type, by GET and by POST _search. https://hl7.org/fhir/R4/http.html#search
func (a *api) search(c *call) error {
	params, err := a.params(c)
	if err != nil {
		return err
	}
	pref, err := parsePrefer(c.r.Header)
	if err != nil {
		return err
	}
	q, err := search.Parse(a.Registry, c.kind.Name, asked(params), search.Options{Strict: pref.strict, Base: a.Base})
	if err != nil {
		return err
	}
	if err := servable(&q); err != nil {
		return err
	}
	found, err := a.Store.Search(c.ctx(), q, c.by.Caller())
	if err != nil {
		return err
	}
	return a.sendSearchset(c, q, params, found)
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
		form, err := parseQuery(string(body))
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

// servable turns _summary=count into a count, and refuses the cuts that are not made yet.
func servable(q *search.Query) error {
	if len(q.Elements) > 0 {
		return fhir.NewError(fhir.NotSupported, "this parameter is not served").At("_elements")
	}
	switch q.Summary {
	case "", "false":
		return nil
	case "count":
		q.Total, q.Count, q.Include, q.RevInclude = search.TotalAccurate, 1, nil, nil
		return nil
	}
	return fhir.NewError(fhir.NotSupported, "count and false are served").At("_summary")
}

func (a *api) sendSearchset(c *call, q search.Query, params url.Values, found store.Result) error {
	given := maps.Clone(q.Given)
	for _, name := range []string{"_format", "_pretty"} {
		if params.Has(name) {
			given[name] = params[name]
		}
	}
	if q.Summary == "count" {
		found.Matches, found.Included, found.Next = nil, nil, ""
	}
	return a.sendBundle(c, "searchset", func(b *bundle) {
		if found.Total >= 0 {
			b.total(found.Total)
		}
		b.link("self", a.searchURL(c, given, q.Page))
		if found.Next != "" {
			b.link("next", a.searchURL(c, given, found.Next))
		}
		for _, res := range found.Matches {
			b.found(res, "match")
		}
		for _, res := range found.Included {
			b.found(res, "include")
		}
		if notes := remarks(q, found); len(notes) > 0 {
			b.outcome(outcome("warning", notes, ""))
		}
	})
}

// searchURL is the search as it was done, on one page of it. It is a GET whatever the request was.
func (a *api) searchURL(c *call, given url.Values, page string) string {
	p := maps.Clone(given)
	if page != "" {
		p.Set("_page", page)
	}
	return withParams(a.Base+"/"+c.kind.Name, p)
}

// remarks tell what was not done as asked.
func remarks(q search.Query, found store.Result) []*fhir.Error {
	var notes []*fhir.Error
	for _, name := range slices.Sorted(slices.Values(q.Ignored)) {
		notes = append(notes, fhir.NewError(fhir.NotSupported, "the parameter is unknown and was left out").At(name))
	}
	if q.Total == search.TotalAccurate && found.Total >= 0 && !found.Exact {
		notes = append(notes, fhir.NewError(fhir.TooCostly, "counting takes too long: the total is an estimate").At("_total"))
	}
	return notes
}
