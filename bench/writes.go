package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"
)

// writes are the figures that add to the database.
func writes() []figure {
	return []figure{
		{"create", (*run).create},
		{"update", (*run).update},
		{"transaction-10", func(r *run, ctx context.Context) error { return r.transaction(ctx, 10, r.Clients) }},
		{"transaction-1000", func(r *run, ctx context.Context) error { return r.transaction(ctx, 1000, min(4, r.Clients)) }},
		{"mixed", (*run).mixed},
	}
}

// later makes studies that no run has made before, for the city's people: each number once.
type later struct {
	city City
	next atomic.Int64
}

func (r *run) later() *later {
	c := r.City
	c.Variant = uint64(time.Now().UnixNano()) | 1
	return &later{city: c}
}

func (l *later) visit() visit { return l.city.visit(int(l.next.Add(1))) }

// newOrder is a client's order: the server gives it its id.
func (l *later) newOrder(*rand.Rand) request {
	return request{method: http.MethodPost, path: "ServiceRequest", body: l.city.order(l.visit()), holds: `"ServiceRequest"`}
}

// plainRows writes what a request of the hub's has as n rows.
func plainRows(n int, next func(*rand.Rand) request) func(*rand.Rand) request {
	return func(draw *rand.Rand) request {
		return request{method: http.MethodPost, path: "rows/" + strconv.Itoa(n), body: next(draw).body}
	}
}

const againstRows = "as many rows without index, durable"

// writing compares requests that write n resources each.
func (r *run) writing(s *served, row Row, n, clients int, next func(*rand.Rand) request) pair {
	row.Unit, row.Against = "requests/s", againstRows
	return pair{
		row: row, hub: traffic{s.base + "/", s.system, clients, next},
		limit: traffic{s.limit + "/", nil, clients, plainRows(n, next)},
	}
}

func (r *run) create(ctx context.Context) error {
	s, err := r.server(ctx)
	if err != nil {
		return err
	}
	r.compare(ctx, r.writing(s, Row{Name: "create"}, 1, r.Clients, r.later().newOrder))
	return nil
}

// update changes orders that clients have made, each to something new.
func (r *run) update(ctx context.Context) error {
	s, err := r.server(ctx)
	if err != nil {
		return err
	}
	l := r.later()
	orders := make([]request, 256)
	for n := range orders {
		v := l.visit()
		id := l.city.id(ofOrder, v.index)
		orders[n] = request{method: http.MethodPut, path: "ServiceRequest/" + id, body: l.city.order(v), holds: id}
	}
	if _, refusal := s.ask(ctx, orders); refusal != "" {
		r.add(Row{Name: "update", Note: refusal})
		return nil
	}
	var changes atomic.Int64
	next := func(draw *rand.Rand) request {
		q := one(draw, orders)
		body := text(nil)
		body.add(string(q.body[:len(q.body)-1]), `,"note":[{"text":"Change `, strconv.FormatInt(changes.Add(1), 10), `"}]}`)
		q.body = body
		return q
	}
	r.compare(ctx, r.writing(s, Row{Name: "update"}, 1, r.Clients, next))
	return nil
}

// transaction posts Bundles of later studies, as `lightbox map` prints them.
func (r *run) transaction(ctx context.Context, entries, clients int) error {
	s, err := r.server(ctx)
	if err != nil {
		return err
	}
	l, name := r.later(), fmt.Sprintf("transaction of %d entries", entries)
	next := func(*rand.Rand) request {
		return request{method: http.MethodPost, body: l.bundle(entries), holds: `"transaction-response"`}
	}
	if _, refusal := s.ask(ctx, []request{next(nil)}); refusal != "" {
		r.add(Row{Name: name, Note: refusal})
		return nil
	}
	p := r.writing(s, Row{Name: name}, entries, clients, next)
	p.hub.origin = s.base // a transaction is posted to the base itself
	r.compare(ctx, p)
	return nil
}

func (l *later) bundle(entries int) (t text) {
	t.add(`{"resourceType":"Bundle","type":"transaction","entry":[`)
	for n := 0; n < entries; {
		for _, r := range l.city.Study(int(l.next.Add(1))) {
			if n == entries {
				break
			}
			if n++; n > 1 {
				t.add(",")
			}
			t.add(`{"resource":`, string(r.Body), `,"request":{"method":"PUT","url":"`, r.Reference(), `"}}`)
		}
	}
	t.add(`]}`)
	return t
}

// writers is how many clients write while many read.
const writers = 8

func (r *run) mixed(ctx context.Context) error {
	s, err := r.server(ctx)
	if err != nil {
		return err
	}
	writing := r.writing(s, Row{Name: fmt.Sprintf("create, %d clients while %d read", writers, wide)}, 1, writers, r.later().newOrder)
	r.compare(ctx, pair{
		row:   Row{Name: fmt.Sprintf("read by id, %d clients while %d write", wide, writers), Unit: "requests/s", Against: "the same with plain rows"},
		hub:   traffic{s.base + "/", s.system, wide, r.pointOf(s.points, "ImagingStudy/")},
		limit: traffic{s.limit + "/", nil, wide, r.pointOf(s.points, "row/")},
	}, writing)
	return nil
}
