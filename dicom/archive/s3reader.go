package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/minio/minio-go/v7"
)

// s3Window is what one request fetches: a header takes one request, memory per open object stays at this.
const s3Window = 1 << 20

// s3Reader reads an object by ranges, keeping the last one, so that small reads beside each other cost one request.
type s3Reader struct {
	ctx    context.Context // of the Open that made it
	s3     *s3
	digest Digest
	size   int64

	mu     sync.Mutex
	window []byte
	start  int64 // of window in the object
}

func (r *s3Reader) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("negative offset")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for n < len(p) {
		at := off + int64(n)
		if at >= r.size {
			return n, io.EOF
		}
		if err := r.load(at); err != nil {
			return n, fmt.Errorf("object %s: %w", r.digest, err)
		}
		n += copy(p[n:], r.window[at-r.start:])
	}
	return n, nil
}

// load makes the window hold the byte at.
func (r *s3Reader) load(at int64) error {
	if r.start <= at && at < r.start+int64(len(r.window)) {
		return nil
	}
	start := at - at%s3Window
	end := min(start+s3Window, r.size)
	var options minio.GetObjectOptions
	if err := options.SetRange(start, end-1); err != nil {
		return err
	}
	body, _, _, err := r.s3.client.GetObject(r.ctx, r.s3.bucket, r.s3.key(r.digest), options)
	if err != nil {
		return err
	}
	if cap(r.window) == 0 {
		r.window = make([]byte, 0, min(s3Window, r.size))
	}
	r.start, r.window = start, r.window[:end-start]
	if _, err := io.ReadFull(body, r.window); err != nil {
		r.window = r.window[:0]
		return errors.Join(err, body.Close())
	}
	return body.Close()
}

func (r *s3Reader) Close() error { return nil }
