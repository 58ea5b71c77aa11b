package media

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"sync"
)

// maxFiles is how many objects names of six digits are enough for.
const maxFiles = 999_999

// maxSize keeps sums of sizes within 63 bits.
const maxSize = math.MaxInt64 / 4

// Image is a ZIP that is not there until it is read. It is safe for concurrent use; each of its readers has a place of its own.
type Image struct {
	entries  []entry // in the order of the ZIP
	stamp    stamp
	central  int64 // offset of the central directory
	ending   []byte
	end      int64 // offset of ending
	sums     Sums
	tag      string
	unlisted int

	mu    sync.Mutex
	known map[int]uint32 // CRC-32 by place in entries
}

// New lays out a File-set of files, in any order. The files must not change any more. It opens none of them.
func New(files []File, o Options) (*Image, error) {
	if err := check(files); err != nil {
		return nil, err
	}
	list := arrange(files)
	m := &Image{stamp: stampOf(o.Time), sums: o.Sums, known: map[int]uint32{}}
	identity := identify(list, m.stamp)
	directory, unlisted, err := writeDirectory(list, identity)
	if err != nil {
		return nil, err
	}
	m.unlisted = unlisted
	m.hold("DICOMDIR", directory)
	m.hold("README.TXT", readme(o.Expires))
	for _, i := range list {
		m.entries = append(m.entries, entry{name: i.path, size: int64(len(i.file.Prefix)) + i.file.Size, file: i.file})
	}
	m.tag = m.hash()
	if err := m.layOut(); err != nil {
		return nil, err
	}
	return m, nil
}

func check(files []File) error {
	if len(files) > maxFiles {
		return fmt.Errorf("media: %d objects are more than the %d of a File-set", len(files), maxFiles)
	}
	for i := range files {
		switch f := &files[i]; {
		case f.Open == nil:
			return errors.New("media: a file that cannot be opened")
		case f.Size < 0 || f.Size > maxSize:
			return fmt.Errorf("media: a file of %d bytes", f.Size)
		case int64(len(f.Prefix))+f.Size < headSize:
			return fmt.Errorf("media: a file of %d bytes, which is too short for DICOM", f.Size)
		}
	}
	return nil
}

// hold adds a file that is there.
func (m *Image) hold(name string, content []byte) {
	m.known[len(m.entries)] = crc32.ChecksumIEEE(content)
	m.entries = append(m.entries, entry{name: name, size: int64(len(content)), held: content})
}

// layOut gives everything its place.
func (m *Image) layOut() error {
	at := int64(0)
	for i := range m.entries {
		e := &m.entries[i]
		e.offset = at
		if at += e.total(); at > maxSize {
			return errors.New("media: more bytes than can be counted")
		}
	}
	m.central = at
	for i := range m.entries {
		m.entries[i].central = at
		at += m.entries[i].listingSize()
	}
	m.end = at
	m.ending = ending(len(m.entries), m.central, m.end-m.central)
	return nil
}

// identify hashes what the File-set is made of.
func identify(list []*instance, at stamp) [sha256.Size]byte {
	h := sha256.New()
	fmt.Fprintf(h, "%d", at.unix)
	for _, i := range list {
		fmt.Fprintf(h, "\n%s %q %q %d", i.path, i.uid, i.file.Digest, i.file.Size)
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// hash is over all that decides the bytes of the Image, as far as it was told.
func (m *Image) hash() string {
	h, weak := sha256.New(), ""
	for i := range m.entries {
		e := &m.entries[i]
		fmt.Fprintf(h, "%s %d %08x ", e.name, e.size, m.known[i])
		if e.file != nil {
			fmt.Fprintf(h, "%q %x ", e.file.Digest, e.file.Prefix)
			if e.file.Digest == "" {
				weak = "W/"
			}
		}
	}
	return weak + `"` + hex.EncodeToString(h.Sum(nil)[:16]) + `"`
}

// Size is the length of the ZIP in bytes.
func (m *Image) Size() int64 { return m.end + int64(len(m.ending)) }

// ETag is an entity tag of the ZIP (RFC 9110 8.8.3) for requests of ranges: a strong one if every File has a Digest,
// else a weak one, by which no client goes on where it broke off.
func (m *Image) ETag() string { return m.tag }

// Unlisted is how many objects are in the ZIP and not in its directory: those of a SOP class that has no directory record (private and
// retired ones among them), those whose header lacks a UID, and all but the first of several with one SOP Instance UID.
func (m *Image) Unlisted() int { return m.unlisted }

// sum returns the CRC-32 of an entry where it is known.
func (m *Image) sum(ctx context.Context, i int) (uint32, bool) {
	m.mu.Lock()
	sum, ok := m.known[i]
	m.mu.Unlock()
	if digest := m.digest(i); !ok && digest != "" && m.sums != nil {
		if sum, ok = m.sums.Load(ctx, digest); ok {
			m.mu.Lock()
			m.known[i] = sum
			m.mu.Unlock()
		}
	}
	return sum, ok
}

// learn takes the CRC-32 that reading an entry gave.
func (m *Image) learn(ctx context.Context, i int, sum uint32) error {
	if old, ok := m.sum(ctx, i); ok {
		if old != sum {
			return fmt.Errorf("%w: it has other bytes than before", ErrChanged)
		}
		return nil
	}
	m.mu.Lock()
	m.known[i] = sum
	m.mu.Unlock()
	if digest := m.digest(i); digest != "" && m.sums != nil {
		m.sums.Store(ctx, digest, sum)
	}
	return nil
}

func (m *Image) digest(i int) string {
	if f := m.entries[i].file; f != nil {
		return f.Digest
	}
	return ""
}
