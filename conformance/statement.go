// Package conformance states what Lightbox serves (the CapabilityStatement, made from the registry, so that nothing is stated
// that is not served) and keeps the page of deliberate departures, DIVERGENCES.md. SEARCH.md lists all that can be asked, each row
// with its test. Package validate checks the structure of what enters. The direction of imports in the whole house is held by a
// test here.
// https://hl7.org/fhir/R4/capabilitystatement.html
package conformance

//go:generate go test -run TestDrift -update

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"lightbox/fhir"
)

// SMART is what the statement says of the authorization server; empty endpoints are left out.
type SMART struct {
	AuthorizationEndpoint string
	TokenEndpoint         string
}

// statementDate is when what the statement says last changed. It is part of the release, not of the run: the same program
// states the same bytes.
const statementDate = "2026-11-25"

// Statement returns the CapabilityStatement of a server at base with the types of reg, as JSON. Equal arguments give equal bytes.
func Statement(reg *fhir.Registry, base, version string, smart SMART) ([]byte, error) {
	s := capabilityStatement{
		ResourceType:   "CapabilityStatement",
		URL:            base + "/metadata",
		Version:        version,
		Name:           "Lightbox",
		Title:          "Lightbox, an integration hub for radiology",
		Status:         "active",
		Date:           statementDate,
		Kind:           "instance",
		Software:       software{Name: "Lightbox", Version: version},
		Implementation: implementation{Description: "Radiology studies and reports as FHIR R4", URL: base},
		FHIRVersion:    "4.0.1",
		Format:         []string{"application/fhir+json", "json"},
		PatchFormat:    []string{"application/json-patch+json", "application/fhir+json"},
		Rest: []rest{{Mode: "server", Security: securityOf(smart), Resource: resources(reg, base),
			Interaction: []interaction{{"transaction"}, {"batch"}, {"search-system"}, {"history-system"}},
			Compartment: compartments(reg)}},
	}
	body, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("capability statement: %w", err)
	}
	return body, nil
}

// securityOf states SMART on FHIR and where to ask for tokens (SMART App Launch, conformance.html; clients that know
// .well-known/smart-configuration do not need the extension).
func securityOf(smart SMART) security {
	s := security{
		CORS:    true,
		Service: []concept{{Coding: []coding{{System: "http://terminology.hl7.org/CodeSystem/restful-security-service", Code: "SMART-on-FHIR"}}}},
	}
	uris := extension{URL: "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"}
	if smart.TokenEndpoint != "" {
		uris.Extension = append(uris.Extension, extension{URL: "token", ValueURI: smart.TokenEndpoint})
	}
	if smart.AuthorizationEndpoint != "" {
		uris.Extension = append(uris.Extension, extension{URL: "authorize", ValueURI: smart.AuthorizationEndpoint})
	}
	if uris.Extension != nil {
		s.Extension = []extension{uris}
	}
	return s
}

func resources(reg *fhir.Registry, base string) []resource {
	var list []resource
	for _, t := range reg.Types() {
		r := resource{
			Type:              t.Name,
			Profile:           "http://hl7.org/fhir/StructureDefinition/" + t.Name,
			SupportedProfile:  supportedProfiles(t.Name),
			Versioning:        "versioned",
			ReadHistory:       t.Serves("history-instance"),
			UpdateCreate:      t.Serves("update"),
			ConditionalRead:   "full-support",
			ConditionalCreate: t.Serves("create") && t.Serves("search-type"),
			ConditionalUpdate: t.Serves("update") && t.Serves("search-type"),
			ConditionalDelete: conditionalDelete(t),
			SearchParam:       searchParams(t, base),
			SearchInclude:     includes(reg, t),
			SearchRevInclude:  revIncludes(reg, t),
			Operation:         operations(t, base),
		}
		for _, code := range t.Interactions {
			r.Interaction = append(r.Interaction, interaction{code})
		}
		list = append(list, r)
	}
	return append(list, definitions("ConceptMap"), definitions("SearchParameter"))
}

// conditionalDelete: one match is deleted, several where the client says how many.
func conditionalDelete(t *fhir.Type) string {
	if t.Serves("delete") && t.Serves("search-type") {
		return "multiple"
	}
	return "not-supported"
}

// operations are those that are served on one type.
func operations(t *fhir.Type, base string) []operation {
	var list []operation
	if t.Name == "Patient" {
		list = []operation{
			{"everything", "http://hl7.org/fhir/OperationDefinition/Patient-everything"}, {"match", "http://hl7.org/fhir/OperationDefinition/Patient-match"},
		}
	}
	for _, one := range ours {
		if slices.Contains(one.Resource, t.Name) {
			list = append(list, operation{one.Code, definitionURL(base, one.ID)})
		}
	}
	return list
}

func compartments(reg *fhir.Registry) []string {
	var list []string
	for _, owner := range reg.Compartments() {
		list = append(list, "http://hl7.org/fhir/CompartmentDefinition/"+strings.ToLower(owner))
	}
	return list
}

func searchParams(t *fhir.Type, base string) []searchParam {
	if !t.Serves("search-type") {
		return nil
	}
	var list []searchParam
	for _, p := range t.Params() {
		list = append(list, searchParam{Name: p.Name, Definition: definition(p, base), Type: string(p.Kind)})
	}
	return list
}

// includes are the references from t to types that are served.
func includes(reg *fhir.Registry, t *fhir.Type) []string {
	if !t.Serves("search-type") {
		return nil
	}
	var list []string
	for _, p := range references(t) {
		if slices.ContainsFunc(reg.Types(), func(target *fhir.Type) bool { return p.MayTarget(target.Name) }) {
			list = append(list, p.Type+":"+p.Name)
		}
	}
	return list
}

// revIncludes are the references from types that can be searched to t.
func revIncludes(reg *fhir.Registry, t *fhir.Type) []string {
	if !t.Serves("search-type") {
		return nil
	}
	var list []string
	for _, source := range reg.Types() {
		for _, p := range references(source) {
			if source.Serves("search-type") && p.MayTarget(t.Name) {
				list = append(list, p.Type+":"+p.Name)
			}
		}
	}
	return list
}

func references(t *fhir.Type) []*fhir.SearchParameter {
	return slices.DeleteFunc(t.Params(), func(p *fhir.SearchParameter) bool { return p.Kind != fhir.KindReference })
}
