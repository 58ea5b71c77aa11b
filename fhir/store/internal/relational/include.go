package relational

import (
	"context"
	"fmt"
	"slices"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
	"lightbox/fhir/store/internal/runs"
)

// maxRounds bounds how far :iterate goes on: what is included leads to more.
const maxRounds = 8

// include adds what _include and _revinclude ask for: each resource once, none of the matches, and only what the caller may
// see of its type. With :iterate, what was included last is asked the same again, until nothing new comes up.
func (l *listing) include(ctx context.Context, result *store.Result) error {
	in := inclusion{listing: l, result: result, seen: map[string]bool{}, from: result.Matches}
	for _, m := range result.Matches {
		in.seen[m.Reference()] = true
	}
	for round := 0; round < maxRounds && len(in.from) > 0; round++ {
		before := len(result.Included)
		if err := in.round(ctx, func(i search.Include) bool { return round == 0 || i.Iterate }); err != nil {
			return err
		}
		in.from = result.Included[before:]
	}
	return nil
}

type inclusion struct {
	*listing
	result *store.Result
	seen   map[string]bool
	from   []fhir.Resource // whose references are followed
}

func (in *inclusion) round(ctx context.Context, applies func(search.Include) bool) error {
	if err := in.forward(ctx, filtered(in.query.Include, applies)); err != nil {
		return err
	}
	for _, i := range filtered(in.query.RevInclude, applies) {
		if err := in.backward(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func filtered(all []search.Include, applies func(search.Include) bool) []search.Include {
	return slices.DeleteFunc(slices.Clone(all), func(i search.Include) bool { return !applies(i) })
}

// add keeps what is new, up to the limit.
func (in *inclusion) add(found []fhir.Resource) {
	for _, r := range found {
		switch {
		case in.seen[r.Reference()]:
		case len(in.result.Included) >= store.MaxIncluded:
			in.result.Truncated = true
		default:
			in.seen[r.Reference()] = true
			in.result.Included = append(in.result.Included, r)
		}
	}
}

// forward reads the targets of references, by type.
func (in *inclusion) forward(ctx context.Context, includes []search.Include) error {
	if len(includes) == 0 {
		return nil
	}
	targets := map[string][]string{}
	var types []string
	seen, err := in.store.view(ctx, in.parts[0].source, in.from)
	if err != nil {
		return err
	}
	for _, m := range seen {
		for _, ref := range m.targets(includes) {
			if targets[ref.Type] == nil {
				types = append(types, ref.Type)
			}
			if !slices.Contains(targets[ref.Type], ref.ID) {
				targets[ref.Type] = append(targets[ref.Type], ref.ID)
			}
		}
	}
	for _, t := range types {
		if err := in.read(ctx, t, targets[t]); err != nil {
			return err
		}
	}
	return nil
}

// targets returns the references of one resource that the includes follow: those whose index entry is among the parameters'.
func (m viewed) targets(includes []search.Include) []fhir.Reference {
	var found []fhir.Reference
	for _, ref := range localReferences(m.body) {
		text := ref.Type + "/" + ref.ID
		if slices.ContainsFunc(m.Entries, func(e search.Entry) bool { return e.Text == text && follows(includes, e.Param, ref.Type) }) {
			found = append(found, ref)
		}
	}
	return found
}

func follows(includes []search.Include, p *fhir.SearchParameter, target string) bool {
	if p.Kind != fhir.KindReference {
		return false
	}
	return slices.ContainsFunc(includes, func(i search.Include) bool {
		return (i.Source == "" || i.Source == p.Type) && (i.Param == nil || i.Param == p) && (i.Target == "" || i.Target == target)
	})
}

// localReferences returns every literal reference to a resource of ours that stands anywhere in a body.
func localReferences(body []byte) []fhir.Reference {
	var all []fhir.Reference
	var walk func(name, value gjson.Result) bool
	walk = func(name, value gjson.Result) bool {
		switch {
		case value.IsObject() || value.IsArray():
			value.ForEach(walk)
		case name.Str == "reference" && value.Type == gjson.String:
			ref, err := fhir.ParseReference(value.Str, "")
			if err == nil && ref.Kind == fhir.Local {
				all = append(all, ref)
			}
		}
		return true
	}
	gjson.ParseBytes(body).ForEach(walk)
	return all
}

// read adds resources of one type by id.
func (in *inclusion) read(ctx context.Context, resourceType string, ids []string) error {
	return in.fetch(ctx, resourceType, func(s *statement, typeID int64) (string, string) {
		return "resource r", "r.type = " + s.bind(typeID) + " AND " + s.texts("r.id", ids)
	})
}

// backward adds resources that refer to those in from.
func (in *inclusion) backward(ctx context.Context, i search.Include) error {
	sources := []string{i.Source}
	if i.Source == "" {
		sources = nil
		for _, t := range in.store.registry.Types() {
			sources = append(sources, t.Name)
		}
	}
	for _, source := range sources {
		if err := in.backwardFrom(ctx, source, i); err != nil {
			return err
		}
	}
	return nil
}

func (in *inclusion) backwardFrom(ctx context.Context, source string, i search.Include) error {
	params, err := in.referenceParams(source, i)
	if err != nil || len(params) == 0 {
		return err
	}
	var hashes []int64
	for _, m := range in.from {
		if i.Target == "" || i.Target == m.Type {
			hashes = append(hashes, search.Hash(m.Reference()))
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	var common, rare []param
	for _, p := range params {
		if p.rare {
			rare = append(rare, p)
		} else {
			common = append(common, p)
		}
	}
	if err := in.fromPostings(ctx, source, common, hashes); err != nil {
		return err
	}
	return in.fromRuns(ctx, source, rare, hashes)
}

func (in *inclusion) fromPostings(ctx context.Context, source string, params []param, hashes []int64) error {
	if len(params) == 0 {
		return nil
	}
	ids := make([]int64, len(params))
	for i, p := range params {
		ids[i] = p.id
	}
	return in.fetch(ctx, source, func(s *statement, _ int64) (string, string) {
		return "posting d CROSS JOIN resource r",
			fmt.Sprintf("%s AND %s AND r.row = d.row", s.numbers("d.param", ids), s.numbers("d.hash", hashes))
	})
}

func (in *inclusion) fromRuns(ctx context.Context, source string, params []param, hashes []int64) error {
	var ranges []runs.Range
	for _, p := range params {
		ranges = append(ranges, points(p, hashes)...)
	}
	if len(ranges) == 0 {
		return nil
	}
	t, err := in.parts[0].rows(ctx, ranges)
	if err != nil || t.kind != byRow {
		return err
	}
	return in.fetch(ctx, source, func(s *statement, _ int64) (string, string) { return "resource r", s.numbers("r.row", t.rows) })
}

// referenceParams returns the parameters that a _revinclude follows: one, or with "*" all that may refer to what is there.
func (in *inclusion) referenceParams(source string, i search.Include) ([]param, error) {
	t, ok := in.store.registry.Type(source)
	if !ok {
		return nil, fhir.NewError(fhir.NotSupported, "resource type is not served").At("_revinclude")
	}
	followed := t.Params()
	if i.Param != nil {
		followed = []*fhir.SearchParameter{i.Param}
	}
	var all []param
	for _, p := range followed {
		if p.Kind != fhir.KindReference || !slices.ContainsFunc(in.from, func(m fhir.Resource) bool { return p.MayTarget(m.Type) }) {
			continue
		}
		known, err := in.store.catalog.posting(p)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, known) {
			all = append(all, known)
		}
	}
	return all, nil
}

// fetch adds what a walk finds, newest first. The filter of the type stands inside the query: what it does not cover never
// comes up.
func (in *inclusion) fetch(ctx context.Context, resourceType string, walk func(s *statement, typeID int64) (from, where string)) error {
	filter := in.caller.Access(resourceType)
	typeID, ok := in.store.catalog.types[resourceType]
	if len(filter.Grants) == 0 || !ok {
		return nil
	}
	s := in.store.statement()
	covered, err := s.visible(filter, "r", false)
	if err != nil {
		return err
	}
	from, where := walk(s, typeID)
	limit := store.MaxIncluded + len(in.seen) + 1
	text := fmt.Sprintf(`SELECT %s FROM (SELECT DISTINCT r.row AS row, %s AS k FROM %s WHERE %s AND r.deleted = 0 AND %s
		ORDER BY k, row LIMIT %s) c CROSS JOIN resource r WHERE r.row = c.row ORDER BY c.k, c.row`,
		columns("r", versionTable), plain("r.time_key"), from, where, covered, s.bind(limit))
	found, err := s.versions(ctx, in.parts[0].source, resourceType, text)
	in.add(found)
	return err
}
