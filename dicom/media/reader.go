package media

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sort"
	"sync"
)

// Reader reads an Image: whole, in ranges, or at any place. It keeps the object open that it is in. It is safe for concurrent use, and
// reads one thing at a time.
type Reader struct {
	image *Image
	ctx   context.Context // of the request that the Reader serves

	mu     sync.Mutex
	place  int64
	at     int   // entry that open is of
	open   *body // nil: none
	hashed int64 // how many bytes of open, from its start, were read in order
	sum    uint32
}

// Reader begins to read the ZIP. Objects are opened with ctx. It has to be closed.
func (m *Image) Reader(ctx context.Context) *Reader { return &Reader{image: m, ctx: ctx} }

// Size is that of the Image.
func (r *Reader) Size() int64 { return r.image.Size() }

// Read reads on. Errors are ErrChanged, or what opening and reading of an object failed with; they name the file in the ZIP, and no bytes
// come after them.
func (r *Reader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n, err := r.read(p, r.place)
	r.place += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// ReadAt reads at a place. Errors are those of Read.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.read(p, off)
}

// Seek goes to where Read reads on.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += r.place
	case io.SeekEnd:
		offset += r.Size()
	}
	if offset < 0 {
		return 0, errors.New("media: seek before the start")
	}
	r.place = offset
	return offset, nil
}

// Close gives the open object back. The Reader may go on being used, and has to be closed once more then.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closeBody()
}

// read fills p from off on.
func (r *Reader) read(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("media: read before the start")
	}
	done := 0
	for done < len(p) {
		if off >= r.Size() {
			return done, io.EOF
		}
		n, err := r.piece(p[done:], off)
		if err != nil {
			return done, err
		}
		done, off = done+n, off+int64(n)
	}
	return done, nil
}

// piece reads at least one byte of what stands at off, which is within the Image.
func (r *Reader) piece(p []byte, off int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	m := r.image
	switch {
	case off >= m.end:
		return copy(p, m.ending[off-m.end:]), nil
	case off >= m.central:
		i := sort.Search(len(m.entries), func(i int) bool { return m.entries[i].central > off }) - 1
		sum, err := r.sumOf(i)
		if err != nil {
			return 0, err
		}
		return copy(p, m.entries[i].listing(m.stamp, sum)[off-m.entries[i].central:]), nil
	}
	i := sort.Search(len(m.entries), func(i int) bool { return m.entries[i].offset > off }) - 1
	return r.within(i, p, off-m.entries[i].offset)
}

// within reads at off of an entry: its header, its data, or what follows them.
func (r *Reader) within(i int, p []byte, off int64) (int, error) {
	e := &r.image.entries[i]
	if size := e.headerSize(); off >= size {
		off -= size
	} else if e.file != nil {
		return copy(p, e.local(r.image.stamp, 0)[off:]), nil
	} else {
		sum, err := r.sumOf(i)
		return copy(p, e.local(r.image.stamp, sum)[off:]), err
	}
	switch {
	case off < e.size && e.file == nil:
		return copy(p, e.held[off:]), nil
	case off < e.size:
		p = p[:min(int64(len(p)), e.size-off)]
		if err := r.data(i, p, off); err != nil {
			return 0, fmt.Errorf("media: %s: %w", e.name, err)
		}
		return len(p), nil
	}
	sum, err := r.sumOf(i)
	if err != nil {
		return 0, err
	}
	return copy(p, e.trailer(sum)[off-e.size:]), nil
}

// data reads of an object, and learns its CRC-32 when it was read in order.
func (r *Reader) data(i int, p []byte, off int64) error {
	if err := r.enter(i); err != nil {
		return err
	}
	if err := r.open.fill(p, off); err != nil {
		return err
	}
	switch off {
	case r.hashed:
	case 0:
		r.hashed, r.sum = 0, 0
	default:
		return nil
	}
	r.sum = crc32.Update(r.sum, crc32.IEEETable, p)
	r.hashed += int64(len(p))
	if r.hashed < r.image.entries[i].size {
		return nil
	}
	if err := r.closeBody(); err != nil { // it may find damage
		return err
	}
	return r.image.learn(r.ctx, i, r.sum)
}

// enter opens the object of an entry.
func (r *Reader) enter(i int) error {
	if r.open != nil && r.at == i {
		return nil
	}
	if err := r.closeBody(); err != nil {
		return err
	}
	open, err := openBody(r.ctx, r.image.entries[i].file)
	r.open, r.at, r.hashed, r.sum = open, i, 0, 0
	return err
}

func (r *Reader) closeBody() error {
	if r.open == nil {
		return nil
	}
	open := r.open
	r.open = nil
	return open.Close()
}

// sumOf returns the CRC-32 of an entry. Where nobody knows it, the object is read.
func (r *Reader) sumOf(i int) (uint32, error) {
	if sum, ok := r.image.sum(r.ctx, i); ok {
		return sum, nil
	}
	sum, err := r.measure(i)
	if err != nil {
		return 0, fmt.Errorf("media: %s: %w", r.image.entries[i].name, err)
	}
	return sum, nil
}

// buffers are what objects are read through when only their CRC-32 is wanted.
var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// measure reads an object for its CRC-32.
func (r *Reader) measure(i int) (uint32, error) {
	e := &r.image.entries[i]
	open, err := openBody(r.ctx, e.file)
	if err != nil {
		return 0, err
	}
	sum, err := r.checksum(open, e.size)
	if err := errors.Join(err, open.Close()); err != nil {
		return 0, err
	}
	return sum, r.image.learn(r.ctx, i, sum)
}

func (r *Reader) checksum(open *body, size int64) (sum uint32, err error) {
	buffer := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buffer)
	for off := int64(0); off < size; {
		if err := r.ctx.Err(); err != nil {
			return 0, err
		}
		p := buffer[:min(int64(len(buffer)), size-off)]
		if err := open.fill(p, off); err != nil {
			return 0, err
		}
		sum, off = crc32.Update(sum, crc32.IEEETable, p), off+int64(len(p))
	}
	return sum, nil
}
