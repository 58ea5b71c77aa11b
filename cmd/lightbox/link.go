package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"lightbox/auth"
	"lightbox/auth/audit"
	"lightbox/fhir/store"
)

type linkCommand struct {
	List   linkList   `cmd:"" help:"List who the subjects of issuers are here."`
	Add    linkAdd    `cmd:"" help:"Record that a subject of an issuer is a resource here."`
	Remove linkRemove `cmd:"" help:"End a link."`
}

// Help is shown below the flags.
func (*linkCommand) Help() string {
	return `An issuer of another house does not know the ids that its people have here. For issuers with "linked": true in the file of --issuers a
caller is who is recorded: a Patient, Practitioner or RelatedPerson, and the Organization that they act for. Who is not recorded is refused.
Each change is an audit record; a serving hub goes by it within half a minute.

  lightbox link add https://id.example 4f1c Patient/4711 --database sqlite:hub.db`
}

// linkDatabase is where links are kept.
type linkDatabase struct {
	Database string `default:"sqlite:lightbox.db" placeholder:"URL" help:"sqlite:PATH or postgres://user:password@host/database."`
}

type linkList struct {
	Issuer  string `arg:"" optional:"" help:"Of this issuer alone."`
	Subject string `arg:"" optional:"" help:"Of this subject alone."`
	JSON    bool   `name:"json" help:"Print as JSON."`
	linkDatabase
}

type linkChange struct {
	Issuer    string `arg:"" help:"URL of the issuer."`
	Subject   string `arg:"" help:"The subject (sub) as the issuer names it."`
	Reference string `arg:"" help:"Type/id of a Patient, Practitioner, RelatedPerson or Organization."`
	By        string `placeholder:"NAME" help:"Who says so, for the record. Default: the name of the account."`
	linkDatabase
}

type linkAdd struct{ linkChange }

type linkRemove struct{ linkChange }

// linkRow is a link as list prints it.
type linkRow struct {
	Issuer    string    `json:"issuer"`
	Subject   string    `json:"subject"`
	Reference string    `json:"reference"`
	By        string    `json:"by"`
	At        time.Time `json:"at"`
}

// Run lists.
func (c *linkList) Run(ctx context.Context, p *program) error {
	st, err := openStore(ctx, c.Database, newLog(p.Stderr, "error"))
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer st.Close()
	links, err := auth.NewPeople(st).List(ctx, auth.Link{Issuer: c.Issuer, Subject: c.Subject})
	if err != nil {
		return err
	}
	rows := make([]linkRow, len(links))
	for i, l := range links {
		rows[i] = linkRow(l)
	}
	if c.JSON {
		return json.NewEncoder(p.Stdout).Encode(rows)
	}
	for _, r := range rows {
		if _, err := fmt.Fprintf(p.Stdout, "%s %s is %s, said %s on %s\n", r.Issuer, r.Subject, r.Reference, r.By, r.At.Format(time.DateTime)); err != nil {
			return err
		}
	}
	return nil
}

// Run adds.
func (c *linkAdd) Run(ctx context.Context, p *program) error {
	return c.change(ctx, p, linkChanging{auth.AddLink, "is", "was recorded before"})
}

// Run removes.
func (c *linkRemove) Run(ctx context.Context, p *program) error {
	return c.change(ctx, p, linkChanging{auth.RemoveLink, "is no longer", "was not recorded"})
}

// linkChanging is a change, and what is told of it.
type linkChanging struct {
	apply         func(context.Context, store.Tx, auth.Link) (bool, error)
	done, nothing string
}

func (c *linkChange) change(ctx context.Context, p *program, how linkChanging) error {
	st, err := openStore(ctx, c.Database, newLog(p.Stderr, "error"))
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer st.Close()
	log, err := audit.Open(ctx, st, "", slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	link := auth.Link{Issuer: c.Issuer, Subject: c.Subject, Reference: c.Reference, By: c.by(), At: time.Now()}
	changed := false
	err = st.Write(ctx, func(tx store.Tx) error {
		if changed, err = how.apply(ctx, tx, link); err != nil || !changed {
			return err
		}
		return log.Append(ctx, tx, linkEvent(link, how.done))
	})
	if err != nil {
		return err
	}
	if !changed {
		_, err = fmt.Fprintf(p.Stdout, "%s of %s as %s %s\n", c.Subject, c.Issuer, c.Reference, how.nothing)
		return err
	}
	_, err = fmt.Fprintf(p.Stdout, "%s of %s %s %s\n", c.Subject, c.Issuer, how.done, c.Reference)
	return err
}

func (c *linkChange) by() string {
	if c.By != "" {
		return c.By
	}
	return account()
}

// linkEvent is the audit record of a change.
func linkEvent(l auth.Link, done string) audit.Event {
	e := audit.Event{At: l.At, Kind: audit.Grant, Reason: fmt.Sprintf("subject %s of %s %s %s", l.Subject, l.Issuer, done, l.Reference),
		By: &audit.Caller{Subject: l.By, Client: "lightbox link"}, Data: l.Reference}
	if strings.HasPrefix(l.Reference, "Patient/") {
		e.Patients = []string{l.Reference}
	}
	return e
}
