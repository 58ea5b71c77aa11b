package main

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/mattn/go-isatty"

	"lightbox/server/ingest"
)

// newLog returns a structured log: text for a terminal, JSON for everything else.
func newLog(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	options := &slog.HandlerOptions{Level: l}
	if isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// progress keeps one line of a terminal up to date. Anywhere else it stays silent.
type progress struct {
	w  io.Writer
	on bool
}

func newProgress(w io.Writer, quiet bool) *progress {
	return &progress{w: w, on: !quiet && isTerminal(w)}
}

func (p *progress) show(s ingest.Summary) {
	if p.on {
		fmt.Fprintf(p.w, "\r\x1b[K%d files, %d instances, %d studies, %d refused, %.0f files/s",
			s.Files, s.Instances, s.Studies, s.Refused, float64(s.Files)/max(s.Seconds, 0.001))
	}
}

// showShare tells how much of something is done.
func (p *progress) showShare(what string, done, total int64) {
	if p.on {
		fmt.Fprintf(p.w, "\r\x1b[K%d of %d %s, %d %%", done, total, what, 100*done/max(total, 1))
	}
}

// showCount tells how much of something was done, of nobody knows how much.
func (p *progress) showCount(what string, done int64) {
	if p.on {
		fmt.Fprintf(p.w, "\r\x1b[K%d %s", done, what)
	}
}

func (p *progress) clear() {
	if p.on {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// printCounts writes "  label: 12 truncated, 3 not-dicom", the most frequent first.
func printCounts(w io.Writer, label string, counts map[string]int) {
	if len(counts) == 0 {
		return
	}
	words := slices.Sorted(maps.Keys(counts))
	slices.SortStableFunc(words, func(a, b string) int { return counts[b] - counts[a] })
	parts := make([]string, len(words))
	for i, word := range words {
		parts[i] = fmt.Sprintf("%d %s", counts[word], word)
	}
	fmt.Fprintf(w, "  %s: %s\n", label, strings.Join(parts, ", "))
}
