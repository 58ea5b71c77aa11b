package archive_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"strconv"
	"sync"
	"testing"
	"time"

	"lightbox/dicom/archive"
)

// memoryDisk keeps apart what was written and what a crash leaves of it: the content of a file up to its last sync, the names in a folder up to
// its. Of the rest each change may be there after a crash or not.
type memoryDisk struct {
	mu      sync.Mutex
	folders map[string]*memoryFolder
	lies    bool // syncs nothing
	left    int  // operations until it crashes; after that all fail
}

type memoryFolder struct{ now, synced map[string]*memoryFile }

// memoryFile is the content of a name; nil stands for a folder.
type memoryFile struct {
	now, synced []byte
	changed     time.Time
}

var errCrashed = errors.New("the machine has crashed")

func newMemoryDisk() *memoryDisk {
	return &memoryDisk{folders: map[string]*memoryFolder{".": {map[string]*memoryFile{}, map[string]*memoryFile{}}}, left: -1}
}

// step counts an operation, with the lock held.
func (d *memoryDisk) step() error {
	if d.left == 0 {
		return errCrashed
	}
	if d.left > 0 {
		d.left--
	}
	return nil
}

func (d *memoryDisk) Mkdir(name string, _ fs.FileMode) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	if d.folders[name] != nil {
		return fs.ErrExist
	}
	d.folders[name] = &memoryFolder{map[string]*memoryFile{}, map[string]*memoryFile{}}
	d.folders[path.Dir(name)].now[path.Base(name)] = nil
	return nil
}

func (d *memoryDisk) OpenFile(name string, flag int, _ fs.FileMode) (archive.DiskFile, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return nil, err
	}
	if d.folders[name] != nil {
		return &memoryHandle{disk: d, folder: d.folders[name]}, nil
	}
	in := d.folders[path.Dir(name)]
	if in == nil {
		return nil, fs.ErrNotExist
	}
	file, found := in.now[path.Base(name)]
	if !found {
		if flag&os.O_CREATE == 0 {
			return nil, fs.ErrNotExist
		}
		file = &memoryFile{changed: time.Now()}
		in.now[path.Base(name)] = file
	}
	return &memoryHandle{disk: d, file: file}, nil
}

func (d *memoryDisk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	file := d.folders[path.Dir(from)].now[path.Base(from)]
	delete(d.folders[path.Dir(from)].now, path.Base(from))
	d.folders[path.Dir(to)].now[path.Base(to)] = file
	return nil
}

func (d *memoryDisk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	delete(d.folders[path.Dir(name)].now, path.Base(name))
	return nil
}

func (d *memoryDisk) ReadDir(string) ([]fs.DirEntry, error) { return nil, nil } // strays are another test's

func (d *memoryDisk) Close() error { return nil }

// memoryHandle is an open file or folder.
type memoryHandle struct {
	disk   *memoryDisk
	file   *memoryFile
	folder *memoryFolder
}

func (h *memoryHandle) Write(p []byte) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.disk.step(); err != nil {
		return 0, err
	}
	h.file.now = append(h.file.now, p...)
	return len(p), nil
}

func (h *memoryHandle) ReadAt(p []byte, off int64) (int, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	return bytes.NewReader(h.file.now).ReadAt(p, off)
}

func (h *memoryHandle) Sync() error {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	if err := h.disk.step(); err != nil {
		return err
	}
	switch {
	case h.disk.lies:
	case h.folder != nil:
		h.folder.synced = map[string]*memoryFile{}
		for name, file := range h.folder.now {
			h.folder.synced[name] = file
		}
	default:
		h.file.synced = bytes.Clone(h.file.now)
	}
	return nil
}

func (h *memoryHandle) Close() error { return nil }

func (h *memoryHandle) Stat() (fs.FileInfo, error) {
	h.disk.mu.Lock()
	defer h.disk.mu.Unlock()
	return memoryInfo{int64(len(h.file.now))}, nil
}

type memoryInfo struct{ size int64 }

func (i memoryInfo) Name() string       { return "" }
func (i memoryInfo) Size() int64        { return i.size }
func (i memoryInfo) Mode() fs.FileMode  { return 0o600 }
func (i memoryInfo) ModTime() time.Time { return time.Time{} }
func (i memoryInfo) IsDir() bool        { return false }
func (i memoryInfo) Sys() any           { return nil }

