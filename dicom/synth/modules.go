package synth

import (
	"fmt"
	"time"
)

// patientModule is PS3.3 C.7.1.1.
func (s *study) patientModule() attrs {
	f := facilities[s.person.facility]
	a := attrs{
		"PatientName": s.person.name, "PatientID": s.patientID(s.patient), "PatientBirthDate": s.person.birth,
		"PatientSex": s.person.sex, "IssuerOfPatientID": f.IssuerOfPatientID,
		"IssuerOfPatientIDQualifiersSequence": attrs{"UniversalEntityID": f.issuerUID, "UniversalEntityIDType": "ISO"},
		"PatientAge":                          s.age(),
	}
	if s.person.elsewhere != "" {
		other := facilities[people[s.person.elsewhere].facility]
		a["OtherPatientIDsSequence"] = attrs{
			"PatientID": s.patientID(s.person.elsewhere), "IssuerOfPatientID": other.IssuerOfPatientID, "TypeOfPatientID": "TEXT",
			"IssuerOfPatientIDQualifiersSequence": attrs{"UniversalEntityID": other.issuerUID, "UniversalEntityIDType": "ISO"},
		}
	}
	return a
}

// age is the age at the study as an AS.
func (s *study) age() string {
	born, err := time.Parse("20060102", s.person.birth)
	if err != nil {
		return ""
	}
	years := s.start.Year() - born.Year()
	if s.start.YearDay() < born.YearDay() {
		years--
	}
	return fmt.Sprintf("%03dY", years)
}

// studyModule is PS3.3 C.7.2.1 and C.7.2.3, the same in every instance.
func (s *study) studyModule() attrs {
	f := facilities[s.device.facility]
	a := attrs{
		"StudyInstanceUID": s.uid, "StudyDate": date(s.start), "StudyTime": clock(s.start),
		"StudyID": fmt.Sprint(s.index), "AccessionNumber": s.accession,
		"IssuerOfAccessionNumberSequence": s.issuer(),
		"ReferringPhysicianName":          f.referring,
		"ReferringPhysicianIdentificationSequence": attrs{
			"PersonIdentificationCodeSequence": code{f.referringID, f.procedures, "Referring physician"}, "InstitutionName": f.Name,
		},
		"NameOfPhysiciansReadingStudy": f.radiologist,
		"StudyDescription":             s.procedure.description,
		"ProcedureCodeSequence":        s.procedureCode(),
		"CodingSchemeIdentificationSequence": attrs{
			"CodingSchemeDesignator": f.procedures, "CodingSchemeUID": f.schemeUID, "CodingSchemeName": f.IssuerOfAccession,
		},
	}
	if s.person.admission {
		a["AdmissionID"] = fmt.Sprintf("ADM-%s-%d", s.start.Format("2006"), 4000+int(s.hash("admission ", s.patient)[0]))
		a["IssuerOfAdmissionIDSequence"] = s.issuer()
	}
	return a
}

// issuer is the HL7v2 Hierarchic Designator of the facility's numbers.
func (s *study) issuer() attrs {
	f := facilities[s.device.facility]
	return attrs{"LocalNamespaceEntityID": f.IssuerOfAccession, "UniversalEntityID": f.issuerUID, "UniversalEntityIDType": "ISO"}
}

func (s *study) procedureCode() code {
	return code{s.procedure.code, facilities[s.device.facility].procedures, s.procedure.description}
}

// equipmentModule is PS3.3 C.7.5.1 and C.7.5.2.
func (s *study) equipmentModule() attrs {
	f, d := facilities[s.device.facility], s.device
	a := attrs{
		"Manufacturer": d.manufacturer, "ManufacturerModelName": d.model, "DeviceSerialNumber": d.serial,
		"SoftwareVersions": d.software, "StationName": d.station,
		"InstitutionName": f.Name, "InstitutionAddress": f.address, "InstitutionalDepartmentName": f.department,
	}
	if d.hasUID {
		a["DeviceUID"] = s.maker.uid("device ", d.serial)
	}
	return a
}

// seriesModule is PS3.3 C.7.3.1 for images, with the request that they answer.
func (s *study) seriesModule(to *series, description string) attrs {
	f, begun := facilities[s.device.facility], s.at(float64(to.number))
	return attrs{
		"SeriesDescription": description, "ProtocolName": description, "SeriesDate": date(begun), "SeriesTime": clock(begun),
		"AcquisitionDate": date(begun), "AcquisitionTime": clock(begun), "ContentDate": date(begun), "ContentTime": clock(begun),
		"PerformingPhysicianName": f.radiologist, "OperatorsName": s.device.operator,
		"PerformedProcedureStepID":          fmt.Sprintf("PPS%d", s.index),
		"PerformedProcedureStepStartDate":   date(s.start),
		"PerformedProcedureStepStartTime":   clock(s.start),
		"PerformedProcedureStepDescription": s.procedure.description,
		"RequestAttributesSequence": attrs{
			"AccessionNumber": s.accession, "IssuerOfAccessionNumberSequence": s.issuer(), "StudyInstanceUID": s.uid,
			"RequestedProcedureID": fmt.Sprintf("RP%d", s.index), "ScheduledProcedureStepID": fmt.Sprintf("SPS%d", s.index),
			"RequestedProcedureDescription": s.procedure.description, "RequestedProcedureCodeSequence": s.procedureCode(),
			"ReasonForTheRequestedProcedure": s.procedure.reason, "ScheduledProcedureStepDescription": s.procedure.description,
		},
	}.with(s.equipmentModule())
}
