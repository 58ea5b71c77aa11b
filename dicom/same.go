package dicom

import (
	"bytes"
	"errors"
	"io"
)

// SameDataSet reports whether two files hold the same data set, byte for byte and in one transfer syntax, whatever preamble and file meta
// information each has: those say who wrote the file, not what is in it (PS3.10 7.1). Errors are *Error.
func SameDataSet(a, b Sized) (bool, error) {
	x, syntaxX, err := dataSetOf(a)
	if err != nil {
		return false, err
	}
	y, syntaxY, err := dataSetOf(b)
	if err != nil || syntaxX != syntaxY || x.Size() != y.Size() {
		return false, err
	}
	return sameBytes(x, y)
}

// Sized is what can be read at any place and has a size.
type Sized interface {
	io.ReaderAt
	Size() int64
}

// dataSetOf is what follows the file meta information.
func dataSetOf(file Sized) (*io.SectionReader, string, error) {
	buf := windows.Get().(*[windowSize]byte)
	defer windows.Put(buf)
	s := newScanner(window{r: file, end: file.Size(), buf: buf[:]}, Limits{})
	defer s.done()
	if !s.preamble() {
		return nil, "", s.fail(NotDICOM, 0, "neither a Part 10 file nor a bare data set")
	}
	d := &Dataset{}
	if err := s.meta(d); err != nil {
		return nil, "", err
	}
	at := s.offset()
	return io.NewSectionReader(file, at, file.Size()-at), d.TransferSyntax, nil
}

func sameBytes(x, y io.Reader) (bool, error) {
	var one, other [windowSize]byte
	for {
		n, errX := io.ReadFull(x, one[:])
		m, errY := io.ReadFull(y, other[:])
		if !bytes.Equal(one[:n], other[:m]) {
			return false, nil
		}
		for _, err := range []error{errX, errY} {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return true, nil
			}
			if err != nil {
				return false, &Error{Reason: Unreadable, Detail: "reading failed", Err: err}
			}
		}
	}
}
