package media

import (
	"encoding/binary"
	"math"
	"time"
)

// The records of a ZIP file (APPNOTE.TXT 4.3, in the profile of ISO/IEC 21320-1 that PS3.3 annex P names). Sizes and offsets, as they are
// declared, decide which fields have 64 bits, so that nothing moves once an object was read.
const (
	localSignature      = 0x04034b50
	descriptorSignature = 0x08074b50
	centralSignature    = 0x02014b50
	end64Signature      = 0x06064b50
	locatorSignature    = 0x07064b50
	endSignature        = 0x06054b50

	version20     = 20
	version45     = 45             // ZIP64
	madeOnUnix    = 3 << 8         // so that permissions are told
	readable      = 0o100644 << 16 // a regular file, rw-r--r--
	sumFollows    = 1 << 3         // general purpose bit 3: the CRC-32 stands behind the data
	extra64       = 0x0001         // sizes and offset in 64 bits (4.5.3)
	extraTime     = 0x5455         // "UT": seconds since 1970, in UTC
	extraTimeSize = 4 + 1 + 4      // with its header
	manySize      = math.MaxUint32 // from here on a field says: look into the 64 bits
	manyEntries   = math.MaxUint16 // the same for the count of entries
	localSize     = 30
	centralSize   = 46
	descriptor    = 16
	descriptor64  = 24
	end64Size     = 56
	locatorSize   = 20
	endSize       = 22
)

// stamp is when the files were made, as a ZIP tells it.
type stamp struct {
	dos  uint32 // date in the upper half, time in the lower
	unix uint32
}

var (
	earliest = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC) // of DOS
	latest   = time.Unix(math.MaxInt32, 0).UTC()
)

func stampOf(t time.Time) stamp {
	t = t.UTC().Truncate(2 * time.Second)
	switch {
	case t.Before(earliest):
		t = earliest
	case t.After(latest):
		t = latest
	}
	date := (t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day()
	clock := t.Hour()<<11 | t.Minute()<<5 | t.Second()/2
	return stamp{uint32(date)<<16 | uint32(clock), uint32(t.Unix())}
}

func (s stamp) append(b []byte) []byte {
	b = le16(b, extraTime, extraTimeSize-4)
	return le32(append(b, 1), s.unix)
}

// entry is one file of the ZIP.
type entry struct {
	name    string
	size    int64
	offset  int64 // of its local header
	central int64 // offset of its header in the central directory
	held    []byte
	file    *File // nil where held is what it holds
}

// big holds where the sizes of an entry take 64 bits.
func (e *entry) big() bool { return e.size >= manySize }

func (e *entry) version() uint16 {
	if e.big() || e.offset >= manySize {
		return version45
	}
	return version20
}

func (e *entry) flags() uint16 {
	if e.file != nil {
		return sumFollows
	}
	return 0
}

// headerSize is the length of the local header.
func (e *entry) headerSize() int64 {
	n := localSize + len(e.name) + extraTimeSize
	if e.big() {
		n += 4 + 16
	}
	return int64(n)
}

// descriptorSize is the length of what stands behind the data.
func (e *entry) descriptorSize() int64 {
	switch {
	case e.file == nil:
		return 0
	case e.big():
		return descriptor64
	}
	return descriptor
}

func (e *entry) total() int64 { return e.headerSize() + e.size + e.descriptorSize() }

// local is the local header (4.3.7). Sizes stand in it although they follow once more: a reader of a stream can only so find the end of
// data that are not compressed.
func (e *entry) local(at stamp, sum uint32) []byte {
	b := make([]byte, 0, e.headerSize())
	b = le32(b, localSignature)
	version := uint16(version20)
	if e.big() {
		version = version45
	}
	b = le16(b, version, e.flags(), 0)
	if e.file != nil {
		sum = 0
	}
	b = le32(b, at.dos, sum, short(e.size), short(e.size))
	b = le16(b, uint16(len(e.name)), uint16(e.headerSize())-localSize-uint16(len(e.name)))
	b = append(b, e.name...)
	if e.big() {
		b = le16(b, extra64, 16)
		b = le64(b, uint64(e.size), uint64(e.size))
	}
	return at.append(b)
}

// trailer is the data descriptor (4.3.9).
func (e *entry) trailer(sum uint32) []byte {
	b := le32(make([]byte, 0, descriptor64), descriptorSignature, sum)
	if e.big() {
		return le64(b, uint64(e.size), uint64(e.size))
	}
	return le32(b, uint32(e.size), uint32(e.size))
}

// wide are the values that the central header has in 64 bits, in their order.
func (e *entry) wide() []uint64 {
	var list []uint64
	if e.big() {
		list = append(list, uint64(e.size), uint64(e.size))
	}
	if e.offset >= manySize {
		list = append(list, uint64(e.offset))
	}
	return list
}

func (e *entry) listingSize() int64 {
	n := centralSize + len(e.name) + extraTimeSize
	if wide := e.wide(); len(wide) > 0 {
		n += 4 + 8*len(wide)
	}
	return int64(n)
}

// listing is the header in the central directory (4.3.12).
func (e *entry) listing(at stamp, sum uint32) []byte {
	b := make([]byte, 0, e.listingSize())
	b = le32(b, centralSignature)
	b = le16(b, madeOnUnix|e.version(), e.version(), e.flags(), 0)
	b = le32(b, at.dos, sum, short(e.size), short(e.size))
	b = le16(b, uint16(len(e.name)), uint16(e.listingSize())-centralSize-uint16(len(e.name)), 0, 0, 0)
	b = le32(b, readable, short(e.offset))
	b = append(b, e.name...)
	if wide := e.wide(); len(wide) > 0 {
		b = le16(b, extra64, uint16(8*len(wide)))
		b = le64(b, wide...)
	}
	return at.append(b)
}

// ending is what stands behind the central directory (4.3.14 to 4.3.16), which has n headers in size bytes from offset on.
func ending(n int, offset, size int64) []byte {
	b := make([]byte, 0, end64Size+locatorSize+endSize)
	if n >= manyEntries || offset >= manySize || size >= manySize {
		b = le32(b, end64Signature)
		b = le64(b, end64Size-12)
		b = le16(b, madeOnUnix|version45, version45)
		b = le32(b, 0, 0)
		b = le64(b, uint64(n), uint64(n), uint64(size), uint64(offset))
		b = le32(b, locatorSignature, 0)
		b = le64(b, uint64(offset+size))
		b = le32(b, 1)
	}
	count := uint16(min(n, manyEntries))
	b = le32(b, endSignature)
	b = le16(b, 0, 0, count, count)
	b = le32(b, short(size), short(offset))
	return le16(b, 0)
}

// short is a size or an offset in 32 bits, or the mark that it takes more.
func short(n int64) uint32 { return uint32(min(n, manySize)) }

func le16(b []byte, values ...uint16) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint16(b, v)
	}
	return b
}

func le32(b []byte, values ...uint32) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, v)
	}
	return b
}

func le64(b []byte, values ...uint64) []byte {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	return b
}
