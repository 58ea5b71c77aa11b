// Package archive keeps DICOM objects as they were received, byte for byte, addressed by their SHA-256, in a folder or an S3
// store; and the instance index, from which every ImagingStudy is made.
//
// Objects come first: [Open] a location, [Put] what arrived, and only then Add its [Instance] to the index, in the transaction
// that also holds whatever else must stand or fall with it. Both are idempotent, so work that a crash interrupted is simply done
// again. The index settles conflicts by content: whatever the order of arrival, [Study] gives the same rows.
//
// An object may also stay in another archive, of which the index holds what is said of it (Remote).
//
// The package decodes nothing but a patient's number, and deletes nothing but what another archive told of its own objects. It knows no database: a transaction is any [SQL], and the tables that it must
// hold are the migrations of [Schema].
package archive

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// Digest is the SHA-256 of an object's bytes.
type Digest [32]byte

// String is the digest in lower case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest reads what String writes.
func ParseDigest(text string) (Digest, error) {
	var d Digest
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(d) {
		return d, fmt.Errorf("%q is not a digest: 64 hexadecimal digits", text)
	}
	copy(d[:], b)
	return d, nil
}

// What Open and the reading of an Object return, wrapped.
var (
	ErrAbsent  = errors.New("no such object in the archive")
	ErrDamaged = errors.New("object no longer has its digest")
)

// Objects is where object bytes live. It is safe for concurrent use, also by several processes on one location.
type Objects interface {
	// Create begins an object that comes in.
	Create(ctx context.Context) (Incoming, error)
	// Open returns an object for reading; ErrAbsent when there is none, ErrDamaged (on Close or Read) when its bytes no longer
	// have its digest. The digest is checked as the bytes are read in order, so a reader of the whole object never gets its end
	// when it is damaged; one who reads parts has no proof of them and asks Verify.
	Open(ctx context.Context, d Digest) (Object, error)
	Close() error
}

// Incoming is an object that comes in: written from its start to its end, and readable meanwhile.
type Incoming interface {
	io.Writer
	Object
	// Commit stores what was written and returns its digest: then it is durable. Storing the same bytes again changes nothing, unless what
	// is stored under their digest is damaged: then it is replaced. Nothing is written after it; it stays readable until it is closed.
	Commit(ctx context.Context) (Digest, error)
	// Close ends it. What was not committed is gone.
	Close() error
}

// Put stores what r holds, as Commit does, and returns its digest and size. When r fails, nothing is stored.
func Put(ctx context.Context, objects Objects, r io.Reader) (d Digest, size int64, err error) {
	in, err := objects.Create(ctx)
	if err != nil {
		return d, 0, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	if _, err := io.Copy(in, withContext(ctx, r)); err != nil {
		return d, 0, err
	}
	d, err = in.Commit(ctx)
	if err != nil {
		return Digest{}, 0, err
	}
	return d, in.Size(), nil
}

// Object is an open object.
type Object interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Verify reads a whole object: nil when its bytes have its digest, else ErrAbsent, ErrDamaged or what reading failed with.
func Verify(ctx context.Context, objects Objects, d Digest) error {
	o, err := objects.Open(ctx, d)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, withContext(ctx, io.NewSectionReader(o, 0, o.Size())))
	return errors.Join(err, o.Close())
}

// holds tells whether an object is there, whole and undamaged.
func holds(ctx context.Context, objects Objects, d Digest) (bool, error) {
	err := Verify(ctx, objects, d)
	if errors.Is(err, ErrAbsent) || errors.Is(err, ErrDamaged) {
		return false, nil
	}
	return err == nil, err
}
