package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"lightbox/server/ingest"
	"lightbox/server/mllp"
)

// mllpFlags open the hub to HL7 v2 messages.
type mllpFlags struct {
	Address      string `name:"mllp" placeholder:"HOST:PORT" help:"Address to take HL7 v2 messages at (MLLP). Default: none."`
	Organization string `name:"mllp-organization" placeholder:"REF" help:"Organization/<id> that sends them. Default: the one that each message names."`
	Cert         string `name:"mllp-cert" placeholder:"FILE" help:"Certificate (PEM) of the address: messages come over TLS."`
	Key          string `name:"mllp-key" placeholder:"FILE" help:"Its private key (PEM)."`
	ClientCA     string `name:"mllp-client-ca" placeholder:"FILE" help:"Authorities (PEM) of the certificates that senders must show."`
	Plaintext    bool   `name:"mllp-plaintext" help:"Take messages without TLS on an address that other machines reach: anyone in between can read and change them."`
	Lenient      bool   `name:"mllp-lenient" help:"Acknowledge refused messages as taken (AA): for feeds that send one again until it is. They are kept and listed all the same."`
}

// listen opens the address; nil where there is none.
func (f *mllpFlags) listen() (net.Listener, error) {
	if f.Address == "" {
		return nil, nil
	}
	config, err := f.tls()
	if err != nil {
		return nil, err
	}
	if !isLoopback(f.Address) && !f.Plaintext && (config == nil || config.ClientCAs == nil) {
		return nil, fmt.Errorf("refusing to take messages on %s from anyone: give --mllp-cert, --mllp-key and --mllp-client-ca, or --mllp-plaintext where the network itself is guarded", f.Address)
	}
	listener, err := net.Listen("tcp", f.Address)
	if err != nil || config == nil {
		return listener, err
	}
	return tls.NewListener(listener, config), nil
}

// tls is the configuration of certificates; nil where none is given.
func (f *mllpFlags) tls() (*tls.Config, error) {
	if f.Cert == "" && f.Key == "" && f.ClientCA == "" {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("--mllp-cert, --mllp-key: %w", err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	if f.ClientCA == "" {
		return config, nil
	}
	authorities, err := os.ReadFile(f.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("--mllp-client-ca: %w", err)
	}
	config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !config.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("--mllp-client-ca: %s holds no certificate", f.ClientCA)
	}
	return config, nil
}

// take answers senders until ctx ends.
func (f *mllpFlags) take(ctx context.Context, listener net.Listener, h *hub, log *slog.Logger) {
	log.Info("taking HL7 v2 messages", "address", listener.Addr().String())
	from := ingest.Origin{Owner: f.Organization, Source: "mllp"}
	s := mllp.Server{Answer: mllp.Into(h.pipeline, from, f.Lenient), Log: log}
	if err := s.Serve(ctx, listener); err != nil && !errors.Is(err, net.ErrClosed) {
		log.Error("no more messages are taken", "cause", err)
	}
}
