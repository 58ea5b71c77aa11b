package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// request is one thing to ask a server for.
type request struct {
	method, path string
	body         []byte
	holds        string // what a right answer has in it
	refused      int    // the status of a right answer that is none; 0: it is one
}

// traffic is many clients that ask one server again and again.
type traffic struct {
	origin  string
	tokens  []string // client n sends token n, counted around; none: no token
	clients int
	next    func(r *rand.Rand) request
}

// tally is what became of traffic.
type tally struct {
	latencies []time.Duration // of right answers
	elapsed   time.Duration
	errors    int64
	first     string // of the errors
}

func (t *tally) add(other tally) {
	t.latencies = append(t.latencies, other.latencies...)
	t.elapsed += other.elapsed
	t.fail(other.errors, other.first)
}

func (t *tally) fail(n int64, why string) {
	t.errors += n
	if t.first == "" {
		t.first = why
	}
}

func (t tally) rate() float64 { return float64(len(t.latencies)) / max(t.elapsed.Seconds(), 1e-9) }

// percentile is in milliseconds.
func (t tally) percentile(p int) float64 {
	if len(t.latencies) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t.latencies))
	return float64(sorted[(len(sorted)-1)*p/100].Microseconds()) / 1000
}

// clientTimeout bounds one answer, so that a server that hangs ends no run late.
const clientTimeout = 60 * time.Second

func newTransport(clients int) *http.Transport {
	return &http.Transport{MaxIdleConnsPerHost: clients, MaxIdleConns: clients, DisableCompression: true, ResponseHeaderTimeout: clientTimeout}
}

// crowd is the clients of some traffic with their connections.
type crowd struct {
	clients   []*client
	transport *http.Transport
}

func (t traffic) crowd() *crowd {
	c := &crowd{transport: newTransport(t.clients)}
	for n := range t.clients {
		c.clients = append(c.clients, t.client(c.transport, n))
	}
	return c
}

func (c *crowd) close() { c.transport.CloseIdleConnections() }

// drive lets the clients ask for d, each at least once, and waits for the last answer.
func (c *crowd) drive(ctx context.Context, d time.Duration) tally {
	parts := make([]tally, len(c.clients))
	start := time.Now()
	var wg sync.WaitGroup
	for n, one := range c.clients {
		wg.Go(func() { parts[n] = one.ask(ctx, start.Add(d)) })
	}
	wg.Wait()
	var sum tally
	for _, p := range parts {
		sum.add(p)
	}
	sum.elapsed = time.Since(start)
	return sum
}

// client is one of those who ask.
type client struct {
	traffic
	transport http.RoundTripper
	headers   http.Header
	rand      *rand.Rand
	answer    bytes.Buffer
}

func (t traffic) client(transport http.RoundTripper, n int) *client {
	headers := http.Header{"Content-Type": {"application/fhir+json"}, "Prefer": {"handling=strict"}}
	if len(t.tokens) > 0 {
		headers.Set("Authorization", "Bearer "+t.tokens[n%len(t.tokens)])
	}
	return &client{traffic: t, transport: transport, headers: headers, rand: draws(1, ofPick, n)}
}

func (c *client) ask(ctx context.Context, until time.Time) (t tally) {
	for first := true; first || time.Now().Before(until) && ctx.Err() == nil; first = false {
		q := c.next(c.rand)
		start := time.Now()
		status, err := c.send(ctx, q)
		took := time.Since(start)
		if why := c.wrong(q, status, err); why != "" {
			t.fail(1, why)
			continue
		}
		t.latencies = append(t.latencies, took)
	}
	return t
}

// send asks, and reads the whole answer.
func (c *client) send(ctx context.Context, q request) (status int, err error) {
	u, err := url.Parse(c.origin + q.path)
	if err != nil {
		return 0, err
	}
	r := (&http.Request{Method: q.method, URL: u, Host: u.Host, Header: c.headers, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}).WithContext(ctx)
	if q.body != nil {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(q.body)), int64(len(q.body))
	}
	response, err := c.transport.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	c.answer.Reset()
	_, err = c.answer.ReadFrom(response.Body)
	return response.StatusCode, err
}

// wrong says what is wrong with an answer, in words without its content.
func (c *client) wrong(q request, status int, err error) string {
	switch {
	case err != nil:
		return err.Error()
	case q.refused != 0 && status == q.refused:
	case q.refused != 0 || status < 200 || status > 299:
		return fmt.Sprintf("status %d", status)
	case !bytes.Contains(c.answer.Bytes(), []byte(q.holds)):
		return "an answer without what was asked for"
	}
	return ""
}
