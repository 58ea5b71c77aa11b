package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"lightbox/dicom/archive"
	"lightbox/server/archivesync"
)

type queueCommand struct {
	List    queueList    `cmd:"" default:"withargs" help:"List what was refused, and count what is still to be built."`
	Show    queueShow    `cmd:"" help:"Print the bytes of a refused message as they came."`
	Retry   queueRetry   `cmd:"" help:"Take the refused messages in once more, as after a change of configuration."`
	Discard queueDiscard `cmd:"" help:"Take refused messages off the list; their bytes stay in the archive."`
}

// Help is shown below the flags.
func (*queueCommand) Help() string {
	return `A message that the hub cannot take is answered so, and kept with its reason: nothing is dropped. So is an object that another archive
has (lightbox sync), which stays there; sync --again reads it once more. What was taken and is still
to be built is counted; a serving hub builds it within seconds, and what it cannot build it names in its log.

  lightbox queue --database sqlite:hub.db --archive objects
  lightbox queue show 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03`
}

type queueList struct {
	JSON  bool `help:"Print as JSON, a message a line."`
	Limit int  `default:"1000" help:"Messages at most."`
	hubFlags
}

// refusedItem is one line of the list.
type refusedItem struct {
	Object   string    `json:"object"` // digest of a message; what another archive calls an object of its own
	Received time.Time `json:"received"`
	Source   string    `json:"source"`
	Reason   string    `json:"reason"`
	Detail   string    `json:"detail"`
}

// Run lists.
func (c *queueList) Run(ctx context.Context, p *program) error {
	return withHub(ctx, p, c.hubFlags, func(hub *hub) error {
		list, err := hub.pipeline.Refused(ctx, c.Limit)
		if err != nil {
			return err
		}
		elsewhere, err := archivesync.ListRefused(ctx, hub.store, c.Limit)
		if err != nil {
			return err
		}
		due, err := hub.pipeline.Due(ctx)
		if err != nil {
			return err
		}
		for _, one := range list {
			if err := c.print(p, refusedItem{one.Object.String(), one.Received, one.Source, one.Reason, one.Detail}); err != nil {
				return err
			}
		}
		for _, one := range elsewhere {
			if err := c.print(p, refusedItem{one.Object, one.Received, one.Archive, one.Reason, one.Detail}); err != nil {
				return err
			}
		}
		if c.JSON {
			return nil
		}
		_, err = fmt.Fprintf(p.Stdout, "%d refused, %d to be built\n", len(list)+len(elsewhere), due)
		return err
	})
}

func (c *queueList) print(p *program, m refusedItem) error {
	if c.JSON {
		return json.NewEncoder(p.Stdout).Encode(m)
	}
	_, err := fmt.Fprintf(p.Stdout, "%s  %s  %s  %s: %s\n", m.Object, m.Received.Format(time.RFC3339), m.Source, m.Reason, m.Detail)
	return err
}

type queueShow struct {
	Object string `arg:"" help:"Digest of a message, as the list has it."`
	hubFlags
}

// Run prints one message.
func (c *queueShow) Run(ctx context.Context, p *program) error {
	object, err := archive.ParseDigest(c.Object)
	if err != nil {
		return err
	}
	return withHub(ctx, p, c.hubFlags, func(hub *hub) error {
		text, err := hub.pipeline.Received(ctx, object)
		if err != nil {
			return err
		}
		_, err = p.Stdout.Write(text)
		return err
	})
}

type queueRetry struct {
	hubFlags
}

// Run retries.
func (c *queueRetry) Run(ctx context.Context, p *program) error {
	return withHub(ctx, p, c.hubFlags, func(hub *hub) error {
		taken, err := hub.pipeline.Retry(ctx, operator("queue"))
		if err != nil {
			return err
		}
		if err := hub.pipeline.Build(ctx, nil); err != nil {
			return err
		}
		left, err := hub.pipeline.Refused(ctx, 1000)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.Stdout, "%d taken, %d refused again\n", taken, len(left))
		return err
	})
}

type queueDiscard struct {
	Objects []string `arg:"" name:"object" help:"Digests of messages, as the list has them."`
	hubFlags
}

// Run discards.
func (c *queueDiscard) Run(ctx context.Context, p *program) error {
	var objects []archive.Digest
	for _, text := range c.Objects {
		object, err := archive.ParseDigest(text)
		if err != nil {
			return err
		}
		objects = append(objects, object)
	}
	return withHub(ctx, p, c.hubFlags, func(hub *hub) error {
		for _, object := range objects {
			if err := hub.pipeline.Discard(ctx, object, operator("queue")); err != nil {
				return fmt.Errorf("%s: %w", object, err)
			}
		}
		_, err := fmt.Fprintf(p.Stdout, "%d off the list\n", len(objects))
		return err
	})
}

// withHub opens a hub for as long as do takes.
func withHub(ctx context.Context, p *program, f hubFlags, do func(*hub) error) error {
	hub, err := openHub(ctx, f.storage, f.mappingFlags, newLog(p.Stderr, "warn"))
	if err != nil {
		return err
	}
	defer hub.Close()
	return do(hub)
}
