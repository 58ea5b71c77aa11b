package relational

import (
	"time"

	"lightbox/fhir/search"
)

// visible compiles the filter into a condition on a row with patient and owners: of resource, or of resource_history when
// past is set. It is the only place where access becomes SQL. A grant by search parameters covers current versions only,
// since past ones are not indexed.
func (s *statement) visible(f search.Filter, alias string, past bool) (string, error) {
	var grants []string
	for _, g := range f.Grants {
		conditions, err := s.grant(g, alias, past)
		if err != nil {
			return "", err
		}
		if len(conditions) > 0 {
			grants = append(grants, "("+allOf(conditions)+")")
		}
	}
	return anyOf(grants), nil
}

// grant returns the conditions of one grant; none is a grant of nothing.
func (s *statement) grant(g search.Grant, alias string, past bool) ([]string, error) {
	var all []string
	if g.All {
		all = append(all, "1 = 1")
	}
	if g.Patient != "" {
		all = append(all, alias+".patient = "+s.bind(g.Patient))
	}
	if g.Owner != "" {
		all = append(all, s.store.db.Contains(alias+".owners", s.bind(" "+g.Owner+" ")))
	}
	if g.CareOf != "" {
		all = append(all, exists("care", "care.organization = "+s.bind(g.CareOf)+" AND care.patient = "+alias+".patient"), s.undenied(g.CareOf, alias))
	}
	if g.ReferredTo != "" {
		all = append(all, exists("referral", "referral.organization = "+s.bind(g.ReferredTo)+" AND referral.patient = "+alias+".patient"),
			s.undenied(g.ReferredTo, alias))
	}
	if g.Nobodys {
		all = append(all, alias+".patient = ''")
	}
	if len(g.Where) > 0 && past {
		return nil, nil
	}
	for _, c := range g.Where {
		t, err := s.store.immediate(c)
		if err != nil {
			return nil, err
		}
		all = append(all, s.term(t))
	}
	return all, nil
}

// undenied is that no Consent which holds now denies the patient's data to an organisation.
func (s *statement) undenied(organization, alias string) string {
	to, now := s.bind(organization), s.bind(time.Now().UnixMicro())
	holds := func(of string) string { return of + ".low <= " + now + " AND " + of + ".high >= " + now }
	permitted := exists("denial p", "p.row = d.row AND p.organization = "+to+" AND p.permits = 1 AND "+holds("p"))
	return "NOT " + exists("denial d", "d.patient = "+alias+".patient AND d.permits = 0 AND "+holds("d")+
		" AND (d.organization = "+to+" OR d.organization = '"+search.Everyone+"' AND NOT "+permitted+")")
}
