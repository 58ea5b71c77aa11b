package ingest

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"lightbox/mapping"
)

// Summary counts what became of the files of one run: each is an instance, a duplicate or refused.
type Summary struct {
	Files      int            `json:"files"`
	Instances  int            `json:"instances"`          // new in the index
	Duplicates int            `json:"duplicates"`         // same SOP Instance UID, same bytes; or the same message
	Messages   int            `json:"messages,omitempty"` // of HL7 v2
	Studies    int            `json:"studies"`            // built or built again
	Resources  int            `json:"resources"`          // created or updated
	Refused    int            `json:"refused"`
	Reasons    map[string]int `json:"reasons,omitempty"` // of refusals
	Issues     map[string]int `json:"issues,omitempty"`  // findings of the mapping, by code
	Refusals   []Refusal      `json:"refusals,omitempty"`
	Bytes      int64          `json:"bytes"`
	Seconds    float64        `json:"seconds"`
}

// Refusal is one file that was not taken, and why.
type Refusal struct {
	File   string `json:"file"`
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"`
}

// maxRefusals bounds the list that one summary holds; the counts go on.
const maxRefusals = 10_000

// tally collects a summary from many goroutines.
type tally struct {
	mu      sync.Mutex
	s       Summary
	started time.Time
	told    time.Time
	report  func(Summary)
	receipt func(Receipt) // of each file; nil: nobody asks

	rejected []rejected // objects, the first maxRejected of them
	unbuilt  []due      // notes that stay; for who builds alone
}

func newTally(report func(Summary)) *tally {
	return &tally{
		s:       Summary{Reasons: map[string]int{}, Issues: map[string]int{}},
		started: time.Now(),
		report:  report,
	}
}

// reportEvery is how often progress is told.
const reportEvery = 200 * time.Millisecond

func (t *tally) add(change func(*Summary)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.s)
	if t.report == nil || time.Since(t.told) < reportEvery {
		return
	}
	t.told = time.Now()
	t.report(t.copy())
}

func (t *tally) refuse(r Refusal) {
	t.add(func(s *Summary) {
		s.Refused++
		s.Reasons[r.Reason]++
		if len(s.Refusals) < maxRefusals {
			s.Refusals = append(s.Refusals, r)
		}
	})
}

func (t *tally) reject(one rejected) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rejected) < maxRejected {
		t.rejected = append(t.rejected, one)
	}
}

func (t *tally) issues(issues []mapping.Issue) {
	t.add(func(s *Summary) {
		for _, i := range issues {
			s.Issues[i.Code]++
		}
	})
}

func (t *tally) summary() Summary {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.copy()
}

func (t *tally) copy() Summary {
	s := t.s
	s.Seconds = time.Since(t.started).Seconds()
	s.Reasons, s.Issues = maps.Clone(s.Reasons), maps.Clone(s.Issues)
	s.Refusals = slices.SortedFunc(slices.Values(s.Refusals), func(a, b Refusal) int { return cmp.Compare(a.File, b.File) })
	return s
}
