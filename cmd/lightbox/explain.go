package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"lightbox/dicom"
	"lightbox/mapping"
	"lightbox/mapping/hl7v2"
	"lightbox/server/ingest"
)

// explain prints how each file was mapped by itself.
func (c *mapCommand) explain(ctx context.Context, p *program, mapper *mapping.Mapper, files ingest.Files) error {
	out := bufio.NewWriterSize(p.Stdout, 1<<16)
	summary, err := explainAll(ctx, mapper, files, func(name string, e mapping.Explanation) error { return printExplanation(out, name, e) })
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	return c.finish(p.Stderr, summary)
}

// explainAll maps each file by itself and hands on how. What is refused is in the summary.
func explainAll(ctx context.Context, mapper *mapping.Mapper, files ingest.Files, use func(name string, e mapping.Explanation) error) (ingest.Summary, error) {
	summary := ingest.Summary{Reasons: map[string]int{}}
	var failure error
	err := files(ctx, func(f ingest.File) bool {
		summary.Files++
		summary.Bytes += f.Size
		for _, part := range explainFile(mapper, f) {
			if part.err != nil {
				reason, detail := ingest.Reason(part.err)
				summary.Refused++
				summary.Reasons[reason]++
				summary.Refusals = append(summary.Refusals, ingest.Refusal{File: part.name, Reason: reason, Detail: detail})
				continue
			}
			if part.isMessage {
				summary.Messages++
			} else {
				summary.Instances++
			}
			if failure = use(part.name, part.Explanation); failure != nil {
				return false
			}
		}
		return true
	})
	return summary, cmp.Or(failure, err)
}

// explained is a file, or one of the messages in it.
type explained struct {
	name      string
	isMessage bool
	mapping.Explanation
	err error
}

func explainFile(mapper *mapping.Mapper, f ingest.File) []explained {
	content, err := f.Open()
	if err != nil {
		return []explained{{name: f.Name, err: err}}
	}
	defer content.Close()
	messages, err := ingest.Messages(content, f.Size)
	if err != nil {
		return []explained{{name: f.Name, err: err}}
	}
	if messages != nil {
		return explainMessages(mapper, f.Name, messages)
	}
	one := explained{name: f.Name}
	ds, err := dicom.Scan(content, f.Size, dicom.Limits{Bulk: true})
	if err == nil {
		one.Explanation, err = mapper.Explain(ds)
	}
	one.err = err
	return []explained{one}
}

func explainMessages(mapper *mapping.Mapper, name string, messages [][]byte) []explained {
	list := make([]explained, len(messages))
	for n, text := range messages {
		one := explained{name: ingest.MessageName(name, n, len(messages)), isMessage: true}
		message, err := hl7v2.Parse(text, hl7v2.Options{})
		if err == nil {
			one.Explanation, err = mapper.ExplainMessage(message)
		}
		one.err = err
		list[n] = one
	}
	return list
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
