package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"lightbox/server/archivesync"
	"lightbox/server/ingest"
)

type syncCommand struct {
	Name         string        `arg:"" help:"Name of the archive: how far it has been read is kept under it."`
	From         string        `required:"" placeholder:"URL" help:"Where it is: an Orthanc, or the root of a DICOMweb service."`
	Copy         bool          `help:"Copy its objects into the hub's own archive. Needed: an archive that stays where it is cannot be read yet."`
	User         string        `help:"User to log in as."`
	Password     string        `env:"LIGHTBOX_SYNC_PASSWORD" help:"The user's password; better given in the environment."`
	Token        string        `env:"LIGHTBOX_SYNC_TOKEN" help:"Bearer token; better given in the environment."`
	Organization string        `placeholder:"REF" help:"Organization/<id> that its objects belong to. Default: the institution that each object names."`
	Rate         float64       `placeholder:"N" help:"Objects a second at most. Default: as fast as both sides go."`
	At           int           `default:"4" help:"Objects read at a time."`
	Follow       bool          `help:"Go on with what is new until stopped."`
	Every        time.Duration `default:"30s" help:"Between looks, with --follow."`
	Again        bool          `help:"Begin at the beginning: what is here already changes nothing."`
	JSON         bool          `help:"Print the counts as JSON, a line for each run."`
	storage
	mappingFlags
}

// Help is shown below the flags.
func (*syncCommand) Help() string {
	return `Reads an archive: first all that it has, then what is new. A run that was broken off is gone on with by the next. An Orthanc is followed by
its feed of changes; of a DICOMweb service the studies are gone over, and those looked into whose number of instances is another than here.
Objects are read from the address alone that is given.

  lightbox sync pacs --from http://pacs.example:8042 --copy --follow --database sqlite:hub.db --archive objects

Exit code: 0 all taken, 3 some refused, 1 failure.`
}

// Run reads.
func (c *syncCommand) Run(ctx context.Context, p *program) error {
	if from, err := url.Parse(c.From); err != nil || from.Host == "" || from.Scheme != "http" && from.Scheme != "https" {
		return fmt.Errorf("--from %q is no http or https URL", c.From)
	}
	if !c.Copy {
		return errors.New("an archive whose objects stay where they are cannot be read yet: say --copy to copy them")
	}
	log := newLog(p.Stderr, "warn")
	hub, err := openHub(ctx, c.storage, c.mappingFlags, log)
	if err != nil {
		return err
	}
	defer hub.Close()
	source, err := archivesync.Open(ctx, c.From, archivesync.Credentials{User: c.User, Password: c.Password, Token: c.Token}, hub.pipeline)
	if err != nil {
		return fmt.Errorf("%s: %w", c.From, err)
	}
	s := &archivesync.Sync{
		Hub: hub.pipeline, Name: c.Name, URL: c.From, Source: source, At: c.At, Rate: c.Rate, Again: c.Again,
		Origin: ingest.Origin{Owner: c.Organization, Source: c.Name},
	}
	if !c.JSON {
		s.Report = func(done archivesync.Progress) {
			fmt.Fprintf(p.Stderr, "\r%d read, %d new", done.Listed, done.Instances)
		}
	}
	for {
		done, err := s.Run(ctx)
		if err == nil {
			err = hub.pipeline.Build(ctx, nil)
		}
		if err := c.print(p, done); err != nil {
			return err
		}
		switch {
		case err != nil && ctx.Err() == nil && c.Follow:
			log.Warn("the archive is read on soon", "name", c.Name, "cause", err)
		case err != nil && ctx.Err() == nil:
			return err
		case !c.Follow && done.Refused > 0:
			return errRefused
		case !c.Follow || ctx.Err() != nil:
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(c.Every):
		}
	}
}

func (c *syncCommand) print(p *program, done archivesync.Progress) error {
	if c.JSON {
		return json.NewEncoder(p.Stdout).Encode(done)
	}
	if done.Listed == 0 && c.Follow {
		return nil
	}
	if done.Listed > 0 {
		_, _ = io.WriteString(p.Stderr, "\r") // the progress before it
	}
	printed := fmt.Sprintf("%d objects read: %d new, %d known, %d refused, %d gone meanwhile\n", done.Listed, done.Instances, done.Duplicates, done.Refused, done.Gone)
	if _, err := io.WriteString(p.Stdout, printed); err != nil {
		return err
	}
	printCounts(p.Stdout, "refused", done.Reasons)
	return nil
}
