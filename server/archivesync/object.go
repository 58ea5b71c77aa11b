package archivesync

import (
	"errors"
	"io"
	"os"
	"sync"

	"lightbox/dicom"
)

// object is one that is being sent: it is fetched as far as it is read, and what was fetched waits in a temporary file.
type object struct {
	body    Body
	mu      sync.Mutex
	file    *os.File
	fetched int64
	failed  error // of what is being sent
}

// newObject reads what comes. The archive that does not say how much that is has to send all of it first.
func newObject(body Body) (_ *object, err error) {
	o := &object{body: body}
	if o.file, err = os.CreateTemp("", "lightbox-remote-*"); err != nil {
		return nil, errors.Join(err, body.Close())
	}
	_ = os.Remove(o.file.Name()) // it goes with its handle; where a system cannot do that, with the temporary folder
	if body.Size < 0 {
		if err := o.fetch(maxObject); err != nil && !errors.Is(err, io.EOF) {
			return nil, errors.Join(err, o.Close())
		}
		o.body.Size = o.fetched
	}
	return o, nil
}

func (o *object) Size() int64 { return o.body.Size }

func (o *object) Close() error { return errors.Join(o.body.Close(), o.file.Close()) }

// aheadOf is how much more is fetched than was asked for.
const aheadOf = 64 << 10

func (o *object) ReadAt(p []byte, off int64) (int, error) {
	if off >= o.Size() {
		return 0, io.EOF
	}
	if err := o.fetchTo(min(off+int64(len(p))+aheadOf, o.Size())); err != nil {
		return 0, err
	}
	return o.file.ReadAt(p, off)
}

func (o *object) fetchTo(n int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failed == nil {
		o.failed = o.fetch(n)
	}
	return o.failed
}

// fetch makes sure of the first n bytes; io.EOF when there are fewer.
func (o *object) fetch(n int64) error {
	if n <= o.fetched {
		return nil
	}
	some, err := io.CopyN(o.file, o.body, n-o.fetched)
	o.fetched += some
	if errors.Is(err, io.EOF) && o.body.Size >= 0 {
		return io.ErrUnexpectedEOF
	}
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
