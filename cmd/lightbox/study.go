package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"lightbox/server/ingest"
)

type studyCommand struct {
	UID     string `arg:"" help:"Study Instance UID."`
	JSON    bool   `help:"Print as JSON."`
	Restore string `placeholder:"Organization/ID" help:"Undo the withdrawal of what this organisation sent, first."`
	hubFlags
}

// Help is shown below the flags.
func (*studyCommand) Help() string {
	return `Tells the whole life of a study: who sent which object and when, what became of each, and why one is not to be seen: it waits to be
built, is held as another patient's, was taken back or withdrawn by its sender, or other bytes with its SOP Instance UID count.

  lightbox study 1.2.840.113619.2.1 --database sqlite:hub.db --archive objects`
}

// Run tells.
func (c *studyCommand) Run(ctx context.Context, p *program) error {
	return withHub(ctx, p, c.hubFlags, func(hub *hub) error {
		if c.Restore != "" {
			if err := hub.pipeline.Restore(ctx, c.UID, c.Restore, operator("study")); err != nil {
				return fmt.Errorf("restore what %s sent: %w", c.Restore, err)
			}
		}
		life, err := hub.pipeline.Life(ctx, c.UID)
		if err != nil {
			return fmt.Errorf("%s: %w", c.UID, err)
		}
		if c.JSON {
			e := json.NewEncoder(p.Stdout)
			e.SetIndent("", "  ")
			return e.Encode(life)
		}
		return printLife(p.Stdout, life)
	})
}

func printLife(w io.Writer, l ingest.Life) error {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%-9s %s\n", name, value)
		}
	}
	line("study", l.StudyInstanceUID)
	line("served as", cmp.Or(l.Resource, "nothing yet"))
	if l.Resource != "" {
		line("status", fmt.Sprintf("%s, version %s of %s", l.Status, l.Version, l.Updated))
	}
	line("patient", l.Patient)
	line("owners", strings.Join(l.Owners, ", "))
	for _, report := range l.Reports {
		line("report", report)
	}
	for _, s := range l.Submissions {
		line("sent by", told(s))
	}
	if l.Waits {
		line("waits", "it changed, and is still to be built")
	}
	line("failure", l.Failure)
	for _, i := range l.Issues {
		line(i.Severity, fmt.Sprintf("%s: %s -> %s: %s", i.Code, i.Attribute, i.Element, i.Detail))
	}
	fmt.Fprintf(&b, "%d objects\n", len(l.Objects))
	for _, o := range l.Objects {
		received := "-"
		if !o.Received.IsZero() {
			received = o.Received.Format(time.RFC3339)
		}
		fmt.Fprintf(&b, "  %s  %s  %s  %s  %s  %s\n", received, cmp.Or(o.Source, "-"), o.SOPInstanceUID, o.SOPClassUID, size(o), o.State)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// size of an object, which nobody here knows of one that stays in another archive.
func size(o ingest.ObjectLife) string {
	if o.Elsewhere {
		return "stays in " + o.Source
	}
	return fmt.Sprint(o.Size, " bytes")
}

// told is one submission in a line.
func told(s ingest.Submitted) string {
	text := fmt.Sprintf("%s, %s to %s", s.Owner, s.First.Format(time.RFC3339), s.Last.Format(time.RFC3339))
	if !s.Withdrawn.IsZero() {
		text += ", withdrawn " + s.Withdrawn.Format(time.RFC3339)
	}
	if len(s.Refused) > 0 {
		text += fmt.Sprintf(", %d refused: %s", len(s.Refused), strings.Join(s.Refused[:min(len(s.Refused), 10)], ", "))
	}
	return text
}
