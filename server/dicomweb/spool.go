package dicomweb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"lightbox/server/ingest"
)

// inMemory is the size up to which an object that comes in is held in memory; a larger one waits on disk.
const inMemory = 1 << 20

var errPartTooLarge = errors.New("an object beyond the limit")

// spool takes a part in, so that it can be read at any place: memory does not grow with what a client sends.
func spool(name string, part io.Reader, limit int64) (ingest.File, error) {
	var head bytes.Buffer
	n, err := io.CopyN(&head, part, inMemory)
	if errors.Is(err, io.EOF) {
		return ingest.Bytes(name, head.Bytes()), nil
	}
	if err != nil {
		return ingest.File{}, err
	}
	file, err := os.CreateTemp("", "lightbox-part-*")
	if err != nil {
		return ingest.File{}, err
	}
	_ = os.Remove(file.Name()) // it goes with its handle; where a system cannot do that, with the temporary folder
	size, err := io.Copy(file, io.MultiReader(&head, io.LimitReader(part, limit-n+1)))
	if err == nil && size > limit {
		err = errPartTooLarge
	}
	if err != nil {
		return ingest.File{}, errors.Join(fmt.Errorf("spool: %w", err), file.Close())
	}
	return ingest.File{Name: name, Size: size, Once: true, Open: func() (ingest.Content, error) { return file, nil }}, nil
}
