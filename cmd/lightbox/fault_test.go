package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"lightbox/dicom/archive/miniotest"
	"lightbox/fhir/store/postgres/pgtest"
)

var channels = []string{"stow", "dimse", "mllp", "fhir"}

// feedAll feeds all channels until the returned function is called, which waits for their ends.
func (v *victim) feedAll() (stop func()) {
	done := make(chan struct{})
	var feeding sync.WaitGroup
	for _, channel := range channels {
		feeding.Go(func() { v.feedThrough(channel, done) })
	}
	return func() { close(done); feeding.Wait() }
}

// acknowledged counts what a channel has had acknowledged.
func (j *journal) acknowledged(channel string) (n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.acked {
		if s.channel == channel {
			n++
		}
	}
	return n
}

// allMoveOn waits until every channel has had more acknowledged than before.
func (v *victim) allMoveOn(t *testing.T) {
	t.Helper()
	var before []int
	for _, channel := range channels {
		before = append(before, v.acknowledged(channel))
	}
	for range 600 {
		if !slices.ContainsFunc(channels, func(c string) bool { return v.acknowledged(c) <= before[slices.Index(channels, c)]+3 }) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	for i, channel := range channels {
		t.Errorf("%s: %d acknowledged, %d half a minute before", channel, v.acknowledged(channel), before[i])
	}
	t.Fatalf("not all channels move on\n%.4000s", v.lastStderr)
}

// PostgreSQL that is stopped as by a crash and started again, while four channels feed the hub: the hub goes on by itself, has lost nothing that
// it acknowledged, and has nothing twice.
func TestServeSurvivesPostgresRestart(t *testing.T) {
	database := pgtest.StartServer(t)
	v := newVictim(t, database.URL)
	defer v.start(t)()
	stop := v.feedAll()
	for range 5 {
		v.allMoveOn(t)
		database.Stop(t)
		status, _, err := v.post("/fhir/Patient", "application/fhir+json", newSending("fhir", 0).body)
		if err == nil && status != http.StatusServiceUnavailable {
			t.Errorf("while the database is down a create is answered with %d", status)
		}
		database.Start(t)
	}
	v.allMoveOn(t)
	stop()
	v.verify(t)
	t.Logf("5 restarts, %d sendings tried, %d acknowledged, %d of unknown end", v.tried, len(v.acked), len(v.unknown))
}

// small mounts a file system of few bytes, and returns where, and how to make it larger.
func small(t *testing.T, size string) (dir string, enlarge func()) {
	t.Helper()
	dir = t.TempDir()
	mount := func(args ...string) error { return exec.Command("mount", append(args, "tmpfs", dir)...).Run() }
	if err := mount("-t", "tmpfs", "-o", "size="+size); err != nil {
		t.Skip("left out: a file system of few bytes cannot be mounted here (it takes root)")
	}
	t.Cleanup(func() { _ = exec.Command("umount", "-l", dir).Run() })
	return dir, func() {
		if err := mount("-o", "remount,size=512m"); err != nil {
			t.Fatal(err)
		}
	}
}

// fillUp adds to an archive or a database until it has been refused often, for want of space.
func (v *victim) fillUp(t *testing.T, full string) {
	t.Helper()
	refused := 0
	for n := range 5000 {
		path, contentType, body := "/dicom-web/studies", "application/dicom", fileOf(newSending("stow", 1_000_000+n))
		if full == "database" {
			path, contentType, body = "/fhir/Binary", "application/octet-stream", bytes.Repeat([]byte(strconv.Itoa(n)), 50_000)
		}
		status, _, err := v.post(path, contentType, body)
		switch {
		case err != nil || status < 300:
			continue
		case status != http.StatusInsufficientStorage && status != http.StatusServiceUnavailable:
			t.Fatalf("without space %s is answered with %d\n%.3000s", path, status, v.lastStderr)
		}
		if refused++; refused > 20 {
			return
		}
	}
	t.Fatal("the disk does not fill up")
}

// A disk that fills up, the archive's or the database's, loses nothing that was acknowledged, and is told as such; with space again the hub
// goes on by itself. Without space in the archive all is still read; without any in the database nothing is, since it could not be put on
// record.
func TestServeWithoutSpace(t *testing.T) {
	for full, size := range map[string]string{"archive": "6m", "database": "24m"} {
		t.Run(full, func(t *testing.T) {
			dir, enlarge := small(t, size)
			database := filepath.Join(dir, "hub.db")
			if full == "archive" {
				database = filepath.Join(t.TempDir(), "hub.db")
			}
			v := newVictim(t, "sqlite:"+database)
			if full == "archive" {
				v.args[slices.Index(v.args, "--archive")+1] = dir
			}
			defer v.start(t)()
			stop := v.feedAll()
			v.allMoveOn(t)
			v.fillUp(t, full)
			status, _ := fetch(t, v.origin+"/fhir/Patient?_count=1", v.token)
			if full == "database" && status == http.StatusInsufficientStorage {
				status = http.StatusOK // what cannot be put on record is not disclosed; a little may still fit
			}
			if status != http.StatusOK {
				t.Errorf("without space a search is answered with %d", status)
			}
			enlarge()
			v.allMoveOn(t)
			stop()
			v.verify(t)
			t.Logf("%d sendings tried, %d acknowledged, %d of unknown end", v.tried, len(v.acked), len(v.unknown))
			left, err := os.ReadDir(filepath.Join(v.args[slices.Index(v.args, "--archive")+1], "incoming"))
			if err != nil || len(left) > 0 {
				t.Errorf("%d half objects are left, %v", len(left), err)
			}
		})
	}
}

// An archive that takes nothing for a while, as a share that is not mounted, has senders try again, and loses nothing.
func TestServeWithoutArchive(t *testing.T) {
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, database(t))
			incoming := filepath.Join(v.args[slices.Index(v.args, "--archive")+1], "incoming")
			defer v.start(t)()
			stop := v.feedAll()
			v.allMoveOn(t)
			if err := os.Rename(incoming, incoming+".away"); err != nil {
				t.Fatal(err)
			}
			for range 10 {
				status, _, err := v.post("/dicom-web/studies", "application/dicom", fileOf(newSending("stow", 1_000_000)))
				if err != nil || status != http.StatusServiceUnavailable {
					t.Errorf("STOW-RS is answered with %d, %v", status, err)
				}
			}
			if status, _ := fetch(t, v.origin+"/fhir/Patient?_count=1", v.token); status != http.StatusOK {
				t.Errorf("a search is answered with %d", status)
			}
			if err := os.Rename(incoming+".away", incoming); err != nil {
				t.Fatal(err)
			}
			v.allMoveOn(t)
			stop()
			v.verify(t)
			t.Logf("%d sendings tried, %d acknowledged, %d of unknown end", v.tried, len(v.acked), len(v.unknown))
		})
	}
}

