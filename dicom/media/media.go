// Package media makes a download of a study, or of several, as a ZIP that holds a DICOM File-set: the objects, a DICOMDIR that lists them
// (PS3.3 annex F), and a README.TXT for whoever unpacks it. PS3.10 section 8 and PS3.12 annex V are the sources; the directory has the
// keys that the profile STD-GEN-CD asks for (PS3.11 D.3), which are those of PS3.3.
//
// The size of an Image and the place of every byte in it are known before any object was read, so that a client may ask for ranges and go
// on where it broke off: objects are stored, not compressed, and what only reading can tell, their CRC-32, stands behind them and in the
// central directory. The same files and options always make the same bytes.
//
// Nothing is transcoded, and nothing in an object is changed but its preamble, which may be a program (PS3.10 7.1) and goes out empty. No
// name in the ZIP tells of a patient. The package writes nothing and keeps no object in memory.
package media

import (
	"context"
	"errors"
	"io"
	"time"

	"lightbox/dicom"
)

// ErrChanged is what reading returns, wrapped, when an object is not what New was told: it has another size or other bytes, or is no
// DICOM file.
var ErrChanged = errors.New("media: an object is not what it was said to be")

// Object is an open object. Size is the one that its File states.
type Object interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// File is an object that goes into the File-set.
type File struct {
	// Header is the object's data set up to its pixel data, as dicom.Scan gives it. What it lacks is not in the directory.
	Header *dicom.Dataset
	// TransferSyntax is the UID that the object is encoded in; that of Header where it is "".
	TransferSyntax string
	// Prefix stands before the object's own bytes and makes a Part 10 file of it: see PrefixOf. Most objects need none.
	Prefix []byte
	Size   int64 // of the object, without Prefix
	// Digest names the bytes of the object: files with one Digest hold the same. "" is of bytes that nobody named.
	Digest string
	Open   func(ctx context.Context) (Object, error)
}

// Options say what is not in the objects. The zero value is fit for use.
type Options struct {
	Time    time.Time // when the files in the ZIP were made; 1980 when zero
	Expires time.Time // when the link to the download ends, in the zone in which people are to read it; zero: it is not told
	Sums    Sums      // may be nil
}

// Sums remembers the CRC-32 of files by Digest, over the life of an Image. It is safe for concurrent use. What it does not know costs the
// reading of an object, and what it knows wrongly is ErrChanged.
type Sums interface {
	Load(ctx context.Context, digest string) (sum uint32, ok bool)
	Store(ctx context.Context, digest string, sum uint32)
}
