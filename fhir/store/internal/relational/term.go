package relational

import (
	"fmt"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// term is a condition on resource r that the index decides: what a search.Clause comes to, once it is known what had to be looked
// up for it.
type term struct {
	kind   termKind
	param  param
	hashes []int64        // posting: one of them
	codes  []int64        // posting: one of these codes in any system, in place of hashes
	rows   []int64        // row: one of them
	ids    []string       // id: one of them
	values []search.Value // of the other kinds: one of them
	any    []term
	not    bool
}

type termKind int

const (
	byPosting termKind = iota + 1 // token, reference, uri, exact string
	byRow                         // a rare token or reference
	byID
	byUpdated // _lastUpdated
	byPrefix  // string
	byPart    // string:contains
	byDate
	byClock // the date that is the clinical time
	byNumber
	byPresence // :missing=false
	byAny      // one of the terms in any
)

// nothingAt is the term that nothing meets.
func nothingAt() term { return term{kind: byAny} }

// sql compiles a term into a condition on resource r.
func (s *statement) term(t term) string {
	if t.not {
		t.not = false
		return "NOT " + s.term(t)
	}
	switch t.kind {
	case byPosting:
		return exists("posting p", fmt.Sprintf("p.param = %s AND %s AND p.time_key = r.time_key AND p.row = r.row",
			s.bind(t.param.id), s.hash(t)))
	case byRow:
		return s.numbers("r.row", t.rows)
	case byID:
		return s.texts("r.id", t.ids)
	case byUpdated:
		return s.dates(t.values, "r.last_updated", "r.last_updated")
	case byPrefix:
		return s.among("string_posting p", t.param, s.prefixes(t.values, plainText("p.text")))
	case byPart:
		return s.among("string_posting p", t.param, s.parts(t.values, "p.text"))
	case byDate:
		return s.among("date_posting p", t.param, s.dates(t.values, plain("p.low"), plain("p.high")))
	case byClock:
		return "(" + s.present(t.param, "r") + " AND " + s.dates(t.values, "(-r.time_key)", "r.time_high") + ")"
	case byNumber:
		return s.among("number_posting p", t.param, s.measures(t.values))
	case byPresence:
		return s.present(t.param, "r")
	}
	var all []string
	for _, one := range t.any {
		all = append(all, s.term(one))
	}
	return anyOf(all)
}

// present tests whether a resource has a value of the parameter.
func (s *statement) present(p param, alias string) string {
	return "(" + alias + ".present & " + s.bind(p.present()) + ") <> 0"
}

// among tests the values of r in a table that has no clinical time.
func (s *statement) among(table string, p param, where string) string {
	return exists(table, fmt.Sprintf("p.row = r.row AND %s = %s AND %s", plain("p.param"), s.bind(p.id), where))
}

// hash tests the hash of a posting p.
func (s *statement) hash(t term) string {
	if len(t.codes) > 0 {
		return s.store.db.InQuery("p.hash", s.systemsOf(t.param, t.codes))
	}
	return s.numbers("p.hash", t.hashes)
}

// immediate compiles a clause for which nothing has to be looked up first: what a filter may hold.
func (s *Store) immediate(c search.Clause) (term, error) {
	switch {
	case c.Chain != nil || c.Has != nil || c.Any != nil || c.Lists != nil:
	case c.Modifier == search.Missing:
		one, err := s.missing(c)
		return one.terms[0], err
	case c.Modifier == search.Not && c.Param.Kind == fhir.KindToken:
		c.Modifier = search.None
		t, err := s.immediate(c)
		t.not = !t.not
		return t, err
	case c.Modifier != search.None:
	case c.Param.Name == "_id":
		return term{kind: byID, ids: textsOf(c.Values)}, nil
	case c.Param.Kind == fhir.KindReference, c.Param.Kind == fhir.KindURI:
		p, err := s.catalog.posting(c.Param)
		if err != nil || !p.rare {
			return term{kind: byPosting, param: p, hashes: hashesOf(c.Values)}, err
		}
	case c.Param.Kind == fhir.KindToken && !isRare(c.Param) && !s.catalog.narrowed(c.Param):
		return s.immediateToken(c)
	case c.Param.Kind == fhir.KindDate, c.Param.Kind == fhir.KindString, c.Param.Kind == fhir.KindNumber:
		one, err := s.ordered(c)
		if err == nil {
			return one.terms[0], nil
		}
	}
	return term{}, fhir.NewError(fhir.NotSupported, "a filter by this parameter is not served")
}

func (s *Store) immediateToken(c search.Clause) (term, error) {
	known, err := s.catalog.posting(c.Param)
	exact, bare := term{kind: byPosting, param: known}, term{kind: byPosting, param: known}
	for _, v := range c.Values {
		switch {
		case !v.HasCode:
			return term{}, fhir.NewError(fhir.NotSupported, "a filter by a code system is not served")
		case v.HasSystem || !search.HasSystem(c.Param):
			exact.hashes = append(exact.hashes, tokenHash(search.HasSystem(c.Param), v.Hash, v.System))
		default:
			bare.codes = append(bare.codes, v.Hash)
		}
	}
	all := term{kind: byAny}
	if len(exact.hashes) > 0 {
		all.any = append(all.any, exact)
	}
	if len(bare.codes) > 0 {
		all.any = append(all.any, bare)
	}
	return all, err
}

func hashesOf(values []search.Value) []int64 {
	all := make([]int64, len(values))
	for i, v := range values {
		all[i] = v.Hash
	}
	return all
}

func textsOf(values []search.Value) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = v.Text
	}
	return all
}
