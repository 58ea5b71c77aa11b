package dicom

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"io"
)

// Transfer syntaxes that encode the data set in a way of their own; all others are Explicit VR Little Endian (PS3.5 annex A).
const (
	implicitLittle = "1.2.840.10008.1.2"
	explicitLittle = "1.2.840.10008.1.2.1"
	explicitBig    = "1.2.840.10008.1.2.2"
)

// coding is how elements are written.
type coding struct{ implicit, big bool }

// syntaxRule is one transfer syntax that needs more than Explicit VR Little Endian.
type syntaxRule struct {
	coding
	deflated bool
	foreign  bool // no DICOM data set at all
}

func syntaxOf(uid string) syntaxRule {
	switch uid {
	case implicitLittle,
		"1.2.840.113619.5.2", // GE: Implicit VR, big endian in pixel data alone
		"1.2.840.10008.1.20": // Papyrus 3
		return syntaxRule{coding: coding{implicit: true}}
	case explicitBig:
		return syntaxRule{coding: coding{big: true}}
	case "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205": // Deflated; JPIP and its HTJ2K kind
		return syntaxRule{deflated: true}
	case "1.2.840.10008.1.2.6.1", "1.2.840.10008.1.2.6.2": // MIME and XML encapsulation
		return syntaxRule{foreign: true}
	}
	return syntaxRule{}
}

func (e coding) uid() string {
	switch {
	case e.implicit:
		return implicitLittle
	case e.big:
		return explicitBig
	}
	return explicitLittle
}

// tag reads a tag.
func (e coding) tag(b []byte) Tag {
	if e.big {
		return Tag(binary.BigEndian.Uint32(b))
	}
	return Tag(b[0])<<16 | Tag(b[1])<<24 | Tag(b[2]) | Tag(b[3])<<8
}

func (e coding) uint32(b []byte) uint32 {
	if e.big {
		return binary.BigEndian.Uint32(b)
	}
	return binary.LittleEndian.Uint32(b)
}

func (e coding) uint16(b []byte) uint16 {
	if e.big {
		return binary.BigEndian.Uint16(b)
	}
	return binary.LittleEndian.Uint16(b)
}

// settle finds out how the data set is encoded: as the meta group says, unless its first elements show that it is wrong.
func (s *scanner) settle(d *Dataset) error {
	declared := syntaxOf(d.TransferSyntax)
	if declared.foreign {
		return s.fail(Unsupported, tagTransferSyntax, "transfer syntax "+UIDName(d.TransferSyntax)+" holds no data set")
	}
	seen, ok := sniff(s.peek(strideSize), s.left())
	if declared.deflated && !(ok && !seen.implicit) {
		s.coding = coding{}
		return s.inflate()
	}
	s.coding = declared.coding
	if ok && (d.TransferSyntax == "" || seen != declared.coding) {
		s.coding = seen
		d.TransferSyntax = seen.uid()
	}
	if d.TransferSyntax == "" {
		d.TransferSyntax = explicitLittle
	}
	return nil
}

// sniff tells the encoding by the first elements of a data set in b, of which left bytes may follow. It reports false when they
// do not look like elements of any encoding.
func sniff(b []byte, left int64) (coding, bool) {
	if len(b) < 8 {
		return coding{}, false
	}
	// A data set starts with a low group: of the two readings of the group number the lower one is right.
	e := coding{big: b[0] < b[1]}
	if e.tag(b).Group() > 0x00FF {
		return e, false
	}
	length := e.uint32(b[4:])
	fits := length == undefined || int64(length) <= left-8
	if ruleOf(b[4], b[5]) != nil {
		return e, true
	}
	// Letters after it: one element without value representation in an explicit data set.
	e.implicit = !fits || !lettersFollow(b, int64(length)+8)
	return e, fits
}

// lettersFollow reports whether the element at an offset in b has the two letters of a value representation.
func lettersFollow(b []byte, at int64) bool {
	return at+8 <= int64(len(b)) && ruleOf(b[at+4], b[at+5]) != nil
}

// bare reports whether b may start a data set that has neither preamble nor meta group. This has to be strict: any file could
// be offered.
func (e coding) bare(b []byte) bool {
	t := e.tag(b)
	switch t.Group() {
	case 0x0004, 0x0008, 0x0010:
		return uint16(t) == 0 || VROf(t) != "UN"
	}
	return false
}

// inflate reads on from the inflated data set (PS3.5 A.5). What may come out is bounded by the limits, and by what deflate can
// make of the bytes that are there: no more than 1032 of one.
func (s *scanner) inflate() error {
	section := io.NewSectionReader(s.r, s.offset(), s.left())
	bound := min(4*s.limits.Bytes, 1032*s.left()+windowSize)
	head := s.peek(2)
	stream := io.Reader(flate.NewReader(section))
	if len(head) == 2 && head[0] == 0x78 && (int(head[0])<<8|int(head[1]))%31 == 0 { // seen: a zlib header (RFC 1950)
		var err error
		if stream, err = zlib.NewReader(section); err != nil {
			return s.fail(Malformed, 0, "the deflated data set cannot be inflated")
		}
	}
	if s.pixels != nil {
		return s.inflateWhole(stream, bound)
	}
	s.window = window{stream: stream, end: bound, buf: make([]byte, windowSize)}
	s.inflated = true
	return nil
}

// maxInflated bounds what is held of an inflated data set: more than any image that is worth deflating.
const maxInflated = 128 << 20

// inflateWhole puts what comes out into memory, where frames can be found.
func (s *scanner) inflateWhole(stream io.Reader, bound int64) error {
	bound = min(bound, maxInflated)
	whole, err := io.ReadAll(io.LimitReader(stream, bound+1))
	switch {
	case err != nil:
		return s.fail(Malformed, 0, "the deflated data set cannot be inflated")
	case int64(len(whole)) > bound:
		return s.fail(TooLarge, 0, "the data set inflates to more than is allowed")
	}
	s.pixels.r, s.pixels.size = bytes.NewReader(whole), int64(len(whole))
	s.window = window{r: s.pixels.r, end: s.pixels.size, buf: make([]byte, windowSize)}
	return nil
}
