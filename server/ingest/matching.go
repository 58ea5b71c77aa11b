package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"

	"lightbox/auth/audit"
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
	before, err := circle(ctx, tx, []string{m.patient})
	if err != nil {
		return err
	}
	rows, about := newRows(5), append(before, m.patient)
	for _, one := range m.pairs {
		comparison, err := json.Marshal(one.Comparison)
		if err != nil {
			return err
		}
		rows.add(one.A+one.B, one.A, one.B, one.State, one.Score, string(comparison))
		about = append(about, one.A, one.B)
	}
	slices.Sort(about)
	about = slices.Compact(about)
	return p.relinked(ctx, tx, about, func() error {
		if _, err := tx.Exec(ctx, "DELETE FROM ingest_match WHERE a = $1 OR b = $1", m.patient); err != nil {
			return err
		}
		if err := rows.insert(ctx, tx, "ingest_match (a, b, state, score, features)", "DO NOTHING"); err != nil {
			return err
		}
		return p.linkCircles(ctx, tx, about)
	})
}

// maxCircle is how many records one person has at most: more are for somebody to look at.
const maxCircle = 32

// circle are those whom pairs that the rules would link lead to from patients, one from another; more than maxCircle are not followed.
func circle(ctx context.Context, tx store.SQL, patients []string) (list []string, err error) {
	for next := patients; len(next) > 0; {
		one := next[0]
		if next = next[1:]; slices.Contains(list, one) {
			continue
		}
		if list = append(list, one); len(list) > maxCircle {
			return list, nil
		}
		others, err := texts(ctx, tx, "SELECT b FROM ingest_match WHERE a = $1 AND state = $2 UNION SELECT a FROM ingest_match WHERE b = $1 AND state = $2", one, MatchLinked)
		if err != nil {
			return nil, err
		}
		next = append(next, others...)
	}
	slices.Sort(list)
	return list, nil
}

// linkCircles links each circle that some of patients are in, whole or not at all: where two of it contradict each other, or somebody has said that
// they are two persons, the third whom both are like must not make them one.
func (p *Pipeline) linkCircles(ctx context.Context, tx store.SQL, patients []string) error {
	done := map[string]bool{}
	for _, one := range patients {
		if done[one] {
			continue
		}
		all, err := circle(ctx, tx, []string{one})
		if err != nil {
			return err
		}
		agree, err := p.agree(ctx, tx, all)
		if err != nil {
			return err
		}
		links := newRows(4)
		for _, member := range all {
			done[member] = true
			if _, err := tx.Exec(ctx, "DELETE FROM ingest_link WHERE sent = $2 AND (prior = $1 OR survivor = $1)", member, mapping.ByRule); err != nil {
				return err
			}
			pairs, err := texts(ctx, tx, "SELECT b FROM ingest_match WHERE a = $1 AND state = $2", member, MatchLinked)
			if err != nil {
				return err
			}
			for _, other := range pairs {
				links.add(member+other, other, member, mapping.ByRule, flag(false))
			}
		}
		if !agree {
			continue
		}
		if err := links.insert(ctx, tx, "ingest_link (prior, survivor, sent, undone)", "DO NOTHING"); err != nil {
			return err
		}
	}
	return nil
}

// agree reports whether all of a circle may be one person.
func (p *Pipeline) agree(ctx context.Context, tx store.SQL, all []string) (bool, error) {
	if len(all) > maxCircle {
		return false, nil
	}
	said, err := linksAbout(ctx, tx, all)
	if err != nil {
		return false, err
	}
	for _, apart := range mapping.Apart(said) {
		if slices.Contains(all, apart[0]) && slices.Contains(all, apart[1]) {
			return false, nil
		}
	}
	var persons []match.Person
	for _, one := range all {
		mentions, err := mentionsOf(ctx, tx, due{Type: "Patient", ID: strings.TrimPrefix(one, "Patient/")})
		if err != nil {
			return false, err
		}
		r, _, failure := mapping.Merge(mentions)
		if failure != nil {
			return false, nil //nolint:nilerr // what cannot be settled is not linked
		}
		person, failure := match.Of(r.Body)
		if failure != nil {
			return false, nil //nolint:nilerr // as above
		}
		for _, other := range persons {
			if p.Matching.Compare(person, other).Veto != "" {
				return false, nil
			}
		}
		persons = append(persons, person)
	}
	return true, nil
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

// Matches lists what comparing patients came to in a state, the highest scores first and at most limit. Those for review are also those that the
// rules would link, were it not for a third; pairs of which somebody has said something are not among them.
func (p *Pipeline) Matches(ctx context.Context, state string, limit int) (list []Match, err error) {
	const (
		unsaid = ` NOT EXISTS (SELECT 1 FROM ingest_link l WHERE l.sent <> '` + mapping.ByRule + `' AND (l.prior = a AND l.survivor = b OR l.prior = b AND l.survivor = a))`
		linked = ` EXISTS (SELECT 1 FROM ingest_link l WHERE l.sent = '` + mapping.ByRule + `' AND l.prior = b AND l.survivor = a)`
	)
	where := unsaid + " AND" + linked
	if state == MatchReview {
		where = unsaid + " AND NOT" + linked
	}
	err = p.Store.View(ctx, func(tx store.SQL) (err error) {
		list, err = matchesOf(ctx, tx, where)
		list = list[:min(len(list), limit)]
		return err
	})
	for i := range list {
		list[i].State = state
	}
	return list, err
}

// MatchAll has every Patient that sources tell of compared again, as after a change of the rules. by is who has it done, for
// the audit record.
func (p *Pipeline) MatchAll(ctx context.Context, by *audit.Caller) error {
	if p.Matching == nil {
		return errors.New("there are no rules to compare by")
	}
	err := p.Store.Write(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO ingest_dirty (type, id, generation) SELECT DISTINCT CAST($1 AS TEXT), id, CAST($2 AS BIGINT) FROM ingest_mention WHERE type = 'Patient'
			ON CONFLICT (type, id) DO UPDATE SET generation = excluded.generation`, matchType, rand.Int64())
		if err != nil {
			return err
		}
		return p.recordIn(ctx, tx, audit.Event{Kind: audit.Operation, By: by, Reason: "all patients are compared again"})
	})
	if err != nil {
		return err
	}
	return p.Build(ctx, nil)
}
