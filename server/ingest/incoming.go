package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"lightbox/dicom/archive"
)

// What keeps an object out while it comes in.
var (
	ErrTooLarge = errors.New("an object beyond the limit")
	ErrArchive  = errors.New("the archive takes no object") // our failure, worth another try; its cause is beside it
)

// Incoming takes what is sent in, up to limit bytes, straight into the archive, where it stays once it is received: memory does not grow with
// what a client sends, and nothing is written twice. What is not received goes when the file's content is closed. The error is ErrTooLarge or
// ErrArchive, wrapped, or what reading failed with.
func (p *Pipeline) Incoming(ctx context.Context, name string, part io.Reader, limit int64) (File, error) {
	in, err := p.Objects.Create(ctx)
	if err != nil {
		return File{}, fmt.Errorf("%w: %w", ErrArchive, err)
	}
	if err := fill(in, part, limit); err != nil {
		return File{}, errors.Join(err, in.Close())
	}
	return File{Name: name, Size: in.Size(), Once: true, Open: func() (Content, error) { return in, nil }}, nil
}

// copySize is how much of what comes in is held in memory.
const copySize = 128 << 10

var copyBuffers = sync.Pool{New: func() any { return new([copySize]byte) }}

func fill(in archive.Incoming, part io.Reader, limit int64) error {
	buf := copyBuffers.Get().(*[copySize]byte)
	defer copyBuffers.Put(buf)
	n, err := io.CopyBuffer(keeping{in}, io.LimitReader(part, limit+1), buf[:])
	if err == nil && n > limit {
		err = ErrTooLarge
	}
	return err
}

// keeping writes to the archive, and tells its failures from those of who sends.
type keeping struct{ in archive.Incoming }

func (k keeping) Write(p []byte) (int, error) {
	n, err := k.in.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrArchive, err)
	}
	return n, err
}
