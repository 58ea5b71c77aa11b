package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
)

// tlsFlags guard an address that machines call.
type tlsFlags struct {
	Cert      string `placeholder:"FILE" help:"Certificate (PEM) of the address: what comes in comes over TLS."`
	Key       string `placeholder:"FILE" help:"Its private key (PEM)."`
	ClientCA  string `name:"client-ca" placeholder:"FILE" help:"Authorities (PEM) of the certificates that callers must show."`
	Plaintext bool   `help:"Listen without TLS on an address that other machines reach: anyone in between can read and change what is sent."`
}

// errOpen is of an address where anyone could send.
var errOpen = errors.New("give a certificate, its key and the authorities of callers, or -plaintext where the network itself is guarded")

// listen opens an address; nil where it is "".
func (f *tlsFlags) listen(address string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	config, err := f.config()
	if err != nil {
		return nil, err
	}
	if !isLoopback(address) && !f.Plaintext && (config == nil || config.ClientCAs == nil) {
		return nil, fmt.Errorf("refusing to listen on %s to anyone: %w", address, errOpen)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil || config == nil {
		return listener, err
	}
	return tls.NewListener(listener, config), nil
}

// config is what certificates are asked for and shown; nil where none is given.
func (f *tlsFlags) config() (*tls.Config, error) {
	if f.Cert == "" && f.Key == "" && f.ClientCA == "" {
		return nil, nil
	}
	certificate, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate and key: %w", err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	if f.ClientCA == "" {
		return config, nil
	}
	authorities, err := os.ReadFile(f.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("authorities of callers: %w", err)
	}
	config.ClientCAs, config.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
	if !config.ClientCAs.AppendCertsFromPEM(authorities) {
		return nil, fmt.Errorf("%s holds no certificate", f.ClientCA)
	}
	return config, nil
}
