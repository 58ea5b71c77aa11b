package auth

import (
	"net/url"
	"slices"
	"strings"

	"lightbox/fhir"
	"lightbox/fhir/search"
)

// maxConditions bounds the conditions of all granular scopes of one token: they are in every query that the caller causes, for each grant
// of their context once. What a database takes in one statement is not much more.
const maxConditions = 16

// conditions counts the clauses, and of an ordered parameter each alternative: codes and references are looked for as one list.
func conditions(clauses []search.Clause) (n int) {
	for _, c := range clauses {
		switch c.Param.Kind {
		case fhir.KindDate, fhir.KindString, fhir.KindNumber:
			n += len(c.Values)
		default:
			n++
		}
	}
	return n
}

// parseGranular reads the query of a granular scope (SMART App Launch 2.2, scopes-and-launch-context.html, "finer-grained resource
// constraints"): name=value pairs of which each must hold. It returns them in one spelling, and as clauses of a filter. Characters that
// a scope cannot have are percent-encoded; "+" stands for itself.
func parseGranular(resourceType, query string) (string, []search.Clause, error) {
	t, served := fhir.R4().Type(resourceType)
	if !served {
		return "", nil, badScope("a granular scope is on one resource type that is served here")
	}
	params := url.Values{}
	var pairs []string
	for pair := range strings.SplitSeq(query, "&") {
		name, value, found := strings.Cut(pair, "=")
		if !found || strings.ContainsAny(value, "=?") {
			return "", nil, badScope("a granular scope's query is not of the form param=value&param=value")
		}
		text, err := url.PathUnescape(value)
		if err != nil {
			return "", nil, badScope("a granular scope has a broken percent-encoding").Because(err)
		}
		if err := checkGranular(t, name); err != nil {
			return "", nil, err
		}
		pairs = append(pairs, name+"="+encodeGranular(text))
		params.Add(name, text)
	}
	slices.Sort(pairs)
	for _, values := range params { // in one order, so that what is the same reads the same
		slices.Sort(values)
	}
	q, err := search.Parse(fhir.R4(), resourceType, params, search.Options{Strict: true})
	if err != nil {
		return "", nil, badScope("a granular scope has a value that its parameter does not take").Because(err)
	}
	if !isFilter(q, len(pairs)) {
		return "", nil, badScope("a granular scope asks for what no filter here can hold")
	}
	return strings.Join(pairs, "&"), q.Where, nil
}

// checkGranular lets search parameters of the type through that a store can hold in a filter. Modifiers, chains and reverse chains are
// experimental in SMART and refused; what steers a result (_include, _count) restricts nothing.
func checkGranular(t *fhir.Type, name string) error {
	if strings.ContainsAny(name, ":.%") || strings.HasPrefix(name, "_has") {
		return badScope("a granular scope has a modifier or a chain, which are not taken")
	}
	param, ok := t.Param(name)
	if !ok {
		return badScope("a granular scope has a parameter that is no search parameter of its type")
	}
	if !inFilters(param) {
		return badScope("a granular scope has a search parameter that cannot restrict access here")
	}
	return nil
}

// inFilters reports whether a store can hold a condition on the parameter in a filter: one for which nothing has to be looked up
// first (see search.Grant). A test asks a store for every parameter.
func inFilters(p *fhir.SearchParameter) bool {
	switch p.Kind {
	case fhir.KindToken:
		return p.Name == "_id" || p.Datatypes[0] != "Identifier" && p.Datatypes[0] != "id" && !strings.Contains(p.Expression, ".where(")
	case fhir.KindReference:
		return p.Datatypes[0] == "canonical" || slices.ContainsFunc(p.Targets, isWidelyReferred)
	case fhir.KindURI, fhir.KindDate, fhir.KindString, fhir.KindNumber:
		return true
	}
	return false
}

// isWidelyReferred tells types that many resources refer to. References to others are in lists that only a search looks up.
func isWidelyReferred(resourceType string) bool {
	switch resourceType {
	case "Any", "Patient", "Group", "Practitioner", "PractitionerRole", "Organization", "Location", "Device", "Endpoint",
		"RelatedPerson", "CareTeam", "HealthcareService", "Substance":
		return true
	}
	return false
}

// isFilter reports whether a query is n plain conditions and nothing else.
func isFilter(q search.Query, n int) bool {
	odd := func(c search.Clause) bool {
		noCode := func(v search.Value) bool { return c.Param.Kind == fhir.KindToken && !v.HasCode } // system| alone
		return c.Param == nil || c.Modifier != search.None || c.Chain != nil || c.Has != nil || c.Any != nil || c.Lists != nil ||
			slices.ContainsFunc(c.Values, noCode)
	}
	return len(q.Where) == n && !slices.ContainsFunc(q.Where, odd)
}

// encodeGranular writes a value in the characters of a scope that have no other meaning there.
func encodeGranular(value string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(value) {
		c := value[i]
		if c <= ' ' || c > '~' || strings.IndexByte(`"\%&=?#`, c) >= 0 {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
			continue
		}
		b.WriteByte(c)
	}
	return b.String()
}

// covering returns the scopes that name the interaction on the type, as far as each adds something: of one context a plain one makes
// granular ones needless.
func (p *Principal) covering(i Interaction, resourceType string) []Scope {
	var all []Scope
	for _, s := range p.Scopes {
		if !s.covers(i, resourceType) {
			continue
		}
		if slices.ContainsFunc(all, func(o Scope) bool { return o.Context == s.Context && (o.Query == "" || o.Query == s.Query) }) {
			continue
		}
		if s.Query == "" {
			all = slices.DeleteFunc(all, func(o Scope) bool { return o.Context == s.Context })
		}
		all = append(all, s)
	}
	return all
}

// narrow puts the scope's query into grants.
func (s Scope) narrow(grants []search.Grant) []search.Grant {
	if len(s.Where) == 0 {
		return grants
	}
	for i := range grants {
		grants[i].Where = slices.Concat(grants[i].Where, s.Where)
	}
	return grants
}
