package archive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Places below the folder of an archive.
const (
	objectsFolder  = "objects"  // objects/9f/9f86d0...: 256 folders, so that a hundred million objects lie 400,000 to a folder, which none is listed for
	incomingFolder = "incoming" // objects that are still arriving
)

// strayAge is when a file in the incoming folder is what a crash left: a younger one may be another process's upload.
const strayAge = 24 * time.Hour

// leafDigits of a digest name the folder that an object lies in. All are made at once: an object then costs the flush of one folder, where
// a new one would cost that of each above it too.
const leafDigits = 2

// folder keeps objects as files named by their digest. No name comes from outside.
type folder struct {
	disk  disk
	flush flushes
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
	objects, err := openOn(rootDisk{root})
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	if err := flushParent(dir); err != nil {
		return nil, errors.Join(fmt.Errorf("archive folder: %w", err), root.Close())
	}
	return objects, nil
}

func openOn(d disk) (Objects, error) {
	f := &folder{disk: d}
	if err := f.prepare(); err != nil {
		return nil, fmt.Errorf("archive folder: %w", err)
	}
	return f, nil
}

// prepare makes the top folders and removes strays.
func (f *folder) prepare() error {
	for _, name := range []string{objectsFolder, incomingFolder} {
		if err := f.disk.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := f.makeLeaves(); err != nil {
		return err
	}
	if err := errors.Join(f.flushFolder(objectsFolder), f.flushFolder(".")); err != nil {
		return err
	}
	return f.removeStrays(time.Now().Add(-strayAge))
}

func (f *folder) makeLeaves() error {
	for n := range 1 << (4 * leafDigits) {
		if err := f.disk.Mkdir(leafName(fmt.Sprintf("%0*x", leafDigits, n)), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

func leafName(digits string) string { return filepath.Join(objectsFolder, digits) }

func (f *folder) removeStrays(before time.Time) error {
	entries, err := f.disk.ReadDir(incomingFolder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || info.ModTime().After(before) {
			continue // gone meanwhile, or in use
		}
		if err := f.disk.Remove(filepath.Join(incomingFolder, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (f *folder) Create(context.Context) (Incoming, error) {
	name := filepath.Join(incomingFolder, rand.Text())
	file, err := f.disk.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &fileIncoming{arrivingIn(file), f, name}, nil
}

// fileIncoming is a file in the incoming folder.
type fileIncoming struct {
	arriving
	folder *folder
	name   string // "" once it is elsewhere
}

func (i *fileIncoming) Commit(ctx context.Context) (Digest, error) {
	d := i.digest()
	held, err := holds(ctx, i.folder, d)
	if err != nil {
		return Digest{}, err
	}
	if held { // maybe renamed by another who has not yet flushed the folder
		return d, i.folder.flushFolder(leafOf(d))
	}
	if err := i.file.Sync(); err != nil {
		return Digest{}, err
	}
	if err := i.folder.disk.Rename(i.name, filepath.Join(leafOf(d), d.String())); err != nil {
		return Digest{}, err
	}
	i.name = ""
	return d, i.folder.flushFolder(leafOf(d))
}

func (i *fileIncoming) Close() error {
	err := i.file.Close()
	if i.name == "" {
		return err
	}
	if gone := i.folder.disk.Remove(i.name); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

func (f *folder) flushFolder(name string) error {
	return f.flush.do(name, func() error {
		dir, err := f.disk.OpenFile(name, os.O_RDONLY, 0)
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
	return leafName(d.String()[:leafDigits])
}

func (f *folder) Open(_ context.Context, d Digest) (Object, error) {
	file, err := f.disk.OpenFile(filepath.Join(leafOf(d), d.String()), os.O_RDONLY, 0)
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

func (f *folder) Close() error { return f.disk.Close() }
