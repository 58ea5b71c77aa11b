package runs

import (
	"encoding/binary"
	"math/bits"
)

// bitWriter appends numbers of any width to out, the lowest bit first.
type bitWriter struct {
	out  []byte
	word uint64
	used uint // bits of word, fewer than 64
}

// write takes a number below 1<<width.
func (w *bitWriter) write(v uint64, width uint) {
	w.word |= v << w.used
	if w.used+width < 64 {
		w.used += width
		return
	}
	w.out = binary.LittleEndian.AppendUint64(w.out, w.word)
	w.word = v >> (64 - w.used)
	w.used += width - 64
}

// unary writes n zeros and a one.
func (w *bitWriter) unary(n uint64) {
	for ; n >= 63; n -= 63 {
		w.write(0, 63)
	}
	w.write(1<<n, uint(n)+1)
}

// close writes what is left and returns all.
func (w *bitWriter) close() []byte {
	for n := uint(0); n < w.used; n += 8 {
		w.out = append(w.out, byte(w.word>>n)) //nolint:gosec // the lowest byte is meant
	}
	return w.out
}

// padding lets a bitReader load whole words up to the last bit.
const padding = 9

// bitReader reads numbers at any bit of data, which ends with padding. Positions are the caller's to check.
type bitReader struct{ data []byte }

func (r bitReader) at(pos, width uint) uint64 {
	from, shift := pos>>3, pos&7
	v := binary.LittleEndian.Uint64(r.data[from:]) >> shift
	if shift+width > 64 {
		v |= uint64(r.data[from+8]) << (64 - shift)
	}
	if width < 64 {
		v &= 1<<width - 1
	}
	return v
}

// unary counts the zeros from pos to the next one; not ok when there is none before end.
func (r bitReader) unary(pos, end uint) (n uint, ok bool) {
	for pos+n < end {
		if v := r.at(pos+n, 56); v != 0 {
			n += uint(bits.TrailingZeros64(v)) //nolint:gosec // at most 55
			return n, pos+n < end
		}
		n += 56
	}
	return 0, false
}

// ones counts the set bits among count from pos.
func (r bitReader) ones(pos, count uint) int {
	n := 0
	for ; count > 56; count -= 56 {
		n += bits.OnesCount64(r.at(pos, 56))
		pos += 56
	}
	return n + bits.OnesCount64(r.at(pos, count))
}
