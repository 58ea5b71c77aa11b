package ingest

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"lightbox/dicom"
)

// File is one candidate object.
type File struct {
	Name string // path, or "archive.zip!entry"
	Size int64
	// Open gives its bytes. The caller closes them.
	Open func() (Content, error)
	// Once says that Open works one time only: the entry of a ZIP is not unpacked twice.
	Once bool
	// Header is of an object that stays where it is: nothing is opened or archived.
	Header *dicom.Dataset
}

// Content is the open bytes of a File.
type Content interface {
	io.ReaderAt
	io.Closer
}

// Files calls yield for each file until it returns false or an error ends the walk. An unreadable entry is yielded with an
// Open that returns its error, so that it is refused with a reason rather than passed over.
type Files func(ctx context.Context, yield func(File) bool) error

// Bounds on what a ZIP may make of itself: an entry is refused when it grows past maxRatio times its packed size, unless it is
// small, or past maxEntry.
const (
	maxEntry   = 8 << 30
	maxRatio   = 200
	smallEntry = 64 << 20
	inMemory   = 4 << 20
)

// Paths walks files, folders (in lexical order; links inside are not followed) and ZIP archives. A path that does not exist is
// an error before anything is read.
func Paths(paths ...string) (Files, error) {
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			return nil, err
		}
	}
	return func(ctx context.Context, yield func(File) bool) error {
		for _, p := range paths {
			if err := walk(ctx, p, yield); errors.Is(err, fs.SkipAll) {
				return nil
			} else if err != nil {
				return err
			}
		}
		return nil
	}, nil
}

func walk(ctx context.Context, root string, yield func(File) bool) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return next(yield(unreadable(path, err)))
		}
		if d.IsDir() {
			return nil
		}
		if !isRegular(path, d) {
			return next(yield(unreadable(path, errors.New("not a regular file"))))
		}
		f, err := openFile(path)
		if err != nil {
			return next(yield(unreadable(path, err)))
		}
		if !f.isZIP() {
			return next(yield(File{Name: path, Size: f.size, Open: f.content}))
		}
		if err := f.Close(); err != nil {
			return err
		}
		return next(walkZIP(ctx, path, yield))
	})
}

// isRegular follows a link, since a path that is given may be one. Anything else would block or never end.
func isRegular(path string, d fs.DirEntry) bool {
	if d.Type()&fs.ModeSymlink == 0 {
		return d.Type().IsRegular()
	}
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// file is an open file of the walk: whoever asks for its content first gets this handle, later ones one of their own.
type file struct {
	*os.File
	size  int64
	taken atomic.Bool
}

func openFile(path string) (*file, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &file{File: f, size: info.Size()}, nil
}

func (f *file) content() (Content, error) {
	if f.taken.CompareAndSwap(false, true) {
		return f.File, nil
	}
	return os.Open(f.Name())
}

func (f *file) isZIP() bool {
	var magic [4]byte
	_, err := f.ReadAt(magic[:], 0)
	return err == nil && (string(magic[:]) == "PK\x03\x04" || string(magic[:]) == "PK\x05\x06")
}

func next(more bool) error {
	if !more {
		return fs.SkipAll
	}
	return nil
}

func unreadable(path string, err error) File {
	return File{Name: path, Open: func() (Content, error) { return nil, err }}
}

// walkZIP yields the entries of one archive. Its names are labels only: nothing is ever written under them.
func walkZIP(ctx context.Context, path string, yield func(File) bool) bool {
	z, err := zip.OpenReader(path)
	if err != nil {
		return yield(unreadable(path, fmt.Errorf("zip: %w", err)))
	}
	defer z.Close()
	for _, entry := range z.File {
		if ctx.Err() != nil {
			return false
		}
		if strings.HasSuffix(entry.Name, "/") {
			continue
		}
		// The entry is unpacked here, one at a time, since the archive closes behind us.
		content, size, err := unpack(entry)
		f := File{Name: path + "!" + entry.Name, Size: size, Once: true, Open: func() (Content, error) { return content, err }}
		if !yield(f) {
			return false
		}
	}
	return true
}

// unpack inflates one entry into memory, or into a temporary file when it is large.
func unpack(entry *zip.File) (Content, int64, error) {
	r, err := entry.Open()
	if err != nil {
		return nil, 0, err
	}
	defer r.Close()
	limit := min(int64(maxEntry), max(int64(smallEntry), int64(min(entry.CompressedSize64, maxEntry))*maxRatio))
	bounded := &io.LimitedReader{R: r, N: limit + 1}
	var head bytes.Buffer
	n, err := io.CopyN(&head, bounded, inMemory)
	if errors.Is(err, io.EOF) {
		return memory{bytes.NewReader(head.Bytes())}, n, nil
	}
	if err != nil {
		return nil, 0, err
	}
	return spool(&head, bounded)
}

func spool(head io.Reader, rest *io.LimitedReader) (Content, int64, error) {
	f, err := os.CreateTemp("", "lightbox-zip-*")
	if err != nil {
		return nil, 0, err
	}
	err = os.Remove(f.Name()) // its bytes go with the last handle
	var n int64
	if err == nil {
		n, err = io.Copy(f, io.MultiReader(head, rest))
	}
	if err == nil && rest.N == 0 {
		err = errors.New("zip entry grows past every reasonable size")
	}
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, n, nil
}

// Bytes makes a File of bytes in memory.
func Bytes(name string, b []byte) File {
	return File{Name: name, Size: int64(len(b)), Open: func() (Content, error) { return memory{bytes.NewReader(b)}, nil }}
}

type memory struct{ *bytes.Reader }

func (memory) Close() error { return nil }
