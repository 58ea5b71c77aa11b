package relational

import (
	"context"
	"fmt"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store/internal/runs"
)

// systemBits is how many bits of a token's posting tell its system, and systemMask where they are. The code has those above: all
// systems of a code stand side by side, so that "code" is a short range and "system|code" a point of it.
const (
	systemBits = 20
	systemMask = int64(1)<<systemBits - 1
)

// tokenHash is what the posting of a token holds. Where codes have no system, it is the code's hash.
func tokenHash(hasSystem bool, code, system int64) int64 {
	if !hasSystem {
		return code
	}
	return code&^systemMask | (system>>(64-systemBits))&systemMask
}

// The store's own parameters beside one of the registry: the systems of identifiers (system|), and the identifiers in references.
const (
	systemSuffix     = "|"
	identifierSuffix = ":identifier"
)

// beside returns the parameter that is kept with the postings of p under a suffix.
func (c *catalog) beside(p *fhir.SearchParameter, suffix string) (param, error) {
	name := p.Name
	if same, ok := c.aliases[paramKey{p.Type, name}]; ok {
		name = same.name
	}
	return c.named(p.Type, name+suffix)
}

func hasSystemPosting(p *fhir.SearchParameter) bool {
	return p.Kind == fhir.KindToken && p.Datatypes[0] == "Identifier"
}

func hasIdentifierPosting(p *fhir.SearchParameter) bool {
	return p.Kind == fhir.KindReference && p.Datatypes[0] == "Reference"
}

// token compiles the alternatives of a token clause; not ok when the index does not tell.
func (p *page) token(ctx context.Context, c search.Clause) (t term, ok bool, err error) {
	suffix, hasSystem := "", search.HasSystem(c.Param)
	if c.Modifier == search.Identifier {
		suffix, hasSystem = identifierSuffix, true
	}
	known, err := p.store.catalog.beside(c.Param, suffix)
	if err != nil {
		return term{}, false, err
	}
	var exact, bare []int64
	all := term{kind: byAny}
	for _, v := range c.Values {
		switch {
		case v.HasCode && (v.HasSystem || !hasSystem):
			exact = append(exact, tokenHash(hasSystem, v.Hash, v.System))
		case v.HasCode:
			bare = append(bare, v.Hash)
		default:
			system, ok, err := p.system(c, v)
			if err != nil || !ok {
				return term{}, false, err
			}
			all.any = append(all.any, system)
		}
	}
	if len(exact)+len(bare) > 0 {
		codes, err := p.codes(ctx, known, exact, bare)
		if err != nil {
			return term{}, false, err
		}
		all.any = append(all.any, codes)
	}
	if len(all.any) == 1 {
		return all.any[0], true, nil
	}
	return all, true, nil
}

// codes compiles postings that are known, and those of codes in any system.
func (p *page) codes(ctx context.Context, known param, exact, bare []int64) (term, error) {
	if known.rare {
		ranges := points(known, exact)
		for _, code := range bare {
			ranges = append(ranges, runs.Range{Param: known.id, Low: code &^ systemMask, High: code | systemMask})
		}
		return p.rows(ctx, ranges)
	}
	found, err := p.withAnySystem(ctx, known, bare)
	if exact = append(exact, found...); len(exact) == 0 {
		return nothingAt(), err
	}
	return term{kind: byPosting, param: known, hashes: exact}, err
}

// system compiles system|.
func (p *page) system(c search.Clause, v search.Value) (t term, ok bool, err error) {
	switch {
	case c.Modifier == search.Identifier:
		return term{}, false, nil
	case hasSystemPosting(c.Param):
		known, err := p.store.catalog.beside(c.Param, systemSuffix)
		return term{kind: byPosting, param: known, hashes: []int64{v.System}}, true, err
	case c.Param.System == "":
		return term{}, false, nil
	case search.Hash(c.Param.System) != v.System:
		return nothingAt(), true, nil
	}
	known, err := p.store.catalog.param(c.Param)
	return term{kind: byPresence, param: known}, true, err
}

// errTooMany is the answer to what would take an unbounded list to answer.
var errTooMany = fhir.NewError(fhir.TooCostly, "too many resources or code systems have this value; write system|code, or narrow the search")

// maxSystems bounds in how many systems the codes of one clause may be.
const maxSystems = 5000

// withAnySystem returns the postings that there are of codes, whatever their system.
func (p *page) withAnySystem(ctx context.Context, known param, codes []int64) ([]int64, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	s := p.store.statement()
	var found []int64
	err := s.query(ctx, p.source, s.systemsOf(known, codes), func(scan func(...any) error) error {
		var hash int64
		err := scan(&hash)
		found = append(found, hash)
		return err
	})
	if len(found) > maxSystems {
		return nil, errTooMany
	}
	return found, err
}

// systemsOf selects the postings that there are of codes, whatever their system: one step along the index for each.
func (s *statement) systemsOf(known param, codes []int64) string {
	lows := make([]int64, len(codes))
	for i, code := range codes {
		lows[i] = code &^ systemMask
	}
	next := func(from, to string) string {
		return fmt.Sprintf("(SELECT q.hash FROM posting q WHERE q.param = %s AND q.hash %s AND q.hash <= %s ORDER BY q.param, q.hash LIMIT 1)",
			s.bind(known.id), from, to)
	}
	top := fmt.Sprint("l.value + ", systemMask)
	return fmt.Sprintf(`WITH RECURSIVE h(v, top) AS (
		SELECT %s, %s FROM %s l UNION ALL SELECT %s, h.top FROM h WHERE h.v IS NOT NULL)
		SELECT h.v FROM h WHERE h.v IS NOT NULL LIMIT %d`,
		next(">= l.value", top), top, s.store.db.Each(s.bind(s.store.db.List(lows))), next("> h.v", "h.top"), maxSystems+1)
}