// An object store that stops as by a crash and comes back, has senders try again, and nothing that was acknowledged is lost.
func TestServeSurvivesObjectStoreRestart(t *testing.T) {
	store := miniotest.Start(t)
	t.Setenv("LIGHTBOX_S3_ACCESS_KEY", miniotest.AccessKey)
	t.Setenv("LIGHTBOX_S3_SECRET_KEY", miniotest.SecretKey)
	buckets := 0
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			v := newVictim(t, database(t))
			buckets++
			v.args[slices.Index(v.args, "--archive")+1] = store.Bucket(t, fmt.Sprint("archive-", buckets))
			defer v.start(t)()
			stop := v.feedAll()
			for range 3 {
				v.allMoveOn(t)
				store.Stop()
				status, _, err := v.post("/dicom-web/studies", "application/dicom", fileOf(newSending("stow", 1_000_000)))
				if err != nil || status != http.StatusServiceUnavailable {
					t.Errorf("while the object store is down STOW-RS is answered with %d, %v", status, err)
				}
				if status, _ := fetch(t, v.origin+"/fhir/Patient?_count=1", v.token); status != http.StatusOK {
					t.Errorf("a search is answered with %d", status)
				}
				store.Start(t)
			}
			v.allMoveOn(t)
			stop()
			v.verify(t)
			t.Logf("3 restarts, %d sendings tried, %d acknowledged, %d of unknown end", v.tried, len(v.acked), len(v.unknown))
		})
	}
}
