package media

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"lightbox/dicom"
)

// headSize is how much of a Part 10 file stands before its meta information: the preamble and the prefix DICM (PS3.10 7.1).
const headSize = dicom.PreambleSize + 4

var magic = []byte("DICM")

// PrefixOf returns what has to stand before an object, of which d is the header, to make a Part 10 file of it: nothing, a preamble, or
// all that such a file begins with. It reads the first bytes of the object.
func PrefixOf(o io.ReaderAt, d *dicom.Dataset) ([]byte, error) {
	var head [headSize]byte
	n, err := o.ReadAt(head[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	empty := make([]byte, dicom.PreambleSize, headSize)
	switch {
	case n == headSize && bytes.HasSuffix(head[:], magic):
		return nil, nil
	case bytes.HasPrefix(head[:n], magic):
		return empty, nil
	case d.Meta != nil:
		return append(empty, magic...), nil
	}
	return dicom.FileStart(d), nil
}

// body is an open object as it goes out: after its prefix, with an empty preamble. It is read by one caller at a time.
type body struct {
	Object
	prefix []byte
	head   []byte // once it was read
}

func openBody(ctx context.Context, f *File) (*body, error) {
	o, err := f.Open(ctx)
	if err != nil {
		return nil, err
	}
	if o.Size() != f.Size {
		return nil, errors.Join(fmt.Errorf("%w: it has %d bytes, not %d", ErrChanged, o.Size(), f.Size), o.Close())
	}
	return &body{Object: o, prefix: f.Prefix}, nil
}

// fill reads all of p at off, or fails.
func (b *body) fill(p []byte, off int64) error {
	if off < headSize {
		if err := b.readHead(); err != nil {
			return err
		}
		n := copy(p, b.head[off:])
		p, off = p[n:], off+int64(n)
	}
	return b.raw(p, off)
}

// readHead reads the head once, so that what is read of an object in order is asked for in order: its digest is checked by that.
func (b *body) readHead() error {
	if b.head != nil {
		return nil
	}
	head := make([]byte, headSize)
	if b.Size()+int64(len(b.prefix)) < headSize {
		return fmt.Errorf("%w: too short for a DICOM file", ErrChanged)
	}
	if err := b.raw(head, 0); err != nil {
		return err
	}
	if !bytes.HasSuffix(head, magic) {
		return fmt.Errorf("%w: no DICOM file", ErrChanged)
	}
	if !isTIFF(head) {
		clear(head[:dicom.PreambleSize])
	}
	b.head = head
	return nil
}

// raw reads prefix and object as they are.
func (b *body) raw(p []byte, off int64) error {
	if own := int64(len(b.prefix)); off < own {
		n := copy(p, b.prefix[off:])
		p, off = p[n:], off+int64(n)
	}
	if len(p) == 0 {
		return nil
	}
	n, err := b.ReadAt(p, off-int64(len(b.prefix)))
	switch {
	case n == len(p) && (err == nil || errors.Is(err, io.EOF)):
		return nil
	case err == nil || errors.Is(err, io.EOF):
		return fmt.Errorf("%w: it ends early", ErrChanged)
	}
	return err
}

// isTIFF holds for a file that is both DICOM and TIFF, as of whole slides: its preamble is needed (PS3.10 7.1).
func isTIFF(b []byte) bool {
	start := string(b[:4])
	return start == "II*\x00" || start == "MM\x00*" || start == "II+\x00" || start == "MM\x00+"
}
