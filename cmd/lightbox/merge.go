package main

import (
	"context"
	"fmt"

	"lightbox/mapping"
)

type mergeCommand struct {
	Prior    string `arg:"" help:"The record that goes on as another: Patient/id."`
	Survivor string `arg:"" help:"The record that it goes on as: Patient/id."`
	Undo     bool   `help:"Take it back: what was led to the survivor finds back."`
	hubFlags
}

// Help is shown below the flags.
func (*mergeCommand) Help() string {
	return `Two records of one person become one, as ADT^A40 does: the prior record is inactive and says what replaced it, the survivor
is found by the numbers of both, and all that refers to the prior one refers to the survivor, in one transaction. What comes late
under the old number finds the survivor too. Nothing is lost: --undo, or ADT^A37, takes it back. Of messages the newest
counts; what is said here is newer than all of them. It is on the audit record of both, by the account that runs it.

  lightbox merge --database sqlite:hub.db --archive objects Patient/4711 Patient/0815`
}

// Run merges.
func (c *mergeCommand) Run(ctx context.Context, p *program) error {
	hub, err := openHub(ctx, c.storage, c.mappingFlags, newLog(p.Stderr, "warn"))
	if err != nil {
		return err
	}
	defer hub.Close()
	if _, _, err := hub.two(ctx, c.Prior, c.Survivor); err != nil {
		return err
	}
	if err := hub.pipeline.Link(ctx, mapping.PatientLink{Prior: c.Prior, Survivor: c.Survivor, Undone: c.Undo}, operator("merge")); err != nil {
		return err
	}
	word := "goes on as"
	if c.Undo {
		word = "no longer goes on as"
	}
	_, err = fmt.Fprintf(p.Stdout, "%s %s %s\n", c.Prior, word, c.Survivor)
	return err
}
