package server

import (
	"net/url"
	"slices"

	"github.com/tidwall/gjson"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/fhir"
	"lightbox/fhir/search"
)

// everything returns a patient's whole record: what is in the compartment, newest first, and on each page what that refers to.
// Records that Patient.link calls the same person's (seealso) are part of it; what was replaced by or only refers to the record is
// not followed. https://hl7.org/fhir/R4/operation-patient-everything.html
func (a *api) everything(c *call) error {
	id, err := c.id()
	if err != nil {
		return err
	}
	visible := c.by.Visible(auth.Read, "Patient")
	if len(visible.Grants) == 0 {
		return errForbidden()
	}
	patient, err := a.Store.Read(c.ctx(), visible, "Patient", id)
	if err != nil {
		return gone(err, patient)
	}
	params, err := parseQuery(c.r.URL.RawQuery)
	if err != nil {
		return err
	}
	q, err := a.parseEverything(c, params)
	if err != nil {
		return err
	}
	patients := append([]string{id}, sameAs(patient)...)
	for i := range q.Union {
		within, err := membership(a.Registry, q.Union[i].Type, patients)
		if err != nil {
			return err
		}
		q.Union[i].Where = append(q.Union[i].Where, within)
	}
	found, err := a.Store.Search(c.ctx(), q, c.by.Caller())
	if err != nil {
		return err
	}
	c.code = audit.Operation
	return a.sendSearchset(c, listing{q, "Patient/" + id + "/$everything", params, found})
}

// sameAs returns the ids of the patients that are the same person.
func sameAs(patient fhir.Resource) []string {
	var ids []string
	for _, link := range gjson.GetBytes(patient.Body, "link").Array() {
		ref, err := fhir.ParseReference(link.Get("other.reference").Str, "")
		if err == nil && ref.Kind == fhir.Local && ref.Type == "Patient" && link.Get("type").Str == "seealso" {
			ids = append(ids, ref.ID)
		}
	}
	return ids
}

// membership is that a resource is in the compartment of one of the patients, or one of them.
func membership(reg *fhir.Registry, resourceType string, patients []string) (search.Clause, error) {
	var all search.Clause
	for _, id := range patients {
		q, err := search.Parse(reg, resourceType, nil, search.Options{Compartment: &search.Compartment{Type: "Patient", ID: id}})
		if err != nil {
			return all, err
		}
		all.Any = append(all.Any, q.Where[0].Any...)
	}
	return all, nil
}

// parseEverything reads start, end, _since, _type and _count into a search over the compartment's types.
func (a *api) parseEverything(c *call, params url.Values) (search.Query, error) {
	types := a.members(c, "Patient")
	if !params.Has("_type") { // who looked at the record is no part of it; who wants to know asks for it
		types = slices.DeleteFunc(types, func(t string) bool { return t == "AuditEvent" })
	}
	asked := url.Values{}
	for name, values := range params {
		switch name {
		case "_type", "_count", "_page", "_elements", "_summary", "_total":
			asked[name] = values
		case "_since":
			asked["_lastUpdated"] = prefixed("ge", values)
		case "start", "end", "_format", "_pretty":
		default:
			return search.Query{}, fhir.NewError(fhir.NotSupported, "the parameters are start, end, _since, _type and _count").At(name)
		}
	}
	q, err := a.parse(c, scope{types: types, several: true}, asked, true)
	if err != nil {
		return q, err
	}
	for i := range q.Union {
		if err := limitDates(a.Registry, &q.Union[i], params); err != nil {
			return q, err
		}
	}
	q.Given = url.Values{}
	for name, values := range params {
		if name != "_page" {
			q.Given[name] = values
		}
	}
	q.Include = []search.Include{{}}
	return q, nil
}

func prefixed(prefix string, values []string) []string {
	all := slices.Clone(values)
	for i := range all {
		all[i] = prefix + all[i]
	}
	return all
}

// careDates are the parameters that start and end go by: when care was given, not when it was written down.
func careDate(resourceType string) string {
	switch resourceType {
	case "ImagingStudy":
		return "started"
	case "Condition":
		return "onset-date"
	case "ServiceRequest":
		return "authored"
	case "Media":
		return "created"
	case "Specimen":
		return "collected"
	case "Provenance":
		return "recorded"
	case "AuditEvent", "DiagnosticReport", "DocumentReference", "Encounter", "List", "Observation", "Procedure":
		return "date"
	}
	return ""
}

// limitDates adds start and end. A resource without a date is part of the record at any time.
func limitDates(reg *fhir.Registry, q *search.Query, params url.Values) error {
	name := careDate(q.Type)
	for bound, prefix := range map[string]string{"start": "ge", "end": "le"} {
		for _, value := range params[bound] {
			parsed, err := search.Parse(reg, "DiagnosticReport", url.Values{"date": {prefix + value}}, search.Options{Strict: true})
			if err != nil {
				return fhir.NewError(fhir.Value, "not a date").At(bound)
			}
			if name == "" {
				continue
			}
			t, _ := reg.Type(q.Type)
			param, _ := t.Param(name)
			q.Where = append(q.Where, search.Clause{Any: []search.Clause{
				{Param: param, Values: parsed.Where[0].Values},
				{Param: param, Modifier: search.Missing, Values: []search.Value{{Missing: true}}},
			}})
		}
	}
	return nil
}
