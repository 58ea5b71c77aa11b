package server

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/tidwall/gjson"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/fhir"
	"lightbox/mapping/match"
	"lightbox/server/candidates"
)

// defaultMatches and maxMatches are how many candidates one answer has.
const (
	defaultMatches = 20
	maxMatches     = 200
)

// match tells who of the Patients that the caller may search is probably the one given, best first, each with a score.
// https://hl7.org/fhir/R4/patient-operation-match.html
func (a *api) match(c *call) error {
	if !c.by.Allows(auth.Search, "Patient") {
		return errForbidden()
	}
	asked, err := a.readMatch(c)
	if err != nil {
		return err
	}
	found, more, err := candidates.Find(c.ctx(), a.Store, c.by.Caller(), asked.patient)
	if err != nil {
		return err
	}
	var list []scored
	for _, one := range found {
		p, err := match.Of(one.Body)
		if err != nil {
			continue // it says nothing to compare
		}
		if s := (scored{one, a.Match.Compare(asked.person, p)}); !asked.certain || s.Grade == match.Certain {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b scored) int { return cmp.Compare(b.Score, a.Score) })
	certain := slices.IndexFunc(list, func(s scored) bool { return s.Grade != match.Certain })
	if asked.certain && len(list) > 1 && certain != 1 { // two who are certain: neither is (patient-operation-match.html)
		list, more = nil, true
	}
	more = more || len(list) > asked.count
	list = list[:min(len(list), asked.count)]
	c.disclosesAll(audit.Operation, "", shown(list))
	return a.sendBundle(c, "searchset", func(b *bundle) {
		b.total(int64(len(list)))
		for _, one := range list {
			b.matched(one)
		}
		if more {
			b.outcome(outcome("information", []*fhir.Error{fhir.NewError(fhir.Incomplete, "there may be other candidates: say more of the patient")}, ""))
		}
	})
}

// scored is a candidate with what it is worth.
type scored struct {
	fhir.Resource
	match.Comparison
}

func shown(list []scored) []fhir.Resource {
	all := make([]fhir.Resource, len(list))
	for i, one := range list {
		all[i] = one.Resource
	}
	return all
}

// matched adds a candidate, with score and grade.
func (b *bundle) matched(s scored) {
	b.entry(s.Resource)
	b.text(`,"search":{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/match-grade","valueCode":"` + string(s.Grade) +
		`"}],"mode":"match","score":` + strconv.FormatFloat(s.Score, 'f', 4, 64) + `}}`)
}

// matching is what is asked.
type matching struct {
	patient []byte
	person  match.Person
	certain bool // only those who are
	count   int
}

func (a *api) readMatch(c *call) (m matching, err error) {
	body, err := a.body(c, "application/fhir+json", "application/json")
	if err != nil {
		return m, err
	}
	if !gjson.ValidBytes(body) {
		return m, fhir.NewError(fhir.Invalid, "the body is not JSON")
	}
	m.count = defaultMatches
	parameters := gjson.ParseBytes(body)
	if kind := parameters.Get("resourceType").Str; kind == "Patient" { // R4 operations.html#request: the only resource may stand for itself
		m.patient = body
	} else if kind != "Parameters" {
		return m, fhir.NewError(fhir.Structure, "the body is Parameters with a resource, or the Patient itself")
	}
	for i, one := range parameters.Get("parameter").Array() {
		if err := m.take(one); err != nil {
			return m, fhir.NewError(fhir.Value, err.Error()).At(fmt.Sprintf("Parameters.parameter[%d]", i))
		}
	}
	if m.patient == nil {
		return m, fhir.NewError(fhir.Required, "the parameter resource has the Patient to match").At("Parameters.parameter")
	}
	if m.person, err = match.Of(m.patient); err != nil {
		return m, fhir.NewError(fhir.Required, "the Patient says nothing to go by: neither identifier, nor name, nor date of birth, nor telecom").At("Parameters.parameter")
	}
	return m, nil
}

// take reads one parameter.
func (m *matching) take(p gjson.Result) error {
	switch name := p.Get("name").Str; name {
	case "resource":
		if p.Get("resource.resourceType").Str != "Patient" {
			return fmt.Errorf("the resource is a Patient")
		}
		m.patient = []byte(p.Get("resource").Raw)
	case "onlyCertainMatches":
		if !p.Get("valueBoolean").IsBool() {
			return fmt.Errorf("onlyCertainMatches has a valueBoolean")
		}
		m.certain = p.Get("valueBoolean").Bool()
	case "count":
		n := p.Get("valueInteger")
		if n.Type != gjson.Number || n.Int() < 1 {
			return fmt.Errorf("count has a valueInteger of at least 1")
		}
		m.count = int(min(n.Int(), maxMatches))
	default:
		return fmt.Errorf("the parameters are resource, onlyCertainMatches and count")
	}
	return nil
}
