package archive

import (
	"io"
	"io/fs"
	"os"
)

// disk is what an archive needs of a file system. As POSIX has it, what is written is there after a crash once its file was synced, and a name
// once its folder was.
type disk interface {
	OpenFile(name string, flag int, perm fs.FileMode) (diskFile, error)
	Mkdir(name string, perm fs.FileMode) error
	Rename(from, to string) error
	Remove(name string) error
	ReadDir(name string) ([]fs.DirEntry, error)
	Close() error
}

// diskFile is an open file, or an open folder to be synced.
type diskFile interface {
	io.ReaderAt
	io.Writer
	io.Closer
	Sync() error
	Stat() (fs.FileInfo, error)
}

// rootDisk is a folder of the system. os.Root keeps symbolic links inside.
type rootDisk struct{ *os.Root }

func (d rootDisk) OpenFile(name string, flag int, perm fs.FileMode) (diskFile, error) {
	f, err := d.Root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err // not a file that is nil
	}
	return f, nil
}

func (d rootDisk) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(d.FS(), name) }
