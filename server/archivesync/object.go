package archivesync

import (
	"errors"
	"io"
	"os"
	"sync"

	"lightbox/dicom"
)

// object is one that is being sent: it is fetched as far as it is read. What was fetched waits in memory as long as it is little, as a header is,
// and then in a temporary file.
type object struct {
	body Body

	mu      sync.Mutex
	head    []byte   // what was fetched, while that is little
	file    *os.File // all that was fetched, once it is more
	fetched int64
	failed  error // of what is being sent
}

// inMemory is how much is little.
const inMemory = 1 << 20

// newObject reads what comes. The archive that does not say how much that is has to send all of it first.
func newObject(body Body) (_ *object, err error) {
	o := &object{body: body}
	if body.Size < 0 {
		if err := o.fetch(maxObject); err != nil && !errors.Is(err, io.EOF) {
			return nil, errors.Join(err, o.Close())
		}
		o.body.Size = o.fetched
	}
	return o, nil
}

func (o *object) Size() int64 { return o.body.Size }

func (o *object) Close() error {
	err := o.body.Close()
	if o.file != nil {
		err = errors.Join(err, o.file.Close())
	}
	return err
}

// aheadOf is how much more is fetched than was asked for.
const aheadOf = 32 << 10

func (o *object) ReadAt(p []byte, off int64) (int, error) {
	if off >= o.Size() {
		return 0, io.EOF
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed == nil {
		o.failed = o.fetch(min(off+int64(len(p))+aheadOf, o.Size()))
	}
	switch {
	case o.failed != nil:
		return 0, o.failed
	case o.file != nil:
		return o.file.ReadAt(p, off)
	}
	n := copy(p, o.head[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// fetch makes sure of the first n bytes; io.EOF when there are fewer.
func (o *object) fetch(n int64) error {
	if n <= o.fetched {
		return nil
	}
	if o.file == nil && n <= inMemory {
		return o.fetchHead(n)
	}
	if err := o.spill(); err != nil {
		return err
	}
	some, err := io.CopyN(o.file, o.body, n-o.fetched)
	o.fetched += some
	return o.ended(err)
}

// fetchHead fetches into memory.
func (o *object) fetchHead(n int64) error {
	more := make([]byte, n-o.fetched)
	some, err := io.ReadFull(o.body, more)
	o.head = append(o.head, more[:some]...)
	o.fetched += int64(some)
	return o.ended(err)
}

// ended is the error of a body that ends: one of which the size is known must not do so before.
func (o *object) ended(err error) error {
	switch {
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case o.body.Size >= 0:
		return io.ErrUnexpectedEOF
	}
	return io.EOF
}

// spill moves what was fetched to a file.
func (o *object) spill() (err error) {
	if o.file != nil {
		return nil
	}
	if o.file, err = os.CreateTemp("", "lightbox-remote-*"); err != nil {
		return err
	}
	_ = os.Remove(o.file.Name()) // it goes with its handle; where a system cannot do that, with the temporary folder
	_, err = o.file.Write(o.head)
	o.head = nil
	return err
}

// readHeader reads the header of an object that is being sent, fetches no more than that, and closes it. The first error is the object's, the
// second that of reading it.
func readHeader(body Body) (header *dicom.Dataset, refused, failed error) {
	o, err := newObject(body)
	if err != nil {
		return nil, nil, err
	}
	header, refused = dicom.Scan(o, o.Size(), dicom.Limits{Head: true})
	return header, refused, errors.Join(o.failed, o.Close())
}
