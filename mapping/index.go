package mapping

import (
	"slices"
	"strings"

	"lightbox/dicom"
	"lightbox/dicom/archive"
)

// Refusal tells why an object is no instance of a study.
type Refusal struct {
	Reason string // short word that summaries count by: "dicomdir", "not-in-study", "worklist", "no-uid", "bad-uid"
	Detail string
}

func (e *Refusal) Error() string { return e.Reason + ": " + e.Detail }

const mediaStorageDirectory = "1.2.840.10008.1.3.10"

// outsideStudies are the SOP classes of objects that belong to no study (PS3.4 B.5 and GG: implants, protocols, palettes,
// hanging protocols), as prefixes.
var outsideStudies = []string{
	"1.2.840.10008.5.1.4.38.", "1.2.840.10008.5.1.4.39.", "1.2.840.10008.5.1.4.43.", "1.2.840.10008.5.1.4.44.",
	"1.2.840.10008.5.1.4.45.", "1.2.840.10008.5.1.4.1.1.200.1", "1.2.840.10008.5.1.4.1.1.200.3",
}

var (
	pathSOPInstance   = dicom.MustPath("SOPInstanceUID")
	pathSOPClass      = dicom.MustPath("SOPClassUID")
	pathSeriesUID     = dicom.MustPath("SeriesInstanceUID")
	pathScheduled     = dicom.MustPath("ScheduledProcedureStepSequence")
	pathMediaInstance = dicom.MustPath("MediaStorageSOPInstanceUID")
	pathMediaClass    = dicom.MustPath("MediaStorageSOPClassUID")
	pathSourceAE      = dicom.MustPath("SourceApplicationEntityTitle")
)

// Index takes from a scanned object what the instance index keeps: all but Object, Size, Owner, Source and Received. The error is a
// *Refusal when the object is not an instance of a study; its UIDs, as far as it has them, are told nevertheless.
func (m *Mapper) Index(ds *dicom.Dataset) (archive.Instance, error) {
	i := archive.Instance{
		StudyInstanceUID: ds.Text(pathStudyUID), SeriesInstanceUID: ds.Text(pathSeriesUID),
		SOPInstanceUID: orMeta(ds, pathSOPInstance, pathMediaInstance), SOPClassUID: orMeta(ds, pathSOPClass, pathMediaClass),
	}
	if refusal := refuse(ds, i); refusal != nil {
		return i, refusal
	}
	i.Context = contextOf(ds).Encode()
	i.Header = headerTags(ds).prune(ds).Encode()
	return i, nil
}

// contextOf prunes ds to what the tables of patient, study, series and equipment read, the sender's title in the file meta
// information among it.
func contextOf(ds *dicom.Dataset) *dicom.Dataset {
	kept := contextTags.prune(ds)
	framesOnce(kept)
	if ds.Meta != nil {
		if e, _, ok := ds.Meta.Find(pathSourceAE); ok {
			kept.Elements = slices.Insert(kept.Elements, 0, *e)
		}
	}
	return kept
}

// senderTitle is the title of the application that sent an object: of its file meta information, which a context has among its attributes.
func senderTitle(ds *dicom.Dataset) string {
	if ds.Meta != nil {
		return clean(ds.Meta.Text(pathSourceAE))
	}
	return clean(ds.Text(pathSourceAE))
}

// orMeta reads an attribute that the file meta information repeats (PS3.10 7.1).
func orMeta(ds *dicom.Dataset, p, inMeta dicom.Path) string {
	if uid := ds.Text(p); uid != "" || ds.Meta == nil {
		return uid
	}
	return ds.Meta.Text(inMeta)
}

func refuse(ds *dicom.Dataset, i archive.Instance) error {
	switch {
	case i.SOPClassUID == mediaStorageDirectory:
		return &Refusal{"dicomdir", "a media directory, not an instance"}
	case len(ds.Items(pathScheduled)) > 0 && i.SeriesInstanceUID == "":
		return &Refusal{"worklist", "a worklist entry, not an instance"}
	case i.StudyInstanceUID == "" && isOutsideStudies(i.SOPClassUID):
		return &Refusal{"not-in-study", "an object that belongs to no study"}
	}
	for _, one := range []struct{ name, uid string }{
		{"StudyInstanceUID", i.StudyInstanceUID}, {"SeriesInstanceUID", i.SeriesInstanceUID}, {"SOPInstanceUID", i.SOPInstanceUID},
		{"SOPClassUID", i.SOPClassUID},
	} {
		switch {
		case one.uid == "":
			return &Refusal{"no-uid", "no " + one.name}
		case !IsUID(one.uid):
			return &Refusal{"bad-uid", one.name + " is not a UID"}
		}
	}
	return nil
}

func isOutsideStudies(sopClass string) bool {
	for _, prefix := range outsideStudies {
		if strings.HasPrefix(sopClass, prefix) {
			return true
		}
	}
	return false
}
