package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"text/tabwriter"

	"lightbox/mapping"
	"lightbox/server/ingest"
)

// unmappedSource is what one kind of source sends that no rule takes. It tells names and numbers, never values.
type unmappedSource struct {
	Source string         `json:"source"` // maker and model, or sending application and facility
	Files  int            `json:"files"`
	Paths  []unmappedPath `json:"unmapped"`
}

type unmappedPath struct {
	Path  string `json:"path"`
	VR    string `json:"vr,omitempty"`
	Files int    `json:"files"` // in how many of them
}

// unmapped counts, for each source, what no rule takes: where most files have it first.
func (c *mapCommand) unmapped(ctx context.Context, p *program, mapper *mapping.Mapper, files ingest.Files) error {
	sources := map[string]*unmappedCount{}
	summary, err := explainAll(ctx, mapper, files, func(_ string, e mapping.Explanation) error {
		of := sources[e.Source]
		if of == nil {
			of = &unmappedCount{paths: map[unmappedPath]int{}}
			sources[e.Source] = of
		}
		of.add(e)
		return nil
	})
	if err != nil {
		return err
	}
	var list []unmappedSource
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		list = append(list, sources[name].named(name))
	}
	if err := c.printUnmapped(p.Stdout, list); err != nil {
		return err
	}
	return c.finish(p.Stderr, summary)
}

type unmappedCount struct {
	files int
	paths map[unmappedPath]int
}

// item is the number of an item in a path: which one it was does not matter here.
var itemNumber = regexp.MustCompile(`\[\d+\]`)

func (u *unmappedCount) add(e mapping.Explanation) {
	u.files++
	seen := map[unmappedPath]bool{}
	for _, a := range e.Unread {
		at := unmappedPath{Path: itemNumber.ReplaceAllString(a.Path, ""), VR: a.VR}
		if !seen[at] {
			seen[at] = true
			u.paths[at]++
		}
	}
}

func (u *unmappedCount) named(source string) unmappedSource {
	s := unmappedSource{Source: source, Files: u.files}
	for path, n := range u.paths {
		path.Files = n
		s.Paths = append(s.Paths, path)
	}
	slices.SortFunc(s.Paths, func(a, b unmappedPath) int {
		return cmp.Or(cmp.Compare(b.Files, a.Files), cmp.Compare(a.Path, b.Path), cmp.Compare(a.VR, b.VR))
	})
	return s
}

func (c *mapCommand) printUnmapped(w io.Writer, list []unmappedSource) error {
	if c.JSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return e.Encode(list)
	}
	for _, s := range list {
		fmt.Fprintf(w, "%s (%d)\n", s.Source, s.Files)
		table := tabwriter.NewWriter(w, 2, 8, 2, ' ', 0)
		for _, path := range s.Paths {
			fmt.Fprintf(table, "  %d\t%s\t%s\n", path.Files, path.VR, path.Path)
		}
		if err := table.Flush(); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return nil
}
