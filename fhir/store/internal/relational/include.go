package relational

import (
	"context"
	"fmt"
	"slices"

	"github.com/tidwall/gjson"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// include adds what _include and _revinclude ask for: each resource once, none of the matches, and only what the caller may
// see of its type.
func (p *page) include(ctx context.Context, result *store.Result) error {
	in := inclusion{page: p, result: result, seen: map[string]bool{}}
	for _, m := range result.Matches {
		in.seen[m.Reference()] = true
	}
	if err := in.forward(ctx); err != nil {
		return err
	}
	for _, i := range p.query.RevInclude {
		if err := in.backward(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

type inclusion struct {
	*page
	result *store.Result
	seen   map[string]bool
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

// forward reads the targets of the matches' references, by type.
func (in *inclusion) forward(ctx context.Context) error {
	if len(in.query.Include) == 0 {
		return nil
	}
	targets := map[string][]string{}
	var types []string
	for _, m := range in.result.Matches {
		found, err := in.targets(m)
		if err != nil {
			return err
		}
		for _, ref := range found {
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

// targets returns the references of one match that the query follows: those whose index entry is among the parameters'.
func (in *inclusion) targets(m fhir.Resource) ([]fhir.Reference, error) {
	d, err := search.Index(in.store.registry, m)
	if err != nil {
		return nil, err
	}
	var found []fhir.Reference
	for _, ref := range localReferences(m.Body) {
		hash := search.Hash(ref.Type + "/" + ref.ID)
		if slices.ContainsFunc(d.Entries, func(e search.Entry) bool { return e.Hash == hash && in.follows(e.Param, ref.Type) }) {
			found = append(found, ref)
		}
	}
	return found, nil
}

func (in *inclusion) follows(p *fhir.SearchParameter, target string) bool {
	if p.Kind != fhir.KindReference {
		return false
	}
	return slices.ContainsFunc(in.query.Include, func(i search.Include) bool {
		return (i.Param == nil || i.Param.Name == p.Name) && (i.Target == "" || i.Target == target)
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

// backward adds resources that refer to the matches.
func (in *inclusion) backward(ctx context.Context, i search.Include) error {
	if len(in.result.Matches) == 0 {
		return nil
	}
	params, err := in.referenceParams(i)
	if err != nil || len(params) == 0 {
		return err
	}
	var hashes []int64
	for _, m := range in.result.Matches {
		hashes = append(hashes, search.Hash(m.Reference()))
	}
	return in.fetch(ctx, i.Source, func(s *statement, _ int64) (string, string) {
		return "posting d CROSS JOIN resource r",
			fmt.Sprintf("%s AND %s AND r.row = d.row", s.numbers("d.param", params), s.numbers("d.hash", hashes))
	})
}

// referenceParams returns the parameters that a _revinclude follows: one, or with "*" all that may refer to a match.
func (in *inclusion) referenceParams(i search.Include) ([]int64, error) {
	t, ok := in.store.registry.Type(i.Source)
	if !ok {
		return nil, fhir.NewError(fhir.NotSupported, "resource type is not served").At("_revinclude")
	}
	followed := t.Params()
	if i.Param != nil {
		followed = []*fhir.SearchParameter{i.Param}
	}
	var ids []int64
	for _, p := range followed {
		if p.Kind != fhir.KindReference || !p.MayTarget(in.query.Type) {
			continue
		}
		known, err := in.store.catalog.param(p)
		if err != nil {
			return nil, err
		}
		ids = append(ids, known.id)
	}
	return ids, nil
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
	text := fmt.Sprintf(`SELECT %s FROM (SELECT DISTINCT r.row AS row, r.time_key AS k FROM %s WHERE %s AND r.deleted = 0 AND %s
		ORDER BY r.time_key, r.row LIMIT %s) c CROSS JOIN resource r WHERE r.row = c.row ORDER BY c.k, c.row`,
		columns("r", versionTable), from, where, covered, s.bind(limit))
	found, err := s.versions(ctx, in.source, resourceType, text)
	in.add(found)
	return err
}
