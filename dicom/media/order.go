package media

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"lightbox/dicom"
)

// instance is a file, and where in the File-set it stands.
type instance struct {
	file   *File
	header *dicom.Dataset // not nil
	path   string         // in the ZIP
	class  string         // SOP Class UID; this and the next four are "" where they are absent or no UID
	uid    string         // SOP Instance UID
	syntax string
	study  string
	series string

	own          patientKey // what it says itself
	owner        patientKey // of its study
	patient      *instance  // one that says so
	begun        string     // the earliest date and time of its study
	seriesNumber int64      // the lowest of its series
	number       int64
	places       [4]int // of patient, study, series and instance, each from 1 within the one before
}

// patientKey tells patients apart: an ID is unique within its issuer.
type patientKey struct{ id, issuer, name string }

func (k patientKey) compare(o patientKey) int {
	return cmp.Or(cmp.Compare(k.id, o.id), cmp.Compare(k.issuer, o.issuer), cmp.Compare(k.name, o.name))
}

// better reports whether k is to be preferred to o where one study has both: a patient with an ID to one without.
func (k patientKey) better(o patientKey) bool {
	if (k.id == "") != (o.id == "") {
		return k.id != ""
	}
	return k.compare(o) < 0
}

var (
	pathSOPClass       = dicom.MustPath("SOPClassUID")
	pathSOPInstance    = dicom.MustPath("SOPInstanceUID")
	pathMediaClass     = dicom.MustPath("MediaStorageSOPClassUID")
	pathMediaInstance  = dicom.MustPath("MediaStorageSOPInstanceUID")
	pathStudyUID       = dicom.MustPath("StudyInstanceUID")
	pathSeriesUID      = dicom.MustPath("SeriesInstanceUID")
	pathSeriesNumber   = dicom.MustPath("SeriesNumber")
	pathInstanceNumber = dicom.MustPath("InstanceNumber")
	pathPatientID      = dicom.MustPath("PatientID")
	pathPatientName    = dicom.MustPath("PatientName")
	pathIssuer         = dicom.MustPath("IssuerOfPatientID")
	pathStudyDate      = dicom.MustPath("StudyDate")
	pathStudyTime      = dicom.MustPath("StudyTime")
)

// arrange puts files in order, whatever order they come in: by patient, study, series number, instance number, then UID. Each study and
// each series of it is one by its UID; a study belongs to one patient (PS3.3 F.5.2), though its objects may differ.
func arrange(files []File) []*instance {
	list := make([]*instance, len(files))
	for i := range files {
		list[i] = read(&files[i])
	}
	settle(list)
	slices.SortStableFunc(list, func(a, b *instance) int {
		return cmp.Or(compareSeries(a, b), cmp.Compare(a.number, b.number), cmp.Compare(a.uid, b.uid),
			cmp.Compare(a.file.Digest, b.file.Digest), cmp.Compare(a.file.Size, b.file.Size))
	})
	name(list)
	introduce(list)
	return list
}

// introduce finds for each patient the first instance that names that patient itself.
func introduce(list []*instance) {
	patients := map[patientKey]*instance{}
	for _, i := range list {
		if _, ok := patients[i.own]; !ok && i.own == i.owner {
			patients[i.own] = i
		}
	}
	for _, i := range list {
		i.patient = patients[i.owner]
	}
}

func compareStudy(a, b *instance) int {
	return cmp.Or(a.owner.compare(b.owner), cmp.Compare(a.begun, b.begun), cmp.Compare(a.study, b.study))
}

func compareSeries(a, b *instance) int {
	return cmp.Or(compareStudy(a, b), cmp.Compare(a.seriesNumber, b.seriesNumber), cmp.Compare(a.series, b.series))
}

func read(f *File) *instance {
	d := f.Header
	if d == nil {
		d = dicom.NewDataset()
	}
	i := &instance{
		file: f, header: d, class: uidAt(d, pathSOPClass, pathMediaClass), uid: uidAt(d, pathSOPInstance, pathMediaInstance),
		syntax: uidOf(cmp.Or(f.TransferSyntax, d.TransferSyntax)), study: uidOf(d.Text(pathStudyUID)), series: uidOf(d.Text(pathSeriesUID)),
		begun: d.Text(pathStudyDate) + d.Text(pathStudyTime), seriesNumber: numberAt(d, pathSeriesNumber), number: numberAt(d, pathInstanceNumber),
		own: patientKey{id: d.Text(pathPatientID), issuer: d.Text(pathIssuer)},
	}
	if i.own.id == "" {
		i.own.name = d.Text(pathPatientName)
	}
	i.owner = i.own
	return i
}

// uidAt reads a UID that the file meta information repeats (PS3.10 7.1).
func uidAt(d *dicom.Dataset, p, inMeta dicom.Path) string {
	if uid := uidOf(d.Text(p)); uid != "" || d.Meta == nil {
		return uid
	}
	return uidOf(d.Meta.Text(inMeta))
}

// uidOf returns text if it may be a UID (PS3.5 9.1), else "".
func uidOf(text string) string {
	if len(text) > 64 || strings.Trim(text, "0123456789.") != "" {
		return ""
	}
	return text
}

// numberAt reads a number to sort by. What has none comes last.
func numberAt(d *dicom.Dataset, p dicom.Path) int64 {
	if n, ok := d.Int(p); ok {
		return n
	}
	return math.MaxInt64
}

// settle makes the instances of a study agree on patient and date, and those of a series on its number.
func settle(list []*instance) {
	studies, series := map[string]*instance{}, map[[2]string]int64{}
	for _, i := range list {
		s, ok := studies[i.study]
		if !ok {
			s = &instance{owner: i.owner, begun: i.begun}
			studies[i.study] = s
		}
		if i.owner.better(s.owner) {
			s.owner = i.owner
		}
		if s.begun == "" || i.begun != "" && i.begun < s.begun {
			s.begun = i.begun
		}
		key := [2]string{i.study, i.series}
		if n, ok := series[key]; !ok || i.seriesNumber < n {
			series[key] = i.seriesNumber
		}
	}
	for _, i := range list {
		i.owner, i.begun, i.seriesNumber = studies[i.study].owner, studies[i.study].begun, series[[2]string{i.study, i.series}]
	}
}

// name counts patients, studies, series and instances, and names the files by that: at most eight characters in each component, and none of
// a patient or a UID (PS3.10 8.2).
func name(list []*instance) {
	for n, i := range list {
		i.places = [4]int{1, 1, 1, 1}
		if n > 0 {
			i.places = next(list[n-1], i)
		}
		i.path = strings.Join(i.fileID(), "/")
	}
}

func next(before, i *instance) [4]int {
	p := before.places
	switch {
	case i.owner != before.owner:
		return [4]int{p[0] + 1, 1, 1, 1}
	case compareStudy(before, i) != 0:
		return [4]int{p[0], p[1] + 1, 1, 1}
	case compareSeries(before, i) != 0:
		return [4]int{p[0], p[1], p[2] + 1, 1}
	}
	p[3]++
	return p
}

// fileID are the components of the File ID.
func (i *instance) fileID() []string {
	id := []string{"DICOM"}
	for n, prefix := range []string{"PT", "ST", "SE", "IM"} {
		id = append(id, fmt.Sprintf("%s%06d", prefix, i.places[n]))
	}
	return id
}
