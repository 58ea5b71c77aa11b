package dicom

import (
	"errors"
	"io"
	"sync"
)

// windowSize is how much one read asks for. Most headers fit in it, so that most objects cost one read.
const windowSize = 32 << 10

// windows are used again: one a scan would be most of what a header costs.
var windows = sync.Pool{New: func() any { return new([windowSize]byte) }}

// firstSize is how much the first read asks for: the headers of most images fit in it.
const firstSize = 8 << 10

// strideSize is how much is read after a jump: the next element header is all that is needed then.
const strideSize = 2 << 10

// window is the stretch of an object that is in memory. It moves forward only: over a reader that it can jump in, over a stream
// (an inflated data set), or over bytes that are all there.
type window struct {
	r      io.ReaderAt
	stream io.Reader // instead of r
	// end is the size of the object. Of a stream it is the most that may come out.
	end    int64
	base   int64 // offset of buf[0]
	buf    []byte
	lo, hi int // what is in buf and not passed yet
	jumped bool
	err    error // why no more can be read, io.EOF excepted
}

// offset is where the window stands.
func (w *window) offset() int64 { return w.base + int64(w.lo) }

// left is how many bytes there can be from here on.
func (w *window) left() int64 { return w.end - w.offset() }

// peek returns the next n bytes without passing them, fewer at the end. n is at most strideSize.
func (w *window) peek(n int) []byte {
	if w.hi-w.lo < n {
		w.fill(n)
	}
	return w.buf[w.lo:min(w.lo+n, w.hi)]
}

// fill reads on until n bytes are there.
func (w *window) fill(n int) {
	if w.err != nil || w.r == nil && w.stream == nil {
		return
	}
	w.base += int64(w.lo)
	w.hi = copy(w.buf, w.buf[w.lo:w.hi])
	w.lo = 0
	free := w.buf[w.hi:]
	switch {
	case w.jumped:
		free = free[:min(len(free), strideSize)]
		w.jumped = false
	case w.base == 0 && w.hi == 0:
		free = free[:min(len(free), firstSize)]
	}
	w.hi += w.read(free, n-w.hi)
}

// read reads at least need bytes into b unless the object ends, from where buf's content ends. It notes failures.
func (w *window) read(b []byte, need int) int {
	at := w.base + int64(w.hi)
	if w.stream != nil {
		n, err := io.ReadAtLeast(w.stream, b, min(need, len(b)))
		// ReadAtLeast reports a clean end after some bytes as io.ErrUnexpectedEOF, like a stream that breaks off: ask again.
		if errors.Is(err, io.ErrUnexpectedEOF) {
			_, err = w.stream.Read(make([]byte, 1))
		}
		w.note(err)
		return n
	}
	b = b[:min(int64(len(b)), max(w.end-at, 0))]
	if len(b) == 0 {
		return 0
	}
	n, err := w.r.ReadAt(b, at)
	if n == len(b) {
		return n
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // the object is shorter than its size
	}
	w.note(err)
	return n
}

func (w *window) note(err error) {
	if err != nil && !errors.Is(err, io.EOF) && w.err == nil {
		w.err = err
	}
}

// skip passes n bytes; it reports whether they are there.
func (w *window) skip(n int64) bool {
	if n > w.left() {
		return false
	}
	if n <= int64(w.hi-w.lo) {
		w.lo += int(n)
		return true
	}
	if w.stream == nil {
		w.base, w.lo, w.hi, w.jumped = w.offset()+n, 0, 0, true
		return w.r != nil
	}
	for n > 0 {
		part := len(w.peek(int(min(n, strideSize))))
		if part == 0 {
			return false
		}
		w.lo += part
		n -= int64(part)
	}
	return true
}

// take copies the next len(b) bytes to b and passes them; it reports whether they are there.
func (w *window) take(b []byte) bool {
	n := copy(b, w.buf[w.lo:w.hi])
	w.lo += n
	if b = b[n:]; len(b) == 0 {
		return true
	}
	if len(b) <= strideSize {
		if len(w.peek(len(b))) < len(b) {
			return false
		}
		return w.take(b)
	}
	w.base, w.lo, w.hi = w.offset(), 0, 0
	n = w.read(b, len(b))
	w.base += int64(n)
	return n == len(b)
}
