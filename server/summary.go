package server

import (
	"net/url"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// subsets are what _summary and _elements leave of resources, worked out once for each type.
// https://hl7.org/fhir/R4/search.html#summary
type subsets struct {
	summary  string
	elements []string
	known    map[string]fhir.Subset
}

// of returns the part of a resource that was asked for.
func (s *subsets) of(res fhir.Resource) fhir.Resource {
	if s.summary == "" && len(s.elements) == 0 {
		return res
	}
	if s.known == nil {
		s.known = map[string]fhir.Subset{}
	}
	subset, ok := s.known[res.Type]
	if !ok {
		subset = s.subset(res.Type)
		s.known[res.Type] = subset
	}
	return res.Subset(subset)
}

func (s *subsets) subset(resourceType string) fhir.Subset {
	switch {
	case len(s.elements) > 0:
		return fhir.ElementsOf(resourceType, s.elements)
	case s.summary == "true":
		return fhir.SummaryOf(resourceType)
	case s.summary == "text":
		return fhir.TextOf(resourceType)
	case s.summary == "data":
		return fhir.Data()
	}
	return fhir.Subset{}
}

// partOf reads _summary and _elements of a read, whose values are those of a search but for count.
func partOf(reg *fhir.Registry, resourceType string, params url.Values) (subsets, error) {
	if !params.Has("_summary") && !params.Has("_elements") {
		return subsets{}, nil
	}
	asked := url.Values{}
	for _, name := range []string{"_summary", "_elements"} {
		if params.Has(name) {
			asked[name] = params[name]
		}
	}
	q, err := search.Parse(reg, resourceType, asked, search.Options{Strict: true})
	if err == nil && q.Summary == "count" {
		err = fhir.NewError(fhir.Value, "the values are true, text, data and false").At("_summary")
	}
	return subsets{summary: strings.TrimPrefix(q.Summary, "false"), elements: q.Elements}, err
}
