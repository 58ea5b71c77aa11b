package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"lightbox/auth/audit"
	"lightbox/server/ingest"
)

type ingestCommand struct {
	Paths        []string `arg:"" name:"path" help:"Files, folders or ZIP archives: DICOM, or HL7 v2 messages (ORU, ORM, OMI, OMG, MDM, ADT)."`
	Organization string   `placeholder:"REF" help:"Organization/<id> that submits them. Default: the institution that each object names."`
	JSON         bool     `help:"Print the summary as JSON."`
	Workers      int      `help:"Files read at a time. Default: the number of processors."`
	hubFlags
}

// Help is shown below the flags.
func (*ingestCommand) Help() string {
	return `Every file is taken or refused with a reason; none is passed over. Doing it twice changes nothing, and a run that was
killed is finished by the next one.

Exit code: 0 all taken, 3 some refused, 1 failure.

  lightbox ingest --database sqlite:hub.db --archive objects /mnt/archive disc.zip`
}

// Run ingests.
func (c *ingestCommand) Run(ctx context.Context, p *program) error {
	files, err := ingest.Paths(c.Paths...)
	if err != nil {
		return err
	}
	log := newLog(p.Stderr, "warn")
	hub, err := openHub(ctx, c.storage, c.mappingFlags, log)
	if err != nil {
		return err
	}
	defer hub.Close()
	progress := newProgress(p.Stderr, c.JSON)
	hub.pipeline.Workers = c.Workers
	by := operator("ingest")
	by.Organization = c.Organization
	from := ingest.Origin{Owner: c.Organization, Source: "ingest", Visit: ingest.NewVisit(audit.Event{Kind: audit.Submit, By: by})}
	summary, err := hub.pipeline.Run(ctx, files, from, progress.show)
	progress.clear()
	if err != nil {
		return err
	}
	if err := c.print(p, summary); err != nil {
		return err
	}
	return refusedOrNil(summary)
}

func (c *ingestCommand) print(p *program, s ingest.Summary) error {
	if c.JSON {
		return json.NewEncoder(p.Stdout).Encode(s)
	}
	return printSummary(p.Stdout, s)
}

func refusedOrNil(s ingest.Summary) error {
	if s.Refused > 0 {
		return errRefused
	}
	return nil
}

// printSummary writes a summary for a person: the counts, then each refusal with its reason.
func printSummary(w io.Writer, s ingest.Summary) error {
	for _, r := range s.Refusals {
		fmt.Fprintf(w, "refused  %s: %s: %s\n", r.File, r.Reason, r.Detail)
	}
	fmt.Fprintf(w, "%d files: %d instances, %d duplicates, %d refused; %d studies built\n",
		s.Files, s.Instances, s.Duplicates, s.Refused, s.Studies)
	if s.Messages > 0 {
		fmt.Fprintf(w, "%d HL7 v2 messages mapped\n", s.Messages)
	}
	printCounts(w, "refused", s.Reasons)
	printCounts(w, "mapping issues", s.Issues)
	_, err := fmt.Fprintf(w, "%d resources written, %.1f MB in %.1f s\n", s.Resources, float64(s.Bytes)/1e6, s.Seconds)
	return err
}
