package archive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Places below the folder of an archive.
const (
	objectsFolder  = "objects"  // objects/9f/86/9f86d0...: 65,536 folders, so that a hundred million objects lie 1,500 to a folder
	incomingFolder = "incoming" // objects that are still arriving
)

// strayAge is when a file in the incoming folder is what a crash left: a younger one may be another process's upload.
const strayAge = 24 * time.Hour

// folder keeps objects as files named by their digest. No name comes from outside, and os.Root keeps symbolic links inside.
type folder struct {
	root   *os.Root
	flush  flushes
	leaves sync.Map // leaf folders that this process knows to be on disk
}

// OpenFolder keeps objects below dir, which it makes when it is absent. A file is written beside its final place, flushed, renamed
// and its folder flushed, so after a crash an object is there in whole or not at all.
func OpenFolder(dir string) (Objects, error) {
	if dir == "" {
		return nil, errors.New("archive folder without a name")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("archive folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("archive folder: %w", err)
	}
	f := &folder{root: root}
	if err := f.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("archive folder: %w", err), root.Close())
	}
	return f, nil
}

// prepare makes the top folders and removes strays.
func (f *folder) prepare() error {
	for _, name := range []string{objectsFolder, incomingFolder} {
		if err := f.root.MkdirAll(name, 0o700); err != nil {
			return err
		}
	}
	if err := errors.Join(f.flushFolder("."), flushParent(f.root.Name())); err != nil {
		return err
	}
	return f.removeStrays(time.Now().Add(-strayAge))
}

func (f *folder) removeStrays(before time.Time) error {
	entries, err := fs.ReadDir(f.root.FS(), incomingFolder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || info.ModTime().After(before) {
			continue // gone meanwhile, or in use
		}
		if err := f.root.Remove(filepath.Join(incomingFolder, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (f *folder) Put(ctx context.Context, r io.Reader) (Digest, int64, error) {
	name := filepath.Join(incomingFolder, rand.Text())
	d, size, err := f.receive(ctx, name, r)
	// What was published is no longer there; a duplicate or what failed is.
	if gone := f.root.Remove(name); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	if err != nil {
		return Digest{}, 0, err
	}
	return d, size, nil
}

// receive writes r to the incoming file name and gives it its final place.
func (f *folder) receive(ctx context.Context, name string, r io.Reader) (d Digest, size int64, err error) {
	file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return d, 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if d, size, err = copyHashed(ctx, file, r); err != nil {
		return d, 0, err
	}
	held, err := holds(ctx, f, d)
	if err != nil {
		return d, 0, err
	}
	if held { // maybe renamed by another Put that has not yet flushed its folder
		return d, size, f.flushLeaf(leafOf(d))
	}
	if err := file.Sync(); err != nil {
		return d, 0, err
	}
	return d, size, f.publish(name, d)
}

// publish moves a flushed incoming file to its place.
func (f *folder) publish(name string, d Digest) error {
	leaf := leafOf(d)
	if err := f.root.MkdirAll(leaf, 0o700); err != nil {
		return err
	}
	if err := f.root.Rename(name, filepath.Join(leaf, d.String())); err != nil {
		return err
	}
	return f.flushLeaf(leaf)
}

// flushLeaf puts on disk what was renamed into a leaf folder and, the first time, the entries of the leaf and of its parent.
func (f *folder) flushLeaf(leaf string) error {
	if err := f.flushFolder(leaf); err != nil {
		return err
	}
	if _, known := f.leaves.Load(leaf); known {
		return nil
	}
	middle := filepath.Dir(leaf)
	if err := errors.Join(f.flushFolder(middle), f.flushFolder(objectsFolder)); err != nil {
		return err
	}
	f.leaves.Store(leaf, nil)
	return nil
}

func (f *folder) flushFolder(name string) error {
	return f.flush.do(name, func() error {
		dir, err := f.root.Open(name)
		if err != nil {
			return err
		}
		return errors.Join(dir.Sync(), dir.Close())
	})
}

// flushParent puts the entry of a new archive folder on disk.
func flushParent(dir string) error {
	parent, err := os.Open(filepath.Dir(filepath.Clean(dir)))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

func leafOf(d Digest) string {
	name := d.String()
	return filepath.Join(objectsFolder, name[:2], name[2:4])
}

func (f *folder) Open(_ context.Context, d Digest) (Object, error) {
	file, err := f.root.Open(filepath.Join(leafOf(d), d.String()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("object %s: %w", d, ErrAbsent)
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return checked(file, info.Size(), d), nil
}

func (f *folder) Close() error { return f.root.Close() }
