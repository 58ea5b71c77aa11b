package main

import (
	"context"
	"fmt"

	"lightbox/fhir/store"
)

type reindexCommand struct {
	Database string `default:"sqlite:lightbox.db" placeholder:"URL" help:"sqlite:PATH or postgres://user:password@host/database."`
	All      bool   `help:"Build every index anew, as a damaged one needs. Searches are refused meanwhile."`
}

// Help is shown below the flags.
func (*reindexCommand) Help() string {
	return `Completes the index of search parameters that this version defines otherwise than the one which wrote the data. Servers go on
meanwhile: they refuse searches by those parameters, with the progress, until it is through. A run that was broken off is finished
by the next, and several may share the work.

  lightbox reindex --database sqlite:hub.db`
}

// Run reindexes.
func (c *reindexCommand) Run(ctx context.Context, p *program) error {
	st, err := openStore(ctx, c.Database, newLog(p.Stderr, "error"))
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	defer st.Close()
	line := newProgress(p.Stderr, false)
	var done int64
	err = st.Reindex(ctx, store.Reindexing{All: c.All, Progress: func(now, total int64) {
		done = now
		line.showShare("resources", now, total)
	}})
	line.clear()
	if err != nil {
		return fmt.Errorf("after %d resources: %w", done, err)
	}
	_, err = fmt.Fprintf(p.Stdout, "reindexed, resources: %d\n", done)
	return err
}
