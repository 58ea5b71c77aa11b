package server

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

const (
	defaultHistory = 20
	maxHistory     = search.MaxCount
)

// history returns the versions of a resource, newest first. https://hl7.org/fhir/R4/http.html#history
func (a *api) history(c *call) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	return a.versions(c, auth.Read, store.HistoryQuery{Type: c.kind.Name, ID: id})
}

// historyType returns the versions of the resources of a type.
func (a *api) historyType(c *call) error {
	return a.versions(c, auth.Search, store.HistoryQuery{Type: c.kind.Name})
}

// historySystem returns the versions of the resources of all types that the caller may search.
func (a *api) historySystem(c *call) error {
	if len(a.searchable(c)) == 0 {
		return errForbidden()
	}
	return a.versions(c, auth.Search, store.HistoryQuery{})
}

// versions answers a page of a history, of what the caller sees by an interaction: the letter r of a scope is for the history of an
// instance, s for those of a type and of the system (SMART App Launch 2.2 scopes-and-launch-context.html).
func (a *api) versions(c *call, needs auth.Interaction, q store.HistoryQuery) error {
	params, err := parseQuery(c.r.URL.RawQuery)
	if err != nil {
		return err
	}
	if err := parseHistory(params, &q); err != nil {
		return err
	}
	by := store.Caller{ID: c.by.Caller().ID, Access: func(t string) search.Filter { return c.by.Visible(needs, t) }}
	page, err := a.Store.History(c.ctx(), q, by)
	if err != nil {
		return err
	}
	path := strings.TrimSuffix(q.Type+"/"+q.ID, "/")
	return a.sendHistory(c, strings.TrimSuffix(a.Base+"/"+path, "/")+"/_history", params, page)
}

// parseHistory reads the parameters. An unknown one is refused: a client that takes a history for narrower than it is draws
// conclusions from what it does not find.
func parseHistory(params url.Values, q *store.HistoryQuery) error {
	q.Count = defaultHistory
	for name, values := range params {
		read, known := historyParameters()[name]
		switch {
		case !known:
			return fhir.NewError(fhir.NotSupported, "this parameter is not served on a history").At(name)
		case len(values) > 1:
			return fhir.NewError(fhir.Invalid, "the parameter stands more than once").At(name)
		}
		if err := read(q, values[0]); err != nil {
			return err.At(name)
		}
	}
	return nil
}

func historyParameters() map[string]func(q *store.HistoryQuery, value string) *fhir.Error {
	form := func(*store.HistoryQuery, string) *fhir.Error { return nil } // read with the request
	return map[string]func(q *store.HistoryQuery, value string) *fhir.Error{
		"_count": historyCount, "_since": historySince, "_at": historyAt, "_sort": historySort, "_page": historyPage,
		"_format": form, "_pretty": form,
	}
}

func historyCount(q *store.HistoryQuery, value string) *fhir.Error {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil || n < 1 {
		return fhir.NewError(fhir.Value, "not a whole number above 0")
	}
	q.Count = int(min(n, maxHistory))
	return nil
}

func historySince(q *store.HistoryQuery, value string) *fhir.Error {
	t, err := time.Parse(time.RFC3339, strings.ReplaceAll(value, " ", "+")) // a "+" that was not escaped
	if err != nil {
		return fhir.NewError(fhir.Value, "not an instant, as 2026-01-31T10:00:00+03:00")
	}
	q.Since = t
	return nil
}

// historyAt asks for what was current at some time within the date.
func historyAt(q *store.HistoryQuery, value string) *fhir.Error {
	d, err := fhir.ParseSearchDate(value)
	if err != nil {
		return fhir.NewError(fhir.Value, "not a date or time")
	}
	low, high := d.Interval()
	q.From, q.To = time.UnixMicro(low), time.UnixMicro(high)
	return nil
}

func historyPage(q *store.HistoryQuery, value string) *fhir.Error {
	q.Page = value
	return nil
}

// historySort takes the order that there is.
func historySort(_ *store.HistoryQuery, value string) *fhir.Error {
	if value != "-_lastUpdated" {
		return fhir.NewError(fhir.NotSupported, "a history is newest first: -_lastUpdated")
	}
	return nil
}

func (a *api) sendHistory(c *call, self string, params url.Values, p store.HistoryPage) error {
	list := make([]fhir.Resource, len(p.Versions))
	for i, v := range p.Versions {
		list[i] = v.Resource
	}
	c.disclosesAll(cmp.Or(c.code, "history-system"), "", list)
	return a.sendBundle(c, "history", func(b *bundle) {
		if p.Total >= 0 {
			b.total(p.Total)
		}
		b.link("self", withParams(self, params))
		if p.Next != "" {
			params.Set("_page", p.Next)
			b.link("next", withParams(self, params))
		}
		params.Del("_page")
		b.link("first", withParams(self, params))
		for _, v := range p.Versions {
			b.version(v.Resource, v.Made)
		}
	})
}

func withParams(u string, params url.Values) string {
	if len(params) == 0 {
		return u
	}
	return u + "?" + params.Encode()
}

// version adds an entry of a history: the resource, the request that made it and what was answered.
func (b *bundle) version(v fhir.Resource, made bool) {
	method, where, status := http.MethodPut, v.Reference(), "200 OK"
	switch {
	case v.Deleted:
		method, status = http.MethodDelete, "204 No Content"
	case v.Version == 1:
		method, where, status = http.MethodPost, v.Type, "201 Created"
	case made:
		status = "201 Created"
	}
	b.entry(v)
	b.text(`,"request":{"method":"` + method + `","url":"` + where + `"},"response":{"status":"` + status +
		`","etag":` + quote(etag(v.Version)) + `,"lastModified":"` + v.LastUpdated.UTC().Format(time.RFC3339Nano) + `"}}`)
}
