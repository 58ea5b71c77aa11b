package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"

	"lightbox/bench"
)

// intakeOptions say where a measured hub keeps what it takes in, and whom it believes.
type intakeOptions struct {
	dir, database    string
	issuer, audience string
	log              *slog.Logger
}

// openIntake serves a whole hub with its ways in, as lightbox serve does: on the database that is measured, or beside a SQLite file on one of
// its own, since that has one writer.
func openIntake(ctx context.Context, o intakeOptions) (in bench.Intake, err error) {
	if strings.HasPrefix(o.database, "sqlite:") {
		o.database = "sqlite:" + filepath.Join(o.dir, "intake.db")
	}
	h, err := openHub(ctx, storage{Database: o.database, Archive: filepath.Join(o.dir, "intake-objects")}, mappingFlags{}, o.log)
	if err != nil {
		return in, err
	}
	var listeners [3]net.Listener
	for i := range listeners {
		if listeners[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return in, errors.Join(err, h.Close())
		}
	}
	origin := "http://" + listeners[0].Addr().String()
	handler, err := newServer(ctx, h, serverOptions{base: origin + "/fhir", issuers: []string{o.issuer}, audience: o.audience, log: o.log})
	if err != nil {
		return in, errors.Join(err, h.Close())
	}
	serving := serving{
		hub: h, listener: listeners[0], handler: handler, messages: listeners[1], associations: listeners[2], log: o.log,
		dimse: dimseFlags{Title: bench.IntakeTitle, Peers: map[string]string{bench.SenderTitle: ""}},
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, serving) }()
	return bench.Intake{
		DIMSE: listeners[2].Addr().String(), MLLP: listeners[1].Addr().String(), DICOMweb: dicomwebBase(origin),
		Sync: func(ctx context.Context, url string, at int) (int, error) {
			one := otherArchive{Name: "bench-" + url, From: url, At: at}
			done, err := one.sync(h.pipeline).Run(ctx)
			return done.Instances, err
		},
		Close: func() error {
			stop()
			return errors.Join(<-ended, h.Close())
		},
	}, nil
}
