package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// heldInMemory is the size up to which an object that comes in is held in memory; a larger one waits on disk.
const heldInMemory = 1 << 20

// ErrTooLarge is of an object beyond the limit of its way in.
var ErrTooLarge = errors.New("an object beyond the limit")

// Spool takes what is sent in, up to limit bytes, so that it can be read at any place: memory does not grow with what a client sends. What
// waits on disk goes with whoever reads it. The error is ErrTooLarge, or what reading failed with.
func Spool(name string, part io.Reader, limit int64) (File, error) {
	var head bytes.Buffer
	n, err := io.CopyN(&head, part, heldInMemory)
	if errors.Is(err, io.EOF) {
		return Bytes(name, head.Bytes()), nil
	}
	if err != nil {
		return File{}, err
	}
	file, err := os.CreateTemp("", "lightbox-part-*")
	if err != nil {
		return File{}, err
	}
	_ = os.Remove(file.Name()) // it goes with its handle; where a system cannot do that, with the temporary folder
	size, err := io.Copy(file, io.MultiReader(&head, io.LimitReader(part, limit-n+1)))
	if err == nil && size > limit {
		err = ErrTooLarge
	}
	if err != nil {
		return File{}, errors.Join(fmt.Errorf("spool: %w", err), file.Close())
	}
	return File{Name: name, Size: size, Once: true, Open: func() (Content, error) { return file, nil }}, nil
}
