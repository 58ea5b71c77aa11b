package archive

import "context"

// Instance is one row of the index: what the ImagingStudy needs of one object.
type Instance struct {
	StudyInstanceUID  string
	SeriesInstanceUID string
	SOPInstanceUID    string
	SOPClassUID       string
	Object            Digest
	Size              int64
	Owner             string // "Organization/<id>" that submitted it, or ""
	Source            string // the channel or calling AE title, or ""
	// Context holds the attributes of patient, study, series and equipment, Header those of the instance alone: dicom.Encode
	// of a subset. Instances of a series mostly share one Context, which is stored once.
	Context []byte
	Header  []byte
}

// SQL is what the index needs of a transaction.
type SQL interface {
	Exec(ctx context.Context, query string, args ...any) (int64, error)
	Query(ctx context.Context, query string, args []any, row func(scan func(dest ...any) error) error) error
}

// Outcome tells what Add found.
type Outcome int

const (
	New       Outcome = iota
	Duplicate         // same SOP Instance UID, same bytes: nothing written
	Conflict          // same SOP Instance UID, other bytes: kept beside it, the lowest digest is the one that counts
)

// Add puts instances into the index, each with its outcome in order.
func Add(ctx context.Context, tx SQL, instances []Instance) ([]Outcome, error) { panic("archive.Add") }

// Study returns the instances of a study that count, in SOP Instance UID order.
func Study(ctx context.Context, tx SQL, studyInstanceUID string) ([]Instance, error) {
	panic("archive.Study")
}
