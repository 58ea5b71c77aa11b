package relational

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// countBudget is how long an accurate count may take before it becomes an estimate; estimateLimit is where an estimate stops
// counting.
const (
	countBudget   = 5 * time.Second
	estimateLimit = 10000
)

// total counts the matches as far as the query asks for it; -1 is not counted. An accurate count that takes too long becomes
// an estimate, and is not exact.
func (l *listing) total(ctx context.Context) (total int64, exact bool, err error) {
	accurate := l.query.Total == search.TotalAccurate || l.countOnly()
	if !accurate && l.query.Total != search.TotalEstimate {
		return -1, false, nil
	}
	l.from(l.store.db) // a count that is stopped would spoil the transaction
	if accurate {
		limited, cancel := context.WithTimeout(ctx, countBudget)
		defer cancel()
		total, err = l.count(limited, 0)
		if err = l.store.failure(limited, err); !errors.Is(err, store.ErrTimeout) || ctx.Err() != nil {
			return total, err == nil, err
		}
	}
	total, err = l.count(ctx, estimateLimit)
	return total, err == nil && total < estimateLimit, err
}

// count adds up the parts, each up to a limit; 0 is none.
func (l *listing) count(ctx context.Context, limit int64) (total int64, err error) {
	for _, p := range l.parts {
		n, err := p.count(ctx, limit)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func (p *page) count(ctx context.Context, limit int64) (total int64, err error) {
	pl, err := p.plan(ctx)
	if err != nil {
		return 0, err
	}
	if len(p.resolved.rest) > 0 {
		return p.countRest(ctx, limit)
	}
	var arms []string
	for _, a := range pl.driver.arms {
		arms = append(arms, fmt.Sprintf("SELECT r.row AS row FROM %s WHERE %s", a.from, allOf(pl.where(a))))
	}
	all := strings.Join(arms, " UNION ")
	if len(arms) == 1 && pl.driver.arms[0].clock == "" {
		all = strings.Replace(all, "SELECT", "SELECT DISTINCT", 1)
	}
	if limit > 0 {
		all += fmt.Sprintf(" LIMIT %d", limit)
	}
	text := fmt.Sprintf("SELECT COUNT(*) FROM (%s) n", all)
	err = pl.statement.query(ctx, p.source, text, func(scan func(...any) error) error { return scan(&total) })
	return total, err
}

// countRest counts by looking at each candidate.
func (p *page) countRest(ctx context.Context, limit int64) (total int64, err error) {
	unsorted := *p
	unsorted.query.Sort, unsorted.back = nil, false
	var from *position
	for limit == 0 || total < limit {
		hits, err := unsorted.candidates(ctx, from, chunk)
		if err != nil {
			return 0, err
		}
		sound, err := unsorted.sieve(ctx, hits)
		if err != nil {
			return 0, err
		}
		total += int64(len(sound))
		if len(hits) < chunk {
			break
		}
		from = &hits[len(hits)-1].at
	}
	return total, nil
}
