package conformance

import (
	"encoding/json"
	"fmt"

	"lightbox/fhir"
)

// searchParameter is the part of https://hl7.org/fhir/R4/searchparameter.html that is stated, in the order of R4's definition.
type searchParameter struct {
	ResourceType string   `json:"resourceType"`
	ID           string   `json:"id"`
	URL          string   `json:"url"`
	Name         string   `json:"name"`
	Status       string   `json:"status"`
	Date         string   `json:"date"`
	Description  string   `json:"description"`
	Code         string   `json:"code"`
	Base         []string `json:"base"`
	Type         string   `json:"type"`
	Expression   string   `json:"expression"`
	Target       []string `json:"target,omitempty"`
}

// SearchParameters returns the definitions of the parameters that Lightbox adds to R4's, as the CapabilityStatement of a server
// at base refers to them, in the order of types and names. Equal arguments give equal bytes.
func SearchParameters(reg *fhir.Registry, base string) ([]fhir.Resource, error) {
	var all []fhir.Resource
	for _, t := range reg.Types() {
		for _, p := range t.Params() {
			if !p.Ours {
				continue
			}
			id := p.Type + "-" + p.Name
			body, err := json.Marshal(searchParameter{ResourceType: "SearchParameter", ID: id, URL: definition(p, base), Name: p.Name,
				Status: "active", Date: statementDate, Description: descriptions[id], Code: p.Name, Base: []string{p.Type},
				Type: string(p.Kind), Expression: p.Expression, Target: p.Targets})
			if err != nil {
				return nil, fmt.Errorf("search parameter %s: %w", id, err)
			}
			all = append(all, fhir.Resource{Type: "SearchParameter", ID: id, Body: body})
		}
	}
	return all, nil
}

// descriptions has a line for each parameter of our own.
var descriptions = map[string]string{
	"DiagnosticReport-imaging-study": "The imaging study that the report is about",
	"ImagingStudy-accession":         "The accession number: an identifier of the study of type ACSN",
	"ImagingStudy-description":       "The description of the study",
	"ImagingStudy-instance-count":    "How many instances the study has",
	"ImagingStudy-organization":      "An organization that performed a series of the study",
	"ImagingStudy-study-modality":    "A modality of the study's series, as the study states it",
}

// DefinitionParameters are the parameters by which the definitions of a type that are served, SearchParameter or ConceptMap, are searched.
func DefinitionParameters(resourceType string) []string {
	if resourceType == "ConceptMap" {
		return []string{"_id", "name", "url"}
	}
	return []string{"_id", "base", "code", "url"}
}

// definitions states how they are served.
func definitions(resourceType string) resource {
	r := resource{
		Type: resourceType, Profile: "http://hl7.org/fhir/StructureDefinition/" + resourceType, Versioning: "no-version",
		ConditionalRead: "not-supported", ConditionalDelete: "not-supported",
		Interaction: []interaction{{"read"}, {"search-type"}},
	}
	for _, name := range DefinitionParameters(resourceType) {
		p := searchParam{Name: name, Type: "token", Definition: "http://hl7.org/fhir/SearchParameter/SearchParameter-" + name}
		switch name {
		case "_id":
			p.Definition = "http://hl7.org/fhir/SearchParameter/Resource-id"
		case "name":
			p.Type, p.Definition = "string", "http://hl7.org/fhir/SearchParameter/conformance-name"
		case "url":
			p.Type, p.Definition = "uri", "http://hl7.org/fhir/SearchParameter/conformance-url"
		}
		r.SearchParam = append(r.SearchParam, p)
	}
	return r
}
