package archive_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"lightbox/dicom/archive"
)

// location is one kind of archive under test.
type location struct {
	open   func(t *testing.T) archive.Objects                                 // the same archive at each call
	damage func(t *testing.T, d archive.Digest, change func(b []byte) []byte) // behind the archive's back
}

// objectsContract is what every Objects keeps.
func objectsContract(t *testing.T, fresh func(t *testing.T) location) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, at location)
	}{
		{"what was put is read back", readsBack},
		{"putting again changes nothing", putsTwice},
		{"parallel puts of few objects", putsInParallel},
		{"absent", refusesAbsent},
		{"a failing reader stores nothing", storesNothing},
		{"an ended context stores nothing", heedsContext},
		{"damage is found and mended", findsDamage},
		{"parts are read in any order", readsParts},
		{"another opener sees it", survivesReopening},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

// noise is n bytes that differ by seed.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	r.Read(b)
	return b
}

func put(t *testing.T, objects archive.Objects, b []byte) archive.Digest {
	t.Helper()
	d, n, err := archive.Put(t.Context(), objects, bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(len(b)) || d != archive.Digest(sha256.Sum256(b)) {
		t.Fatalf("put %d bytes: got %d bytes, digest %v", len(b), n, d)
	}
	return d
}

func read(t *testing.T, objects archive.Objects, d archive.Digest) ([]byte, error) {
	t.Helper()
	o, err := objects.Open(t.Context(), d)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.NewSectionReader(o, 0, o.Size()))
	return b, errors.Join(err, o.Close())
}

func readsBack(t *testing.T, at location) {
	objects := at.open(t)
	for i, n := range []int{0, 1, 131, 1 << 20, 1<<20 + 1, 3<<20 + 7} {
		want := noise(uint64(i), n)
		got, err := read(t, objects, put(t, objects, want))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d, %v", n, len(got), err)
		}
	}
}

func putsTwice(t *testing.T, at location) {
	objects := at.open(t)
	b := noise(1, 5000)
	if one, two := put(t, objects, b), put(t, objects, b); one != two {
		t.Errorf("digests %v and %v", one, two)
	}
	if got, err := read(t, objects, archive.Digest(sha256.Sum256(b))); err != nil || !bytes.Equal(got, b) {
		t.Errorf("after the second put: %d bytes, %v", len(got), err)
	}
}

