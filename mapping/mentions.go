package mapping

import (
	"fmt"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
)

var pathStudyDate = dicom.MustPath("StudyDate")

// Mentions maps the shared resources of one Context. It walks the tables of the study and keeps what they refer to: so every
// reference that a Study makes has its resource.
func (m *Mapper) Mentions(context []byte) ([]Mention, []Issue, error) {
	ds, err := dicom.Decode(context)
	if err != nil {
		return nil, nil, fmt.Errorf("context: %w", err)
	}
	r := &run{mapper: m, mentions: &mentions{date: mentionDate(ds), made: map[string]bool{}}}
	r.mention(ds)
	return r.mentions.list, r.shared(), r.err
}

func (r *run) mention(ds *dicom.Dataset) {
	var study r4.ImagingStudy
	var series r4.ImagingStudySeries
	var report r4.DiagnosticReport
	studyTable.apply(r, &study, whole(ds))
	seriesTable.apply(r, &series, whole(ds))
	reportPeopleTable.apply(r, &report, whole(ds))
	r.endpoint()
}

func mentionDate(ds *dicom.Dataset) string {
	day, _ := parseDate(clean(ds.Text(pathStudyDate)))
	return strings.ReplaceAll(day, "-", "")
}

// shared returns the issues of the shared resources; those of the study and its reports are raised by Study and Reports.
func (r *run) shared() []Issue {
	var list []Issue
	for _, i := range r.issues {
		if !strings.HasPrefix(i.Element, "ImagingStudy.") && !strings.HasPrefix(i.Element, "DiagnosticReport.") {
			list = append(list, i)
		}
	}
	return list
}
