package sr

import (
	"strconv"

	"lightbox/dicom"
)

// Reference points to another object. Study and series are known where the hierarchy names them (PS3.3 C.17.2.1).
type Reference struct {
	StudyInstanceUID  string
	SeriesInstanceUID string
	SOPClassUID       string
	SOPInstanceUID    string
	Frames            []int // of a multi-frame image; none means all
	Segments          []int
	Purpose           Code
}

var (
	pathSeries         = dicom.MustPath("ReferencedSeriesSequence")
	pathSOPs           = dicom.MustPath("ReferencedSOPSequence")
	pathStudyUID       = dicom.MustPath("StudyInstanceUID")
	pathSeriesUID      = dicom.MustPath("SeriesInstanceUID")
	pathRefSOPClass    = dicom.MustPath("ReferencedSOPClassUID")
	pathRefSOPInstance = dicom.MustPath("ReferencedSOPInstanceUID")
	pathRefFrames      = dicom.MustPath("ReferencedFrameNumber")
	pathRefSegments    = dicom.MustPath("ReferencedSegmentNumber")
	pathPurpose        = dicom.MustPath("PurposeOfReferenceCodeSequence")
)

// hierarchy flattens items of the Hierarchical SOP Instance Reference macro, in order (PS3.3 table C.17-3).
func hierarchy(studies []*dicom.Dataset) []Reference {
	var all []Reference
	for _, study := range studies {
		for _, series := range study.Items(pathSeries) {
			for _, r := range references(series) {
				r.StudyInstanceUID = study.Text(pathStudyUID)
				r.SeriesInstanceUID = series.Text(pathSeriesUID)
				all = append(all, r)
			}
		}
	}
	return all
}

// references reads the ReferencedSOPSequence of ds.
func references(ds *dicom.Dataset) []Reference {
	var all []Reference
	for _, item := range ds.Items(pathSOPs) {
		all = append(all, Reference{
			SOPClassUID:    item.Text(pathRefSOPClass),
			SOPInstanceUID: item.Text(pathRefSOPInstance),
			Frames:         integers(item, pathRefFrames),
			Segments:       integers(item, pathRefSegments),
			Purpose:        firstCode(item, pathPurpose),
		})
	}
	return all
}

// integers reads the values at a path that are integers.
func integers(ds *dicom.Dataset, p dicom.Path) []int {
	var all []int
	for _, text := range ds.Texts(p) {
		if n, err := strconv.Atoi(text); err == nil {
			all = append(all, n)
		}
	}
	return all
}
