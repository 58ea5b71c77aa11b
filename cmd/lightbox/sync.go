package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"lightbox/server/archivesync"
)

type syncCommand struct {
	Name         string        `arg:"" help:"Name of the archive: one of --archives, or a new one, under which it is kept how far it has been read."`
	From         string        `placeholder:"URL" help:"Where it is: an Orthanc, the root of a DICOMweb service, or dicom://AET@host:port for an archive that speaks nothing newer. Default: as --archives says."`
	Copy         bool          `help:"Copy its objects into the hub's own archive. Default: they stay there, and serve must be told of the archive by --archives, so that it can pass them on."`
	User         string        `help:"User to log in as."`
	Password     string        `env:"LIGHTBOX_SYNC_PASSWORD" help:"The user's password; better given in the environment."`
	Token        string        `env:"LIGHTBOX_SYNC_TOKEN" help:"Bearer token; better given in the environment."`
	Organization string        `placeholder:"REF" help:"Who its objects belong to, by name or as Organization/<id>. Default: the institution that each object names."`
	AET          string        `name:"aet" placeholder:"AET" help:"The hub's own title, of dicom://. Default: LIGHTBOX."`
	MoveTo       string        `placeholder:"HOST:PORT" help:"Where the archive sends objects to that title, of dicom://: asked by C-MOVE, and listened at meanwhile. Default: by C-GET, on the association that asks."`
	Rate         float64       `placeholder:"N" help:"Objects a second at most. Default: as fast as both sides go."`
	At           int           `default:"4" help:"Objects read at a time."`
	Follow       bool          `help:"Go on with what is new until stopped."`
	Every        time.Duration `default:"30s" help:"Between looks, with --follow."`
	Check        time.Duration `default:"1h" help:"Between looks for what the archive has no more, with --follow."`
	Again        bool          `help:"Begin at the beginning, with what was refused too: what is here already changes nothing."`
	JSON         bool          `help:"Print the counts as JSON, a line for each run."`
	hubFlags
}

// Help is shown below the flags.
func (*syncCommand) Help() string {
	return `Reads an archive: first all that it has, then what is new. A run that was broken off is gone on with by the next. An Orthanc is followed by
its feed of changes; of a DICOMweb service the studies are gone over, and those looked into whose number of instances is another than here.
Objects stay in the archive, and the hub reads what is said of them there, unless --copy; what the archive has no more the hub forgets then.
Objects are read from the address alone that is given.

  lightbox sync pacs --from http://pacs.example:8042 --database sqlite:hub.db --archive objects
  lightbox sync pacs --archives archives.json --follow
  lightbox sync old --from dicom://OLDPACS@pacs.example:11112 --copy

Exit code: 0 all taken, 3 some refused (lightbox queue lists them), 1 failure.`
}

// archive is the one to read: as the file says, or the flags.
func (c *syncCommand) archive() (otherArchive, error) {
	for _, one := range c.list {
		if one.Name == c.Name && c.From == "" {
			return one, nil
		}
	}
	if c.From == "" {
		return otherArchive{}, fmt.Errorf("where is %s? Say --from, or --archives with a file that lists it", c.Name)
	}
	one := otherArchive{
		Name: c.Name, From: c.From, Copy: c.Copy, Organization: c.Organization, User: c.User, Password: c.Password, Token: c.Token,
		AET: c.AET, MoveTo: c.MoveTo, Rate: c.Rate, At: c.At, Every: span(c.Every), Check: span(c.Check),
	}
	return one, one.complete()
}

// Run reads.
func (c *syncCommand) Run(ctx context.Context, p *program) error {
	one, err := c.archive()
	if err != nil {
		return err
	}
	log := newLog(p.Stderr, "warn")
	hub, err := openHub(ctx, c.storage, c.mappingFlags, log)
	if err != nil {
		return err
	}
	defer hub.Close()
	archives := archivesFlag{list: []otherArchive{one}}
	archives.open(hub.pipeline)
	s := one.sync(hub.pipeline)
	s.Again, s.By = c.Again, account()
	if !c.JSON {
		s.Report = func(done archivesync.Progress) {
			fmt.Fprintf(p.Stderr, "\r%d read, %d new", done.Listed, done.Instances)
		}
	}
	if c.Follow {
		var failure error
		s.Follow(ctx, c.Every, func(done archivesync.Progress, err error) {
			if err = errors.Join(err, hub.pipeline.Build(ctx, nil)); err != nil && ctx.Err() == nil {
				log.Warn("the archive is read on soon", "name", c.Name, "cause", err)
			}
			failure = errors.Join(failure, c.print(p, done))
		})
		return failure
	}
	done, err := s.Run(ctx)
	if err == nil {
		err = hub.pipeline.Build(ctx, nil)
	}
	if err != nil && ctx.Err() == nil {
		return err
	}
	if err := c.print(p, done); err != nil {
		return err
	}
	if done.Refused > 0 {
		return errRefused
	}
	return nil
}

func (c *syncCommand) print(p *program, done archivesync.Progress) error {
	if c.JSON {
		return json.NewEncoder(p.Stdout).Encode(done)
	}
	if done.Listed == 0 && done.Forgotten == 0 && c.Follow {
		return nil
	}
	if done.Listed > 0 {
		_, _ = io.WriteString(p.Stderr, "\r") // the progress before it
	}
	printed := fmt.Sprintf("%d objects read: %d new, %d known, %d refused, %d gone meanwhile", done.Listed, done.Instances, done.Duplicates, done.Refused, done.Gone)
	if done.Forgotten > 0 {
		printed += fmt.Sprintf("; %d forgotten that the archive has no more", done.Forgotten)
	}
	printed += "\n"
	if _, err := io.WriteString(p.Stdout, printed); err != nil {
		return err
	}
	printCounts(p.Stdout, "refused", done.Reasons)
	return nil
}
