package mapping_test

import (
	"fmt"
	"os"

	"lightbox/dicom"
	"lightbox/mapping"
)

// Which attribute became which element, and by which clause.
func ExampleMapper_Explain() {
	m, err := mapping.New(mapping.Config{Systems: map[string]string{"CITY": "https://city.example/patients"}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	text := func(keyword, vr, value string) dicom.Element {
		return dicom.NewText(dicom.MustPath(keyword).Tag(), dicom.VR(vr), value)
	}
	explanation, err := m.Explain(dicom.NewDataset(
		text("SOPClassUID", "UI", "1.2.840.10008.5.1.4.1.1.2"), text("SOPInstanceUID", "UI", "1.2.3.1.1"),
		text("StudyInstanceUID", "UI", "1.2.3"), text("SeriesInstanceUID", "UI", "1.2.3.1"), text("Modality", "CS", "CT"),
		text("PatientID", "LO", "P-1"), text("IssuerOfPatientID", "LO", "CITY"), text("KVP", "DS", "120"),
	))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	for _, s := range explanation.Steps {
		fmt.Printf("%s <- %s %q [%s]\n", s.To, s.Attribute, s.Value, s.Ref)
	}
	fmt.Println("not taken:", explanation.Unread)
	// Output:
	// ImagingStudy.identifier <- StudyInstanceUID "1.2.3" [FHIR R4 imagingstudy.html#notes]
	// ImagingStudy.subject <- PatientID "P-1" [PS3.3 C.7.1.1]
	// Patient.identifier <- PatientID "P-1" [PS3.3 C.7.1.1]
	// ImagingStudy.series.uid <- SeriesInstanceUID "1.2.3.1" [PS3.3 C.7.3.1]
	// ImagingStudy.series.modality <- Modality "CT" [PS3.3 C.7.3.1.1.1; PS3.16 CID 33]
	// ImagingStudy.series.instance.uid <- SOPInstanceUID "1.2.3.1.1" [PS3.3 C.12.1]
	// ImagingStudy.series.instance.sopClass <- SOPClassUID "1.2.840.10008.5.1.4.1.1.2" [FHIR R4 imagingstudy.html; PS3.4 B.5]
	// not taken: [{KVP DS 120}]
}
