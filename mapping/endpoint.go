package mapping

import (
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"
)

// endpoint refers to the configured WADO-RS service, nil when there is none. Its address is the base URL alone, without
// "/studies" (FHIR R4 imagingstudy.html#endpoint, IHE RAD IMR).
func (r *run) endpoint() *r4.Reference {
	base := strings.TrimRight(r.mapper.config.DICOMweb, "/")
	if base == "" {
		return nil
	}
	const sameToken = "http://hl7.org/fhir/smart-app-launch/StructureDefinition/requires-access-token" // SMART Imaging Access
	const types = "http://terminology.hl7.org/CodeSystem/endpoint-connection-type"
	id := r.mapper.ID("Endpoint", base, "dicom-wado-rs")
	return r.refer("Endpoint", id, func() any {
		return r4.OtherEndpoint(r4.Endpoint{
			Extension: []r4.Extension{{Url: sameToken, ValueBoolean: new(true)}},
			Id:        &id, Status: r4.EndpointStatusActive, Name: new("DICOMweb"), Address: base,
			ConnectionType:  codingOf(types, "dicom-wado-rs", "DICOM WADO-RS"),
			PayloadType:     []r4.CodeableConcept{coded(dcm, "113014", "Study")},
			PayloadMimeType: []string{"application/dicom"},
		})
	})
}
