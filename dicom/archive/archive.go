// Package archive keeps DICOM objects as they were received, byte for byte, addressed by their SHA-256, in a folder or an S3
// store; and the instance index, from which every ImagingStudy is made.
package archive

import (
	"context"
	"io"
)

// Digest is the SHA-256 of an object's bytes.
type Digest [32]byte

// Objects is where object bytes live. An object that Put returned for is durable.
type Objects interface {
	// Put stores what r holds and returns its digest and size. Putting the same bytes again changes nothing.
	Put(ctx context.Context, r io.Reader) (Digest, int64, error)
	// Open returns an object for reading; ErrAbsent when there is none, ErrDamaged (on Close or Read) when its bytes no longer
	// have its digest.
	Open(ctx context.Context, d Digest) (Object, error)
	Close() error
}

// Object is an open object.
type Object interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

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
