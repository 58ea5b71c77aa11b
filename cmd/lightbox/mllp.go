package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"lightbox/server/ingest"
	"lightbox/server/mllp"
)

// mllpFlags open the hub to HL7 v2 messages.
type mllpFlags struct {
	Address      string   `name:"mllp" placeholder:"HOST:PORT" help:"Address to take HL7 v2 messages at (MLLP). Default: none."`
	Organization string   `name:"mllp-organization" placeholder:"REF" help:"Organization/<id> that sends them. Default: the one that each message names."`
	Lenient      bool     `name:"mllp-lenient" help:"Acknowledge refused messages as taken (AA): for feeds that send one again until it is. They are kept and listed all the same."`
	TLS          tlsFlags `embed:"" prefix:"mllp-"`
}

// listen opens the address; nil where there is none.
func (f *mllpFlags) listen() (net.Listener, error) {
	listener, err := f.TLS.listen(f.Address)
	if err != nil {
		return nil, fmt.Errorf("--mllp: %w", err)
	}
	return listener, nil
}

// take answers senders until ctx ends.
func (f *mllpFlags) take(ctx context.Context, listener net.Listener, h *hub, log *slog.Logger) {
	log.Info("taking HL7 v2 messages", "address", listener.Addr().String())
	from := ingest.Origin{Owner: f.Organization, Source: "mllp"}
	s := mllp.Server{Answer: mllp.Into(h.pipeline, from, f.Lenient), Strange: mllp.Strange(h.pipeline), Log: log}
	if err := s.Serve(ctx, listener); err != nil && !errors.Is(err, net.ErrClosed) {
		log.Error("no more messages are taken", "cause", err)
	}
}
