package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/mapping"
	"lightbox/mapping/match"
	"lightbox/server/candidates"
)

// Patients of several sources are compared when one of them is new or changes (match.Rules): who is certain to be one person is linked, as a merge
// would link them, and who is probably so is listed for a person to look at. What is compared is what the sources say, not what linking makes
// of it, and of each two the one with the lower id survives: so the end is the same whatever came first. What anybody says of two records
// (a merge, its undoing) goes before what the rules find, for good.

// Match is what comparing two patients came to.
type Match struct {
	A, B  string // "Patient/<id>", the lower id first
	State string // MatchLinked or MatchReview
	match.Comparison
}

// States of a Match.
const (
	MatchLinked = "link"
	MatchReview = "review"
)

// matched is what comparing one Patient with all candidates came to.
type matched struct {
	patient string
	pairs   []Match
}

// noteMatches notes the Patients that were written, to be compared.
func (p *Pipeline) noteMatches(ctx context.Context, tx store.SQL, written []store.Written) error {
	if p.Matching == nil {
		return nil
	}
	dirty, generation := newRows(3), rand.Int64()
	for _, w := range written {
		if w.Outcome != store.Unchanged && w.Resource.Type == "Patient" {
			dirty.add(w.Resource.ID, matchType, w.Resource.ID, generation)
		}
	}
	return dirty.insert(ctx, tx, dirtyColumns, dirtyAgain)
}

// match compares one Patient with those who may be the same person.
func (p *Pipeline) match(ctx context.Context, n due) (built, error) {
	b := built{due: n, matched: &matched{patient: "Patient/" + n.ID}}
	own, ok, err := p.said(ctx, n.ID)
	if err != nil || !ok {
		return b, err
	}
	everyone := store.Caller{ID: "matching", Access: func(string) search.Filter { return search.Everything() }}
	found, more, err := candidates.Find(ctx, p.Store, everyone, own.Body)
	if err != nil {
		return built{}, err
	}
	if more {
		p.Log.Warn("a patient has more candidates than are compared", "patient", n.ID)
	}
	self, err := match.Of(own.Body)
	if err != nil {
		return b, nil //nolint:nilerr // it says nothing to compare
	}
	others, err := p.pairedWith(ctx, b.matched.patient)
	if err != nil {
		return built{}, err
	}
	for _, one := range found {
		others = append(others, one.ID)
	}
	slices.Sort(others)
	for _, id := range slices.Compact(others) {
		if id == n.ID {
			continue
		}
		pair, ok, err := p.compare(ctx, self, id)
		if err != nil {
			return built{}, err
		}
		if ok {
			pair.A, pair.B = ordered("Patient/"+n.ID, "Patient/"+id)
			b.matched.pairs = append(b.matched.pairs, pair)
		}
	}
	return b, nil
}

// pairedWith are the ids of those whom a Patient was paired with before.
func (p *Pipeline) pairedWith(ctx context.Context, patient string) (ids []string, err error) {
	err = p.Store.View(ctx, func(tx store.SQL) error {
		ids = nil
		before, err := matchesOf(ctx, tx, "a = $1 OR b = $1", patient)
		for _, one := range before {
			ids = append(ids, strings.TrimPrefix(one.A, "Patient/"), strings.TrimPrefix(one.B, "Patient/"))
		}
		return err
	})
	return ids, err
}

func ordered(a, b string) (string, string) { return min(a, b), max(a, b) }

// said is what sources say of a Patient, without what linking makes of it; not of one that clients wrote.
func (p *Pipeline) said(ctx context.Context, id string) (r fhir.Resource, ok bool, err error) {
	var mentions []mapping.Mention
	err = p.Store.View(ctx, func(tx store.SQL) (err error) {
		mentions, err = mentionsOf(ctx, tx, due{Type: "Patient", ID: id})
		return err
	})
	if err != nil || len(mentions) == 0 {
		return r, false, err
	}
	r, _, failure := mapping.Merge(mentions)
	return r, failure == nil, nil
}

