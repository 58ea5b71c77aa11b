package dicom

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"slices"
)

// Span is a stretch of an object.
type Span struct{ Offset, Length int64 }

// Pixels tells where the pixel data of an object stand. Nothing of them is decoded.
type Pixels struct {
	Native Span // of pixel data that is not encapsulated
	Frames int  // number of them: at least 1

	fragments []fragmentAt // of encapsulated pixel data, the Basic Offset Table the first
	frameBits int64        // of native pixel data
	starts    []int64      // of frames, by an offset table; nil: there is none
	r         io.ReaderAt
	size      int64 // of r
}

// Source is what stretches are of: the object, or what a deflated one inflates to, which is held in memory.
func (p *Pixels) Source() *io.SectionReader { return io.NewSectionReader(p.r, 0, p.size) }

// fragmentAt is a fragment and where its item begins.
type fragmentAt struct {
	at   int64
	span Span
}

// What ScanPixels and Frame return, as they are.
var (
	ErrNoPixels = errors.New("dicom: no pixel data")
	ErrNoFrame  = errors.New("dicom: no such frame")
	// ErrFrames is of pixel data whose frames cannot be told apart without decoding it: one that begins within a byte, an object that says
	// too little of its pixels.
	ErrFrames = errors.New("dicom: the frames of this object cannot be told apart")
)

var (
	pathFrames          = MustPath("NumberOfFrames")
	pathRows            = MustPath("Rows")
	pathColumns         = MustPath("Columns")
	pathSamples         = MustPath("SamplesPerPixel")
	pathBits            = MustPath("BitsAllocated")
	pathPhotometric     = MustPath("PhotometricInterpretation")
	pathExtendedOffsets = MustPath("ExtendedOffsetTable")
)

// ScanPixels reads the header as Scan does and finds the pixel data after it, in Source. r must stay readable as long as frames are asked
// for. Errors are *Error, ErrNoPixels or ErrFrames.
func ScanPixels(r io.ReaderAt, size int64, limits Limits) (*Dataset, *Pixels, error) {
	buf := windows.Get().(*[windowSize]byte)
	defer windows.Put(buf)
	s := newScanner(window{r: r, end: size, buf: buf[:]}, limits)
	defer s.done()
	s.pixels = &Pixels{r: r, size: size}
	d, err := s.object()
	if err != nil {
		return nil, nil, err
	}
	p := s.pixels
	if p.Native.Length == 0 && len(p.fragments) < 2 {
		return d, nil, ErrNoPixels
	}
	p.Frames = 1
	if n, ok := d.Int(pathFrames); ok && n > 1 && n < int64(s.limits.Elements) {
		p.Frames = int(n)
	}
	if p.IsEncapsulated() {
		err = p.readOffsets(d)
		if !slices.IsSorted(p.starts) {
			p.starts = nil // seen: tables that lie
		}
	} else {
		p.frameBits = frameBits(d)
	}
	return d, p, err
}

// IsEncapsulated reports whether the pixel data are fragments, as those of every compressed transfer syntax (PS3.5 A.4).
func (p *Pixels) IsEncapsulated() bool { return len(p.fragments) > 0 }

// frameBits is how many bits a native frame has, 0 where the object does not say.
func frameBits(d *Dataset) int64 {
	bits := int64(1)
	for _, path := range []Path{pathRows, pathColumns, pathSamples, pathBits} {
		n, ok := d.Int(path)
		if !ok && path.Tag() == pathSamples.Tag() {
			n, ok = 1, true
		}
		most := int64(1 << 16)
		if path.Tag() == pathSamples.Tag() || path.Tag() == pathBits.Tag() {
			most = 1 << 8
		}
		if !ok || n < 1 || n > most {
			return 0
		}
		bits *= n
	}
	if d.Text(pathPhotometric) == "YBR_FULL_422" { // two pixels share their colour (PS3.3 C.7.6.3.1.2)
		bits = bits / 3 * 2
	}
	return bits
}

// maxOffsets bounds the bytes of an offset table.
const maxOffsets = 16 << 20

// readOffsets reads where frames begin: the Extended Offset Table, else the Basic one (PS3.3 C.7.6.3.1.8, PS3.5 A.4).
func (p *Pixels) readOffsets(d *Dataset) error {
	first := p.fragments[1].at
	if e, _, ok := d.Find(pathExtendedOffsets); ok && len(e.Value) == 8*p.Frames {
		for i := range p.Frames {
			p.starts = append(p.starts, first+int64(binary.LittleEndian.Uint64(e.Value[8*i:])))
		}
		return nil
	}
	table := p.fragments[0].span
	if table.Length == 0 || table.Length != 4*int64(p.Frames) || table.Length > maxOffsets {
		return nil
	}
	b := make([]byte, table.Length)
	if _, err := p.r.ReadAt(b, table.Offset); err != nil {
		return err
	}
	for i := range p.Frames {
		p.starts = append(p.starts, first+int64(binary.LittleEndian.Uint32(b[4*i:])))
	}
	return nil
}

// Frame returns the stretches that make up a frame, counted from 1: as they are stored. Errors are ErrNoFrame, ErrFrames or what reading
// failed with.
func (p *Pixels) Frame(n int) ([]Span, error) {
	switch {
	case n < 1 || n > p.Frames:
		return nil, ErrNoFrame
	case p.IsEncapsulated():
		return p.encapsulated(n)
	case p.frameBits == 0 || p.frameBits%8 != 0 && p.Frames > 1:
		return nil, ErrFrames
	}
	size := (p.frameBits + 7) / 8
	at := size * int64(n-1)
	if at+size > p.Native.Length {
		return nil, ErrNoFrame
	}
	return []Span{{p.Native.Offset + at, size}}, nil
}

func (p *Pixels) encapsulated(n int) ([]Span, error) {
	fragments := p.fragments[1:]
	switch {
	case p.Frames == 1:
		return spans(fragments), nil
	case len(fragments) == p.Frames:
		return spans(fragments[n-1 : n]), nil
	case p.starts == nil:
		if err := p.sniffStarts(); err != nil {
			return nil, err
		}
	}
	var of []fragmentAt
	for _, f := range fragments {
		if f.at >= p.starts[n-1] && (n == p.Frames || f.at < p.starts[n]) {
			of = append(of, f)
		}
	}
	if len(of) == 0 || of[0].at != p.starts[n-1] {
		return nil, ErrFrames
	}
	return spans(of), nil
}

// begins are the first bytes of compressed frames: JPEG and JPEG-LS, JPEG 2000, and the file of it that some write.
var begins = [][]byte{{0xFF, 0xD8, 0xFF}, {0xFF, 0x4F, 0xFF, 0x51}, {0, 0, 0, 12, 'j', 'P', ' ', ' '}}

// sniffStarts finds frames that no table tells of by what their first fragment begins with.
func (p *Pixels) sniffStarts() error {
	var starts []int64
	var head [8]byte
	for _, f := range p.fragments[1:] {
		n, err := p.r.ReadAt(head[:min(f.span.Length, int64(len(head)))], f.span.Offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if slices.ContainsFunc(begins, func(b []byte) bool { return bytes.HasPrefix(head[:n], b) }) {
			starts = append(starts, f.at)
		}
	}
	if len(starts) != p.Frames {
		return ErrFrames
	}
	p.starts = starts
	return nil
}

func spans(fragments []fragmentAt) []Span {
	list := make([]Span, len(fragments))
	for i, f := range fragments {
		list[i] = f.span
	}
	return list
}
