package archive

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
)

// object checks the digest of what is read from raw, as far as it is read in order from the start.
type object struct {
	raw  rawObject
	size int64
	want Digest

	mu     sync.Mutex
	sum    hash.Hash
	hashed int64 // bytes of the object that sum has seen
	err    error // ErrDamaged, once found
}

type rawObject interface {
	io.ReaderAt
	io.Closer
}

func checked(raw rawObject, size int64, want Digest) *object {
	return &object{raw: raw, size: size, want: want, sum: sha256.New()}
}

func (o *object) Size() int64 { return o.size }

func (o *object) ReadAt(p []byte, off int64) (int, error) {
	n, err := o.raw.ReadAt(p, off)
	if errors.Is(err, io.EOF) && off+int64(n) < o.size {
		err = o.damaged() // it was cut after it was opened
	}
	if damage := o.check(p[:n], off); damage != nil {
		return 0, damage
	}
	return n, err
}

// Close also reports damage, for a reader that drops the errors of its reads.
func (o *object) Close() error {
	damage := o.check(nil, 0)
	return errors.Join(damage, o.raw.Close())
}

// check hashes the part of p, read at off, that continues what was hashed before, and compares at the end of the object.
func (o *object) check(p []byte, off int64) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if end := off + int64(len(p)); off <= o.hashed && end > o.hashed {
		o.sum.Write(p[o.hashed-off:])
		o.hashed = end
	}
	if o.hashed == o.size && o.err == nil && Digest(o.sum.Sum(nil)) != o.want {
		o.err = o.damaged()
	}
	return o.err
}

func (o *object) damaged() error { return fmt.Errorf("object %s: %w", o.want, ErrDamaged) }

// arriving is a file that an object is written to, and its digest so far.
type arriving struct {
	file diskFile // not embedded: it may have other ways to be written to, which the digest would not see
	sum  hash.Hash
	size int64
}

func arrivingIn(file diskFile) arriving { return arriving{file: file, sum: sha256.New()} }

func (a *arriving) ReadAt(p []byte, off int64) (int, error) { return a.file.ReadAt(p, off) }

func (a *arriving) Write(p []byte) (int, error) {
	n, err := a.file.Write(p)
	a.sum.Write(p[:n])
	a.size += int64(n)
	return n, err
}

func (a *arriving) Size() int64 { return a.size }

func (a *arriving) digest() Digest { return Digest(a.sum.Sum(nil)) }

// withContext makes reads fail once ctx has ended.
func withContext(ctx context.Context, r io.Reader) io.Reader { return contextReader{ctx, r} }

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
