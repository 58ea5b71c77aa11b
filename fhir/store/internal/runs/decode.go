package runs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// errBlock says that a block is not as encode writes it.
var errBlock = errors.New("malformed block of a run")

func malformed(what string) error { return fmt.Errorf("%w: %s", errBlock, what) }

// block is an encoded block whose columns can be read at any entry. Its hashes have to be read from the first one on.
type block struct {
	bitReader
	flags                      byte
	n                          int
	first                      int64
	params                     []int64
	row, second                base
	paramBits, k               uint
	gone, fraction, same       uint // where these columns begin
	fractions, distances, stop uint
}

// base is a column of distances from its least number.
type base struct {
	low   int64
	width uint
	at    uint
}

// header reads the bytes before the columns. After its first error it yields zeros.
type header struct {
	rest   []byte
	failed bool
}

func (h *header) advance(n int) {
	if n <= 0 || n > len(h.rest) {
		h.failed, h.rest = true, nil
		return
	}
	h.rest = h.rest[n:]
}

func (h *header) byte() uint {
	if len(h.rest) == 0 {
		h.failed = true
		return 0
	}
	v := h.rest[0]
	h.rest = h.rest[1:]
	return uint(v)
}

func (h *header) uvarint() uint64 {
	v, n := binary.Uvarint(h.rest)
	h.advance(n)
	return v
}

func (h *header) varint() int64 {
	v, n := binary.Varint(h.rest)
	h.advance(n)
	return v
}

func (h *header) hash() (v int64) {
	if len(h.rest) >= 8 {
		v = int64(binary.LittleEndian.Uint64(h.rest)) //nolint:gosec // all 64 bits count
	}
	h.advance(8)
	return v
}

func (h *header) base() base {
	low := h.varint()
	return base{low: low, width: h.byte()}
}

// open reads the head of a block and finds its columns.
func open(body []byte) (*block, error) {
	h := header{rest: body}
	b := &block{flags: byte(h.byte())} //nolint:gosec // a byte
	n := h.uvarint()
	b.first = h.hash()
	count := h.uvarint()
	if h.failed || n == 0 || n > maxEntries || count == 0 || count > n || count > uint64(len(h.rest)) {
		return nil, malformed("number of entries or params")
	}
	b.n = int(n) //nolint:gosec // at most maxEntries
	if err := b.readParams(&h, int(count)); err != nil {
		return nil, err
	}
	b.row, b.second, b.k = h.base(), h.base(), h.byte()
	if h.failed || b.flags >= knownFlags || b.row.width > 64 || b.second.width > 64 || b.k > 63 {
		return nil, malformed("head")
	}
	return b, b.place(h.rest)
}

func (b *block) readParams(h *header, count int) error {
	b.params = make([]int64, count)
	b.params[0] = h.varint()
	for i := 1; i < count; i++ {
		b.params[i] = b.params[i-1] + int64(h.uvarint()) //nolint:gosec // checked by the next line
		if b.params[i] <= b.params[i-1] {
			return malformed("order of params")
		}
	}
	return nil
}

// place finds where each column begins.
func (b *block) place(data []byte) error {
	n, pos := uint(b.n), uint(0) //nolint:gosec // positive
	column := func(width uint) uint {
		at := pos
		pos += n * width
		return at
	}
	optional := func(which byte) uint {
		if b.flags&which == 0 {
			return column(0)
		}
		return column(1)
	}
	b.paramBits = uint(bits.Len(uint(len(b.params) - 1))) //nolint:gosec // small
	column(b.paramBits)
	b.row.at, b.second.at = column(b.row.width), column(b.second.width)
	b.gone, b.fraction, b.same = optional(someGone), optional(someFractions), optional(someSame)
	b.fractions, b.stop = pos, uint(len(data))*8
	if pos > b.stop {
		return malformed("too short for its columns")
	}
	b.data = append(data[:len(data):len(data)], make([]byte, padding)...)
	if b.flags&someFractions != 0 {
		pos += fractionBits * uint(b.ones(b.fraction, n)) //nolint:gosec // a count
	}
	b.distances = pos
	if pos > b.stop {
		return malformed("too short for its fractions")
	}
	return nil
}

// hashes appends the hashes up to the first above high, which is left out.
func (b *block) hashes(all []int64, high int64) ([]int64, error) {
	hash, pos := b.first, b.distances
	for i := range uint(b.n) { //nolint:gosec // positive
		if i > 0 && (b.flags&someSame == 0 || b.at(b.same+i, 1) == 0) {
			rest, ok := b.unary(pos+b.k, b.stop)
			d := uint64(rest)<<b.k | b.at(min(pos, b.stop), b.k)
			if !ok || uint64(rest)<<b.k>>b.k != uint64(rest) || d >= uint64(math.MaxInt64-hash) { //nolint:gosec // a distance
				return nil, malformed("distance of hashes")
			}
			hash += int64(d) + 1 //nolint:gosec // may wrap, and be right
			pos += b.k + rest + 1
		}
		if hash > high {
			return all, nil
		}
		all = append(all, hash)
	}
	if (pos+7)/8 != b.stop/8 {
		return nil, malformed("something after its end")
	}
	return all, nil
}

// entry reads the columns of one entry. fractions is how many entries before it have one.
func (b *block) entry(at int, hash int64, fractions *uint) (Entry, error) {
	i := uint(at) //nolint:gosec // an index
	param := b.at(i*b.paramBits, b.paramBits)
	whole := b.second.read(b, i)
	if param >= uint64(len(b.params)) || whole < math.MinInt64/second-1 || whole > math.MaxInt64/second {
		return Entry{}, malformed("param or time key")
	}
	e := Entry{Param: b.params[param], Hash: hash, Row: b.row.read(b, i), TimeKey: whole * second}
	e.Gone = b.flags&someGone != 0 && b.at(b.gone+i, 1) == 1
	if b.flags&someFractions != 0 && b.at(b.fraction+i, 1) == 1 {
		e.TimeKey += int64(b.at(b.fractions+*fractions*fractionBits, fractionBits)) //nolint:gosec // 20 bits
		*fractions++
	}
	return e, nil
}

func (c base) read(b *block, i uint) int64 {
	return c.low + int64(b.at(c.at+i*c.width, c.width)) //nolint:gosec // as it was written
}

// before counts the entries with a fraction before one.
func (b *block) before(i int) uint {
	if b.flags&someFractions == 0 {
		return 0
	}
	return uint(b.ones(b.fraction, uint(i))) //nolint:gosec // counts
}

// all appends every entry.
func (b *block) all(entries []Entry) ([]Entry, error) {
	hashes, err := b.hashes(make([]int64, 0, b.n), math.MaxInt64)
	if err != nil {
		return nil, err
	}
	fractions := uint(0)
	for i, hash := range hashes {
		e, err := b.entry(i, hash, &fractions)
		if err != nil {
			return nil, err
		}
		if i > 0 && compare(entries[len(entries)-1], e) >= 0 {
			return nil, malformed("order of entries")
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// within calls found with the entries of a range.
func (b *block) within(r Range, found func(Entry)) error {
	hashes, err := b.hashes(make([]int64, 0, b.n), r.High)
	if err != nil {
		return err
	}
	from := len(hashes)
	for from > 0 && hashes[from-1] >= r.Low {
		from--
	}
	fractions := b.before(from)
	for i := from; i < len(hashes); i++ {
		e, err := b.entry(i, hashes[i], &fractions)
		if err != nil {
			return err
		}
		if e.Param == r.Param {
			found(e)
		}
	}
	return nil
}
