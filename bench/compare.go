package bench

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// pair is the hub's traffic and what it is compared with.
type pair struct {
	row        Row // with Name, Unit and Against
	hub, limit traffic
}

// side is the hubs of all pairs, or their limits, and what became of them.
type side struct {
	crowds    []*crowd
	tallies   []tally
	processor time.Duration
}

func newSide(all []traffic) *side {
	s := &side{tallies: make([]tally, len(all))}
	for _, t := range all {
		s.crowds = append(s.crowds, t.crowd())
	}
	return s
}

func (s *side) close() {
	for _, c := range s.crowds {
		c.close()
	}
}

// drive lets all crowds ask at the same time.
func (s *side) drive(ctx context.Context, d time.Duration) {
	var wg sync.WaitGroup
	before := processor()
	for n, c := range s.crowds {
		wg.Go(func() { s.tallies[n].add(c.drive(ctx, d)) })
	}
	wg.Wait()
	s.processor += processor() - before
}

// warm lets every client ask once, so that connections, tokens and statements are known. Errors count, times do not.
func (s *side) warm(ctx context.Context) {
	s.drive(ctx, 0)
	s.processor = 0
	for n := range s.tallies {
		s.tallies[n].latencies, s.tallies[n].elapsed = nil, 0
	}
}

// each is the processor time of one answer of the only traffic.
func (s *side) each() float64 { return perOne(s.processor, len(s.tallies[0].latencies)) }

// rounds is how often hub and limit take turns, so that what else the machine does falls on both.
const rounds = 4

// compare drives all pairs at the same time: the hubs, then the limits, in turns. Each side has the figure's time in all. What was
// interrupted is no figure.
func (r *run) compare(ctx context.Context, pairs ...pair) {
	var hubs, limits []traffic
	for _, p := range pairs {
		hubs, limits = append(hubs, p.hub), append(limits, p.limit)
	}
	ours, theirs := newSide(hubs), newSide(limits)
	defer ours.close()
	defer theirs.close()
	ours.warm(ctx)
	theirs.warm(ctx)
	for range rounds {
		ours.drive(ctx, r.Each/rounds)
		theirs.drive(ctx, r.Each/rounds)
	}
	if ctx.Err() != nil {
		return
	}
	for n, p := range pairs {
		row := p.row.of(ours.tallies[n], theirs.tallies[n])
		if len(pairs) == 1 { // of several nobody can tell whose processor time it was
			row.CPU, row.LimitCPU = ours.each(), theirs.each()
		}
		r.add(row)
	}
}

// of is the row with what became of both.
func (r Row) of(hub, limit tally) Row {
	r.N, r.Value, r.P50, r.P99, r.Errors = int64(len(hub.latencies)), hub.rate(), hub.percentile(50), hub.percentile(99), hub.errors
	r.limit(limit.rate())
	var notes []string
	if hub.first != "" {
		notes = append(notes, hub.first)
	}
	if limit.errors > 0 {
		notes = append(notes, fmt.Sprintf("of the limit %d errors: %s", limit.errors, limit.first))
	}
	r.Note = strings.Join(notes, "; ")
	return r
}
