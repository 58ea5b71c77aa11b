package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"lightbox/auth/audit"
)

type auditCommand struct {
	Verify auditVerify `cmd:"" help:"Walk the chain of audit records, and tell where it is broken."`
}

// Help is shown below the flags.
func (*auditCommand) Help() string {
	return `Each disclosure, change and refusal is on record before its answer goes out, and what comes in before it is acknowledged: of objects each study
of an association, request or run, of HL7 v2 each message. So is what merge, matches, purge, queue, study --restore and link change, by the account
that runs them. Auditors search the records as AuditEvent:

  AuditEvent?agent:identifier=urn:lightbox:ae-title|CT1           what an AE title sent, or was refused
  AuditEvent?agent:identifier=urn:lightbox:hl7v2-sender|CITY\|RIS what a facility (MSH-4) and application (MSH-3) sent
  AuditEvent?agent:identifier=urn:lightbox:archive|pacs           what was read from another archive
  AuditEvent?type=110113&outcome=8                                who was turned away

The records are two chains of hashes, of changes and of accesses: what was changed or taken out shows. That an end was cut off shows to who kept
the head of an earlier run somewhere else.

  lightbox audit verify --database postgres://hub@db/lightbox
  lightbox audit verify --head changes:8:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08,accesses:812:60303ae2...`
}

type auditVerify struct {
	Database string `default:"sqlite:lightbox.db" placeholder:"URL" help:"sqlite:PATH or postgres://user:password@host/database."`
	Head     string `placeholder:"HEAD" help:"What an earlier run printed as head: its records must be in the chains."`
	JSON     bool   `name:"json" help:"Print as JSON."`
}

var errBroken = errors.New("the audit record is not what was written")

// Run verifies. A chain that is broken is an error.
func (c *auditVerify) Run(ctx context.Context, p *program) error {
	st, err := openStore(ctx, c.Database, newLog(p.Stderr, "error"))
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer st.Close()
	log, err := audit.Open(ctx, st, "", slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	line := newProgress(p.Stderr, false)
	v, err := log.Verify(ctx, func(n int64) { line.showCount("events", n) })
	line.clear()
	if err != nil {
		return err
	}
	known, err := c.holds(ctx, log)
	if err != nil {
		return err
	}
	if err := c.print(p, v); err != nil {
		return err
	}
	switch {
	case v.Broken != "":
		return fmt.Errorf("%w: record %s does not follow from the one before", errBroken, v.Broken)
	case !known:
		return fmt.Errorf("%w: the head of %s is not in it", errBroken, c.Head)
	}
	return nil
}

// holds reports whether the head of an earlier run is in the chain.
func (c *auditVerify) holds(ctx context.Context, log *audit.Log) (bool, error) {
	if c.Head == "" {
		return true, nil
	}
	held, err := log.Holds(ctx, c.Head)
	if errors.Is(err, audit.ErrHead) {
		return false, errors.New("--head: want what an earlier run printed as head")
	}
	return held, err
}

func (c *auditVerify) print(p *program, v audit.Verified) error {
	if c.JSON {
		return json.NewEncoder(p.Stdout).Encode(struct {
			Events int64  `json:"events"`
			Head   string `json:"head,omitempty"`
			Broken string `json:"broken,omitempty"`
		}{v.Events, v.Head, v.Broken})
	}
	_, err := fmt.Fprintf(p.Stdout, "%d events; head %s\n", v.Events, v.Head)
	return err
}
