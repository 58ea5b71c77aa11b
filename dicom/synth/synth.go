// Package synth draws a small synthetic city: patients, studies with phantoms as pixel data, reports and dose reports, as true
// Part 10 files. The same seed always makes the same bytes. No real person is in it.
//
// Tables say what there is: places.go the facilities and their devices, people.go the patients, procedures.go what is done to
// them, plan.go who had what and when. Each kind of object has a file that turns a row of the plan into the attributes of its
// IOD (PS3.3 annex A), and phantom.go draws what is seen. The seed moves anatomy, numbers and UIDs, never the plan: each city
// has what the demonstration promises.
package synth

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// City is what one seed makes.
type City struct {
	Files      []File
	Facilities []Facility // the city hospital, then the partner clinic
	Patients   []Patient
	Parent     Parent
}

// File is one object and where it comes from.
type File struct {
	Path     string // below the folder it is written to: "central/ct-0001/1.dcm"
	Facility string // InstitutionName, which is also the organisation that submits it
	Bytes    []byte
}

// Facility is a place that makes studies and numbers its patients and orders itself.
type Facility struct {
	Name              string // InstitutionName
	Folder            string // first part of File.Path
	IssuerOfPatientID string
	IssuerOfAccession string // LocalNamespaceEntityID of IssuerOfAccessionNumberSequence
}

// Patient is one record of a facility. A person who went to both has two.
type Patient struct {
	ID        string // PatientID
	Issuer    string // IssuerOfPatientID
	Name      string // PN, as the facility writes it
	BirthDate string // DA
	Sex       string
	Role      string // "patient" and "child" for the two that the demonstration signs tokens for, else ""
}

// Parent is a person who acts for a patient and is in no DICOM object.
type Parent struct {
	Name      string // as people write it
	PatientID string // of the child
}

// WriteTo writes the files below dir.
func (c City) WriteTo(dir string) error {
	for _, f := range c.Files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Bytes, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Make draws the city of a seed.
func Make(seed int64) (City, error) {
	c := &maker{seed: seed}
	for i, row := range plan {
		if err := c.makeStudy(i, row); err != nil {
			return City{}, fmt.Errorf("study %d, %s: %w", i+1, row.procedure, err)
		}
	}
	city := City{Files: c.files, Parent: Parent{Name: parentName, PatientID: c.patientID("child")}}
	for _, f := range facilities {
		city.Facilities = append(city.Facilities, f.Facility)
	}
	for _, key := range slices.Sorted(maps.Keys(people)) {
		p := people[key]
		city.Patients = append(city.Patients, Patient{
			ID: c.patientID(key), Issuer: facilities[p.facility].IssuerOfPatientID,
			Name: p.name, BirthDate: p.birth, Sex: p.sex, Role: p.role,
		})
	}
	return city, nil
}
