package dicom

import (
	"bytes"
	"io"
	"math"
	"sync"
)

// Limits bound what one scan may take, whatever the input declares. The zero value stands for the defaults.
type Limits struct {
	Bytes    int64 // held in memory for values and their elements; default 64 MiB. Four times as much may be inflated.
	Elements int   // items included; default 1,000,000
	Depth    int   // of sequences; default 64
	Value    int64 // one value longer than this is passed over as Bulk; default 1 MiB
	Bulk     bool  // keep EncapsulatedDocument (0042,0011) within Bytes
	Head     bool  // nothing beyond the header is looked at, so that an object need not be there in whole
}

func (l Limits) orDefault() Limits {
	if l.Bytes == 0 {
		l.Bytes = 64 << 20
	}
	if l.Elements == 0 {
		l.Elements = 1_000_000
	}
	if l.Depth == 0 {
		l.Depth = 64
	}
	if l.Value == 0 {
		l.Value = 1 << 20
	}
	return l
}

// Scan reads the header of the object in r, size bytes long, up to pixel data. Attributes after pixel data are not read, but
// truncation is an error, whatever is cut, unless
// the limits ask for the head alone. Group lengths are left out, as are repeated attributes but the first. Errors are *Error.
func Scan(r io.ReaderAt, size int64, limits Limits) (*Dataset, error) {
	buf := windows.Get().(*[windowSize]byte)
	defer windows.Put(buf) // values are copied out of it
	s := newScanner(window{r: r, end: size, buf: buf[:]}, limits)
	defer s.done()
	d, err := s.object()
	if err != nil {
		return nil, err
	}
	return d, nil
}

// ScanBare reads a data set without preamble and meta group, as it is sent over a network, in a transfer syntax. Errors are *Error.
func ScanBare(b []byte, transferSyntax string) (*Dataset, error) {
	file := append(FileStart(&Dataset{TransferSyntax: transferSyntax}), b...)
	return Scan(bytes.NewReader(file), int64(len(file)), Limits{})
}

// Decode reads what Encode wrote. Values are parts of b, which must not change any more.
func Decode(b []byte) (*Dataset, error) {
	s := newScanner(window{buf: b, hi: len(b), end: int64(len(b))}, Limits{Bulk: true, Value: int64(len(b)) + 1})
	defer s.done()
	d := &Dataset{TransferSyntax: explicitLittle}
	if err := s.dataSet(d); err != nil {
		return nil, err
	}
	return d, nil
}

func newScanner(w window, limits Limits) *scanner {
	limits = limits.orDefault()
	s := &scanner{window: w, limits: limits, budget: limits.Bytes, space: rooms.Get().(*[]Element)}
	s.pending = (*s.space)[:0]
	return s
}

// rooms are for elements that are being read, used again: most data sets have more than any fixed number, and few have many more.
var rooms = sync.Pool{New: func() any { return new(make([]Element, 0, 256)) }}

// maxRoom is how many elements a room that is kept has space for.
const maxRoom = 4096

// done gives the scanner's room back, empty.
func (s *scanner) done() {
	if cap(s.pending) > maxRoom {
		return
	}
	clear(s.pending) // what was passed on is clear already
	*s.space = s.pending
	rooms.Put(s.space)
	s.space, s.pending = nil, nil
}

// object reads a whole object: the meta group where there is one, and the data set.
func (s *scanner) object() (*Dataset, error) {
	d := &Dataset{}
	if !s.preamble() {
		if s.err != nil {
			return nil, s.cut(0, "its preamble")
		}
		return nil, s.fail(NotDICOM, 0, "neither a Part 10 file nor a bare data set")
	}
	if err := s.meta(d); err != nil {
		return nil, err
	}
	if err := s.settle(d); err != nil {
		return nil, err
	}
	if err := s.dataSet(d); err != nil {
		return nil, err
	}
	if len(d.Elements) == 0 {
		return nil, s.fail(Truncated, 0, "no data set")
	}
	return d, nil
}

// preamble passes what stands before the first element. It reports whether an element can stand there.
func (s *scanner) preamble() bool {
	b := s.peek(132)
	switch {
	case len(b) == 132 && bytes.HasPrefix(b[128:], []byte("DICM")):
		return s.skip(132)
	case bytes.HasPrefix(b, []byte("DICM")): // seen: the prefix without its preamble
		return s.skip(4)
	case metaGroup(b):
		return true
	}
	e, ok := sniff(b, s.left())
	return ok && e.bare(b)
}

// metaGroup reports whether b starts with an element of group 0002, in either byte order.
func metaGroup(b []byte) bool {
	return len(b) >= 8 && (b[0] == 2 && b[1] == 0 || b[0] == 0 && b[1] == 2)
}

// meta reads the elements of group 0002 as long as they come: the group length that the file states is not asked, since it is
// often wrong or missing. They are Explicit VR Little Endian (PS3.10 7.1), and other encodings are seen.
func (s *scanner) meta(d *Dataset) error {
	if !metaGroup(s.peek(8)) {
		return nil
	}
	d.Meta = &Dataset{TransferSyntax: explicitLittle}
	for metaGroup(s.peek(8)) {
		s.coding.big = s.peek(1)[0] == 0
		d.Meta.bigEndian = s.coding.big
		e, err := s.element(s.end, 0)
		if err != nil {
			return err
		}
		s.pending = append(s.pending, e)
	}
	d.Meta.Elements = s.settled(0)
	d.Meta.sort()
	d.TransferSyntax = d.Meta.first(tagTransferSyntax)
	return nil
}

// dataSet reads the data set proper, up to pixel data, and checks that the rest is there.
func (s *scanner) dataSet(d *Dataset) error {
	d.bigEndian = s.coding.big
	end := s.end
	if s.inflated {
		end = math.MaxInt64 // where the stream ends
	}
	if err := s.elements(d, end, 0); err != nil {
		return err
	}
	d.inherit(nil)
	return nil
}
