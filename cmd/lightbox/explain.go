package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"lightbox/dicom"
	"lightbox/mapping"
	"lightbox/server/ingest"
)

// explain prints how each file was mapped by itself.
func (c *mapCommand) explain(ctx context.Context, p *program, mapper *mapping.Mapper, files ingest.Files) error {
	out := bufio.NewWriterSize(p.Stdout, 1<<16)
	var summary ingest.Summary
	summary.Reasons = map[string]int{}
	err := files(ctx, func(f ingest.File) bool {
		summary.Files++
		summary.Bytes += f.Size
		e, err := explainFile(mapper, f)
		if err != nil {
			reason, detail := ingest.Reason(err)
			summary.Refused++
			summary.Reasons[reason]++
			summary.Refusals = append(summary.Refusals, ingest.Refusal{File: f.Name, Reason: reason, Detail: detail})
			return true
		}
		summary.Instances++
		return printExplanation(out, f.Name, e) == nil
	})
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return c.finish(p.Stderr, summary)
}

func explainFile(mapper *mapping.Mapper, f ingest.File) (mapping.Explanation, error) {
	content, err := f.Open()
	if err != nil {
		return mapping.Explanation{}, err
	}
	defer content.Close()
	ds, err := dicom.Scan(content, f.Size, dicom.Limits{Bulk: true})
	if err != nil {
		return mapping.Explanation{}, err
	}
	return mapper.Explain(ds)
}

// printExplanation writes one file's account: a line for each element set, and one for each attribute that no rule took.
func printExplanation(w io.Writer, name string, e mapping.Explanation) error {
	fmt.Fprintf(w, "%s\n\nset\n", name)
	table := tabwriter.NewWriter(w, 2, 8, 2, ' ', 0)
	for _, s := range e.Steps {
		if s.IsSet {
			fmt.Fprintf(table, "  %s\t<- %s\t%s\t%s\n", s.To, s.Attribute, s.Value, s.Ref)
		}
		for _, i := range s.Issues {
			fmt.Fprintf(table, "  %s\t!! %s\t%s: %s\t%s\n", s.To, s.Attribute, i.Code, i.Detail, s.Ref)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nnot taken by any rule\n")
	table = tabwriter.NewWriter(w, 2, 8, 2, ' ', 0)
	for _, a := range e.Unread {
		fmt.Fprintf(table, "  %s\t%s\t%s\n", a.Path, a.VR, a.Value)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w)
	return err
}
