package main

import (
	"fmt"
	"os"

	"lightbox/auth"
)

// readLabels reads the file of --labels.
func (c *serveCommand) readLabels() error {
	if c.Labels == "" {
		return nil
	}
	text, err := os.ReadFile(c.Labels)
	if err != nil {
		return fmt.Errorf("--labels: %w", err)
	}
	if c.labels, err = auth.ParseLabels(text); err != nil {
		return fmt.Errorf("--labels %s: %w", c.Labels, err)
	}
	return nil
}

// readRelease reads the rule of --release.
func (c *serveCommand) readRelease() (err error) {
	if c.hold, err = auth.ParseHold(c.Release); err != nil {
		return fmt.Errorf("--release: %w", err)
	}
	return nil
}