// compare tells what a pair is worth; not where it is nothing.
func (p *Pipeline) compare(ctx context.Context, self match.Person, id string) (m Match, ok bool, err error) {
	r, ok, err := p.said(ctx, id)
	if err != nil || !ok {
		return m, false, err
	}
	other, err := match.Of(r.Body)
	if err != nil {
		return m, false, nil //nolint:nilerr // it says nothing to compare
	}
	m.Comparison = p.Matching.Compare(self, other)
	switch m.Grade {
	case match.Certain:
		m.State = MatchLinked
	case match.Probable:
		m.State = MatchReview
	default:
		return m, false, nil
	}
	return m, true, nil
}

// settleMatches puts what comparing a Patient came to in the place of what it came to before, and links or unlinks by it.
func (p *Pipeline) settleMatches(ctx context.Context, tx store.Tx, m matched) error {
	before, err := matchesOf(ctx, tx, "a = $1 OR b = $1", m.patient)
	if err != nil {
		return err
	}
	rows, about := newRows(5), []string{m.patient}
	for _, one := range m.pairs {
		comparison, err := json.Marshal(one.Comparison)
		if err != nil {
			return err
		}
		rows.add(one.A+one.B, one.A, one.B, one.State, one.Score, string(comparison))
	}
	for _, one := range append(before, m.pairs...) {
		about = append(about, one.A, one.B)
	}
	slices.Sort(about)
	return p.relinked(ctx, tx, slices.Compact(about), func() error {
		for _, statement := range []string{"DELETE FROM ingest_match WHERE a = $1 OR b = $1", "DELETE FROM ingest_link WHERE sent = '" + mapping.ByRule + "' AND (prior = $1 OR survivor = $1)"} {
			if _, err := tx.Exec(ctx, statement, m.patient); err != nil {
				return err
			}
		}
		links := newRows(4)
		for _, one := range m.pairs {
			if one.State == MatchLinked {
				links.add(one.A+one.B, one.B, one.A, mapping.ByRule, flag(false))
			}
		}
		if err := rows.insert(ctx, tx, "ingest_match (a, b, state, score, features)", "DO NOTHING"); err != nil {
			return err
		}
		return links.insert(ctx, tx, "ingest_link (prior, survivor, sent, undone)", "DO NOTHING")
	})
}

func matchesOf(ctx context.Context, tx store.SQL, where string, args ...any) (list []Match, err error) {
	query := "SELECT a, b, state, features FROM ingest_match WHERE " + where + " ORDER BY score DESC, a, b"
	err = tx.Query(ctx, query, args, func(scan func(...any) error) error {
		var one Match
		var features string
		if err := scan(&one.A, &one.B, &one.State, &features); err != nil {
			return err
		}
		list = append(list, one)
		return json.Unmarshal([]byte(features), &list[len(list)-1].Comparison)
	})
	return list, err
}

// Matches lists what comparing patients came to in a state, the highest scores first and at most limit. Pairs of which somebody has said
// something are not among them.
func (p *Pipeline) Matches(ctx context.Context, state string, limit int) (list []Match, err error) {
	err = p.Store.View(ctx, func(tx store.SQL) (err error) {
		where := `state = $1 AND NOT EXISTS (SELECT 1 FROM ingest_link l WHERE l.sent <> '` + mapping.ByRule + `'
			AND (l.prior = a AND l.survivor = b OR l.prior = b AND l.survivor = a))`
		list, err = matchesOf(ctx, tx, where, state)
		list = list[:min(len(list), limit)]
		return err
	})
	return list, err
}

// MatchAll has every Patient that sources tell of compared again, as after a change of the rules.
func (p *Pipeline) MatchAll(ctx context.Context) error {
	if p.Matching == nil {
		return errors.New("there are no rules to compare by")
	}
	err := p.Store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO ingest_dirty (type, id, generation) SELECT DISTINCT CAST($1 AS TEXT), id, CAST($2 AS BIGINT) FROM ingest_mention WHERE type = 'Patient'
			ON CONFLICT (type, id) DO UPDATE SET generation = excluded.generation`, matchType, rand.Int64())
		return err
	})
	if err != nil {
		return err
	}
	return p.Build(ctx, nil)
}