func putsInParallel(t *testing.T, at location) {
	objects := at.open(t)
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			b := noise(uint64(i%7), 2000)
			if d, _, err := archive.Put(t.Context(), objects, bytes.NewReader(b)); err != nil {
				t.Error(err)
			} else if err := archive.Verify(t.Context(), objects, d); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func refusesAbsent(t *testing.T, at location) {
	if _, err := at.open(t).Open(t.Context(), archive.Digest{1}); !errors.Is(err, archive.ErrAbsent) {
		t.Errorf("got %v, want ErrAbsent", err)
	}
}

func storesNothing(t *testing.T, at location) {
	objects := at.open(t)
	b, broken := noise(3, 4000), errors.New("line dropped")
	_, _, err := archive.Put(t.Context(), objects, io.MultiReader(bytes.NewReader(b), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want the reader's error", err)
	}
	if _, err := objects.Open(t.Context(), sha256.Sum256(b)); !errors.Is(err, archive.ErrAbsent) {
		t.Errorf("what came before the error: got %v, want ErrAbsent", err)
	}
}

func heedsContext(t *testing.T, at location) {
	objects := at.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := archive.Put(ctx, objects, bytes.NewReader(noise(4, 100))); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func findsDamage(t *testing.T, at location) {
	for name, change := range map[string]func(b []byte) []byte{
		"a changed byte": func(b []byte) []byte { b[2000] ^= 1; return b },
		"cut short":      func(b []byte) []byte { return b[:1000] },
		"emptied":        func([]byte) []byte { return nil },
		"grown":          func(b []byte) []byte { return append(b, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			objects, want := at.open(t), noise(5, 4001)
			d := put(t, objects, want)
			at.damage(t, d, change)
			if _, err := read(t, objects, d); !errors.Is(err, archive.ErrDamaged) {
				t.Errorf("reading: got %v, want ErrDamaged", err)
			}
			if err := archive.Verify(t.Context(), objects, d); !errors.Is(err, archive.ErrDamaged) {
				t.Errorf("Verify: got %v, want ErrDamaged", err)
			}
			put(t, objects, want)
			if got, err := read(t, objects, d); err != nil || !bytes.Equal(got, want) {
				t.Errorf("after it was put again: %d bytes, %v", len(got), err)
			}
		})
	}
}

func readsParts(t *testing.T, at location) {
	objects, want := at.open(t), noise(6, 2<<20+99)
	o, err := objects.Open(t.Context(), put(t, objects, want))
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	for _, part := range [][2]int{{2 << 20, 99}, {0, 10}, {1<<20 - 5, 10}, {0, 2<<20 + 99}, {100, 0}} {
		got := make([]byte, part[1])
		if _, err := o.ReadAt(got, int64(part[0])); err != nil || !bytes.Equal(got, want[part[0]:part[0]+part[1]]) {
			t.Errorf("ReadAt %v: %v", part, err)
		}
	}
	if n, err := o.ReadAt(make([]byte, 10), o.Size()-4); n != 4 || err != io.EOF {
		t.Errorf("past the end: %d, %v", n, err)
	}
}

func survivesReopening(t *testing.T, at location) {
	want := noise(7, 3000)
	first := at.open(t)
	d := put(t, first, want)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := read(t, at.open(t), d); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

func TestFolder(t *testing.T) {
	objectsContract(t, func(t *testing.T) location {
		dir := filepath.Join(t.TempDir(), "archive")
		return location{
			open: func(t *testing.T) archive.Objects { return openFolder(t, dir) },
			damage: func(t *testing.T, d archive.Digest, change func(b []byte) []byte) {
				path := objectPath(dir, d)
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, change(b), 0o600); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

func openFolder(t *testing.T, dir string) archive.Objects {
	t.Helper()
	objects, err := archive.Open(t.Context(), dir, archive.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { objects.Close() })
	return objects
}

func objectPath(dir string, d archive.Digest) string {
	name := d.String()
	return filepath.Join(dir, "objects", name[:2], name)
}

// An operator can find an object by its digest with the tools of the system.
func TestFolderLayout(t *testing.T) {
	dir, want := t.TempDir(), noise(1, 100)
	d := put(t, openFolder(t, dir), want)
	got, err := os.ReadFile(objectPath(dir, d))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFolderRemovesOnlyOldStrays(t *testing.T) {
	dir := t.TempDir()
	openFolder(t, dir)
	old, young := filepath.Join(dir, "incoming", "OLD"), filepath.Join(dir, "incoming", "YOUNG")
	for _, path := range []string{old, young} {
		if err := os.WriteFile(path, []byte("half an object"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	yesterday := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(old, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	openFolder(t, dir)
	if _, err := os.Stat(old); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old stray is still there: %v", err)
	}
	if _, err := os.Stat(young); err != nil {
		t.Errorf("another process's upload was removed: %v", err)
	}
}

func TestFolderLeavesNothingIncoming(t *testing.T) {
	dir := t.TempDir()
	objects := openFolder(t, dir)
	put(t, objects, noise(1, 100))
	put(t, objects, noise(1, 100))
	archive.Put(t.Context(), objects, iotest.ErrReader(errors.New("line dropped")))
	entries, err := os.ReadDir(filepath.Join(dir, "incoming"))
	if err != nil || len(entries) != 0 {
		t.Errorf("incoming holds %v, %v", entries, err)
	}
}

// A link inside the archive must not lead a read outside it.
func TestFolderFollowsNoLinkOutside(t *testing.T) {
	dir, secret := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	objects := openFolder(t, dir)
	d := put(t, objects, noise(1, 100))
	if err := errors.Join(os.WriteFile(secret, noise(1, 100), 0o600), os.Remove(objectPath(dir, d)),
		os.Symlink(secret, objectPath(dir, d))); err != nil {
		t.Fatal(err)
	}
	if _, err := objects.Open(t.Context(), d); err == nil {
		t.Error("a link to outside was followed")
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, at := range map[string]string{
		"nothing":                      "",
		"unknown scheme":               "ftp://host/archive",
		"file with a host":             "file://host/archive",
		"s3 without a bucket":          "s3:///prefix",
		"s3 with credentials":          "s3://key:secret@bucket/",
		"s3 with an unknown parameter": "s3://bucket/?endpont=localhost:1",
		"s3 with a bad switch":         "s3://bucket/?insecure=perhaps",
	} {
		t.Run(name, func(t *testing.T) {
			if objects, err := archive.Open(t.Context(), at, archive.Credentials{}); err == nil {
				objects.Close()
				t.Error("accepted")
			}
		})
	}
}

func BenchmarkFolderPut(b *testing.B) {
	objects, err := archive.OpenFolder(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer objects.Close()
	b.SetBytes(100_000)
	b.SetParallelism(16)
	var mu sync.Mutex
	seed := rand.NewChaCha8([32]byte{})
	b.RunParallel(func(pb *testing.PB) {
		object := noise(9, 100_000)
		for pb.Next() {
			mu.Lock()
			seed.Read(object[:16])
			mu.Unlock()
			if _, _, err := archive.Put(b.Context(), objects, bytes.NewReader(object)); err != nil {
				b.Error(err)
			}
		}
	})
}
