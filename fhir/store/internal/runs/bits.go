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

// bitReader reads numbers at any bit of data. Beyond its end there are zeros.
type bitReader struct{ data []byte }

func (r bitReader) at(pos, width uint) uint64 {
	from, shift := pos>>3, pos&7
	if from+9 > uint(len(r.data)) {
		return r.tail(from)>>shift&mask(width) | r.tail(from+8)<<(64-shift)&mask(width)
	}
	v := binary.LittleEndian.Uint64(r.data[from:]) >> shift
	if shift+width > 64 {
		v |= uint64(r.data[from+8]) << (64 - shift)
	}
	return v & mask(width)
}

func mask(width uint) uint64 { return 1<<width - 1 }

// tail loads a word that the data may end in.
func (r bitReader) tail(from uint) (v uint64) {
	for i := from; i < from+8 && i < uint(len(r.data)); i++ {
		v |= uint64(r.data[i]) << (8 * (i - from))
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
