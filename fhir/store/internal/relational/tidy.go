package relational

import (
	"context"
	"fmt"

	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/fhir/store/internal/runs"
)

// untidyFrom is after how many rare postings the runs are looked after.
const untidyFrom = 8000

// nudge lets tidy look whether there is something to do.
func (s *Store) nudge() {
	select {
	case s.untidy <- struct{}{}:
	default: // it will look anyway
	}
}

// tidy merges runs behind the writers, a bounded slice in each transaction.
func (s *Store) tidy(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.untidy:
		}
		if err := s.Tidy(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("cannot merge the runs of the index; searches go on and become slower", "error", err)
		}
	}
}

// Tidy merges until nothing is left to do. It goes on by itself behind the writers; tests and commands that end call it.
func (s *Store) Tidy(ctx context.Context) error {
	for more := true; more; {
		err := s.writer.write(ctx, func(tx store.Tx) (err error) {
			more, err = s.steps(ctx, tx)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// stepsATurn is how many slices one turn takes: a load adds between two turns what it takes two slices to merge.
const stepsATurn = 3

func (s *Store) steps(ctx context.Context, tx store.Tx) (more bool, err error) {
	dropped, err := dropped(ctx, tx)
	if err != nil {
		return false, err
	}
	more = true
	for n := 0; n < stepsATurn && more; n++ {
		if more, err = s.runs.Step(ctx, tx, dropped); err != nil {
			return false, err
		}
	}
	return more, nil
}

// dropped are the generations that no search goes by.
func dropped(ctx context.Context, q querier) (map[int64]bool, error) {
	ids := map[int64]bool{}
	err := q.Query(ctx, "SELECT id FROM search_param WHERE state IN ($1, $2)", []any{stateDead, stateGone}, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		ids[id] = true
		return err
	})
	return ids, err
}

// addRare keeps postings in the runs.
func (g *group) addRare(ctx context.Context, entries []runs.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if err := g.writer.store.runs.Add(ctx, g.tx, entries); err != nil {
		return fmt.Errorf("runs: %w", err)
	}
	g.rare += len(entries)
	return nil
}

// maxRows bounds what one look-up in the runs may give.
const maxRows = 200_000

// rows returns the resources with values in the ranges of a rare parameter.
func (p *page) rows(ctx context.Context, ranges []runs.Range) (term, error) {
	found, err := p.store.runs.Lookup(ctx, p.source, ranges, maxRows)
	switch {
	case err != nil:
		return term{}, err
	case len(found) > maxRows:
		return term{}, errTooMany
	case len(found) == 0:
		return nothingAt(), nil
	}
	t := term{kind: byRow, rows: make([]int64, len(found))}
	for i, e := range found {
		t.rows[i] = e.Row
	}
	return t, nil
}

// postings returns the term that one of the hashes is among the postings of a parameter, wherever they are kept.
func (p *page) postings(ctx context.Context, known param, hashes []int64) (term, error) {
	if !known.rare {
		return term{kind: byPosting, param: known, hashes: hashes}, nil
	}
	return p.rows(ctx, points(known, hashes))
}

func points(known param, hashes []int64) []runs.Range {
	all := make([]runs.Range, len(hashes))
	for i, h := range hashes {
		all[i] = runs.Range{Param: known.id, Low: h, High: h}
	}
	return all
}

// isRare reports whether a clause is answered from the runs.
func (c *catalog) isRare(clause search.Clause) bool {
	for _, one := range clause.Any {
		if c.isRare(one) {
			return true
		}
	}
	if clause.Param == nil {
		return false
	}
	known, err := c.posting(clause.Param)
	return err == nil && known.rare || clause.Modifier == search.Identifier
}
