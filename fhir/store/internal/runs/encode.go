package runs

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// A block is, in this order:
//
//	flags           1 byte
//	entries         uvarint
//	first hash      8 bytes, little endian
//	params          uvarint of their number, varint of the first, uvarint of each distance to the next; ascending
//	row             varint of the least, 1 byte: width in bits of the distance from it
//	second          the same of the time key in seconds
//	k               1 byte, see below
//
// and then, as bits, for each entry in order of (hash, param, row): the index of its param; its row; its second; whether it is
// gone, whether it has a fraction of a second, whether it has the hash of the entry before (each only where a flag says that some
// do). Then the fractions, 20 bits each. Last, for each hash after the first the distance to it less one, in a Rice code: its
// lowest k bits, and the rest in unary. Hashes are random, and nothing shorter can be made of their distances.
const (
	someGone = 1 << iota
	someFractions
	someSame
	isSplit // a part of a hash that has several blocks
	knownFlags
)

const (
	second       = 1_000_000 // time keys are in microseconds
	fractionBits = 20
	maxEntries   = 4096
)

// shape is what has to be known of entries before they can be written.
type shape struct {
	flags               byte
	params              []int64 // ascending
	row, second         frame
	fractions, distinct int // hashes after the first
	k                   uint
	quotients           uint64 // the sum of what is written in unary
}

// frame is where the numbers of a column lie.
type frame struct{ low, high int64 }

func (f frame) width() uint { return uint(bits.Len64(uint64(f.high - f.low))) } //nolint:gosec // the distance fits 64 bits

func (f *frame) take(v int64) { f.low, f.high = min(f.low, v), max(f.high, v) }

// seconds splits a time key.
func seconds(timeKey int64) (whole, fraction int64) {
	whole, fraction = timeKey/second, timeKey%second
	if fraction < 0 {
		whole, fraction = whole-1, fraction+second
	}
	return whole, fraction
}

// measure looks at entries in order; there is at least one.
func measure(entries []Entry, params []int64) shape {
	first, _ := seconds(entries[0].TimeKey)
	s := shape{params: params[:0], row: frame{entries[0].Row, entries[0].Row}, second: frame{first, first}}
	for i := range entries {
		e := &entries[i]
		s.param(e.Param)
		s.row.take(e.Row)
		whole, fraction := seconds(e.TimeKey)
		s.second.take(whole)
		if fraction != 0 {
			s.flags |= someFractions
			s.fractions++
		}
		if e.Gone {
			s.flags |= someGone
		}
		if i > 0 && e.Hash == entries[i-1].Hash {
			s.flags |= someSame
		} else if i > 0 {
			s.distinct++
		}
	}
	s.rice(entries)
	return s
}

func (s *shape) param(p int64) {
	if at, known := slices.BinarySearch(s.params, p); !known {
		s.params = slices.Insert(s.params, at, p)
	}
}

// rice chooses k so that about one bit of each distance is written in unary.
func (s *shape) rice(entries []Entry) {
	if s.distinct == 0 {
		return
	}
	span := uint64(entries[len(entries)-1].Hash-entries[0].Hash) - uint64(s.distinct) //nolint:gosec // ascending
	if mean := span / uint64(s.distinct); mean > 0 {                                  //nolint:gosec // positive
		s.k = uint(bits.Len64(mean)) - 1 //nolint:gosec // not negative
	}
	for i := 1; i < len(entries); i++ {
		if d := distance(entries, i); d > 0 {
			s.quotients += (d - 1) >> s.k
		}
	}
}

func distance(entries []Entry, i int) uint64 {
	return uint64(entries[i].Hash - entries[i-1].Hash) //nolint:gosec // ascending
}

func (s *shape) paramBits() uint { return uint(bits.Len(uint(len(s.params) - 1))) } //nolint:gosec // small

// fixed is how many bits each entry takes in the columns.
func (s *shape) fixed() uint {
	flags := bits.OnesCount8(s.flags & (someGone | someFractions | someSame))
	return s.paramBits() + s.row.width() + s.second.width() + uint(flags) //nolint:gosec // at most 3
}

// size returns how many bytes encode makes of n entries.
func (s *shape) size(n int) int {
	head := len(s.head(make([]byte, 0, 128), n, 0))
	all := n*int(s.fixed()) + s.fractions*fractionBits + s.distinct*(int(s.k)+1) + int(s.quotients) //nolint:gosec // a few kilobytes
	return head + (all+7)/8
}

func (s *shape) head(out []byte, n int, firstHash int64) []byte {
	out = append(out, s.flags)
	out = binary.AppendUvarint(out, uint64(n))                     //nolint:gosec // positive
	out = binary.LittleEndian.AppendUint64(out, uint64(firstHash)) //nolint:gosec // all 64 bits count
	out = binary.AppendUvarint(out, uint64(len(s.params)))
	out = binary.AppendVarint(out, s.params[0])
	for i, p := range s.params[1:] {
		out = binary.AppendUvarint(out, uint64(p-s.params[i])) //nolint:gosec // ascending
	}
	for _, f := range []frame{s.row, s.second} {
		out = append(binary.AppendVarint(out, f.low), byte(f.width()))
	}
	return append(out, byte(s.k))
}

// encode writes a block of entries, which are in order, no key twice.
func encode(entries []Entry, s shape, split bool) []byte {
	if split {
		s.flags |= isSplit
	}
	w := bitWriter{out: s.head(make([]byte, 0, blockBytes+64), len(entries), entries[0].Hash)}
	s.columns(&w, entries)
	if s.flags&someSame != 0 {
		for i := range entries {
			w.write(flag(i > 0 && entries[i].Hash == entries[i-1].Hash), 1)
		}
	}
	for i := range entries {
		if _, fraction := seconds(entries[i].TimeKey); fraction != 0 {
			w.write(uint64(fraction), fractionBits)
		}
	}
	for i := 1; i < len(entries); i++ {
		if d := distance(entries, i); d > 0 {
			w.write((d-1)&(1<<s.k-1), s.k)
			w.unary((d - 1) >> s.k)
		}
	}
	return w.close()
}

// columns writes what every entry has.
func (s *shape) columns(w *bitWriter, entries []Entry) {
	width := s.paramBits()
	for i := range entries {
		at, _ := slices.BinarySearch(s.params, entries[i].Param)
		w.write(uint64(at), width) //nolint:gosec // an index
	}
	width = s.row.width()
	for i := range entries {
		w.write(uint64(entries[i].Row-s.row.low), width) //nolint:gosec // not below the least
	}
	width = s.second.width()
	for i := range entries {
		whole, _ := seconds(entries[i].TimeKey)
		w.write(uint64(whole-s.second.low), width) //nolint:gosec // not below the least
	}
	if s.flags&someGone != 0 {
		for i := range entries {
			w.write(flag(entries[i].Gone), 1)
		}
	}
	if s.flags&someFractions != 0 {
		for i := range entries {
			_, fraction := seconds(entries[i].TimeKey)
			w.write(flag(fraction != 0), 1)
		}
	}
}

func flag(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}
