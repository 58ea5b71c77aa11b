package main

import (
	"context"
	"fmt"

	"lightbox/dicom/synth"
)

type synthCommand struct {
	Dir  string `arg:"" help:"Folder to write to; made when missing."`
	Seed int64  `default:"1" help:"The same seed always draws the same bytes."`
}

// Help is shown below the flags.
func (*synthCommand) Help() string {
	return `The city is what the demo starts with: patients, studies with drawn phantoms, reports and dose reports as true Part 10
files. No real person is in it.

  lightbox synth city/ && lightbox map city/`
}

// Run draws.
func (c *synthCommand) Run(_ context.Context, p *program) error {
	city, err := synth.Make(c.Seed)
	if err != nil {
		return err
	}
	if err := city.WriteTo(c.Dir); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Stdout, "%d files in %s\n", len(city.Files), c.Dir)
	return err
}
