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
func (p *page) total(ctx context.Context) (total int64, exact bool, err error) {
	accurate := p.query.Total == search.TotalAccurate || p.countOnly()
	if !accurate && p.query.Total != search.TotalEstimate {
		return -1, false, nil
	}
	p.source = p.store.db // a count that is stopped would spoil the transaction
	if accurate {
		limited, cancel := context.WithTimeout(ctx, countBudget)
		defer cancel()
		total, err = p.count(limited, "")
		if err = p.store.failure(limited, err); !errors.Is(err, store.ErrTimeout) || ctx.Err() != nil {
			return total, err == nil, err
		}
	}
	total, err = p.count(ctx, fmt.Sprintf(" LIMIT %d", estimateLimit))
	return total, err == nil && total < estimateLimit, err
}

func (p *page) count(ctx context.Context, limit string) (total int64, err error) {
	pl, err := p.plan(ctx)
	if err != nil {
		return 0, err
	}
	var arms []string
	for _, a := range pl.driver.arms {
		arms = append(arms, fmt.Sprintf("SELECT r.row AS row FROM %s WHERE %s", a.from, allOf(pl.where(a))))
	}
	all := strings.Join(arms, " UNION ")
	if len(arms) == 1 && pl.driver.arms[0].clock == "" {
		all = strings.Replace(all, "SELECT", "SELECT DISTINCT", 1)
	}
	text := fmt.Sprintf("SELECT COUNT(*) FROM (%s%s) n", all, limit)
	err = pl.statement.query(ctx, p.source, text, func(scan func(...any) error) error { return scan(&total) })
	return total, err
}
