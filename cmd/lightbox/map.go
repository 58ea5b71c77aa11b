package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"lightbox/fhir"
	"lightbox/mapping"
	"lightbox/server/ingest"
)

type mapCommand struct {
	Paths    []string `arg:"" name:"path" help:"Files, folders or ZIP archives: DICOM, or HL7 v2 messages (ORU, ORM, OMI, OMG, MDM, ADT)."`
	Format   string   `enum:"bundle,ndjson" default:"bundle" help:"bundle: one transaction of PUTs that any R4 server takes; ndjson: a resource a line."`
	Explain  bool     `help:"Print, for each element set, the source attribute, its value, the rule and its clause; then every attribute that no rule took."`
	Unmapped bool     `help:"Print, for each kind of source, what it sends that no rule takes, and in how many files; no value is shown."`
	Trace    bool     `help:"Add Provenance: which resource was made of which object or message, by which version of the rules, and when."`
	JSON     bool     `help:"Print the summary on standard error as JSON, and the list of --unmapped."`
	mappingFlags
}

// Help is shown below the flags.
func (*mapCommand) Help() string {
	return `Resources go to standard output, with deterministic ids and order; the summary and every refusal with its reason go to
standard error. Exit code: 0 all mapped, 3 some refused, 1 failure.

  lightbox map ct-head/ | jq '.entry[].resource.resourceType'
  lightbox map --explain ct-head/0001.dcm
  lightbox map --unmapped new-scanner/
  lightbox map reports.hl7`
}

// Run maps.
func (c *mapCommand) Run(ctx context.Context, p *program) error {
	files, err := ingest.Paths(c.Paths...)
	if err != nil {
		return err
	}
	mapper, err := mapping.New(c.config(nil))
	if err != nil {
		return err
	}
	switch {
	case c.Explain:
		return c.explain(ctx, p, mapper, files)
	case c.Unmapped:
		return c.unmapped(ctx, p, mapper, files)
	}
	progress := newProgress(p.Stderr, c.JSON)
	collection := ingest.NewCollection(mapper, progress.show)
	if c.Trace {
		collection.Trace(time.Now())
	}
	if err := collection.Add(ctx, files); err != nil {
		return err
	}
	resources, err := collection.Resources()
	progress.clear()
	if err != nil {
		return err
	}
	if err := c.write(p.Stdout, resources); err != nil {
		return err
	}
	return c.finish(p.Stderr, collection.Summary())
}

func (c *mapCommand) finish(w io.Writer, s ingest.Summary) error {
	if c.JSON {
		if err := json.NewEncoder(w).Encode(s); err != nil {
			return err
		}
	} else if err := printSummary(w, s); err != nil {
		return err
	}
	return refusedOrNil(s)
}

func (c *mapCommand) write(w io.Writer, resources []fhir.Resource) error {
	b := bufio.NewWriterSize(w, 1<<16)
	if c.Format == "ndjson" {
		for _, r := range resources {
			b.Write(r.Body)
			b.WriteByte('\n')
		}
		return b.Flush()
	}
	b.WriteString(`{"resourceType":"Bundle","type":"transaction","entry":[`)
	for i, r := range resources {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(b, "\n{\"resource\":%s,\"request\":{\"method\":\"PUT\",\"url\":%q}}", r.Body, r.Reference())
	}
	b.WriteString("\n]}\n")
	return b.Flush()
}
