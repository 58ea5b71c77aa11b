package fhir_test

import (
	"testing"

	"lightbox/fhir"
)

func TestVary(t *testing.T) {
	varied, err := fhir.Vary(func(p *fhir.SearchParameter) bool {
		if p.Type == "Patient" && p.Name == "family" {
			p.Expression = "Patient.contact.name.family"
		}
		return p.Type != "Patient" || p.Name != "gender"
	})
	if err != nil {
		t.Fatal(err)
	}
	patient, _ := varied.Type("Patient")
	if _, ok := patient.Param("gender"); ok {
		t.Error("gender is there")
	}
	if p, _ := patient.Param("family"); p == nil || p.Paths[0].Members[0] != "contact" {
		t.Errorf("family is %+v", p)
	}
	whole, _ := fhir.R4().Type("Patient")
	if len(patient.Params()) != len(whole.Params())-1 {
		t.Errorf("%d parameters of %d", len(patient.Params()), len(whole.Params()))
	}
}
