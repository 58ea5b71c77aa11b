package sr

import "lightbox/dicom"

// Observer is a person or a device that verified, wrote or took part in a document (PS3.3 C.17.2).
type Observer struct {
	Type         string // PSN, DEV
	Name         dicom.PersonName
	Code         Code   // that identifies the person
	Organization string // that the person answers for
	DateTime     string // DT of verification or participation
	Role         string // of a participant: SOURCE, ENT, ATTEST, ...
	// Of a device:
	DeviceUID    string
	Manufacturer string
	Model        string
	Station      string
	Dataset      *dicom.Dataset
}

var (
	pathVerifiers    = dicom.MustPath("VerifyingObserverSequence")
	pathAuthors      = dicom.MustPath("AuthorObserverSequence")
	pathParticipants = dicom.MustPath("ParticipantSequence")

	pathVerifierName         = dicom.MustPath("VerifyingObserverName")
	pathVerifierCode         = dicom.MustPath("VerifyingObserverIdentificationCodeSequence")
	pathVerifierOrganization = dicom.MustPath("VerifyingOrganization")
	pathVerifierDateTime     = dicom.MustPath("VerificationDateTime")

	pathObserverType = dicom.MustPath("ObserverType")
	pathPersonName   = dicom.MustPath("PersonName")
	pathPersonCode   = dicom.MustPath("PersonIdentificationCodeSequence")
	pathInstitution  = dicom.MustPath("InstitutionName")
	pathRole         = dicom.MustPath("ParticipationType")
	pathRoleDateTime = dicom.MustPath("ParticipationDateTime")
	pathDeviceUID    = dicom.MustPath("DeviceUID")
	pathManufacturer = dicom.MustPath("Manufacturer")
	pathModel        = dicom.MustPath("ManufacturerModelName")
	pathStation      = dicom.MustPath("StationName")
)

func verifiers(ds *dicom.Dataset) []Observer {
	var all []Observer
	for _, item := range ds.Items(pathVerifiers) {
		all = append(all, Observer{
			Type:         "PSN",
			Name:         firstName(item, pathVerifierName),
			Code:         firstCode(item, pathVerifierCode),
			Organization: item.Text(pathVerifierOrganization),
			DateTime:     item.Text(pathVerifierDateTime),
			Dataset:      item,
		})
	}
	return all
}

func authors(ds *dicom.Dataset) []Observer { return observers(ds.Items(pathAuthors)) }

func participants(ds *dicom.Dataset) []Observer { return observers(ds.Items(pathParticipants)) }

// observers reads items of the Identified Person or Device macro (PS3.3 table C.17-3b).
func observers(items []*dicom.Dataset) []Observer {
	var all []Observer
	for _, item := range items {
		all = append(all, Observer{
			Type:         item.Text(pathObserverType),
			Name:         firstName(item, pathPersonName),
			Code:         firstCode(item, pathPersonCode),
			Organization: item.Text(pathInstitution),
			DateTime:     item.Text(pathRoleDateTime),
			Role:         item.Text(pathRole),
			DeviceUID:    item.Text(pathDeviceUID),
			Manufacturer: item.Text(pathManufacturer),
			Model:        item.Text(pathModel),
			Station:      item.Text(pathStation),
			Dataset:      item,
		})
	}
	return all
}

func firstName(ds *dicom.Dataset, p dicom.Path) dicom.PersonName {
	if names := ds.Names(p); len(names) > 0 {
		return names[0]
	}
	return dicom.PersonName{}
}
