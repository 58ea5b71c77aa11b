package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"lightbox/server/archivesync"
	"lightbox/server/ingest"
)

// archivesFlag names other archives.
type archivesFlag struct {
	File string         `name:"archives" placeholder:"FILE" help:"Other archives, as JSON: [{\"name\":\"pacs\",\"from\":\"http://pacs.example:8042\"}]. Their objects stay there unless \"copy\" is true; \"organization\" names who they belong to; \"user\" and \"password\", or \"token\", log in, with env:NAME for what the environment holds; \"rate\" (objects a second), \"at\" (read at a time, 4), \"aet\" is the hub's title and \"moveTo\" the address to C-MOVE to, of dicom://AET@host:port; \"every\" (\"30s\") and \"check\" (\"1h\": for what they have no more) bound the reading. serve reads them all the time."`
	list []otherArchive // of the file, which read reads
}

// otherArchive is one of them.
type otherArchive struct {
	Name         string  `json:"name"`
	From         string  `json:"from"`
	Copy         bool    `json:"copy"`
	Organization string  `json:"organization"`
	User         string  `json:"user"`
	Password     string  `json:"password"`
	Token        string  `json:"token"`
	AET          string  `json:"aet"`
	MoveTo       string  `json:"moveTo"`
	Rate         float64 `json:"rate"`
	At           int     `json:"at"`
	Every        span    `json:"every"`
	Check        span    `json:"check"`
}

// span is a duration in text, "30s".
type span time.Duration

// UnmarshalText reads it.
func (s *span) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err == nil && d <= 0 {
		err = fmt.Errorf("%s is no time to wait", d)
	}
	*s = span(d)
	return err
}

// Validate is called after parsing.
func (f *archivesFlag) Validate() error {
	if f.File == "" {
		return nil
	}
	b, err := os.ReadFile(f.File)
	if err != nil {
		return fmt.Errorf("--archives: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&f.list); err != nil {
		return fmt.Errorf("--archives %s: %w", f.File, err)
	}
	names := map[string]bool{}
	for i := range f.list {
		one := &f.list[i]
		if err := one.complete(); err != nil {
			return fmt.Errorf("--archives %s: %q: %w", f.File, one.Name, err)
		}
		if names[one.Name] {
			return fmt.Errorf("--archives %s: two archives are named %q", f.File, one.Name)
		}
		names[one.Name] = true
	}
	return nil
}

// complete checks an archive, and fills in what is not said and what the environment holds.
func (a *otherArchive) complete() error {
	if a.Name == "" || strings.ContainsAny(a.Name, " \t\n") {
		return errors.New("a name is needed, without spaces")
	}
	if err := a.checkFrom(); err != nil {
		return err
	}
	if a.Rate < 0 || a.At < 0 {
		return errors.New("rate and at are not negative")
	}
	for _, secret := range []*string{&a.Password, &a.Token} {
		name, fromEnvironment := strings.CutPrefix(*secret, "env:")
		if !fromEnvironment {
			continue
		}
		if *secret = os.Getenv(name); *secret == "" {
			return fmt.Errorf("the environment has no %s", name)
		}
	}
	if a.Every == 0 {
		a.Every = span(30 * time.Second)
	}
	if a.Check == 0 {
		a.Check = span(time.Hour)
	}
	return nil
}

// checkFrom checks where the archive is.
func (a *otherArchive) checkFrom() error {
	isDIMSE, err := archivesync.IsDIMSE(a.From)
	switch {
	case err != nil:
		return err
	case isDIMSE && !a.Copy:
		return errors.New("an archive that speaks DIMSE alone sends its objects: they have to be copied")
	case !isDIMSE && (a.AET != "" || a.MoveTo != ""):
		return errors.New("a title of the hub's, and an address to send to, are for dicom://AET@host:port")
	case isDIMSE:
		return nil
	}
	if from, err := url.Parse(a.From); err != nil || from.Host == "" || from.Scheme != "http" && from.Scheme != "https" {
		return fmt.Errorf("%q is no http or https URL, nor dicom://AET@host:port", a.From)
	}
	return nil
}

func (a *otherArchive) address() archivesync.Address {
	return archivesync.Address{
		Name: a.Name, URL: a.From, Credentials: archivesync.Credentials{User: a.User, Password: a.Password, Token: a.Token}, AET: a.AET, MoveTo: a.MoveTo,
	}
}

// sync reads the archive into a hub.
func (a *otherArchive) sync(p *ingest.Pipeline) *archivesync.Sync {
	return &archivesync.Sync{
		Hub: p, Address: a.address(), Copy: a.Copy, At: a.At, Rate: a.Rate, Check: time.Duration(a.Check),
		Origin: ingest.Origin{Source: a.Name, Owner: owner(a.Organization, p.Mapper)},
	}
}

// open has the hub open what stays in the archives.
func (f *archivesFlag) open(p *ingest.Pipeline) {
	archives := &archivesync.Archives{Hub: p}
	for _, one := range f.list {
		archives.Add(one.address())
	}
	p.Elsewhere = archives
}

// follow reads one archive until ctx ends.
func (a *otherArchive) follow(ctx context.Context, p *ingest.Pipeline, log *slog.Logger) {
	log.Info("reading an archive", "name", a.Name, "from", a.From, "copy", a.Copy)
	a.sync(p).Follow(ctx, time.Duration(a.Every), func(done archivesync.Progress, err error) {
		if err != nil {
			log.Warn("an archive could not be read and is tried again", "name", a.Name, "cause", err)
		}
		if done.Listed > 0 || done.Forgotten > 0 {
			log.Info("read an archive", "name", a.Name, "listed", done.Listed, "new", done.Instances, "refused", done.Refused, "forgotten", done.Forgotten)
		}
	})
}
