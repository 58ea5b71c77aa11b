package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"lightbox/auth/devissuer"
)

// servingHub is a `lightbox serve` in this process with an issuer beside it.
type servingHub struct {
	origin string
	issuer *devissuer.Issuer
}

// freeAddress returns a loopback address that nothing listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// startIssuer serves an OpenID provider of the test's own.
func startIssuer(t *testing.T) *devissuer.Issuer {
	t.Helper()
	var mux http.ServeMux
	provider := httptest.NewServer(&mux)
	t.Cleanup(provider.Close)
	issuer, err := devissuer.New(devissuer.Config{URL: provider.URL + "/issuer"})
	if err != nil {
		t.Fatal(err)
	}
	mux.Handle("/issuer/", issuer)
	return issuer
}

func startServe(t *testing.T, args ...string) (hub servingHub, stderr *syncBuffer) {
	t.Helper()
	issuer := startIssuer(t)
	address := freeAddress(t)
	stderr = &syncBuffer{}
	ctx, cancel := context.WithCancel(context.Background())
	exit := make(chan int, 1)
	go func() {
		p := &program{Stdout: io.Discard, Stderr: stderr}
		exit <- p.Run(ctx, append([]string{"serve", "--listen", address, "--issuer", issuer.Metadata().Issuer}, args...))
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-exit; code != exitOK {
			t.Errorf("serve: exit %d\n%s", code, stderr)
		}
	})
	hub = servingHub{origin: "http://" + address, issuer: issuer}
	hub.waitReady(t)
	return hub, stderr
}

func (h servingHub) waitReady(t *testing.T) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for range 1500 {
		<-tick.C
		response, err := http.Get(h.origin + "/readyz")
		if err != nil {
			continue
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return
		}
	}
	t.Fatal("serve did not become ready")
}

func TestServe(t *testing.T) {
	for name, start := range databases {
		t.Run(name, func(t *testing.T) {
			database, objects := start(t), t.TempDir()
			ingestInto(t, database, objects, city(t))
			h, log := startServe(t, "--database", database, "--archive", objects, "--id-key", testKey)
			token, err := h.issuer.Token(map[string]any{"aud": h.origin + "/fhir", "sub": "emr", "scope": "system/*.rs"}, time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			for _, test := range []struct {
				path, token string
				want        int
				holds       string
			}{
				{"/healthz", "", http.StatusOK, ""},
				{"/fhir/metadata", "", http.StatusOK, `"CapabilityStatement"`},
				{"/fhir/.well-known/smart-configuration", "", http.StatusOK, h.issuer.Metadata().TokenEndpoint},
				{"/fhir/Patient", "", http.StatusUnauthorized, `"login"`},
				{"/fhir/Patient", token, http.StatusOK, `"searchset"`},
				{"/fhir/Patient/absent", token, http.StatusNotFound, `"not-found"`},
				{"/issuer/jwks", "", http.StatusNotFound, ""}, // the development issuer is no part of it
			} {
				if status, body := fetch(t, h.origin+test.path, test.token); status != test.want || !strings.Contains(string(body), test.holds) {
					t.Errorf("GET %s: %d, want %d\n%s", test.path, status, test.want, body)
				}
			}
			for line := range strings.Lines(log.String()) {
				if !json.Valid([]byte(line)) || strings.Contains(line, token) {
					t.Errorf("log line %q", line)
				}
			}
		})
	}
}
