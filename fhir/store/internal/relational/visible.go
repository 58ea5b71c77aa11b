package relational

import (
	"reflect"
	"slices"
	"time"

	"lightbox/fhir/search"
)

// visible compiles the filter into a condition on a row with patient and owners: of resource, or of resource_history when
// past is set. It is the only place where access becomes SQL. A grant by search parameters covers current versions only,
// since past ones are not indexed.
func (s *statement) visible(f search.Filter, alias string, past bool) (string, error) {
	var all []string
	for _, alike := range byRelease(f.Grants) {
		text, err := s.granted(alike, alias, past)
		if err != nil {
			return "", err
		}
		if r := alike[0].Release; r != nil {
			if past { // what is released is the current version
				continue
			}
			released, err := s.released(r, alias)
			if err != nil {
				return "", err
			}
			text = "(" + allOf([]string{"(" + text + ")", alias + ".deleted = 0", released}) + ")"
		}
		all = append(all, text)
	}
	return anyOf(all), nil
}

// byRelease puts grants together that want the same released: it stands in a statement once, however many patients and scopes there are.
func byRelease(grants []search.Grant) (lists [][]search.Grant) {
	for _, g := range grants {
		n := slices.IndexFunc(lists, func(list []search.Grant) bool { return reflect.DeepEqual(list[0].Release, g.Release) })
		if n < 0 {
			lists = append(lists, []search.Grant{g})
			continue
		}
		lists[n] = append(lists[n], g)
	}
	return lists
}

// granted is that any of some grants covers a row, whatever is released.
func (s *statement) granted(list []search.Grant, alias string, past bool) (string, error) {
	var grants []string
	for _, alike := range byList(list) {
		conditions := s.grant(alike[0], alias)
		if len(conditions) == 0 && len(alike[0].Where) == 0 {
			continue // a grant of nothing
		}
		wheres, whole, err := s.wheres(alike, alias, past)
		if err != nil {
			return "", err
		}
		if !whole {
			if len(wheres) == 0 {
				continue
			}
			conditions = append(conditions, anyOf(wheres))
		}
		grants = append(grants, "("+allOf(conditions)+")")
	}
	return anyOf(grants), nil
}

// byList puts grants together that differ in search parameters alone, as many granular scopes do: what each of them has in common stands
// in a statement once.
func byList(grants []search.Grant) (lists [][]search.Grant) {
	for _, g := range grants {
		n := slices.IndexFunc(lists, func(list []search.Grant) bool { return sameList(list[0], g) })
		if n < 0 {
			lists = append(lists, []search.Grant{g})
			continue
		}
		lists[n] = append(lists[n], g)
	}
	return lists
}

func sameList(a, b search.Grant) bool {
	return a.All == b.All && a.Patient == b.Patient && a.Owner == b.Owner && a.CareOf == b.CareOf && a.ReferredTo == b.ReferredTo &&
		slices.Equal(a.ReferredAs, b.ReferredAs) && a.Nobodys == b.Nobodys
}

// wheres returns the search parameters of grants, a condition for each; whole where one of them has none.
func (s *statement) wheres(grants []search.Grant, alias string, past bool) (all []string, whole bool, err error) {
	for _, g := range grants {
		if len(g.Where) == 0 {
			return nil, true, nil
		}
	}
	if past {
		return nil, false, nil
	}
	for _, g := range grants {
		conditions := []string{alias + ".deleted = 0"} // a deletion has no values, and what it was of may have been hidden
		if conditions, err = s.clauses(conditions, g.Where); err != nil {
			return nil, false, err
		}
		all = append(all, "("+allOf(conditions)+")")
	}
	return all, false, nil
}

func (s *statement) clauses(conditions []string, where []search.Clause) ([]string, error) {
	for _, c := range where {
		t, err := s.store.immediate(c)
		if err != nil {
			return nil, err
		}
		conditions = append(conditions, s.term(t))
	}
	return conditions, nil
}

// grant returns the conditions of one grant but for its search parameters.
func (s *statement) grant(g search.Grant, alias string) []string {
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
	if g.ReferredTo != "" { // whatever it is referred by, what the patient denies is denied to the organisation
		all = append(all, exists("referral", s.texts("referral.organization", g.Referrals())+" AND referral.patient = "+alias+".patient"),
			s.undenied(g.ReferredTo, alias))
	}
	if g.Nobodys {
		all = append(all, alias+".patient = ''")
	}
	return all
}

// undenied is that no Consent which holds now denies the patient's data to an organisation.
func (s *statement) undenied(organization, alias string) string {
	to, now := s.bind(organization), s.bind(time.Now().UnixMicro())
	holds := func(of string) string { return of + ".low <= " + now + " AND " + of + ".high >= " + now }
	permitted := exists("denial p", "p.row = d.row AND p.organization = "+to+" AND p.permits = 1 AND "+holds("p"))
	return "NOT " + exists("denial d", "d.patient = "+alias+".patient AND d.permits = 0 AND "+holds("d")+
		" AND (d.organization = "+to+" OR d.organization = '"+search.Everyone+"' AND NOT "+permitted+")")
}
