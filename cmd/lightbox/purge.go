package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"lightbox/auth/audit"
	"lightbox/fhir"
	"lightbox/fhir/store"
)

type purgeCommand struct {
	Resources []string `arg:"" name:"resource" help:"What to remove: Type/id."`
	Database  string   `default:"sqlite:lightbox.db" placeholder:"URL" help:"sqlite:PATH or postgres://user:password@host/database."`
	Yes       bool     `help:"Remove them. Without it, they are only listed."`
}

// Help is shown below the flags.
func (*purgeCommand) Help() string {
	return `Removes resources with every version and index entry of them, all or none, as if they had never been. A deletion keeps the
past; this does not, and nothing brings it back. Objects in the archive stay, and so does the index of their instances: a study
that is ingested again is made anew. Copies, backups and what other resources say of them are out of its reach. That they were removed, and by
which account, is on the audit record.

  lightbox purge --database sqlite:hub.db --yes Patient/4711 DiagnosticReport/0815`
}

// errNotConfirmed ends a run that only showed what it would do.
var errNotConfirmed = errors.New("nothing was removed; add --yes to remove these for good")

// Run purges.
func (c *purgeCommand) Run(ctx context.Context, p *program) error {
	refs, err := c.references()
	if err != nil {
		return err
	}
	st, err := openStore(ctx, c.Database, newLog(p.Stderr, "warn"))
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer st.Close()
	record, err := audit.Open(ctx, st, "", slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	var versions []int64
	err = st.Write(ctx, func(tx store.Tx) error {
		versions = nil
		for _, ref := range refs {
			stored, err := tx.Get(ctx, ref.Type, ref.ID)
			if err == nil && c.Yes {
				err = tx.Purge(ctx, ref.Type, ref.ID)
			}
			if err == nil && c.Yes {
				err = record.Append(ctx, tx, purged(stored.Resource))
			}
			if err != nil {
				return fmt.Errorf("%s/%s: %w", ref.Type, ref.ID, err)
			}
			versions = append(versions, stored.Version)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.report(p, refs, versions)
}

// purged is the audit record of a removal.
func purged(r fhir.Resource) audit.Event {
	return audit.Event{At: time.Now(), Kind: "delete", By: operator("purge"), Reason: "removed for good", Data: r.Reference(), Patients: audit.PatientsOf(r)}
}

// references reads the arguments. A resource that is named twice is removed once.
func (c *purgeCommand) references() ([]fhir.Reference, error) {
	var all []fhir.Reference
	seen := map[string]bool{}
	for _, text := range c.Resources {
		ref, err := fhir.ParseReference(text, "")
		if err != nil || ref.Kind != fhir.Local || ref.Unversioned().String() != text {
			return nil, fmt.Errorf("%q is not Type/id", text)
		}
		if !seen[text] {
			all = append(all, ref)
		}
		seen[text] = true
	}
	return all, nil
}

func (c *purgeCommand) report(p *program, refs []fhir.Reference, versions []int64) error {
	word := "found"
	if c.Yes {
		word = "purged"
	}
	for i, ref := range refs {
		if _, err := fmt.Fprintf(p.Stdout, "%-6s  %s/%s, versions: %d\n", word, ref.Type, ref.ID, versions[i]); err != nil {
			return err
		}
	}
	if !c.Yes {
		return errNotConfirmed
	}
	return nil
}
