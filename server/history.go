package server

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"lightbox/auth"
	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// historyQuery is what a history asks for.
type historyQuery struct {
	count int
	page  string
	since time.Time
}

const (
	defaultHistory = 20
	maxHistory     = 1000
)

// history returns the versions of a resource, newest first. https://hl7.org/fhir/R4/http.html#history
func (a *api) history(c *call) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	params, err := parseQuery(c.r.URL.RawQuery)
	if err != nil {
		return err
	}
	q, err := parseHistory(params)
	if err != nil {
		return err
	}
	by := store.Caller{ID: c.by.Caller().ID, Access: func(t string) search.Filter { return c.by.Visible(auth.Read, t) }}
	page, err := a.Store.History(c.ctx(), store.HistoryQuery{Type: c.kind.Name, ID: id, Since: q.since, Count: q.count, Page: q.page}, by)
	if err != nil {
		return err
	}
	return a.sendHistory(c, id, params, page)
}

func parseHistory(params url.Values) (historyQuery, error) {
	q := historyQuery{count: defaultHistory}
	if params.Has("_at") {
		return q, fhir.NewError(fhir.NotSupported, "this parameter is not served").At("_at")
	}
	if s := params.Get("_count"); params.Has("_count") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return q, fhir.NewError(fhir.Value, "not a whole number above 0").At("_count")
		}
		q.count = min(n, maxHistory)
	}
	if s := params.Get("_page"); params.Has("_page") {
		q.page = s
	}
	if s := params.Get("_since"); params.Has("_since") {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return q, fhir.NewError(fhir.Value, "not an instant, as 2026-01-31T10:00:00+03:00").At("_since")
		}
		q.since = t
	}
	return q, nil
}

func (a *api) sendHistory(c *call, id string, params url.Values, p store.HistoryPage) error {
	self := a.Base + "/" + c.kind.Name + "/" + id + "/_history"
	return a.sendBundle(c, "history", func(b *bundle) {
		b.link("self", withParams(self, params))
		if p.Next != "" {
			params.Set("_page", p.Next)
			b.link("next", withParams(self, params))
		}
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
