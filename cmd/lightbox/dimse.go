package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"lightbox/mapping"
	"lightbox/server/dimse"
)

// dimseFlags open the hub to DICOM associations.
type dimseFlags struct {
	Address string            `name:"dimse" placeholder:"HOST:PORT" help:"Address to take DICOM associations at (C-ECHO, C-STORE, storage commitment). Default: none."`
	Title   string            `name:"dimse-aet" default:"LIGHTBOX" placeholder:"AET" help:"Application entity title of the hub."`
	Peers   map[string]string `name:"dimse-peer" placeholder:"AET=[ORGANIZATION][@HOST:PORT]" help:"A title that may call: the organisation that what it sends belongs to, by name or as Organization/<id> (default: the institution that each object names), and where it takes results of storage commitment. Repeatable; others are rejected."`
	TLS     tlsFlags          `embed:"" prefix:"dimse-"`
}

// listen opens the address; nil where there is none.
func (f *dimseFlags) listen() (net.Listener, error) {
	listener, err := f.TLS.listen(f.Address)
	if err != nil {
		return nil, fmt.Errorf("--dimse: %w", err)
	}
	return listener, nil
}

// Validate is called after parsing.
func (f *dimseFlags) Validate() error {
	for title, peer := range f.Peers {
		_, address, hasAddress := strings.Cut(peer, "@")
		if _, _, err := net.SplitHostPort(address); hasAddress && err != nil {
			return fmt.Errorf("--dimse-peer %s: %w", title, err)
		}
		if n := len(strings.TrimSpace(title)); n == 0 || n > 16 {
			return fmt.Errorf("--dimse-peer: %q is no application entity title: 1 to 16 characters", title)
		}
	}
	return nil
}

// peers are who may call. What belongs to a named organisation adds to no other's studies.
func (f *dimseFlags) peers(m *mapping.Mapper) map[string]dimse.Peer {
	list := map[string]dimse.Peer{}
	for title, text := range f.Peers {
		organization, address, _ := strings.Cut(text, "@")
		list[strings.TrimSpace(title)] = dimse.Peer{Owner: owner(organization, m), Address: address, Bound: organization != ""}
	}
	return list
}

// take answers callers until ctx ends.
func (f *dimseFlags) take(ctx context.Context, listener net.Listener, h *hub, log *slog.Logger) {
	log.Info("taking DICOM associations", "address", listener.Addr().String(), "aet", f.Title)
	s := dimse.Server{Hub: h.pipeline, Title: f.Title, Peers: f.peers(h.pipeline.Mapper), Log: log}
	if err := s.Serve(ctx, listener); err != nil && !errors.Is(err, net.ErrClosed) {
		log.Error("no more associations are taken", "cause", err)
	}
}
