package ingest

import (
	"context"
	"sync"
	"time"

	"lightbox/fhir/store"
)

// Settling says when studies are built that grow object by object: at their first, and then when nothing came for a while. A study of 5,000
// images that come one by one would otherwise be built hundreds of times, and have as many versions. The zero value means the defaults.
type Settling struct {
	Quiet   time.Duration // without a change; default 2 s
	Longest time.Duration // that a change waits at most; default 20 s

	waiting map[string]waiting // studies, by UID
	failed  map[string]failed  // as above

	mu       sync.Mutex
	complete map[string]bool // studies of which nothing more is to come
}

// waiting is a study that changed.
type waiting struct {
	generation     int64     // of its note, which every change makes anew
	since, changed time.Time // the first change that is not built, and the last
}

// failed is a study that could not be built.
type failed struct {
	generation int64
	tries      int
	next       time.Time
}

// Between tries of what cannot be built: at first, and at the longest. A change of the study is tried at once.
const (
	firstRest   = 5 * time.Second
	longestRest = 10 * time.Minute
)

// note takes down what could not be built, to be tried later and later. What is built is forgotten.
func (s *Settling) note(unbuilt []due, now time.Time) {
	before := s.failed
	s.failed = map[string]failed{}
	for uid, f := range before {
		if f.next.After(now) {
			s.failed[uid] = f
		}
	}
	for _, n := range unbuilt {
		f := failed{generation: n.Generation}
		if known := before[n.ID]; known.generation == n.Generation {
			f.tries = known.tries + 1
		}
		f.next = now.Add(min(firstRest<<min(f.tries, 10), longestRest))
		s.failed[n.ID] = f
	}
}

// rests reports whether it is too soon to try a study again.
func (s *Settling) rests(n due, now time.Time) bool {
	f, ok := s.failed[n.ID]
	return ok && f.generation == n.Generation && now.Before(f.next)
}

// BuildSettled makes what Build makes, but for studies that are there already and still change: they wait, and soon is when to come back for
// them; 0: none does. It is for one goroutine.
func (p *Pipeline) BuildSettled(ctx context.Context, s *Settling) (soon time.Duration, err error) {
	still := map[string]waiting{}
	complete := s.takeComplete()
	ready := func(n due) (bool, error) {
		if s.rests(n, time.Now()) {
			return false, nil
		}
		if w, ok := s.waits(n, time.Now()); ok && !complete[n.ID] {
			isThere, err := p.isBuilt(ctx, n.ID)
			if err != nil || isThere {
				still[n.ID] = w
				return false, err
			}
		}
		return true, nil
	}
	t := newTally(nil)
	err = p.build(ctx, t, ready)
	s.waiting = still // what is built, or gone, waits no more
	s.note(t.unbuilt, time.Now())
	if len(still) > 0 {
		soon = s.quiet() / 2
	}
	return soon, err
}

func (s *Settling) quiet() time.Duration {
	if s.Quiet > 0 {
		return s.Quiet
	}
	return 2 * time.Second
}

func (s *Settling) longest() time.Duration {
	if s.Longest > 0 {
		return s.Longest
	}
	return 20 * time.Second
}

// waits reports whether a changed study is to wait on.
func (s *Settling) waits(n due, now time.Time) (waiting, bool) {
	w, known := s.waiting[n.ID]
	switch {
	case !known:
		w = waiting{n.Generation, now, now}
	case w.generation != n.Generation:
		w.generation, w.changed = n.Generation, now
	}
	return w, now.Sub(w.changed) < s.quiet() && now.Sub(w.since) < s.longest()
}

// isBuilt reports whether a study has been built before.
func (p *Pipeline) isBuilt(ctx context.Context, uid string) (bool, error) {
	var found []string
	err := p.Store.View(ctx, func(tx store.SQL) (err error) {
		found, err = texts(ctx, tx, "SELECT study_uid FROM ingest_study WHERE study_uid = $1", uid)
		return err
	})
	return len(found) > 0, err
}

// Complete says of a study that its sender has sent all that it was about to: it is built without waiting for quiet time. It is for any goroutine.
func (s *Settling) Complete(study string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.complete == nil {
		s.complete = map[string]bool{}
	}
	s.complete[study] = true
}

// takeComplete returns the studies that are complete, once.
func (s *Settling) takeComplete() map[string]bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.complete
	s.complete = nil
	return set
}
