package server

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"lightbox/fhir"
)

// historyQuery is what a history asks for. Its page is the version that it begins below: a version id is no secret to one
// who sees the resource, and every page is filtered anew.
type historyQuery struct {
	count  int
	before int64
	since  time.Time
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
	// One more than the page tells whether there is a next one, and what the oldest of the page replaced.
	versions, err := a.Store.History(c.ctx(), c.visible, c.kind.Name, id, q.before, q.count+1)
	if err != nil {
		return err
	}
	if len(versions) == 0 && q.before == 0 {
		return errNotFound()
	}
	return a.sendHistory(c, id, params, q.page(versions))
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
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n < 2 {
			return q, fhir.NewError(fhir.Value, "not a page of this history").At("_page")
		}
		q.before = n
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

// historyPage is one page: its versions, each with whether it made the resource (anew), and the version to go on below.
type historyPage struct {
	versions []fhir.Resource
	made     []bool
	next     int64
}

func (q historyQuery) page(versions []fhir.Resource) historyPage {
	var p historyPage
	for i, v := range versions {
		if v.LastUpdated.Before(q.since) {
			return p
		}
		if i == q.count {
			p.next = versions[i-1].Version
			return p
		}
		p.versions = append(p.versions, v)
		p.made = append(p.made, v.Version == 1 || i+1 < len(versions) && versions[i+1].Deleted)
	}
	return p
}

func (a *api) sendHistory(c *call, id string, params url.Values, p historyPage) error {
	self := a.Base + "/" + c.kind.Name + "/" + id + "/_history"
	return a.sendBundle(c, "history", func(b *bundle) {
		b.link("self", withParams(self, params))
		if p.next > 0 {
			params.Set("_page", strconv.FormatInt(p.next, 10))
			b.link("next", withParams(self, params))
		}
		for i, v := range p.versions {
			b.version(v, p.made[i])
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
