package ingest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"lightbox/auth/audit"
)

// Watcher takes what is dropped into a folder: DICOM objects, ZIPs of them, and files of HL7 v2 messages. A file is taken once it is whole, which
// is when it has not changed for a while, and then moved: to done, to duplicate, or to refused with its reasons in a text beside it. What is
// moved was durable before.
type Watcher struct {
	Hub    *Pipeline
	Dir    string
	Origin Origin
	Quiet  time.Duration // without a change; default 2 s
	Every  time.Duration // between looks; default 1 s

	seen map[string]fileState
}

// fileState is how a file was when it was last looked at.
type fileState struct {
	size     int64
	modified time.Time
	since    time.Time // that it has been so
}

// The folders of what was taken.
const (
	doneFolder      = "done"
	duplicateFolder = "duplicate"
	refusedFolder   = "refused"
)

// Run watches until ctx ends. The error is of a folder that cannot be watched.
func (w *Watcher) Run(ctx context.Context) error {
	if w.Quiet <= 0 {
		w.Quiet = 2 * time.Second
	}
	if w.Every <= 0 {
		w.Every = time.Second
	}
	for _, name := range []string{doneFolder, duplicateFolder, refusedFolder} {
		if err := os.MkdirAll(filepath.Join(w.Dir, name), 0o700); err != nil {
			return fmt.Errorf("watch %s: %w", w.Dir, err)
		}
	}
	tick := time.NewTicker(w.Every)
	defer tick.Stop()
	for {
		if err := w.look(ctx); err != nil && ctx.Err() == nil {
			w.Hub.Log.Error("a watched folder is looked at again soon", "cause", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look takes every file that is whole.
func (w *Watcher) look(ctx context.Context) error {
	now, still := time.Now(), map[string]fileState{}
	var whole []string
	err := filepath.WalkDir(w.Dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(w.Dir, path)
		switch {
		case errors.Is(err, fs.ErrNotExist): // moved meanwhile
			return nil
		case err != nil:
			return err
		case d.IsDir() && (name == doneFolder || name == duplicateFolder || name == refusedFolder || strings.HasPrefix(d.Name(), ".") && name != "."):
			return filepath.SkipDir
		case !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") || strings.HasSuffix(d.Name(), ".tmp") || strings.HasSuffix(d.Name(), ".part"):
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil // moved meanwhile
		}
		state := fileState{info.Size(), info.ModTime(), now}
		if before, known := w.seen[name]; known && before.size == state.size && before.modified.Equal(state.modified) {
			state.since = before.since
		}
		if still[name] = state; now.Sub(state.since) >= w.Quiet {
			whole = append(whole, name)
		}
		return nil
	})
	w.seen = still
	if err != nil {
		return err
	}
	w.Origin.Visit = NewVisit(audit.Event{Kind: audit.Submit, By: &audit.Caller{Client: "watched folder", Organization: w.Origin.Owner}})
	for _, name := range whole {
		if err := w.take(ctx, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// take takes one file in and moves it.
func (w *Watcher) take(ctx context.Context, name string) error {
	path := filepath.Join(w.Dir, name)
	files, err := Paths(path)
	if err != nil {
		return err
	}
	s, err := w.Hub.Take(ctx, files, w.Origin)
	if err != nil {
		return err
	}
	folder := doneFolder
	switch {
	case s.Refused > 0:
		folder = refusedFolder
	case s.Instances+s.Messages == 0 && s.Duplicates > 0:
		folder = duplicateFolder
	}
	to, err := w.free(folder, name)
	if err != nil {
		return err
	}
	if folder == refusedFolder {
		var reasons strings.Builder
		for _, r := range s.Refusals {
			fmt.Fprintf(&reasons, "%s: %s: %s\n", filepath.Base(r.File), r.Reason, r.Detail)
		}
		if err := os.WriteFile(to+".reason.txt", []byte(reasons.String()), 0o600); err != nil {
			return err
		}
	}
	delete(w.seen, name)
	return os.Rename(path, to)
}

// free is where a file goes in a folder: under its own name, or with a number where that is taken.
func (w *Watcher) free(folder, name string) (string, error) {
	to := filepath.Join(w.Dir, folder, name)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return to, nil
		} else if err != nil {
			return "", err
		}
		to = filepath.Join(w.Dir, folder, fmt.Sprintf("%s.%d", name, n))
	}
}