// crash is the disk as the machine finds it when it starts again.
func (d *memoryDisk) crash(r *rand.Rand) *memoryDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := &memoryDisk{folders: map[string]*memoryFolder{}, lies: d.lies, left: -1}
	kept := map[*memoryFile]*memoryFile{}
	for name, folder := range d.folders {
		to := &memoryFolder{map[string]*memoryFile{}, map[string]*memoryFile{}}
		for _, names := range []map[string]*memoryFile{folder.synced, folder.now} {
			for entry, file := range names {
				_, wasSynced := folder.synced[entry]
				_, isNow := folder.now[entry]
				if wasSynced == isNow || r.IntN(2) == 0 {
					to.now[entry] = kept[file]
					if file != nil && kept[file] == nil {
						kept[file] = file.survivor(r)
						to.now[entry] = kept[file]
					}
				}
			}
		}
		for entry, file := range to.now {
			to.synced[entry] = file
		}
		after.folders[name] = to
	}
	for name := range after.folders { // a folder is there when its name is
		if _, named := after.folders[path.Dir(name)]; name != "." && named {
			if _, is := after.folders[path.Dir(name)].now[path.Base(name)]; !is {
				delete(after.folders, name)
			}
		}
	}
	return after
}

// survivor is what is left of a file: what was synced, and of the rest a part, or a hole.
func (f *memoryFile) survivor(r *rand.Rand) *memoryFile {
	content := bytes.Clone(f.synced)
	if rest := len(f.now) - len(content); rest > 0 {
		n := r.IntN(rest + 1)
		part := bytes.Clone(f.now[len(content) : len(content)+n])
		if r.IntN(3) == 0 {
			clear(part) // the length was written, the content was not
		}
		content = append(content, part...)
	}
	return &memoryFile{now: content, synced: bytes.Clone(content), changed: f.changed}
}

// crashes runs writers on disks that crash at random moments, and returns what was acknowledged and is not whole afterwards.
func crashes(t *testing.T, rounds int, lies bool) (lost, acknowledged int) {
	t.Helper()
	disk := newMemoryDisk()
	disk.lies = lies
	acked := map[archive.Digest]bool{}
	r := rand.New(rand.NewPCG(1, 2))
	for range rounds {
		objects, err := archive.OpenOn(disk)
		if err != nil {
			t.Fatal(err)
		}
		disk.left = 5 + r.IntN(400)
		var mu sync.Mutex
		var writers sync.WaitGroup
		for n := range 4 {
			seed := r.Uint64()
			writers.Go(func() {
				own := rand.New(rand.NewPCG(seed, uint64(n)))
				for {
					content := noise(own.Uint64N(300), 1+own.IntN(5000)) // some of them again and again
					d, _, err := archive.Put(t.Context(), objects, bytes.NewReader(content))
					if err != nil {
						return
					}
					mu.Lock()
					acked[d] = true
					mu.Unlock()
				}
			})
		}
		writers.Wait()
		disk = disk.crash(r)
		if objects, err = archive.OpenOn(disk); err != nil {
			t.Fatal(err)
		}
		for d := range acked {
			if err := archive.Verify(t.Context(), objects, d); err != nil {
				lost++
				delete(acked, d)
			}
			acknowledged++
		}
		for d := range acked { // what has survived a few crashes has survived
			if len(acked) <= 500 {
				break
			}
			delete(acked, d)
		}
	}
	return lost, acknowledged
}

// An archive whose machine crashes at random moments, so that what was not synced is there in part or not at all, has every object whole that it
// acknowledged.
func TestFolderSurvivesCrash(t *testing.T) {
	rounds, err := strconv.Atoi(os.Getenv("LIGHTBOX_CRASHES"))
	if err != nil {
		rounds = 200
	}
	lost, acknowledged := crashes(t, rounds, false)
	t.Logf("%d crashes, %d looks at what was acknowledged", rounds, acknowledged)
	if lost > 0 || acknowledged < 1000 {
		t.Errorf("%d of %d are lost", lost, acknowledged)
	}
	if lost, _ := crashes(t, 20, true); lost == 0 {
		t.Error("a disk that syncs nothing loses nothing: this test shows nothing")
	}
}
