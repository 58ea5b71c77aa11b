package mapping

import (
	"lightbox/dicom"
	"lightbox/dicom/archive"
	"lightbox/fhir"
)

// Document is one report object with its whole data set.
type Document struct {
	Instance archive.Instance
	Dataset  *dicom.Dataset
}

// IsReport reports whether objects of a SOP class become a DiagnosticReport, so that their whole data set is needed.
func IsReport(sopClassUID string) bool { return false }

// Reports maps the report objects of one study to DiagnosticReports (one for each chain of versions) and their Binaries.
func (m *Mapper) Reports(study Study, documents []Document) ([]fhir.Resource, []Issue, error) {
	return nil, nil, nil
}
