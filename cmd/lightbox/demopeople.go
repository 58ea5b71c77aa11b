package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"lightbox/fhir"
	"lightbox/fhir/search"
	"lightbox/fhir/store"
)

// describe signs a token for each kind of caller and names their patients.
func (d *demo) describe(ctx context.Context) (demoInfo, error) {
	patient, err := d.patient(ctx, "patient")
	if err != nil {
		return demoInfo{}, err
	}
	child, err := d.patient(ctx, "child")
	if err != nil {
		return demoInfo{}, err
	}
	organization := d.hub.pipeline.Mapper.Organization
	hospital, partner := organization(d.city.Facilities[0].Name), organization(d.city.Facilities[1].Name)
	callers := map[string]map[string]any{
		"emr":       {"scope": "system/*.cruds"},
		"clinician": {"scope": "user/*.rs", "organization": hospital},
		"patient":   {"scope": "launch/patient patient/*.rs", "patient": patient.ID, "fhirUser": patient.Reference()},
		"parent":    {"scope": "launch/patient patient/*.rs", "patient": child.ID, "fhirUser": d.parent().Reference()},
		"auditor":   {"scope": "user/AuditEvent.rs", "roles": []string{"auditor"}},
		"partner": {
			"scope":        "system/ImagingStudy.crus system/DiagnosticReport.crus system/ServiceRequest.crus system/Patient.crs system/Task.rus",
			"organization": partner,
		},
	}
	info := demoInfo{
		FHIR:     d.base,
		Issuer:   d.url,
		Tokens:   map[string]string{},
		Patients: map[string]string{"patient": patient.Reference(), "child": child.Reference()},
	}
	newest, err := d.search(ctx, "ImagingStudy", url.Values{"subject": {patient.Reference()}, "_sort": {"-started"}, "_count": {"1"}})
	if err != nil || len(newest) == 0 {
		return demoInfo{}, fmt.Errorf("the patient has no study: %w", err)
	}
	info.Study = newest[0].Reference()
	for name, claims := range callers {
		claims["aud"], claims["sub"], claims["client_id"] = d.base, name, "demo-"+name
		if info.Tokens[name], err = d.issuer.Token(claims, tokenLife); err != nil {
			return demoInfo{}, err
		}
	}
	return info, nil
}

// patient finds the city's patient of a role in the hub.
func (d *demo) patient(ctx context.Context, role string) (fhir.Resource, error) {
	for _, p := range d.city.Patients {
		if p.Role == role {
			return d.one(ctx, "Patient", url.Values{"identifier": {p.ID}})
		}
	}
	return fhir.Resource{}, fmt.Errorf("the city has no %s", role)
}

// one finds the single resource that a search gives.
func (d *demo) one(ctx context.Context, resourceType string, params url.Values) (fhir.Resource, error) {
	found, err := d.search(ctx, resourceType, params)
	if err != nil {
		return fhir.Resource{}, err
	}
	if len(found) != 1 {
		return fhir.Resource{}, fmt.Errorf("the hub has %d %s for %v, not one", len(found), resourceType, params)
	}
	return found[0], nil
}

// search returns the first page of a search that sees everything.
func (d *demo) search(ctx context.Context, resourceType string, params url.Values) ([]fhir.Resource, error) {
	q, err := search.Parse(fhir.R4(), resourceType, params, search.Options{Strict: true})
	if err != nil {
		return nil, err
	}
	everything := store.Caller{ID: "demo", Access: func(string) search.Filter { return search.Everything() }}
	found, err := d.hub.store.Search(ctx, q, everything)
	return found.Matches, err
}

// parent is the RelatedPerson of the child, with the same id in every demo.
func (d *demo) parent() fhir.Resource {
	return fhir.Resource{Type: "RelatedPerson", ID: d.hub.pipeline.Mapper.ID("RelatedPerson", d.city.Parent.PatientID, d.city.Parent.Name)}
}

// putParent writes the child's parent, as an information system would.
func (d *demo) putParent(ctx context.Context) error {
	child, err := d.patient(ctx, "child")
	if err != nil {
		return err
	}
	parent := d.parent()
	parent.Body, err = json.Marshal(map[string]any{
		"resourceType": parent.Type,
		"id":           parent.ID,
		"active":       true,
		"patient":      map[string]string{"reference": child.Reference()},
		"relationship": []any{map[string]any{"coding": []any{map[string]string{
			"system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode", "code": "PRN", "display": "parent",
		}}}},
		"name": []any{map[string]string{"text": d.city.Parent.Name}},
	})
	if err != nil {
		return err
	}
	return d.hub.store.Write(ctx, func(tx store.Tx) error {
		_, _, err := tx.Put(ctx, store.Write{Resource: parent})
		return err
	})
}
